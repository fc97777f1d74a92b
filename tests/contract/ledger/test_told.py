"""What residents told themselves: the latest word on each thing, sealed; and the switch."""

from __future__ import annotations

from datetime import timedelta

from graph.ledger import tables
from graph.ledger.ledger import Ledger
from graph.ledger.told import Word
from graph.model import DataCategory
from tests.contract.ledger.data import LI, WANG, ZHAO
from tests.ledger_worker import NOW

WORK = Word("WORKS_AS", DataCategory.OCCUPATION, "secret-work", NOW)


def test_a_later_word_on_the_same_thing_replaces_the_earlier_one(ledger: Ledger):
    later = Word(WORK.slot, WORK.category, None, NOW + timedelta(days=1))
    tag = Word("INTERESTED_IN/taichi", DataCategory.INTEREST, False, NOW)
    with ledger.write() as tx:
        for word in (WORK, tag, later):
            ledger.told.put(tx, LI, word)
        ledger.told.put(tx, WANG, tag)
        assert ledger.told.of(tx, LI) == {WORK.slot: later, tag.slot: tag}
        assert ledger.told.of_many(tx, [LI, WANG, ZHAO]).keys() == {LI, WANG}
        assert ledger.told.of(tx, ZHAO) == {}


def test_what_was_told_lies_sealed_and_goes_with_its_key(ledger: Ledger):
    with ledger.write() as tx:
        ledger.told.put(tx, LI, WORK)
        (line,) = tx.execute(tables.told.select()).mappings()
        assert not [v for v in line.values() if "secret-work" in str(v) or "WORKS_AS" in str(v)]
        ledger.keys.destroy(tx, LI, [DataCategory.OCCUPATION], at=NOW)
        assert ledger.told.of(tx, LI) == {}


def test_the_switch_is_kept_once_and_forgotten_when_turned_on(ledger: Ledger):
    with ledger.write() as tx:
        for who in (LI, LI, WANG):
            ledger.told.be_impersonal(tx, who, NOW)
        ledger.told.put(tx, LI, WORK)
        assert ledger.told.impersonal(tx) == {LI, WANG}
        for _ in range(2):
            ledger.told.be_personal(tx, LI)
        assert ledger.told.impersonal(tx) == {WANG}
        assert ledger.told.of(tx, LI) == {WORK.slot: WORK}
