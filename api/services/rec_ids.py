"""Ids of suggestions that prove themselves: no table of what was shown to whom.

A ``rec_id`` is sealed (AES-256-GCM) for one resident and one item and holds the reason that was
given, so a tap that names it can be checked, and the very reason told again, without storage. All
have the same length and look random: neither the reason nor the resident can be read from one.
"""

from __future__ import annotations

import base64
import binascii
import os
import struct
from collections.abc import Mapping

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from numpy.typing import NDArray

from graph.errors import DataError
from graph.model import ItemId, RecId, ResidentId
from graph.vocabulary import interests, offers
from recommender.base import Reason, ReasonCode
from recommender.reasons import OWN_ITEMS

__all__ = ["RecIds"]

_CODES: tuple[ReasonCode, ...] = tuple(ReasonCode)
_NUMBER = {code: number for number, code in enumerate(_CODES)}
_BUCKETS = ("20-50", "50-200", "200+")
_NONCE = 12
_BODY = struct.Struct(">BI")
_LENGTH = 44
"""Characters: 12 bytes of nonce, 5 of reason and 16 of proof, in base64."""


class RecIds:
    """Mints and checks them.

    Parameters
    ----------
    key : bytes
        32 bytes, derived from the home key for nothing else.
    """

    def __init__(self, key: bytes) -> None:
        self._box = AESGCM(key)

    def mint(
        self, resident: ResidentId, item: ItemId, reason: Reason, item_rows: Mapping[str, int]
    ) -> RecId:
        """Make the id of one suggestion.

        Parameters
        ----------
        resident, item
            Who was shown what; it will be refused for any other pair.
        reason : Reason
        item_rows : mapping of item id to row
            Rows are never reused, so an item cited by the reason is kept as its row.
        """
        nonce = os.urandom(_NONCE)
        body = _BODY.pack(_NUMBER[reason.code], _slot(reason, item_rows))
        sealed = self._box.encrypt(nonce, body, _aad(resident, item))
        return RecId(base64.urlsafe_b64encode(nonce + sealed).decode())

    def reason(
        self, rec_id: RecId, resident: ResidentId, item: ItemId, item_ids: NDArray[np.str_]
    ) -> Reason:
        """Check an id and return the reason that was given with it.

        Raises
        ------
        DataError
            It was not made for this resident and this item.
        """
        wrong = "this rec_id was not given to this resident for this item; leave it out"
        if len(rec_id) != _LENGTH:
            raise DataError(wrong)
        try:
            given = base64.urlsafe_b64decode(rec_id)
            body = self._box.decrypt(given[:_NONCE], given[_NONCE:], _aad(resident, item))
        except (binascii.Error, ValueError, InvalidTag) as error:
            raise DataError(wrong) from error
        code, slot = _BODY.unpack(body)
        return _reason(_CODES[code], slot, item_ids)


def _aad(resident: ResidentId, item: ItemId) -> bytes:
    whose, what = resident.encode(), item.encode()
    return len(whose).to_bytes(4, "big") + whose + len(what).to_bytes(4, "big") + what


def _slot(reason: Reason, item_rows: Mapping[str, int]) -> int:
    slots = reason.slots
    if reason.code is ReasonCode.OWN_INTEREST:
        return interests().index(slots["interest"])
    if reason.code is ReasonCode.OWN_OFFER:
        return offers().index(slots["offer"])
    if reason.code in OWN_ITEMS:
        return item_rows[slots["item"]]
    return _BUCKETS.index(slots["bucket"]) if reason.code is ReasonCode.POPULAR else 0


def _reason(code: ReasonCode, slot: int, item_ids: NDArray[np.str_]) -> Reason:
    if code is ReasonCode.OWN_INTEREST:
        return Reason(code, {"interest": interests().codes[slot]})
    if code is ReasonCode.OWN_OFFER:
        return Reason(code, {"offer": offers().codes[slot]})
    if code in OWN_ITEMS:
        return Reason(code, {"item": str(item_ids[slot])})
    return Reason(code, {"bucket": _BUCKETS[slot]} if code is ReasonCode.POPULAR else {})
