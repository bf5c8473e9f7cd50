"""The ledger: one record at a time, never lost, doubled or forked; and nothing when it cannot be written."""

from __future__ import annotations

import json
import logging
import random
import shutil
import sqlite3
import stat
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from domain.chain import GENESIS, Row, grow, leaf, message, root, seal
from domain.clock import fixed_clock
from domain.errors import BadData, LedgerUnavailable, UnknownName
from domain.ledger import Approval, Ledger, LedgerCall, LedgerEntry, Outcome, load_keys
from domain.store import Store, StoreLimits
from evals.ledger import Scene

NOON = datetime(2025, 9, 1, 12, tzinfo=UTC)


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


def opened(store: Store, home: Path, every: int = 64) -> Ledger:
    return Ledger(store, load_keys(home), home / "checkpoints", fixed_clock(NOON), every)


def asked(question: str = "Which bins overflow?", **changes: object) -> LedgerEntry:
    fields = {"kind": "decision", "at": NOON, "thread": "t-1", "actor": "ana", "role": "manager", "surface": "cli",
              "city": "berkeley", "question": question}  # fmt: skip
    return LedgerEntry.model_validate(fields | changes)


def sealed_by(store: Store) -> list[tuple[int, bytes, bytes]]:
    with store.read() as session:
        found = session.execute(text("SELECT seq, prev_hash, hash FROM ledger ORDER BY seq"))
        return [(seq, bytes(before), bytes(own)) for seq, before, own in found]


def checkpoints(home: Path) -> list[int]:
    return sorted(int(file.stem) for file in (home / "checkpoints").glob("*.checkpoint"))


# ---------------------------------------------------------------- one record


def test_a_record_is_there_for_everybody_when_append_returns(empty_store: Store, tmp_path: Path) -> None:
    ref = opened(empty_store, tmp_path).append(asked(), "k-1")
    other = Store(empty_store.url.render_as_string(hide_password=False))
    assert opened(other, tmp_path).show(ref.seq).entry.question == "Which bins overflow?"
    other.close()


def test_everything_said_in_an_entry_comes_back(ledger: Ledger) -> None:
    entry = asked(
        decision_id="D-0041", answer="None.", answer_kind="answer", grounded=True, degraded=("weather unreachable",),
        calls=(
            LedgerCall(name="find_bins", parameters={"near": "Sather Gate", "limit": 10**30}, resolved={"near": "x"},
                       result_hash="ab", seed=7, data_snapshot="s", ms=1.5),
            LedgerCall(name="explain", error="I have no plan called “P-9”.", deterministic=False),
        ),
        proposal_id="A-0001", content_hash="cd", outcome=Outcome(status="done", refs=("R-0001",)),
        approval=Approval(who="ben", role="manager", at=NOON, shown_hash="cd", surface="chat"),
    )  # fmt: skip
    assert ledger.show(ledger.append(entry, "k-1").seq).entry == entry


@pytest.mark.parametrize("odd", ["\ud800 alone", "nul \x00 byte", "“quotes” 🚛", "‮right to left", ""])
def test_any_question_can_be_recorded(ledger: Ledger, odd: str) -> None:
    assert ledger.show(ledger.append(asked(odd), "k-1").seq).entry.question == odd


def test_the_readable_part_is_canonical_json_without_the_askers_words(ledger: Ledger, store: Store) -> None:
    call = LedgerCall(name="find_bins", parameters={"near": "the secret place"}, resolved={"near": "the secret place"})
    approval = Approval(who="a secret name", role="manager", at=NOON, shown_hash="ab", surface="chat")
    entry = asked("where is the secret place?", actor="a secret name", calls=(call,), approval=approval,
                  answer="At the secret place.")  # fmt: skip
    ledger.append(entry, "k-1")
    with store.read() as session:
        body = bytes(session.execute(text("SELECT body FROM ledger")).scalar_one())
    assert body == rfc8785.dumps(json.loads(body))
    assert b"find_bins" in body
    assert b"secret" not in body


def test_times_are_kept_in_utc_whatever_zone_they_came_in(ledger: Ledger, store: Store) -> None:
    ledger.append(asked(at=NOON.astimezone(timezone(timedelta(hours=-7)))), "k-1")
    with store.read() as session:
        assert session.execute(text("SELECT at FROM ledger")).scalar_one() == "2025-09-01T12:00:00.000000Z"


def test_decisions_are_numbered_one_after_another(ledger: Ledger) -> None:
    assert [ledger.append(asked(), f"k-{n}").decision_id for n in (1, 2, 3)] == ["D-0001", "D-0002", "D-0003"]


def test_a_decisions_records_are_found_in_order_and_only_they(ledger: Ledger) -> None:
    first = ledger.append(asked(), "k-1")
    ledger.append(asked(), "k-2")
    ledger.append(asked(kind="outcome", decision_id=first.decision_id), "k-3")
    assert [record.seq for record in ledger.find(first.decision_id)] == [1, 3]
    assert ledger.find("D-9999") == []


def test_the_last_decision_is_that_of_the_thread(ledger: Ledger) -> None:
    ledger.append(asked("one"), "k-1")
    ledger.append(asked("two"), "k-2")
    ledger.append(asked(kind="outcome"), "k-3")
    ledger.append(asked("elsewhere", thread="t-2"), "k-4")
    last = ledger.last("t-1")
    assert last is not None
    assert last.entry.question == "two"
    assert ledger.last("t-3") is None


@pytest.mark.parametrize("seq", [-1, 0, 7, 10**30])
def test_a_record_that_is_not_there_is_an_unknown_name(ledger: Ledger, seq: int) -> None:
    with pytest.raises(UnknownName, match=str(seq)):
        ledger.show(seq)


def test_an_effect_without_outcome_stays_open_until_it_is_closed(empty_store: Store, tmp_path: Path) -> None:
    ledger = opened(empty_store, tmp_path)
    intent = ledger.append(asked(kind="intent", decision_id="D-0001"), "intent:A-0001")
    ledger.append(asked(kind="intent", decision_id="D-0002"), "intent:A-0002")
    closing = asked(kind="outcome", decision_id="D-0001", refers_to=intent.seq, outcome=Outcome(status="done"))
    ledger.append(closing, "outcome:A-0001")
    assert [record.entry.decision_id for record in ledger.open_intents()] == ["D-0002"]


# ---------------------------------------------------------------- once, and one after another


def test_the_same_key_again_gives_the_first_record_and_adds_none(empty_store: Store, tmp_path: Path) -> None:
    ledger = opened(empty_store, tmp_path)
    first = ledger.append(asked(), "k-1")
    again = ledger.append(asked(at=NOON + timedelta(minutes=1)), "k-1")
    assert (again.seq, again.hash, again.decision_id) == (first.seq, first.hash, first.decision_id)
    assert (first.fresh, again.fresh) == (True, False)
    assert len(sealed_by(empty_store)) == 1


@pytest.mark.parametrize("change", [{"question": "Which?"}, {"role": "viewer"}, {"thread": "t-2"}, {"kind": "intent"},
                                    {"actor": "ben"}, {"decision_id": "D-0007"}, {"refers_to": 1}])  # fmt: skip
def test_the_same_key_for_something_else_is_refused(ledger: Ledger, store: Store, change: dict[str, object]) -> None:
    ledger.append(asked(), "k-1")
    with pytest.raises(BadData, match="k-1 already stands for record 1"):
        ledger.append(asked().model_copy(update=change), "k-1")
    assert len(sealed_by(store)) == 1


def test_many_writers_never_fork(empty_store: Store, tmp_path: Path) -> None:
    stores = [
        Store(empty_store.url.render_as_string(hide_password=False), StoreLimits(lock_ms=60_000)) for _ in range(3)
    ]
    writers = [opened(of_one, tmp_path) for of_one in stores for _ in range(2)]

    def write(writer: int) -> None:
        for number in range(10):
            writers[writer].append(asked(), f"{writer}-{number}")

    with ThreadPoolExecutor(len(writers)) as pool:
        list(pool.map(write, range(len(writers))))
    chain = sealed_by(empty_store)
    assert [seq for seq, _, _ in chain] == list(range(1, 61))
    assert [before for _, before, _ in chain] == [GENESIS, *(own for _, _, own in chain[:-1])]
    assert opened(empty_store, tmp_path).verify().ok
    for of_one in stores:
        of_one.close()


def test_writers_that_race_with_one_key_make_one_record(empty_store: Store, tmp_path: Path) -> None:
    writers = [opened(empty_store, tmp_path) for _ in range(6)]
    with ThreadPoolExecutor(len(writers)) as pool:
        refs = list(pool.map(lambda writer: writer.append(asked(), "k-1"), writers))
    assert sum(ref.fresh for ref in refs) == 1
    assert {ref.seq for ref in refs} == {1}


def test_killed_writers_lose_double_and_fork_nothing(fresh_url: str, tmp_path: Path) -> None:
    scene = Scene(tmp_path / "scene", fresh_url)
    found = scene.kill(6, random.Random(1))
    assert found["kills"] == 24
    assert found["records"] > 4
    assert (found["lost"], found["doubled"], found["forked"], found["whole"]) == (0, 0, 0, 1)


def test_verifying_while_others_write_finds_a_whole_ledger(store: Store, tmp_path: Path) -> None:
    writer, reader = opened(store, tmp_path, every=3), opened(store, tmp_path)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(lambda: [writer.append(asked(), f"k-{number}") for number in range(40)])
        verdicts = []
        while not writing.done():
            verdicts.append(reader.verify())
        writing.result()
    assert all(verdict.ok for verdict in verdicts)
    assert reader.verify().records == 40


# ---------------------------------------------------------------- when it cannot be written


def locked(file: str) -> sqlite3.Connection:
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other


def test_a_locked_database_refuses_the_record_in_a_sentence(made: Path, tmp_path: Path) -> None:
    store = Store(f"sqlite:///{shutil.copy(made, tmp_path / 'ledger.db')}", StoreLimits(lock_ms=50))
    ledger, other = opened(store, tmp_path), locked(str(tmp_path / "ledger.db"))
    with pytest.raises(LedgerUnavailable, match=r"nothing was done.*busy"):
        ledger.append(asked(), "k-1")
    other.execute("ROLLBACK")
    other.close()
    assert sealed_by(store) == []
    assert ledger.append(asked(), "k-1").seq == 1
    store.close()


def fill(ledger: Ledger) -> None:
    for number in range(50):
        ledger.append(asked("long " * 1000), f"k-{number}")


def test_a_full_disk_refuses_the_record_and_leaves_none(ledger: Ledger, store: Store) -> None:
    with store.engine.connect() as connection:  # the pool's one connection: the file may not grow any more
        connection.exec_driver_sql("PRAGMA max_page_count=1")
    with pytest.raises(LedgerUnavailable, match="disk is full"):
        fill(ledger)
    kept = len(sealed_by(store))
    assert ledger.verify().records == kept < 50
    assert ledger.verify().ok


def test_a_missing_table_refuses_the_record(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(LedgerUnavailable, match="roundsman doctor"):
        opened(store, tmp_path).append(asked(), "k-1")
    store.close()


def test_a_folder_of_checkpoints_that_cannot_be_written_is_said_and_the_record_stands(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "checkpoints").write_text("a file where the folder belongs")
    with caplog.at_level(logging.WARNING):
        assert opened(store, tmp_path).append(asked(kind="intent"), "k-1").seq == 1
    assert "no checkpoint of the ledger at 1 records" in caplog.text


def test_another_key_than_the_ledgers_takes_no_record(ledger: Ledger, store: Store, tmp_path: Path) -> None:
    ledger.append(asked(), "k-1")
    with pytest.raises(LedgerUnavailable, match="does not fit the key in keys/ledger"):
        opened(store, tmp_path / "elsewhere").append(asked(), "k-2")
    assert len(sealed_by(store)) == 1


def test_a_database_that_fell_behind_its_checkpoints_takes_no_record(
    ledger: Ledger, made: Path, tmp_path: Path
) -> None:
    ledger.append(asked(), "k-1")
    ledger.close()
    replaced = Store(f"sqlite:///{shutil.copy(made, tmp_path / 'new.db')}")
    with pytest.raises(LedgerUnavailable, match="a checkpoint knows 1 records, the database 0"):
        opened(replaced, tmp_path).append(asked(), "k-1")
    assert opened(replaced, tmp_path).verify().kind == "truncation"
    replaced.close()


def test_a_cut_ledger_stops_at_the_checkpoint_it_contradicts(store: Store, made: Path, tmp_path: Path) -> None:
    ledger = opened(store, tmp_path, every=4)
    for number in range(6):
        ledger.append(asked(), f"k-{number}")
    other = Store(f"sqlite:///{shutil.copy(made, tmp_path / 'other.db')}")  # a shorter history with the same keys
    shorter = Ledger(other, load_keys(tmp_path), tmp_path / "aside", fixed_clock(NOON))
    for number in range(3):
        shorter.append(asked("another past"), f"k-{number}")
    with sqlite3.connect(tmp_path / "ledger.db") as file:
        file.execute("ATTACH ? AS other", (str(tmp_path / "other.db"),))
        file.executescript(
            "DROP TRIGGER ledger_no_delete; DELETE FROM ledger; INSERT INTO ledger SELECT * FROM other.ledger;"
            "DELETE FROM ledger_head; INSERT INTO ledger_head SELECT * FROM other.ledger_head"
        )
    file.close()
    with pytest.raises(LedgerUnavailable, match="a checkpoint already says another record 4"):
        ledger.append(asked(), "k-7")
    assert len(sealed_by(store)) == 3
    other.close()


@pytest.mark.parametrize("change", ["UPDATE ledger SET thread = 'x'", "DELETE FROM ledger"])
def test_the_database_itself_refuses_to_change_a_record(empty_store: Store, tmp_path: Path, change: str) -> None:
    ledger = opened(empty_store, tmp_path)
    ledger.append(asked(), "k-1")
    with pytest.raises(DBAPIError, match="append-only"), empty_store.write() as session:
        session.execute(text(change))
    assert ledger.verify().ok


def test_sqlite_waits_for_the_disk_at_every_record(store: Store) -> None:
    with store.write() as session:
        assert session.execute(text("PRAGMA synchronous")).scalar_one() == 2  # FULL


# ---------------------------------------------------------------- checkpoints and keys


def test_checkpoints_come_at_every_nth_record_after_effects_and_at_close(store: Store, tmp_path: Path) -> None:
    ledger = opened(store, tmp_path, every=4)
    kinds = ["decision", "proposal", "decision", "decision", "approval", "decision", "intent", "decision", "decision"]
    for number, kind in enumerate(kinds):
        ledger.append(asked(kind=kind), f"k-{number}")
    assert checkpoints(tmp_path) == [4, 5, 7, 8]
    ledger.close()
    assert checkpoints(tmp_path) == [4, 5, 7, 8, 9]
    assert ledger.verify().covered == 9


def test_a_checkpoint_is_a_signed_note_that_others_can_check(ledger: Ledger, tmp_path: Path) -> None:
    ledger.append(asked(kind="intent"), "k-1")
    folder = tmp_path / "checkpoints"
    note = (folder / "000000000001.checkpoint").read_text(encoding="utf-8")
    name, signer, key = (folder / "checkpoints.vkey").read_text().strip().split("+", 2)
    signed, signature_line = note.split("\n\n")
    dash, by, signature = signature_line.removesuffix("\n").split(" ")
    assert (dash, by, name, b64decode(key)[:1]) == ("—", name, "roundsman/ledger", b"\x01")
    assert b64decode(signature)[:4].hex() == signer
    public = Ed25519PublicKey.from_public_bytes(b64decode(key)[1:])
    public.verify(b64decode(signature)[4:], f"{signed}\n".encode())
    assert signed.split("\n")[:2] == ["roundsman/ledger", "1"]


def test_keys_are_made_once_and_only_the_owner_may_read_them(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: load_keys(tmp_path), range(8)))
    assert len({(keys.hmac_key, keys.vkey) for keys in made}) == 1
    files = list((tmp_path / "keys" / "ledger").iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert [file.name for file in (tmp_path / "keys").iterdir()] == ["ledger"]
    assert made[0].hmac_key.hex() not in repr(made[0])


@pytest.mark.parametrize("name", ["hmac.key", "signing.key"])
def test_a_lost_or_damaged_key_is_said_clearly_and_no_new_one_is_made(tmp_path: Path, name: str) -> None:
    load_keys(tmp_path)
    file = tmp_path / "keys" / "ledger" / name
    file.write_text("12")
    with pytest.raises(LedgerUnavailable, match=rf"no key of 32 bytes.*{name}.*backup"):
        load_keys(tmp_path)
    file.unlink()
    with pytest.raises(LedgerUnavailable, match=rf"No such file.*{name}.*Restore the folder keys/ledger"):
        load_keys(tmp_path)
    assert not file.exists()


# ---------------------------------------------------------------- the format, which outlives the program

# The test vectors of Certificate Transparency's reference implementation: eight leaves, and the root over the first n.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def test_the_tree_is_that_of_rfc_6962() -> None:
    peaks: tuple[bytes, ...] = ()
    found = [root(peaks).hex()]
    for size, data in enumerate(LEAVES):
        peaks = grow(peaks, size, leaf(bytes.fromhex(data)))
        found.append(root(peaks).hex())
    assert found == ROOTS


def test_a_seal_is_the_same_for_ever() -> None:
    row = Row(1, "2025-09-01T12:00:00.000000Z", "decision", "D-0001", "t-1", None, "k-1", "K-1", b"{}", b"\x01",
              GENESIS, b"")  # fmt: skip
    assert message(row).startswith(b"roundsman ledger record v1\n\0\0\0\0\0\0\0\x011\0\0\0\0\0\0\0\x1b2025-09-01T12")
    assert seal(bytes(32), message(row)).hex() == "9296d1bcfb560d6d9cb2f697b235ce00a81bed92396afb4a20011ac1be79e296"


@pytest.mark.parametrize(("one", "other"), [(("ab", "c"), ("a", "bc")), (("", "ab"), ("ab", ""))])
def test_text_moved_from_one_field_to_the_next_is_another_record(one: tuple[str, str], other: tuple[str, str]) -> None:
    row = Row(1, "", "", "", "", None, "", "", b"", b"", GENESIS, b"")
    moved = [row._replace(kind=kind, decision_id=decision) for kind, decision in (one, other)]
    assert message(moved[0]) != message(moved[1])
