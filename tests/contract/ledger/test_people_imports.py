"""Identities, words, and imported batches."""

from __future__ import annotations

import pytest

from graph.errors import (
    Conflict,
    CorruptStore,
    DataError,
    NotFound,
)
from graph.ledger.ledger import Ledger
from graph.ledger.outbox import EventKind
from graph.model import (
    DataCategory,
    InstitutionId,
    ResidentId,
)
from tests.contract.ledger.data import (
    FULL_WIDTH,
    LI,
    SOURCE,
    WANG,
    ZHAO,
    node,
)
from tests.ledger_worker import NOW


class TestPeople:
    def test_identity_is_found_by_any_spelling(self, ledger: Ledger):
        fields = {"name": "李秀英", "phone": "138-0013-8000", "id_number": "11010119500307123x"}
        with ledger.write() as tx:
            ledger.identity.put(tx, LI, fields, NOW)
            ledger.identity.put(tx, WANG, {"name": "王强"}, NOW)
        with ledger.read() as tx:
            assert ledger.identity.get(tx, LI) == fields
            assert ledger.identity.names(tx, [WANG, LI, ZHAO]) == {LI: "李秀英", WANG: "王强"}
            assert ledger.identity.find(tx, "phone", "138 0013 8000".translate(FULL_WIDTH)) == LI
            assert ledger.identity.find(tx, "phone", "+86 138 0013 8000") == LI
            assert ledger.identity.find(tx, "id_number", "11010119500307123X") == LI
            assert ledger.identity.find(tx, "id_number", "138-0013-8000") is None
        with ledger.write() as tx:
            ledger.identity.put(tx, LI, {"name": "李秀"}, NOW)
            assert ledger.identity.names(tx, [LI]) == {LI: "李秀"}
            ledger.identity.put(tx, ZHAO, {"phone": "13800138000"}, NOW)
            assert ledger.identity.find(tx, "phone", "13800138000") is None  # two have it

    def test_many_are_found_as_one_by_one(self, ledger: Ledger):
        phones = [f"154{n:08d}" for n in range(12_000)]
        who = [ResidentId(f"r{n}") for n in range(len(phones))]
        with ledger.read() as tx:
            assert ledger.identity.find_many(tx, "phone", phones) == {}
        with ledger.write() as tx:
            people = [(r, {"phone": p}) for r, p in zip(who, phones, strict=True)]
            ledger.identity.put_many(
                tx, [*people, (LI, {"phone": phones[1], "name": "李秀英"})], NOW
            )
        with ledger.read() as tx:
            asked = ["154-0000 0000", *phones, "15499999999"]
            found = ledger.identity.find_many(tx, "phone", asked)
            once = {phones[0], phones[1], "154-0000 0000", "15499999999"}
            assert {v: found.get(v) for v in once} == {
                v: ledger.identity.find(tx, "phone", v) for v in once
            }
            assert found["154-0000 0000"] == found[phones[0]] == who[0]
            assert phones[1] not in found  # two have it
            assert len(found) == len(phones)
            assert ledger.identity.find_many(tx, "id_number", phones) == {}
            some = ledger.identity.get_many(tx, [who[5], LI, ZHAO])
            assert some == {r: ledger.identity.get(tx, r) for r in (who[5], LI)}

    def test_nothing_tells_who_share_a_name(self, ledger: Ledger):
        with ledger.write() as tx:
            for who in (LI, WANG):
                ledger.identity.put(tx, who, {"name": "李秀英", "phone": "15400000001"}, NOW)
        with ledger.read() as tx:
            lines = tx.exec_driver_sql("SELECT kind, blind, sealed FROM identity").all()
            assert ledger.identity.find(tx, "name", "李秀英") is None
        by_kind = {
            k: {bytes(blind) for kind, blind, _ in lines if kind == k} for k in ("name", "phone")
        }
        assert by_kind["name"] == {b""}
        assert len(by_kind["phone"]) == 1  # the digest by which both are found
        assert len({bytes(sealed) for _, _, sealed in lines}) == 4

    def test_a_sealed_value_does_not_open_in_another_line(self, ledger: Ledger):
        with ledger.write() as tx:
            ledger.identity.put(tx, LI, {"name": "李秀英"}, NOW)
            ledger.identity.put(tx, WANG, {"name": "王强"}, NOW)
            tx.exec_driver_sql(
                "UPDATE identity SET sealed = (SELECT sealed FROM identity"
                " WHERE resident = 'r-li') WHERE resident = 'r-wang'"
            )
        with pytest.raises(CorruptStore), ledger.read() as tx:
            ledger.identity.names(tx, [WANG])

    def test_words_come_back_and_go(self, ledger: Ledger):
        with ledger.write() as tx:
            one = ledger.words.put(tx, LI, "想学太极，膝盖不好", at=NOW)
            two = ledger.words.put(tx, LI, "谢谢", category=DataCategory.HELP, at=NOW)
        with ledger.write() as tx:
            assert {w.text for w in ledger.words.of(tx, LI)} == {"想学太极，膝盖不好", "谢谢"}
            ledger.keys.destroy(tx, LI, [DataCategory.NEED_WORDS], at=NOW)
        with ledger.write() as tx:
            assert ledger.words.get(tx, one) is None
            assert ledger.words.get(tx, two) is not None
            ledger.words.remove(tx, two)
            assert ledger.words.of(tx, LI) == []


class TestImports:
    def test_a_batch_is_staged_committed_and_read_back(self, ledger: Ledger):
        with ledger.write() as tx:
            batch = ledger.imports.begin(
                tx, kind="residents", file_hash="f" * 64, source=SOURCE, at=NOW
            )
            ledger.imports.stage(tx, batch.id, 0, [node(0)])
            ledger.imports.stage(tx, batch.id, 0, [node(1), node(2)])
            ledger.imports.stage(tx, batch.id, 1, [node(3)])
        with ledger.write() as tx:
            again = ledger.imports.begin(
                tx, kind="residents", file_hash="f" * 64, source=SOURCE, at=NOW
            )
            assert again == batch
            seq = ledger.imports.commit(tx, batch.id, NOW)
        with ledger.write() as tx:
            assert ledger.imports.commit(tx, batch.id, NOW) == seq
            assert [e.kind for e in ledger.outbox.after(tx, 0)] == [EventKind.IMPORT]
            assert list(ledger.imports.changes(tx, batch.id)) == [[node(1), node(2)], [node(3)]]
            (listed,) = ledger.imports.list(tx)
            assert (listed.seq, listed.changes, listed.source) == (seq, 3, SOURCE)
            with pytest.raises(Conflict):
                ledger.imports.stage(tx, batch.id, 2, [])
            with pytest.raises(Conflict):
                ledger.imports.discard(tx, batch.id)

    @pytest.mark.parametrize(("n", "what"), [(0, "chunk 0"), (1, "changes are missing")])
    def test_a_missing_chunk_is_found(self, ledger: Ledger, n: int, what: str):
        with ledger.write() as tx:
            batch = ledger.imports.begin(tx, kind="k", file_hash="f", source=SOURCE, at=NOW)
            for k in range(2):
                ledger.imports.stage(tx, batch.id, k, [node(k)])
            ledger.imports.commit(tx, batch.id, NOW)
            tx.exec_driver_sql(f"DELETE FROM import_chunks WHERE n = {n}")  # noqa: S608
            with pytest.raises(CorruptStore, match=what):
                list(ledger.imports.changes(tx, batch.id))

    def test_a_file_is_the_import_of_one_institution(self, ledger: Ledger):
        file = {"kind": "k", "file_hash": "f", "source": SOURCE, "at": NOW}
        clinic = InstitutionId("clinic")
        with ledger.write() as tx:
            batch = ledger.imports.begin(tx, **file, institution=clinic)
            with pytest.raises(Conflict, match="of another institution"):
                ledger.imports.begin(tx, **file)
            assert ledger.imports.begin(tx, **file, institution=clinic) == batch

    def test_unknown_and_discarded_batches(self, ledger: Ledger):
        with ledger.write() as tx:
            with pytest.raises(NotFound):
                ledger.imports.get(tx, "none")
            batch = ledger.imports.begin(tx, kind="k", file_hash="f", source=SOURCE, at=NOW)
            ledger.imports.stage(tx, batch.id, 0, [node(0)])
            with pytest.raises(DataError):
                ledger.imports.stage(tx, batch.id, 1, [node(0)] * 1_001)
            ledger.imports.discard(tx, batch.id)
            assert ledger.imports.list(tx) == []
