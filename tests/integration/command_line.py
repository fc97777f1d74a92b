"""The command line as people run it: in a process of its own, or quicker in this one."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from api.cli.main import main
from tests.conftest import ROOT

__all__ = ["CommandLine", "Said"]

LINLI = (sys.executable, "-m", "api.cli")


@dataclass(frozen=True)
class Said:
    """What a command said, and with which code it ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class CommandLine:
    """``linli`` on one home."""

    home: Path
    seconds: float = 120

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """What a command gets: nothing of Linli's settings but these."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("LINLI_")}
        ours = {"LINLI_HOME": str(self.home), "COLUMNS": "200", "PYTHONPATH": str(ROOT)}
        return kept | ours | dict(more or {})

    def run(self, *words: str, env: Mapping[str, str] | None = None) -> Said:
        """Run a command in this process: Python and its libraries take seconds to load."""
        out, err, code = io.StringIO(), io.StringIO(), 0
        with (
            patch.dict(os.environ, self.environment(env), clear=True),
            patch.object(sys, "argv", ["linli", *words]),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                main()
            except SystemExit as ended:
                code = int(ended.code or 0)
            except Exception:
                code = 1
                traceback.print_exc()
        return Said(code, out.getvalue(), err.getvalue())

    def run_apart(self, *words: str, env: Mapping[str, str] | None = None) -> Said:
        """Run a command in a process of its own, to its end."""
        done = subprocess.run(
            [*LINLI, *words],
            cwd=ROOT,
            env=self.environment(env),
            capture_output=True,
            text=True,
            timeout=self.seconds,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def start(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a command in a process of its own; whoever starts it ends it."""
        return subprocess.Popen(
            [*LINLI, *words],
            cwd=ROOT,
            env=self.environment(env),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def text(self, *words: str, env: Mapping[str, str] | None = None) -> str:
        """What a command that succeeds says."""
        said = self.run(*words, env=env)
        assert said.code == 0, f"linli {' '.join(words)}: {said.out}{said.err}"
        return said.out

    def json(self, *words: str, env: Mapping[str, str] | None = None):
        """What a command that succeeds says in JSON."""
        return json.loads(self.text(*words, env=env))

    def refusal(self, *words: str, env: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Exit code and the one line that a command says instead of doing it."""
        said = self.run(*words, env=env)
        assert said.code != 0, said.out
        assert "Traceback" not in said.err + said.out, said.err
        line = said.err.strip()
        assert line.startswith("linli: "), said.err
        assert "\n" not in line, said.err
        return said.code, line
