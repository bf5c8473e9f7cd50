"""The database, SQLite or PostgreSQL: one question reads or writes in one transaction, and nobody else commits."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, UOWTransaction
from sqlalchemy.pool import ConnectionPoolEntry

from domain.errors import BadData, StoreUnavailable
from domain.spatial import haversine_m
from domain.store_faults import outside_fault
from domain.work_records import Counter

__all__ = ["Store", "StoreLimits", "newest_revision", "next_id"]

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_KEY, WRITER_KEY = 7_207_001, 7_207_002  # any constants: keys of PostgreSQL's advisory locks
MODE = "roundsman_mode"
to_json = partial(json.dumps, allow_nan=False, ensure_ascii=False)  # NaN is no JSON, and PostgreSQL refuses it


@dataclass(frozen=True)
class StoreLimits:
    """How long to wait: for a lock (both databases), for a statement (PostgreSQL), for a connection of the pool."""

    lock_ms: int = 5_000
    statement_ms: int = 15_000
    connection_s: float = 5.0


class Store:
    """A database of Roundsman. Making one opens nothing; the first transaction does.

    `url` is a SQLAlchemy URL: `sqlite:///path/to/file.db` or `postgresql://user@host/name`. Raises BadData for others.
    """

    def __init__(self, url: str, limits: StoreLimits | None = None) -> None:
        self.url = _checked(url)
        self.limits = limits or StoreLimits()
        self.engine = (_sqlite_engine if self.is_sqlite else _postgresql_engine)(self.url, self.limits)
        snapshot = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._reading = self.engine.execution_options(**{MODE: "read"}, **snapshot)
        self._writing = self.engine.execution_options(**{MODE: "write"})

    @property
    def is_sqlite(self) -> bool:
        """One file on this machine, rather than a PostgreSQL server."""
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one moment of the database and can change nothing. Its records stay usable after it."""
        session = Session(self._reading, expire_on_commit=False, autoflush=False)
        with _faults_explained(writes=False), session:
            event.listen(session, "before_flush", _refuse_flush)
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: all of it at the end of the block, or nothing when the block raises.

        There is one writer at a time on both databases (SQLite's own lock; an advisory lock on PostgreSQL), taken at
        the start, so what the block reads stays true until it ends. Keep it short, and never open one inside another.
        """
        session = Session(self._writing, expire_on_commit=False)
        with _faults_explained(writes=True), session, session.begin():
            connection = session.connection()  # SQLite: BEGIN IMMEDIATE
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITER_KEY})
            yield session

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection outside of any transaction, for what belongs to a session of the server (advisory locks)."""
        with _faults_explained(writes=False), self.engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    def migrate(self) -> None:
        """Makes or renews the tables. Safe when several processes start together: one does it, the others wait.

        Raises StoreUnavailable when the database cannot be reached or holds newer tables than this program knows.
        """
        with _faults_explained(writes=True):
            if self.is_sqlite:
                _prepare_file(self)
            with self._writing.connect() as connection, connection.begin():
                _upgrade(connection)

    def close(self) -> None:
        """Lets go of all connections."""
        self.engine.dispose()


def next_id(session: Session, city: str, letter: str) -> str:
    """The next id of a kind, like "P-0001"; counted by city (give "" to count over all cities), never given twice.

    Needs a write session; the number is only used up when its transaction is.
    """
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    statement = (
        insert(Counter)
        .values(city=city, letter=letter, last=1)
        .on_conflict_do_update(index_elements=["city", "letter"], set_={"last": Counter.last + 1})
        .returning(Counter.last)
    )
    return f"{letter}-{session.execute(statement).scalar_one():04d}"


# ---------------------------------------------------------------- engines


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        message = "The database URL cannot be read; write sqlite:///file.db or postgresql://user@host/name."
        raise BadData(message) from None
    if parsed.drivername in {"postgresql", "postgres"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
        raise BadData(f"Roundsman keeps no records in {parsed.drivername}; write sqlite:///… or postgresql://….")
    if parsed.get_backend_name() == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise BadData("Roundsman keeps its records in a file; write sqlite:///file.db.")
    return parsed


def _sqlite_engine(url: URL, limits: StoreLimits) -> Engine:
    arguments = {"timeout": limits.lock_ms / 1000, "check_same_thread": False}
    engine = create_engine(url, connect_args=arguments, pool_timeout=limits.connection_s, json_serializer=to_json)

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver must not begin transactions by itself
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA synchronous=FULL")  # a dispatched round survives a power cut
        connection.create_function("haversine_m", 4, haversine_m, deterministic=True)

    @event.listens_for(engine, "begin")
    def _began(connection: Connection) -> None:
        writes = connection.get_execution_options().get(MODE) != "read"
        connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if writes else 'ON'}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql_engine(url: URL, limits: StoreLimits) -> Engine:
    options = f"-c statement_timeout={limits.statement_ms} -c lock_timeout={limits.lock_ms} -c timezone=UTC"
    arguments = {"options": options, "connect_timeout": max(2, int(limits.connection_s))}
    return create_engine(
        url,
        pool_pre_ping=True,
        pool_timeout=limits.connection_s,
        connect_args=arguments,
        json_serializer=to_json,
    )


def _refuse_flush(session: Session, context: UOWTransaction, instances: object) -> None:
    raise RuntimeError("a read session was given something to write; use Store.write()")


@contextmanager
def _faults_explained(*, writes: bool) -> Iterator[None]:
    """Turns the driver's faults that are the world's, not ours, into NotNow."""
    try:
        yield
    except PoolTimeout as error:
        raise StoreUnavailable("All connections to the database are in use; try again in a moment.") from error
    except (DBAPIError, sqlite3.Error) as error:
        fault = outside_fault(error.orig if isinstance(error, DBAPIError) else error, writes=writes)
        if fault is None:
            raise
        raise fault from error


# ---------------------------------------------------------------- tables


def _prepare_file(store: Store) -> None:
    """The folder, and write-ahead logging, which the file then keeps. Switching to it does not wait for a lock."""
    try:
        Path(str(store.url.database)).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(f"The folder of {store.url.database} cannot be made: {error.strerror}.") from error
    give_up = time.monotonic() + store.limits.lock_ms / 1000
    connection = store.engine.raw_connection()
    try:
        while not _switched_to_wal(connection.cursor(), time.monotonic() > give_up):
            time.sleep(0.02)
    finally:
        connection.close()


def _switched_to_wal(cursor: DBAPICursor, last_try: bool) -> bool:
    try:
        cursor.execute("PRAGMA journal_mode=WAL")
    except sqlite3.OperationalError as error:
        if last_try or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True


def _upgrade(connection: Connection) -> None:
    """Runs the missing migrations inside the connection's transaction, behind a lock."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_KEY})
    current = _revision(connection)
    if current == newest_revision():
        return
    if current is not None and current > newest_revision():
        raise StoreUnavailable(f"The database was made by a newer Roundsman (tables {current}): update the program.")
    from alembic import command  # slow to import, and needed once in a database's life
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def newest_revision() -> str:
    """The revision that this program's tables have: migrations are numbered files, "0001_words.py"."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
