"""Run heavy steps in a fresh process of this machine, so that a crash or kill harms nobody else."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from dataclasses import dataclass

from graph.errors import LinliError

__all__ = ["LocalEngine", "WorkFailed"]

_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class WorkFailed(LinliError):
    """The process that did the work ended without a result."""


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """Runs one function at a time in a process of its own."""

    def run(self, work: Callable[[str], str], argument: str) -> str:
        """Call ``work(argument)`` in a new process and return its answer.

        Parameters
        ----------
        work : callable
            A module-level function; it is found again by name in the new process.
        argument : str

        Raises
        ------
        WorkFailed
            It raised, was killed, or gave no answer; the message says which.
        """
        context = multiprocessing.get_context("spawn")
        mine, theirs = context.Pipe(duplex=False)
        before = {name: os.environ.get(name) for name in _ONE_THREAD}
        os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))  # read when the child loads its BLAS
        try:
            process = context.Process(target=_call, args=(work, argument, theirs), daemon=True)
            process.start()
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
        theirs.close()
        try:
            ok, answer = mine.recv()
        except EOFError:
            process.join()
            raise WorkFailed(f"the process was ended (exit code {process.exitcode})") from None
        process.join()
        if not ok:
            raise WorkFailed(str(answer))
        return str(answer)


def _call(work: Callable[[str], str], argument: str, pipe: object) -> None:
    from multiprocessing.connection import Connection  # the child's end of the pipe

    assert isinstance(pipe, Connection)  # noqa: S101
    try:
        pipe.send((True, work(argument)))
    except Exception as error:
        pipe.send((False, f"{type(error).__name__}: {error}"))
    finally:
        pipe.close()
