"""The store: one transaction at a time, tables made once, and faults of the world said in words."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from domain.errors import BadData, DeadlineExceeded, StoreUnavailable
from domain.store import Store, StoreLimits, next_id
from domain.work_records import Counter, Person, Thread

ROOT = Path(__file__).parents[2]
AT = datetime(2025, 9, 1, tzinfo=UTC)
IMPATIENT = StoreLimits(lock_ms=150, statement_ms=300, connection_s=1)


def python(code: str, *words: str) -> subprocess.Popen[str]:
    """A second Python that runs `code` in the repository, as another process of Roundsman would."""
    return subprocess.Popen([sys.executable, "-c", code, *words], cwd=ROOT, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip


def names(store: Store) -> Sequence[str]:
    with store.read() as session:
        return session.scalars(select(Person.name).order_by(Person.name)).all()


# ---------------------------------------------------------------- transactions


def test_a_write_is_kept_at_the_end_of_its_block(empty_store: Store) -> None:
    with empty_store.write() as session:
        session.add(Person(name="ana", role="manager"))
    assert names(empty_store) == ["ana"]


def test_a_write_that_raises_leaves_nothing(empty_store: Store) -> None:
    def write_and_fail() -> None:
        with empty_store.write() as session:
            session.add(Person(name="ana", role="manager"))
            session.flush()
            raise KeyError

    with pytest.raises(KeyError):
        write_and_fail()
    assert names(empty_store) == []


def test_a_read_cannot_write_by_record(empty_store: Store) -> None:
    with empty_store.read() as session:
        session.add(Person(name="ana", role="manager"))
        with pytest.raises(RuntimeError, match=r"use Store\.write"):
            session.flush()
    assert names(empty_store) == []


def test_a_read_cannot_write_by_statement_and_that_is_no_fault_of_the_disk(empty_store: Store) -> None:
    with pytest.raises(DBAPIError), empty_store.read() as session:
        session.execute(text("INSERT INTO counters VALUES ('', 'P', 1)"))
    with empty_store.write() as session:
        session.add(Counter(city="", letter="P", last=1))


def test_a_read_sees_one_moment_while_others_write(empty_store: Store) -> None:
    with empty_store.read() as session:
        before = session.scalar(select(func.count()).select_from(Person))
        with empty_store.write() as writing:
            writing.add(Person(name="ana", role="manager"))
        after = session.scalar(select(func.count()).select_from(Person))
    assert (before, after, names(empty_store)) == (0, 0, ["ana"])


def test_writers_come_one_after_another_and_no_count_is_lost(empty_store: Store) -> None:
    with empty_store.write() as session:
        session.add(Counter(city="", letter="X", last=0))

    def add_ten() -> None:
        for _ in range(10):
            with empty_store.write() as session:
                counter = session.get_one(Counter, ("", "X"))
                counter.last = counter.last + 1  # read, then written: safe only when writers take turns

    workers = [threading.Thread(target=add_ten) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with empty_store.read() as session:
        assert session.get_one(Counter, ("", "X")).last == 40


def test_ids_count_by_city_and_letter_and_none_is_given_twice(empty_store: Store) -> None:
    with empty_store.write() as session:
        given = [next_id(session, *key) for key in (("a", "P"), ("a", "P"), ("b", "P"), ("a", "R"), ("", "A"))]
    assert given == ["P-0001", "P-0002", "P-0001", "R-0001", "A-0001"]


def test_an_id_is_not_used_up_by_a_write_that_fails(empty_store: Store) -> None:
    def take_one_and_fail() -> None:
        with empty_store.write() as session:
            next_id(session, "a", "P")
            raise KeyError

    with pytest.raises(KeyError):
        take_one_and_fail()
    with empty_store.write() as session:
        assert next_id(session, "a", "P") == "P-0001"


def test_ids_go_on_after_9999(empty_store: Store) -> None:
    with empty_store.write() as session:
        session.add(Counter(city="a", letter="P", last=9_999))
        session.flush()
        assert next_id(session, "a", "P") == "P-10000"


# ---------------------------------------------------------------- tables


def test_migrating_twice_changes_nothing(empty_store: Store) -> None:
    with empty_store.write() as session:
        session.add(Person(name="ana", role="manager"))
    empty_store.migrate()
    assert names(empty_store) == ["ana"]


def test_processes_that_start_together_make_the_tables_once(fresh_url: str) -> None:
    code = (
        "import sys; from domain.store import Store; from domain.work_records import Person\n"
        "store = Store(sys.argv[1]); store.migrate()\n"
        "with store.write() as s: s.add(Person(name=sys.argv[2], role='viewer'))\n"
        "store.close()"
    )
    processes = [python(code, fresh_url, name) for name in ("ana", "ben", "cleo")]
    assert [(process.communicate()[1], process.returncode) for process in processes] == [("", 0)] * 3
    store = Store(fresh_url)
    assert names(store) == ["ana", "ben", "cleo"]
    store.close()


def test_a_database_of_a_newer_program_is_left_alone(empty_store: Store) -> None:
    with empty_store.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreUnavailable, match="update the program"):
        empty_store.migrate()


def test_a_database_without_tables_says_what_to_do(fresh_url: str) -> None:
    store = Store(fresh_url)
    Path(str(store.url.database)).parent.mkdir(exist_ok=True)
    with pytest.raises(StoreUnavailable, match="roundsman doctor"), store.read() as session:
        session.scalar(select(Thread.id))
    store.close()


def test_a_wrong_column_is_a_bug_and_not_the_worlds_fault(empty_store: Store) -> None:
    with pytest.raises(DBAPIError), empty_store.read() as session:
        session.execute(text("SELECT colour FROM people"))


def test_a_broken_rule_is_a_bug_and_not_the_worlds_fault(empty_store: Store) -> None:
    with pytest.raises(IntegrityError), empty_store.write() as session:
        session.add(Person(name="ana", role="emperor"))


# ---------------------------------------------------------------- URLs


@pytest.mark.parametrize("url", ["mysql://h/db", "sqlite://", "sqlite:///:memory:", "not a url", ""])
def test_a_url_that_cannot_hold_the_records_is_refused(url: str) -> None:
    with pytest.raises(BadData, match="sqlite:///"), Store(url).read():
        pass


def test_a_refused_url_does_not_show_its_password() -> None:
    with pytest.raises(BadData) as refusal:
        Store("mysql://ana:s3cret@h/db")
    assert "s3cret" not in str(refusal.value)


def test_making_a_store_opens_nothing(tmp_path: Path) -> None:
    Store(f"sqlite:///{tmp_path / 'a' / 'b.db'}")
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- faults of the world, SQLite


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "roundsman.db"
    store = Store(f"sqlite:///{path}")
    store.migrate()
    store.close()
    return path


def impatient(file: Path) -> Store:
    return Store(f"sqlite:///{file}", IMPATIENT)


def test_a_write_waits_for_another_process_and_then_says_busy(file: Path) -> None:
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store = impatient(file)
    with pytest.raises(StoreUnavailable, match="busy with another writer"), store.write():
        pass
    assert names(store) == []  # readers go on
    other.execute("COMMIT")
    with store.write() as session:
        session.add(Person(name="ana", role="manager"))
    other.close()
    store.close()


def test_a_full_disk_says_so_and_keeps_what_was_there(file: Path) -> None:
    store = Store(f"sqlite:///{file}")
    with store.write() as session:
        session.add(Person(name="ana", role="manager"))
    with store.write() as session:
        pages = session.scalar(text("PRAGMA page_count"))
        session.execute(text(f"PRAGMA max_page_count = {pages}"))  # stays with the pool's one connection
    with pytest.raises(StoreUnavailable, match="disk is full"), store.write() as session:
        session.add(Person(name="x" * 1_000_000, role="manager"))
    assert names(store) == ["ana"]
    store.close()


@pytest.mark.parametrize(("content", "words"), [(b"not a database at all" * 100, "no database"), (None, "opened")])
def test_a_file_that_is_none_says_what_to_do(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "roundsman.db"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    store = impatient(path)
    for use in (store.migrate, lambda: names(store)):
        with pytest.raises(StoreUnavailable, match=words):
            use()
    store.close()


def test_a_damaged_file_says_what_to_do(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    file.write_bytes(data)
    store = impatient(file)
    with pytest.raises(StoreUnavailable, match="backup"):
        names(store)
    store.close()


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    with pytest.raises(StoreUnavailable, match="folder of"):
        Store(f"sqlite:///{tmp_path / 'taken' / 'roundsman.db'}").migrate()


def test_a_killed_writer_leaves_only_whole_transactions(file: Path) -> None:
    code = (
        "import sys, itertools; from domain.store import Store; from domain.work_records import Person\n"
        "store = Store(sys.argv[1])\n"
        "for n in itertools.count():\n"
        "    with store.write() as s:\n"
        "        s.add_all([Person(name=f'{n}a', role='viewer'), Person(name=f'{n}b', role='viewer')])\n"
    )
    store = Store(f"sqlite:///{file}")
    for _ in range(2):
        before = len(names(store))
        process = python(code.replace("count()", f"count({before})"), f"sqlite:///{file}")
        give_up = time.monotonic() + 30
        while len(names(store)) == before and time.monotonic() < give_up:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        found = names(store)
        assert len(found) > before
        assert {name[:-1] for name in found if name[-1] == "a"} == {name[:-1] for name in found if name[-1] == "b"}
    with store.read() as session:
        assert session.scalar(text("PRAGMA integrity_check")) == "ok"
    store.close()


# ---------------------------------------------------------------- faults of the world, PostgreSQL


@pytest.mark.postgis
def test_a_server_that_is_gone_says_so(postgres_url: str, tmp_path: Path) -> None:
    for url in (f"postgresql://postgres@/x?host={tmp_path}", "postgresql://postgres@127.0.0.1:9/x"):
        with pytest.raises(StoreUnavailable, match="cannot be reached"), Store(url, IMPATIENT).read() as session:
            session.scalar(text("SELECT 1"))


@pytest.mark.postgis
def test_a_database_that_does_not_exist_says_so(postgres_url: str) -> None:
    store = Store(postgres_url.replace("/postgres?", "/nowhere?"), IMPATIENT)
    with pytest.raises(StoreUnavailable, match="no such database"):
        store.migrate()


@pytest.mark.postgis
def test_a_connection_cut_by_the_server_is_replaced(postgres_url: str) -> None:
    store = Store(postgres_url.replace("/postgres?", "/with_postgis?"))
    cut = text("SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(StoreUnavailable, match="cannot be reached"), store.read() as session:
        session.execute(cut)
    with store.read() as session:
        assert session.scalar(text("SELECT 1")) == 1
    store.close()


@pytest.mark.postgis
def test_a_statement_that_takes_too_long_is_stopped(postgres_url: str) -> None:
    store = Store(postgres_url.replace("/postgres?", "/with_postgis?"), IMPATIENT)
    with pytest.raises(DeadlineExceeded, match="too long"), store.read() as session:
        session.execute(text("SELECT pg_sleep(5)"))
    store.close()


@pytest.mark.postgis
def test_a_writer_on_the_server_waits_and_then_says_busy(postgres_url: str) -> None:
    url = postgres_url.replace("/postgres?", "/with_postgis?")
    store, second = Store(url), Store(url, IMPATIENT)
    with store.write():
        with pytest.raises(StoreUnavailable, match="busy with another writer"), second.write():
            pass
        with second.read() as session:
            assert session.scalar(text("SELECT 1")) == 1
    store.close()
    second.close()
