"""The command line in processes of its own, as people run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from api.cli.main import app
from tests.conftest import ROOT

__all__ = ["LINLI", "CommandLine"]

LINLI = (sys.executable, "-m", "api.cli")


@dataclass(frozen=True)
class CommandLine:
    """``linli`` on one home."""

    home: Path | None
    seconds: float = 120

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """What a process gets: nothing of Linli's settings but these."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("LINLI_")}
        if self.home is not None:
            kept["LINLI_HOME"] = str(self.home)
        return kept | {"COLUMNS": "200", "PYTHONPATH": str(ROOT)} | dict(more or {})

    def run(
        self, *words: str, check: bool = True, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        done = subprocess.run(
            [*LINLI, *words],
            cwd=ROOT,
            env=self.environment(env),
            capture_output=True,
            text=True,
            timeout=self.seconds,
        )
        assert not check or done.returncode == 0, f"linli {' '.join(words)}: {done.stderr}"
        return done

    def quick(self, *words: str) -> str:
        """Run a command in this process and return what it says."""
        done = CliRunner().invoke(app, list(words), env={"LINLI_HOME": str(self.home)})
        assert done.exit_code == 0, f"linli {' '.join(words)}: {done.output} {done.exception}"
        return done.stdout

    def quick_json(self, *words: str):
        """What a command says in JSON, run in this process."""
        return json.loads(self.quick(*words))

    def json(self, *words: str, env: Mapping[str, str] | None = None):
        """What a command says in JSON."""
        return json.loads(self.run(*words, env=env).stdout)

    def start(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a command; whoever starts it ends it."""
        return subprocess.Popen(
            [*LINLI, *words],
            cwd=ROOT,
            env=self.environment(env),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def refusal(self, *words: str, env: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Exit code and the one line that a command says instead of doing it."""
        done = self.run(*words, check=False, env=env)
        said = done.stderr.strip()
        assert done.returncode != 0, done.stdout
        assert "Traceback" not in done.stderr + done.stdout, done.stderr
        assert said.startswith("linli: "), said
        assert "\n" not in said, said
        return done.returncode, said
