"""The one folder that holds all state, and the names of what lies in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Home"]


@dataclass(frozen=True, slots=True)
class Home:
    """Paths inside a home folder; nothing is opened or made here but by :meth:`make`."""

    root: Path

    @property
    def settings(self) -> Path:
        """The settings file, ``linli.toml``."""
        return self.root / "linli.toml"

    @property
    def keys(self) -> Path:
        """Folder of the key files; keep it apart from backups of the rest."""
        return self.root / "keys"

    @property
    def log(self) -> Path:
        """Folder of the sealed segments of the log."""
        return self.root / "log"

    @property
    def snapshots(self) -> Path:
        """Folder of the snapshots and their ``CURRENT`` file."""
        return self.root / "snapshots"

    @property
    def models(self) -> Path:
        """Folder of the models and their ``CURRENT`` file."""
        return self.root / "models"

    @property
    def networks(self) -> Path:
        """Folder of the people networks and their ``CURRENT`` file."""
        return self.root / "networks"

    @property
    def isolation(self) -> Path:
        """Folder of the sealed isolation scores and their ``CURRENT`` file."""
        return self.root / "isolation"

    @property
    def uploads(self) -> Path:
        """Folder of files that came in through REST and wait to be validated."""
        return self.root / "uploads"

    @property
    def run(self) -> Path:
        """Folder of log files and process ids of running processes."""
        return self.root / "run"

    @property
    def ledger_url(self) -> str:
        """Default ledger: an SQLite file."""
        return f"sqlite:///{(self.root / 'ledger.db').resolve()}"

    @property
    def graph_url(self) -> str:
        """Default graph store: a LadybugDB file."""
        return f"ladybug://{(self.root / 'graph' / 'linli.lbug').resolve()}"

    def exists(self) -> bool:
        """Whether a home was made here."""
        return self.settings.exists()

    def make(self) -> None:
        """Make the folders; what is there stays."""
        for folder in (self.root, self.log, self.snapshots, self.models, self.networks, self.run):
            folder.mkdir(parents=True, exist_ok=True)
        self.keys.mkdir(mode=0o700, exist_ok=True)
        self.uploads.mkdir(mode=0o700, exist_ok=True)
        (self.root / "graph").mkdir(exist_ok=True)
