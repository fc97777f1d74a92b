"""How much each aim of re-ranking weighs: the one table, set by the operator.

The setting ``weights`` of a home names what differs from the defaults; the manifest of a model and
``linli doctor`` say what it is served with. What each weight costs in Recall and gains is measured
by ``python -m bench.reranking`` (docs/re-ranking.md).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self

__all__ = ["Weights"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """One weight per aim, in standard deviations of a resident's best scores; 0 switches it off."""

    bridging: float = 0.15
    """Some but few of one's ties take part: a way to people one does not know yet."""
    inclusion: float = 0.1
    """Residents with few ties: small circles in which people do things together."""
    participatory: float = 0.05
    """People do something together, rather than listen."""
    helper: float = 0.15
    """Roles in which one helps others."""
    capacity: float = 0.05
    """Against attention for what is nearly full."""
    exposure: float = 0.1
    """Groups get the attention that their suitability is due."""
    dominance: float = 0.05
    """Against a few items in everybody's list."""
    category: float = 0.1
    """Against more of one life category in a list."""
    kind: float = 0.05
    """Against more of one kind in a list."""
    group: float = 0.2
    """Against more of one group in a list."""

    def __post_init__(self) -> None:
        """Refuse what would turn an aim into its opposite."""
        for name, value in self.table().items():
            if not 0.0 <= value <= 10.0:
                raise ValueError(f"weight {name} is {value}; give 0 to 10")

    @classmethod
    def none(cls) -> Self:
        """All weights 0: the order of the scores."""
        return cls(**{field.name: 0.0 for field in fields(cls)})

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``"bridging=0.2 helper=0"``; what is not named keeps its default.

        Raises
        ------
        ValueError
            A name or number is not known; names it and what there is.
        """
        names = [field.name for field in fields(cls)]
        said: dict[str, float] = {}
        for word in text.replace(",", " ").split():
            name, _, value = word.partition("=")
            if name not in names:
                raise ValueError(f"no weight {name!r}; there are {', '.join(names)}")
            try:
                said[name] = float(value)
            except ValueError:
                raise ValueError(f"weight {name} is {value!r}; give a number") from None
        return replace(cls(), **said)

    def table(self) -> dict[str, float]:
        """Return the weights by name."""
        return {field.name: float(getattr(self, field.name)) for field in fields(self)}

    def __str__(self) -> str:
        """Write them as :meth:`parse` reads them."""
        return " ".join(f"{name}={value:g}" for name, value in self.table().items())
