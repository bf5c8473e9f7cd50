"""The search tables in PostgreSQL with PostGIS, made when missing, and the connections to them.

Every name begins with `search_`. They hold the documents, their places, their words with counts for BM25, and the
vectors of texts: Weaviate holds a copy of the vectors, which can always be made again from here.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from typing import Any

import psycopg
from sqlalchemy import URL

from domain.errors import DeadlineExceeded, StoreUnavailable
from domain.store_faults import outside_fault

__all__ = ["LOCK_MS", "STRIPE", "CityRow", "Connection", "PostgisConnections", "numbers_text", "read_city"]

Connection = psycopg.Connection[tuple[Any, ...]]
TABLES_KEY, WRITER_KEY = 7_207_003, 7_207_004  # any constants: keys of advisory locks, beside those of domain/store.py
LOCK_MS = 5_000
WRITE_MS = 60_000
CONNECT_S = 5
RETOLD_BELOW = 0.8  # of what the server was told a statement may take: with less left it is told anew
FORM = "2"  # of the tables
FILLED = "search_documents, search_texts, search_vectors, search_postings, search_terms"
KNOWN = "SELECT to_regclass('search_notes')"

WORDS = """
DO $$ BEGIN
IF NOT EXISTS (SELECT 1 FROM pg_ts_config WHERE cfgname = 'search_words') THEN
    CREATE TEXT SEARCH DICTIONARY search_porter (TEMPLATE = snowball, LANGUAGE = porter);
    CREATE TEXT SEARCH CONFIGURATION search_words (PARSER = default);
    ALTER TEXT SEARCH CONFIGURATION search_words
        ADD MAPPING FOR asciiword, word, numword, int, uint, float, sfloat, version WITH search_porter;
END IF; END $$
"""
# The same stemmer as the embedded back end's, and no list of stop words: `retrieval.words` knows them.

STRIPE = "floor({lat} * 100)::int"  # of latitudes, 1.1 km wide
STRIPED = f"""
CREATE INDEX IF NOT EXISTS search_documents_striped ON search_documents (city, ({STRIPE.format(lat="lat")}), lon)
    INCLUDE (lat, row, meaning, kind, at, sent, known_from, known_until);
DROP INDEX IF EXISTS search_documents_globe, search_documents_placed
"""
# All that a search must know of a document within a circle, so that it reads the index alone, and of each stripe only
# the longitudes between. Tables made earlier have another one in its place.

TERMS = """
CREATE TABLE search_terms (
    city int NOT NULL, term text NOT NULL, held int NOT NULL, PRIMARY KEY (city, term) INCLUDE (held));
CREATE INDEX search_terms_unheld ON search_terms (city) WHERE held = 0
"""
# How many documents hold a word, which to count takes longer than the rest of a search.

UPGRADE = f"""
{TERMS};
INSERT INTO search_terms SELECT city, term, count(*) FROM search_postings GROUP BY city, term;
UPDATE search_notes SET value = '{FORM}' WHERE name = 'form'
"""  # noqa: S608  # constants
OLDER = ("1",)  # forms that are brought up to date; processes of that time must have ended

TABLES = f"""
CREATE EXTENSION IF NOT EXISTS postgis;
{WORDS};
CREATE TABLE search_cities (
    number int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, name text NOT NULL UNIQUE, key bytea NOT NULL,
    edition bigint NOT NULL DEFAULT 0, documents bigint NOT NULL DEFAULT 0, words bigint NOT NULL DEFAULT 0);
CREATE TABLE search_digests (city int NOT NULL, kind text NOT NULL, digest text NOT NULL, PRIMARY KEY (city, kind));
CREATE TABLE search_texts (
    number bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, key bytea NOT NULL UNIQUE, text text NOT NULL);
CREATE TABLE search_vectors (text bigint PRIMARY KEY, vector bytea NOT NULL);
CREATE TABLE search_documents (
    row bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, city int NOT NULL, id text NOT NULL, kind text NOT NULL,
    title text NOT NULL, text text NOT NULL, url_ref text NOT NULL, lat float8, lon float8,
    spot geometry(Point, 4326), at float8, known_from float8, known_until float8, site_id text, area text,
    fields jsonb NOT NULL, meaning bigint NOT NULL, terms text[] NOT NULL, length int NOT NULL,
    digest bytea NOT NULL, sent bool NOT NULL DEFAULT false, UNIQUE (city, id));
CREATE INDEX search_documents_kind ON search_documents (city, kind);
CREATE INDEX search_documents_meaning ON search_documents (meaning);
CREATE INDEX search_documents_site ON search_documents (city, site_id) WHERE site_id IS NOT NULL;
CREATE INDEX search_documents_area ON search_documents (city, area) WHERE area IS NOT NULL;
CREATE INDEX search_documents_unsent ON search_documents (city, row) WHERE NOT sent;
CREATE INDEX search_documents_spot ON search_documents USING gist (spot);
CREATE TABLE search_postings (
    city int NOT NULL, term text NOT NULL, row bigint NOT NULL, kind text NOT NULL, current bool NOT NULL,
    count int NOT NULL, length int NOT NULL, PRIMARY KEY (city, term, row) INCLUDE (kind, current, count, length));
CREATE TABLE search_gone (
    city int NOT NULL, kind text NOT NULL, row bigint NOT NULL, PRIMARY KEY (city, kind, row));
CREATE TABLE search_notes (name text PRIMARY KEY, value text NOT NULL);
INSERT INTO search_notes VALUES ('form', '{FORM}');
{TERMS};
{STRIPED};
"""  # noqa: S608  # constants
# `sent`: Weaviate holds the document's vector as it is now. `search_gone`: documents that it must still forget.


class _Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection whose statements all end by one moment: `ends`, monotonic; `told_s` is what the server knows."""

    ends, told_s = inf, inf


class _Cursor(psycopg.Cursor[tuple[Any, ...]]):
    """Tells the server how little time is left, before a statement that may no longer take what it was told."""

    def execute(self, *given: Any, **more: Any) -> _Cursor:
        """As the driver's own. Raises DeadlineExceeded without asking the server when no time is left."""
        connection = self.connection
        assert isinstance(connection, _Connection)
        left_s = connection.ends - time.monotonic()
        if left_s <= 0:
            raise DeadlineExceeded("The search's time was up before the database had said everything.")
        if left_s < RETOLD_BELOW * connection.told_s:
            _tell(connection, left_s)
        super().execute(*given, **more)
        return self


def _tell(connection: _Connection, left_s: float) -> None:
    connection.told_s = left_s
    most_ms = str(max(1, round(left_s * 1_000)))
    psycopg.Cursor(connection).execute("SELECT set_config('statement_timeout', %s, true)", (most_ms,))


class PostgisConnections:
    """Connections to one PostgreSQL database, one for each caller at a time. Making this opens nothing."""

    def __init__(self, url: URL) -> None:
        self._where = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._idle: list[_Connection] = []
        self._lock = threading.Lock()
        self._ready = False

    @contextmanager
    def read(self, deadline_s: float | None = None) -> Iterator[Connection]:
        """One moment of the database. Raises DeadlineExceeded when all of it takes longer, StoreUnavailable.

        The last statement may run on for a quarter of `deadline_s`, which saves telling the server before each one.
        """
        ends = inf if deadline_s is None else time.monotonic() + deadline_s
        with self._borrowed(writes=False) as connection, connection.transaction():
            _tell(connection, WRITE_MS / 1_000 if deadline_s is None else max(deadline_s, 0.001))
            connection.ends = ends
            try:
                yield connection
            finally:
                connection.ends, connection.told_s = inf, inf

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, one writer at a time: all of it, or nothing when the block raises."""
        with self._borrowed(writes=True) as connection, connection.transaction():
            connection.execute("SELECT set_config('statement_timeout', %s, true)", (str(WRITE_MS),))
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (WRITER_KEY,))
            yield connection

    def tidy(self) -> None:
        """Tell PostgreSQL what the tables hold now, and let its indexes answer alone where they can."""
        with self._borrowed(writes=True) as connection:
            connection.execute(f"VACUUM (ANALYZE) {FILLED}")

    def rewrite(self, wait_ms: int = LOCK_MS) -> bool:
        """Write the tables anew, so that nothing of removed rows is left in their files; False when they are in use.

        Whoever wants to read waits behind this, `wait_ms` for its turn and then until it is done.
        """
        try:
            with self._borrowed(writes=True) as connection:
                connection.execute("SELECT set_config('lock_timeout', %s, false)", (str(wait_ms),))
                try:
                    connection.execute(f"VACUUM (FULL) {FILLED}")
                finally:
                    connection.execute("SELECT set_config('lock_timeout', %s, false)", (str(LOCK_MS),))
        except StoreUnavailable:
            return False
        return True

    def close(self) -> None:
        """Close what nobody uses; what is in use is closed when it comes back."""
        with self._lock:
            idle, self._idle, self._ready = self._idle, [], False
        for connection in idle:
            connection.close()

    @contextmanager
    def _borrowed(self, *, writes: bool) -> Iterator[_Connection]:
        try:
            connection = self._taken()
            connection.read_only = not writes
            connection.isolation_level = None if writes else psycopg.IsolationLevel.REPEATABLE_READ
            try:
                yield connection
            finally:
                self._give_back(connection)
        except psycopg.Error as error:
            fault = outside_fault(error, writes=writes)
            if fault is None:
                raise
            raise fault from error

    def _taken(self) -> _Connection:
        with self._lock:
            while self._idle:
                connection = self._idle.pop()
                if not connection.closed:
                    return connection
        connection = self._opened()
        with self._lock:
            if not self._ready:
                _make_tables(connection)
                self._ready = True
        return connection

    def _opened(self) -> _Connection:
        options = f"-c lock_timeout={LOCK_MS} -c timezone=UTC -c plan_cache_mode=force_custom_plan -c jit=off"
        options += " -c max_parallel_workers_per_gather=0"  # starting workers takes longer than a search
        return _Connection.connect(
            self._where, autocommit=True, connect_timeout=CONNECT_S, options=options, cursor_factory=_Cursor
        )

    def _give_back(self, connection: _Connection) -> None:
        with self._lock:
            if self._ready and not connection.closed and not connection.broken:
                self._idle.append(connection)
                return
        connection.close()


def _make_tables(connection: Connection) -> None:
    """Make what is missing; of several that start together one does it, the others wait."""
    if connection.execute(KNOWN).fetchone() == (None,):
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (TABLES_KEY,))
            if connection.execute(KNOWN).fetchone() == (None,):
                connection.execute(TABLES)
    if connection.execute("SELECT to_regclass('search_documents_striped')").fetchone() == (None,):
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (TABLES_KEY,))
            connection.execute(STRIPED)
    if _form(connection) in OLDER:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (TABLES_KEY,))
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (WRITER_KEY,))
            if _form(connection) in OLDER:
                connection.execute(UPGRADE)
    if _form(connection) != FORM:
        raise StoreUnavailable("The search tables were made by another Roundsman: drop those named search_*.")


def _form(connection: Connection) -> str:
    found = connection.execute("SELECT value FROM search_notes WHERE name = 'form'").fetchone()
    return str(found[0]) if found else ""


def numbers_text(numbers: Iterable[int]) -> str:
    """Numbers as PostgreSQL writes an array; the driver takes ten times as long for a list of ten thousand."""
    return "{" + ",".join(map(str, numbers)) + "}"


@dataclass(frozen=True)
class CityRow:
    """A city that has been written to. `edition` grows with every change of its documents, `mean_length` in words."""

    number: int
    name: str
    edition: int
    documents: int
    mean_length: float
    key: bytes

    @property
    def tenant(self) -> str:
        """Its tenant in Weaviate, whose names are letters, digits, - and _: others become -, and a digest is added."""
        plain = "".join(each if each.isascii() and (each.isalnum() or each in "-_") else "-" for each in self.name)[:40]
        return plain if plain == self.name else f"{plain}-{hashlib.sha256(self.name.encode()).hexdigest()[:12]}"


def read_city(connection: Connection, name: str) -> CityRow | None:
    """The row of a city, or None when nothing was ever written for it."""
    sql = "SELECT number, edition, documents, words, key FROM search_cities WHERE name = %s"
    found = connection.execute(sql, (name,)).fetchone()
    if found is None:
        return None
    number, edition, documents, words, key = found
    return CityRow(number, name, edition, documents, words / documents if documents else 1.0, bytes(key))
