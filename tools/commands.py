"""Write docs/commands.md from the command tree itself, so that the page cannot drift.

Run ``python tools/commands.py`` after changing a command; a test compares.
"""

from __future__ import annotations

from pathlib import Path

import typer.main

from api.cli.main import app

PAGE = Path(__file__).resolve().parents[1] / "docs" / "commands.md"
_HEAD = """\
# Commands

Made by `python tools/commands.py` from the command tree. `linli COMMAND --help` says more.

| command | what it does |
|---|---|
"""


def commands() -> dict[str, str]:
    """List every command by its full name, with the first line of its help."""
    found: dict[str, str] = {}

    def walk(command: object, path: str) -> None:
        below = getattr(command, "commands", None)
        if below is None or getattr(command, "invoke_without_command", False):
            found[path] = str(getattr(command, "help", "") or "").strip().splitlines()[0]
        for name, child in (below or {}).items():
            walk(child, f"{path} {name}")

    walk(typer.main.get_command(app), "linli")
    return found


def page() -> str:
    """Make the page."""
    lines = (f"| `{name}` | {text} |\n" for name, text in sorted(commands().items()))
    return _HEAD + "".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
