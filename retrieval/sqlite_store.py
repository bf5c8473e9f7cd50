"""Search in one SQLite file: FTS5 for words, exact vectors for meaning, columns in memory for places and limits.

search = SqliteSearch(search_file(store, home), "berkeley", MiniLM())
index_city(store, search, "berkeley", Path("cities/berkeley"))
found = search.search(SearchRequest("contaminated compost", kinds=("handbook",)))
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from domain.errors import BadData, NotNow
from domain.ports import Embedder
from domain.store import Store
from retrieval import writing
from retrieval.background import Background
from retrieval.columns import COMPILED_FROM, ColumnCache, Columns
from retrieval.kept_costs import KeptCosts
from retrieval.limits import Left, left_of
from retrieval.meanings import TextSource, texts_left
from retrieval.planner import Planner
from retrieval.postings import Postings
from retrieval.query_vectors import QueryVectors
from retrieval.ranking import Asked, rank
from retrieval.sidecar import Sidecar
from retrieval.sqlite_purge import SqlitePurge
from retrieval.store import Document, Found, SearchHealth, SearchRequest
from retrieval.tables import Connections, city_number
from retrieval.tally import Tally, tallied
from retrieval.vectors import VectorCache, Vectors, forget_vectors, kept_model, model_fault, write_vectors
from retrieval.words import plain, terms

__all__ = ["SqliteSearch", "search_file"]

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
log = logging.getLogger(__name__)
AT_ONCE = 1_000  # documents in one transaction, so that nobody waits long for the writer's lock
TEXTS_AT_ONCE = 32
NOT_INDEXED = "nothing of {city} has been indexed for search yet; run roundsman load CITY_FOLDER"
ALONE = "meaning search is off, documents were found by words alone: {why}"
NONE = Vectors(np.zeros(0, dtype=np.int64), np.zeros((0, 0), dtype=np.float32))
UNREAD = (
    "NOT EXISTS (SELECT 1 FROM search_vectors v WHERE v.text = number)"
    " AND EXISTS (SELECT 1 FROM search_documents d WHERE d.meaning = number AND d.city = ?)"
)


def search_file(store: Store, home: Path) -> Path:
    """Where the search tables belong: with the records when these are a SQLite file, else a file under home."""
    return Path(str(store.url.database)) if store.is_sqlite else home / "search.db"


class SqliteSearch:
    """The documents of one city in a SQLite file. Making one opens nothing; safe for many threads and processes.

    Without an embedder, or while it cannot work, documents are found by words alone and `degraded` says so.
    `approximate`: from 100,000 texts on an index beside the file may be used, where usearch is installed.
    """

    def __init__(self, path: Path, city: str, embedder: Embedder | None = None, *, approximate: bool = True) -> None:
        self.city = city
        self._embedder = embedder
        self._connections = Connections(path)
        self._columns = ColumnCache()
        self._vectors = VectorCache(embedder.dimensions if embedder else 0)
        self._postings = Postings()
        self._sidecar = Sidecar(path.with_name(path.name + ".usearch"))
        self._approximate = approximate
        self._making: threading.Thread | None = None
        self._lock = threading.Lock()
        self._joined: tuple[Columns, Vectors, Numbers] | None = None
        self._started = False
        self.planner = Planner()
        self.tally = Tally("sqlite")
        self._costs = KeptCosts(self._connections)
        self._queries = QueryVectors(embedder)
        self._closing = threading.Event()
        self._batching: Iterator[bool] | None = None
        fault = "documents without a vector are found by words alone"
        self._purge = SqlitePurge(self._connections, self._sidecar.remove)
        self._background = Background(self._embed_batch, self._purge.done, fault)

    # ------------------------------------------------------------ writing

    def upsert(self, documents: Sequence[Document]) -> int:
        """Add documents, or replace those of the same id; gives back how many were new or changed."""
        changed = 0
        for start in range(0, len(documents), AT_ONCE):
            with self._connections.write() as connection:
                city = writing.make_city(connection, self.city)
                changed += writing.write(connection, city, documents[start : start + AT_ONCE])
        return changed

    def delete(self, ids: Sequence[str]) -> int:
        """Remove documents by id; gives back how many there were."""
        with self._connections.write() as connection:
            city = city_number(connection, self.city)
            if city is None:
                return 0
            rows = [row for row, _ in writing.read_digests(connection, city, ids).values()]
            writing.remove(connection, city, rows)
        return len(rows)

    def replace(self, kind: str, documents: Sequence[Document], digest: str) -> int:
        """Make `documents` all there is of a kind, and remember their digest; gives back how many changed."""
        kept = {plain(document.id) for document in documents}
        changed = self.upsert(documents) + self.delete(sorted(self._ids(kind) - kept))
        self.remember(kind, digest)
        return changed

    def remember(self, kind: str, digest: str) -> None:
        """Keep the digest of what a kind's documents are made from."""
        with self._connections.write() as connection:
            city = writing.make_city(connection, self.city)
            connection.execute("INSERT OR REPLACE INTO search_digests VALUES (?, ?, ?)", (city, kind, digest))

    def digest(self, kind: str) -> str | None:
        """The digest that was last remembered for a kind."""
        sql = "SELECT digest FROM search_digests JOIN search_cities ON number = city WHERE name = ? AND kind = ?"
        with self._connections.read() as connection:
            found = connection.execute(sql, (self.city, kind)).fetchone()
        return str(found[0]) if found else None

    def _ids(self, kind: str) -> set[str]:
        sql = "SELECT id FROM search_documents JOIN search_cities ON number = city WHERE name = ? AND kind = ?"
        with self._connections.read() as connection:
            return {id_ for (id_,) in connection.execute(sql, (self.city, kind))}

    # ------------------------------------------------------------ searching

    @tallied
    def search(self, request: SearchRequest) -> Found:
        """The best documents by words and meaning. Falls back to words alone, and says so. Raises DeadlineExceeded.

        What the first search of a process reads into memory is not on its time.
        """
        self._begun()
        ends = time.monotonic() + request.deadline_s
        with self._connections.read(request.deadline_s) as connection:
            tenant = request.tenant or self.city
            city = city_number(connection, tenant)
            if city is None:
                return Found((), 0, 0, None, "nothing", degraded=(NOT_INDEXED.format(city=tenant),))
            self._costs.recall(connection, self.planner.costs)
            columns = self._columns.current(connection, city)
            left = left_of(connection, columns, request)
            kinds = columns.count_kinds(left.places)
            empty = Found((), 0, len(left.places), _newest(columns, left.places), "nothing", kinds)
            words = terms(request.text)
            if not words or not empty.searched:
                return empty
            vector, fault = self._meaning(connection, request, ends)
            rows, meaning, gap = NONE.numbers, None, fault
            if vector is not None:
                vectors = self._vectors.current(connection)
                rows = self._rows(columns, vectors)
                texts, covered = texts_left(rows, left.places, len(vectors.numbers))
                meaning = self._source(request, vectors, vector, texts, left)
                gap = _gap(covered, len(left.places))
            asked = Asked(request, city, columns, left, words, meaning, rows)
            ranked = rank(connection, asked, self.planner, self._postings)
        found = replace(empty, hits=ranked.hits, matching=ranked.matching, plan=ranked.trace.plan, trace=ranked.trace)
        return replace(found, degraded=(gap,)) if gap else found

    def _source(
        self, request: SearchRequest, vectors: Vectors, vector: Floats, texts: Numbers, left: Left
    ) -> TextSource:
        """The texts of a search; where every hit must be counted, the approximate index is neither used nor made."""
        index = self._sidecar.knowing(vectors) if request.floor is None else None
        if request.floor is None and index is None and self._approximate and self._sidecar.wanted(vectors):
            self._make_index(vectors)
        return TextSource(vectors, vector, texts, left.estimated, left.of, index)

    def _make_index(self, vectors: Vectors) -> None:
        """Make the approximate index in a thread of its own; searches compare exactly until it is there."""
        with self._lock:
            if self._closing.is_set() or (self._making and self._making.is_alive()):
                return
            make = partial(self._index_made, vectors, wait=False)
            self._making = threading.Thread(target=make, name="indexing", daemon=True)
            self._making.start()

    def _index_made(self, vectors: Vectors, *, wait: bool) -> None:
        """The index made, and its file deleted again where texts were erased by another process meanwhile."""
        self._sidecar.make(vectors, self._closing, wait=wait)
        try:
            with self._connections.read() as connection:
                erased = self._vectors.current(connection).edition != vectors.edition
            if erased:
                self._sidecar.remove()
        except NotNow as error:
            log.warning("the approximate index cannot be compared with its texts: %s", error)

    def _rows(self, columns: Columns, vectors: Vectors) -> Numbers:
        """Where each document's text stands among the vectors; worked out again when either has changed."""
        with self._lock:
            if self._joined is None or self._joined[0] is not columns or self._joined[1] is not vectors:
                self._joined = columns, vectors, vectors.rows_of(columns.texts)
            return self._joined[2]

    def warm(self) -> None:
        """Read into memory what searches need, frequent words too, so that the first need not wait for it."""
        with self._connections.read() as connection:
            city = city_number(connection, self.city)
            if city is None:
                return
            columns, vectors = self._in_memory(connection, city)
            if vectors.codes is not None or len(columns.rows) >= COMPILED_FROM:
                from retrieval.kernels import load  # numba

                load()
            columns.prepare()
            self._postings.read_ahead(connection, city, columns, self._closing)

    def prepare(self) -> None:
        """The same, and make the approximate index."""
        self.warm()
        with self._connections.read() as connection:
            vectors = self._vectors.current(connection) if self._comparable(connection) else NONE
        if self._approximate and self._sidecar.wanted(vectors):
            self._index_made(vectors, wait=True)

    def _begun(self) -> None:
        """Read documents and vectors once, on nobody's time: a first question is answered late rather than never."""
        if not self._started:
            with self._connections.read() as connection:
                city = city_number(connection, self.city)
                if city is not None:
                    self._in_memory(connection, city)

    def _in_memory(self, connection: sqlite3.Connection, city: int) -> tuple[Columns, Vectors]:
        columns = self._columns.current(connection, city)
        vectors = NONE
        if self._comparable(connection):
            vectors = self._vectors.current(connection)
            self._rows(columns, vectors)
        self._started = True
        return columns, vectors

    def _comparable(self, connection: sqlite3.Connection) -> bool:
        return self._embedder is not None and model_fault(connection, self._embedder) is None

    def estimate(self, request: SearchRequest) -> int:
        """How many documents the limits of a request leave to search, its text aside; here the exact number."""
        with self._connections.read(request.deadline_s) as connection:
            city = city_number(connection, request.tenant or self.city)
            if city is None:
                return 0
            return len(left_of(connection, self._columns.current(connection, city), request).places)

    def _meaning(
        self, connection: sqlite3.Connection, request: SearchRequest, ends: float
    ) -> tuple[Floats | None, str | None]:
        """The vector of the question, or why there is none; neither when meaning was not asked for."""
        if request.alpha == 0:
            return None, None
        given = self._queries.given(request)
        if self._embedder is None:
            return None, ALONE.format(why="no embedding model is configured")
        fault = model_fault(connection, self._embedder)
        if fault is not None or time.monotonic() > ends:
            return None, ALONE.format(why=fault or "its time was up before meaning could be compared")
        if given is not None:
            return given, None
        try:
            return self._queries.asked(request), None
        except (NotNow, BadData) as error:
            return None, ALONE.format(why=error)

    # ------------------------------------------------------------ vectors

    def embed_pending(self, budget_s: float) -> int:
        """Give vectors to texts that have none, for about so long; gives back how many are left.

        Raises BadData when the file holds another model's vectors, ModelUnavailable when there is no embedder.
        """
        ends = time.monotonic() + budget_s
        batches = self._batches(self._embedder) if self._embedder else iter(())
        while time.monotonic() < ends and next(batches, False):
            pass
        return self._pending()

    def embed_in_background(self) -> None:
        """Give vectors to all texts that have none, and end a purge that had to wait, in a thread that then ends."""
        self._background.begin()

    def adopt_model(self) -> bool:
        """Forget the vectors of another model than the embedder's, so that they are made again; whether it did."""
        with self._connections.write() as connection:
            foreign = self._embedder is not None and model_fault(connection, self._embedder) is not None
            if foreign:
                forget_vectors(connection)
        return foreign

    def _embed_batch(self) -> bool:
        """Embed one batch in the background; whether nothing is left. Raises as `embed_pending`."""
        if self._embedder is None:
            return True
        batches, self._batching = self._batching or self._batches(self._embedder), None
        if next(batches, False):
            self._batching = batches
        return self._batching is None

    def _batches(self, embedder: Embedder) -> Iterator[bool]:
        """Embed batch after batch, True after each. The lock of the file is not held while the model works."""
        sql = f"SELECT number, text FROM search_texts WHERE number > ? AND {UNREAD} ORDER BY number LIMIT ?"  # noqa: S608
        last = 0
        while True:
            with self._connections.read() as connection:
                fault = model_fault(connection, embedder)
                city = city_number(connection, self.city)
                rows = connection.execute(sql, (last, city, TEXTS_AT_ONCE)).fetchall()
            if fault is not None:
                raise BadData(f"Vectors refused: {fault}.")
            if not rows:
                return
            vectors = embedder.embed([text for _, text in rows])
            with self._connections.write() as connection:
                write_vectors(connection, embedder, [number for number, _ in rows], vectors)
            last = rows[-1][0]
            yield True

    def _pending(self) -> int:
        with self._connections.read() as connection:
            sql = f"SELECT count(*) FROM search_texts WHERE {UNREAD}"  # noqa: S608
            return int(connection.execute(sql, (city_number(connection, self.city),)).fetchone()[0])

    # ------------------------------------------------------------ care

    def health(self) -> SearchHealth:
        """What the store holds and what is wrong with it."""
        with self._connections.read() as connection:
            city = city_number(connection, self.city)
            kinds = connection.execute(
                "SELECT kind, count(*) FROM search_documents WHERE city = ? GROUP BY kind ORDER BY kind", (city,)
            ).fetchall()
            texts, embedded = connection.execute(
                "SELECT count(*), count(v.text) FROM (SELECT DISTINCT meaning FROM search_documents WHERE city = ?)"
                " LEFT JOIN search_vectors v ON v.text = meaning",
                (city,),
            ).fetchone()
            fault = model_fault(connection, self._embedder) if self._embedder else "no embedding model is configured"
            faults = [NOT_INDEXED.format(city=self.city)] if not kinds else []
            return SearchHealth(
                dict(kinds), texts, embedded, kept_model(connection), (*faults, *([fault] if fault else []))
            )

    def note_purge(self) -> None:
        """Note in the file that it must be purged, so that it happens whatever ends now. Raises StoreUnavailable."""
        self._purge.note()

    def purge(self) -> bool:
        """Overwrite what removed documents left in the file; False when others are in the way: it happens later.

        It is then made up for in the background (`embed_in_background`), by whichever process does that. Vectors in
        memory, of other processes too, are read anew at the next search; the approximate index is deleted.
        """
        return self._purge.now()

    def close(self) -> None:
        """End the background threads and close the file."""
        self._closing.set()
        self._background.close()
        if self._making is not None:
            self._making.join()
        self._costs.keep(self.planner.costs)
        self._connections.close()


def _newest(columns: Columns, places: Numbers) -> datetime | None:
    """The time of the newest of the documents."""
    newest = columns.newest(places)
    return None if newest is None else datetime.fromtimestamp(newest, UTC)


def _gap(covered: int, documents: int) -> str | None:
    """The sentence for documents within the limits that have no vector."""
    if covered == documents:
        return None
    return f"meaning search still covers {covered} of {documents} documents; the others are found by words alone"
