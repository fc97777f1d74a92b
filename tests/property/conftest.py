"""The engines of the contract suites, for random histories."""

from __future__ import annotations

from tests.contract.engines import lasting_engine

__all__ = ["lasting_engine"]
