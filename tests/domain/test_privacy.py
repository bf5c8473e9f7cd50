"""A person's words can be erased: unreadable everywhere, while the chain still holds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import inspect, text

from domain.clock import fixed_clock
from domain.errors import BadData, LedgerUnavailable, UnknownName
from domain.ledger import Approval, Ledger, LedgerCall, LedgerEntry, LedgerRef, load_keys
from domain.privacy import decrypt, encrypt
from domain.store import Store, StoreLimits

NOON = datetime(2025, 9, 1, 12, tzinfo=UTC)
SECRET = "my neighbour Zebulon Quux leaves boxes out"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with an empty ledger; tests get copies."""
    file = tmp_path_factory.mktemp("made") / "ledger.db"
    empty = Store(f"sqlite:///{file}")
    empty.migrate()
    empty.close()
    return file


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Iterator[Store]:
    ours = Store(f"sqlite:///{shutil.copy(made, tmp_path / 'ledger.db')}", StoreLimits(lock_ms=2_000))
    yield ours
    ours.close()


@pytest.fixture
def ledger(store: Store, tmp_path: Path) -> Ledger:
    return opened(store, tmp_path)


def opened(store: Store, home: Path) -> Ledger:
    return Ledger(store, load_keys(home), home / "checkpoints", fixed_clock(NOON))


def ask(ledger: Ledger, actor: str, key: str) -> LedgerRef:
    return ledger.append(
        LedgerEntry(
            kind="approval", at=NOON, thread="t-1", actor=actor, role="manager", surface="chat", city="berkeley",
            question=SECRET, answer=f"Noted: {SECRET}.", content_hash="ab",
            calls=(LedgerCall(name="propose_ticket", parameters={"note": SECRET}, resolved={"note": SECRET},
                              result_hash="cd", error=f"“{SECRET}”: which bin?"),),
            approval=Approval(who=actor, role="manager", at=NOON, shown_hash="ab", surface="chat"),
        ),
        key,
    )  # fmt: skip


def everything(store: Store) -> str:
    """All tables as text, byte columns as hexadecimal."""
    with store.read() as session:
        tables = [table for table in inspect(session.connection()).get_table_names() if table != "spatial_ref_sys"]
        rows = [row for table in tables for row in session.execute(text(f"SELECT * FROM {table}"))]
    cells = [cell for row in rows for cell in row]
    return "\n".join(bytes(cell).hex() if isinstance(cell, bytes | memoryview) else str(cell) for cell in cells)


def key_bytes(store: Store, subject: str) -> bytes:
    with store.read() as session:
        found = session.execute(text("SELECT key FROM subject_keys WHERE subject = :s"), {"s": subject}).scalar_one()
    return bytes(found)


# ---------------------------------------------------------------- erasing


def test_erased_words_are_unreadable_and_the_chain_still_holds(ledger: Ledger) -> None:
    ref = ask(ledger, "Zebulon", "k-1")
    erasure = ledger.erase("Zebulon")
    record = ledger.show(ref.seq)
    assert record.erased
    assert SECRET not in record.entry.model_dump_json()
    assert "Zebulon" not in record.entry.model_dump_json()
    assert (record.entry.actor, record.entry.question, record.entry.answer) == ("(erased)", None, None)
    verdict = ledger.verify()
    assert (verdict.ok, verdict.records, verdict.covered) == (True, erasure.ref.seq, 2)


def test_what_is_nobodys_words_outlives_the_erasure(ledger: Ledger) -> None:
    ref = ask(ledger, "Zebulon", "k-1")
    ledger.erase("Zebulon")
    entry = ledger.show(ref.seq).entry
    assert (entry.role, entry.surface, entry.content_hash, entry.decision_id) == ("manager", "chat", "ab", "D-0001")
    assert [(call.name, call.result_hash, call.parameters) for call in entry.calls] == [("propose_ticket", "cd", {})]
    assert entry.approval is not None
    assert (entry.approval.who, entry.approval.shown_hash) == ("(erased)", "ab")


def test_no_table_holds_the_words_before_nor_the_name_or_key_after(empty_store: Store, tmp_path: Path) -> None:
    store, ledger = empty_store, opened(empty_store, tmp_path)
    ref = ask(ledger, "Zebulon", "k-1")
    key = key_bytes(store, "Zebulon").hex()
    assert SECRET not in everything(store)
    assert key in everything(store)
    assert ledger.erase("Zebulon").purged
    assert "Zebulon" not in everything(store)
    assert key not in everything(store)
    assert ledger.show(ref.seq).erased
    assert ledger.verify().ok


def test_the_key_is_gone_from_the_database_files_themselves(ledger: Ledger, store: Store, tmp_path: Path) -> None:
    ask(ledger, "Zebulon", "k-1")
    key = key_bytes(store, "Zebulon")

    def on_disk() -> bytes:
        return b"".join(file.read_bytes() for file in tmp_path.glob("ledger.db*"))

    assert key in on_disk()
    assert b"Zebulon" in on_disk()
    assert ledger.erase("Zebulon").purged
    assert key not in on_disk()
    assert b"Zebulon" not in on_disk()


def test_an_export_from_before_the_erasure_never_held_the_words(ledger: Ledger, tmp_path: Path) -> None:
    ask(ledger, "Zebulon", "k-1")
    ledger.export(tmp_path / "export.jsonl")
    assert "Zebulon" not in (tmp_path / "export.jsonl").read_text()


def test_an_erasure_is_a_record_that_names_the_key_and_who_did_it(ledger: Ledger) -> None:
    ref = ask(ledger, "Zebulon", "k-1")
    key_id = ledger.show(ref.seq).key_id
    erasure = ledger.erase("Zebulon", by="data officer")
    entry = ledger.show(erasure.ref.seq).entry
    assert (entry.kind, entry.actor, erasure.key_id) == ("erasure", "data officer", key_id)
    assert entry.outcome is not None
    assert entry.outcome.refs == (key_id,)


def test_who_erases_themselves_leaves_no_name(ledger: Ledger, store: Store) -> None:
    ask(ledger, "Zebulon", "k-1")
    assert ledger.show(ledger.erase("Zebulon", by="Zebulon").ref.seq).entry.actor == "(erased)"
    assert "Zebulon" not in everything(store)


def test_other_peoples_words_stay(ledger: Ledger) -> None:
    ask(ledger, "Zebulon", "k-1")
    other = ask(ledger, "ana", "k-2")
    ledger.erase("Zebulon")
    assert ledger.show(other.seq).entry.question == SECRET


def test_an_erased_person_may_ask_again_and_be_erased_again(ledger: Ledger) -> None:
    ask(ledger, "Zebulon", "k-1")
    ledger.erase("Zebulon")
    later = ask(ledger, "Zebulon", "k-2")
    assert ledger.show(later.seq).entry.question == SECRET
    ledger.erase("Zebulon")
    assert ledger.show(later.seq).erased
    assert ledger.verify().ok


def test_a_retry_after_the_erasure_still_finds_its_record(ledger: Ledger) -> None:
    first = ask(ledger, "Zebulon", "k-1")
    ledger.erase("Zebulon")
    again = ask(ledger, "Zebulon", "k-1")
    assert (again.seq, again.fresh) == (first.seq, False)


def test_somebody_without_words_cannot_be_erased(ledger: Ledger) -> None:
    with pytest.raises(UnknownName, match="nobody"):
        ledger.erase("nobody")
    assert ledger.verify().records == 0


def test_an_erasure_that_cannot_be_recorded_destroys_no_key(ledger: Ledger, store: Store) -> None:
    ref = ask(ledger, "Zebulon", "k-1")
    with store.write() as session:  # the chain's next place is taken: the record cannot be appended
        session.execute(text("INSERT INTO ledger SELECT 2, at, kind, decision_id, thread, refers_to, 'other', key_id,"
                             " body, asked_ciphertext, prev_hash, hash FROM ledger"))  # fmt: skip
    with pytest.raises(LedgerUnavailable):
        ledger.erase("Zebulon")
    assert ledger.show(ref.seq).entry.question == SECRET


def test_a_lost_key_is_not_taken_for_an_erasure(ledger: Ledger, store: Store) -> None:
    ref = ask(ledger, "Zebulon", "k-1")
    with store.write() as session:
        session.execute(text("DELETE FROM subject_keys"))
    with pytest.raises(BadData, match="missing though nobody erased it"):
        ledger.show(ref.seq)


# ---------------------------------------------------------------- the cipher

KEYS = st.binary(min_size=32, max_size=32)


@given(key=KEYS, words=st.binary(max_size=200), key_id=st.text(st.characters(codec="utf-8"), max_size=20))
def test_what_was_encrypted_comes_back(key: bytes, words: bytes, key_id: str) -> None:
    assert decrypt(key, encrypt(key, words, key_id), key_id) == words


@given(key=KEYS, words=st.binary(max_size=50), data=st.data())
def test_any_changed_byte_another_key_or_another_id_does_not_open(
    key: bytes, words: bytes, data: st.DataObject
) -> None:
    sealed = encrypt(key, words, "K-1")
    at, turned = data.draw(st.integers(0, len(sealed) - 1)), data.draw(st.integers(1, 255))
    changed = sealed[:at] + bytes([sealed[at] ^ turned]) + sealed[at + 1 :]
    other = bytes([key[0] ^ turned]) + key[1:]
    for attempt in ((key, changed, "K-1"), (other, sealed, "K-1"), (key, sealed, "K-2"), (key, sealed[:at], "K-1")):
        with pytest.raises(BadData, match="do not open"):
            decrypt(*attempt)


def test_the_same_words_look_different_each_time() -> None:
    assert len({encrypt(bytes(32), b"the same", "K-1") for _ in range(50)}) == 50
