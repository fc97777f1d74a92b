"""Every error Linli raises on purpose.

::

    LinliError
    ├── ConfigError            a setting is missing, unsafe or contradicts another
    ├── DataError              data given to Linli cannot be used as they are
    │   ├── ImportRefused      a file was refused as a whole, nothing was written
    │   ├── SchemaViolation    a change breaks a rule of ``graph/schema.py``
    │   └── DatasetError       an evaluation data set is absent or malformed
    ├── NotFound               the named resident, item, run or file does not exist
    ├── Conflict               the state has moved on (closed, already done, key reused)
    │   ├── IdempotencyConflict  one key was used for two different requests
    │   └── LeaseLost          another process took over the writer lease
    ├── Denied                 the gate said no
    │   ├── NotSignedIn        nobody is signed in, or the session ended
    │   └── PurposeNotAuthorised  no grant covers this purpose, or none was named
    ├── StoreUnavailable       the graph store or the ledger cannot be reached
    │   └── LeaseHeld          another process holds the lease that is needed
    ├── AuditUnavailable       the audit entry could not be made durable: no data leave
    ├── CorruptStore           stored bytes fail their check (digest, seal, schema version)
    │   └── ArtifactMismatch   a model does not belong to this snapshot or this version
    └── NotReady               there is no snapshot or model to serve from yet

A message says what happened, to which id, and what to do about it.
"""

from __future__ import annotations

__all__ = [
    "ArtifactMismatch",
    "AuditUnavailable",
    "ConfigError",
    "Conflict",
    "CorruptStore",
    "DataError",
    "DatasetError",
    "Denied",
    "IdempotencyConflict",
    "ImportRefused",
    "LeaseHeld",
    "LeaseLost",
    "LinliError",
    "NotFound",
    "NotReady",
    "NotSignedIn",
    "PurposeNotAuthorised",
    "SchemaViolation",
    "StoreUnavailable",
]


class LinliError(Exception):
    """Base of every error that Linli raises on purpose."""


class ConfigError(LinliError):
    """A setting is missing, unsafe, or contradicts another."""


class DataError(LinliError):
    """Data given to Linli cannot be used as they are."""


class ImportRefused(DataError):
    """A file was refused as a whole; nothing of it was written.

    Parameters
    ----------
    message : str
    zh, en : str, optional
        Why and what to do, for whoever sent the file, without its name; empty where the message
        is for programmers.
    """

    def __init__(self, message: str, *, zh: str = "", en: str = "") -> None:
        super().__init__(message)
        self.zh = zh
        self.en = en


class SchemaViolation(DataError):
    """A change breaks a rule of ``graph/schema.py``."""


class DatasetError(DataError):
    """An evaluation data set is absent or malformed."""


class NotFound(LinliError):
    """The named resident, item, run or file does not exist."""


class Conflict(LinliError):
    """The state has moved on: closed, full, already done."""


class IdempotencyConflict(Conflict):
    """One idempotency key was used for two different requests."""


class LeaseLost(Conflict):
    """Another process took over the lease this one was working under."""


class Denied(LinliError):
    """The gate said no."""


class NotSignedIn(Denied):
    """Nobody is signed in, or the session has ended."""


class PurposeNotAuthorised(Denied):
    """No grant covers this purpose, or the request did not name one."""


class StoreUnavailable(LinliError):
    """The graph store or the ledger cannot be reached."""


class LeaseHeld(StoreUnavailable):
    """Another process holds the lease that is needed."""


class AuditUnavailable(LinliError):
    """The audit entry could not be made durable, so no data may leave."""


class CorruptStore(LinliError):
    """Stored bytes fail their check: digest, seal or schema version."""


class ArtifactMismatch(CorruptStore):
    """A model does not belong to this snapshot or this version of Linli."""


class NotReady(LinliError):
    """There is no snapshot or no model to serve from yet."""
