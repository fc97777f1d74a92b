"""Why an item is in the feed, under the explanation rules E1 to E5.

Only what speaks *for* the item may be cited, the strongest first. Scorers never offer evidence
from other people, from S2 or from S3 facts; where such a part carried the item, a weaker citable
part that also speaks for it is told, or ``GENERAL``, which is always one possible true reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from recommender.base import Query, Reason, ReasonCode, Scorer

__all__ = ["GENERAL", "reason_for"]

GENERAL = Reason(ReasonCode.GENERAL)

CITABLE: Mapping[str, frozenset[ReasonCode]] = {
    "content": frozenset({ReasonCode.OWN_INTEREST, ReasonCode.OWN_OFFER}),
    "own_group": frozenset({ReasonCode.OWN_GROUP}),
    "item_item": frozenset({ReasonCode.SIMILAR_TO_OWN}),
    "popular": frozenset({ReasonCode.POPULAR}),
    "distance": frozenset({ReasonCode.IN_OWN_GRID}),
    "spectral": frozenset({ReasonCode.SIMILAR_TO_OWN}),
}
"""The closed list: which part may cite what. A part that is not here cites nothing."""


def reason_for(
    query: Query,
    item: int,
    parts: Mapping[str, float],
    scorers: Mapping[str, Scorer],
    words: Mapping[str, Sequence[str]],
) -> Reason:
    """Cite the strongest citable part that speaks for the item.

    Parameters
    ----------
    query : Query
        A batch of one.
    item : int
        Item row.
    parts : mapping of scorer name to float
        Contributions to the item's score.
    scorers : mapping of name to Scorer
    words : mapping of slot to codes
        Codes of the vocabularies, in column order: ``interest``, ``offer``. A slot that is not
        there keeps the column number.
    """
    for name in sorted(parts, key=lambda part: (-parts[part], part)):
        if parts[name] <= 0:
            break
        if name not in CITABLE or name not in scorers:
            continue
        evidence = scorers[name].evidence(query, item)
        if evidence is None or evidence.code not in CITABLE[name]:
            continue
        slots = {
            slot: words[slot][int(value)] if slot in words else value
            for slot, value in evidence.slots.items()
        }
        return Reason(evidence.code, slots)
    return GENERAL
