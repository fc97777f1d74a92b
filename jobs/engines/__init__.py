"""Engines that run one step on this machine or on Apache Spark."""

__all__: list[str] = []
