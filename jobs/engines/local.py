"""Run heavy steps in a fresh process of this machine, so that a crash or kill harms nobody else."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess

from graph.errors import LinliError

__all__ = ["LocalEngine", "WorkFailed", "WorkStopped"]

_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class WorkFailed(LinliError):
    """The process that did the work ended without a result."""


class WorkStopped(WorkFailed):
    """The work was given up because this process ends; whoever leads next does it."""


class LocalEngine:
    """Runs one function at a time in a process of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: BaseProcess | None = None
        self._stopped = False

    def run(self, work: Callable[[str], str], argument: str) -> str:
        """Call ``work(argument)`` in a new process and return its answer.

        The new process ends when this one does.

        Parameters
        ----------
        work : callable
            A module-level function; it is found again by name in the new process.
        argument : str

        Raises
        ------
        WorkStopped
            :meth:`stop` was called.
        WorkFailed
            It raised, was killed, or gave no answer; the message says which.
        """
        context = multiprocessing.get_context("spawn")
        mine, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_call, args=(work, argument, theirs), daemon=True)
        with self._lock:
            if self._stopped:
                raise WorkStopped("this process ends; no work is begun")
            with _inherited():
                process.start()
            self._process = process
        theirs.close()
        try:
            ok, answer = mine.recv()
        except EOFError:
            process.join()
            if self._stopped:
                raise WorkStopped("the work was given up: this process ends") from None
            raise WorkFailed(f"the process was ended (exit code {process.exitcode})") from None
        except BaseException:
            process.terminate()
            raise
        finally:
            mine.close()
        process.join()
        if not ok:
            raise WorkFailed(str(answer))
        return str(answer)

    def stop(self) -> None:
        """Give up what is running and begin nothing more."""
        with self._lock:
            self._stopped = True
            if self._process is not None:
                self._process.terminate()


@contextmanager
def _inherited() -> Iterator[None]:
    """Let a process started here have one BLAS thread, and leave Ctrl-C to this process."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))  # read when the child loads its BLAS
    masks = hasattr(signal, "pthread_sigmask")
    if masks:
        resource_tracker.ensure_running()  # what starts it would undo the mask
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if masks:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _call(work: Callable[[str], str], argument: str, pipe: object) -> None:
    from multiprocessing.connection import Connection  # the child's end of the pipe

    assert isinstance(pipe, Connection)  # noqa: S101
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        pipe.send((True, work(argument)))
    except Exception as error:
        pipe.send((False, f"{type(error).__name__}: {error}"))
    finally:
        pipe.close()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
