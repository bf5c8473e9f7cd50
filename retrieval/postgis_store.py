"""Search for a server: PostgreSQL with PostGIS holds the documents, Weaviate finds what is near in meaning.

search = PostgisSearch(store.url, "berkeley", WeaviateSide(WeaviateAddress("http://weaviate:8080")), MiniLM())

A write goes to PostgreSQL first, where a document stays marked until Weaviate has it too; whatever ends between the two
is made good by the next `embed_pending`. What Weaviate gives is looked up in PostgreSQL before it is shown, so that an
object that is there too long is never a hit. Without Weaviate the search goes on, by less, and says so.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
from sqlalchemy import URL

from domain.errors import BadData, NotNow
from domain.ports import Embedder
from retrieval import postgis_sending, postgis_writing
from retrieval.background import Background
from retrieval.costs import Cost
from retrieval.planner import FEW, Plan, Planner
from retrieval.postgis_census import CensusCache, Counts
from retrieval.postgis_limits import Limits, limits_of
from retrieval.postgis_ranking import ALONE, WORDS_ALONE, Asked, Meanings, compare_meanings, rank
from retrieval.postgis_samples import RecallSamples
from retrieval.postgis_source import Candidates, Limited, VectorSearch, read_candidates
from retrieval.postgis_tables import LOCK_MS, CityRow, Connection, PostgisConnections, read_city
from retrieval.postgis_vectors import forget_vectors, kept_model, model_fault, vector_name
from retrieval.postgis_words import WordCounts
from retrieval.postgis_writing import folded
from retrieval.query_vectors import QueryVectors
from retrieval.store import Document, Found, SearchHealth, SearchRequest
from retrieval.tally import Tally, tallied
from retrieval.weaviate_side import WeaviateSide
from retrieval.words import plain, terms

__all__ = ["PostgisSearch", "server_planner"]

Floats = npt.NDArray[np.float32]
log = logging.getLogger(__name__)
AT_ONCE = 1_000  # documents in one transaction, so that nobody waits long for the writer's lock
MANY = 2_000  # documents written at once after which the tables are tidied, rather than by the server some time later
VECTOR_S = 0.3  # for everything that one search asks of Weaviate: an answer without it comes within half a second
CARE_S = 0.5  # for the deletions of one call
HEALTH_S = 5.0  # for a look whether Weaviate is well, which may be the first call of this process
LOOK_S = 60.0  # between two looks whether Weaviate has lost something
BRIEF_MS = 300  # for the tables in the background: who would read waits behind
PORTION_S = 0.5  # of the work in the background between two pauses
NOT_INDEXED = "nothing of {city} has been indexed for search yet; run roundsman load CITY_FOLDER"
NO_MODEL = "no embedding model is configured"
SERVER_COSTS: dict[str, Cost] = {Plan.LIMITS_FIRST: Cost(3.0, 2.0), Plan.MEANING_FIRST: Cost(3.0, 10.0)}  # a start


def server_planner(only: Plan | None = None) -> Planner:
    """A planner of searches that servers do: by the clock, the recall sampled beside; `only`: always that plan."""
    return Planner(SERVER_COSTS, clock=time.perf_counter, sample_every=0, only=only)


@dataclass(frozen=True)
class _Looked:
    """What the limits of a request leave in a city: counted, and read where it is little."""

    city: CityRow
    limits: Limits
    counts: Counts
    estimated: int
    candidates: Candidates | None


class PostgisSearch:
    """The documents of one city in PostgreSQL and Weaviate. Making one opens nothing; safe for many threads.

    `vector_s` is the most that one search waits for Weaviate.
    """

    def __init__(
        self, url: URL, city: str, side: WeaviateSide, embedder: Embedder | None = None, vector_s: float = VECTOR_S
    ) -> None:
        self.city = city
        self._side = side
        self._embedder = embedder
        self._vector_s = vector_s
        self._connections = PostgisConnections(url)
        self._census = CensusCache()
        self._words = WordCounts()
        self.planner = server_planner()
        self.tally = Tally("postgis")
        self.samples = RecallSamples(self._connections, self.tally)
        self._queries = QueryVectors(embedder)
        self._next_look = 0.0
        self._refused = threading.Event()  # a note of a purge
        self._untidied = 0  # documents marked as sent since the tables were tidied
        self._background = Background(self._brought_up, lambda: self._purged(BRIEF_MS), "the vector index is behind")

    # ------------------------------------------------------------ writing

    def upsert(self, documents: Sequence[Document]) -> int:
        """Add documents, or replace those of the same id; gives back how many were new or changed."""
        changed = 0
        for start in range(0, len(documents), AT_ONCE):
            with self._connections.write() as connection:
                city = postgis_writing.make_city(connection, self.city)
                changed += postgis_writing.write(connection, city, documents[start : start + AT_ONCE])
        if changed >= MANY:
            self._connections.tidy()
        return changed

    def delete(self, ids: Sequence[str]) -> int:
        """Remove documents by id, from Weaviate as well, or as soon as it can be reached; gives back how many."""
        with self._connections.write() as connection:
            city = read_city(connection, self.city)
            if city is None:
                return 0
            rows = postgis_writing.rows_of(connection, city, ids)
            postgis_writing.remove(connection, city, rows)
            postgis_writing.sweep_texts(connection)
        try:
            self._forget_gone(city, CARE_S)
        except NotNow as error:
            log.warning("%d removed documents are still in the vector index: %s", len(rows), error)
        return len(rows)

    def replace(self, kind: str, documents: Sequence[Document], digest: str) -> int:
        """Make `documents` all there is of a kind, and remember their digest; gives back how many changed."""
        kept = {plain(document.id) for document in documents}
        changed = self.upsert(documents) + self.delete(sorted(self._ids(kind) - kept))
        self.remember(kind, digest)
        return changed

    def remember(self, kind: str, digest: str) -> None:
        """Keep the digest of what a kind's documents are made from."""
        sql = "INSERT INTO search_digests VALUES (%s, %s, %s) ON CONFLICT (city, kind) DO UPDATE SET digest = %s"
        with self._connections.write() as connection:
            city = postgis_writing.make_city(connection, self.city)
            connection.execute(sql, (city.number, kind, digest, digest))

    def digest(self, kind: str) -> str | None:
        """The digest that was last remembered for a kind."""
        sql = "SELECT digest FROM search_digests JOIN search_cities ON number = city WHERE name = %s AND kind = %s"
        with self._connections.read() as connection:
            found = connection.execute(sql, (self.city, kind)).fetchone()
        return str(found[0]) if found else None

    def _ids(self, kind: str) -> set[str]:
        sql = "SELECT id FROM search_documents JOIN search_cities ON number = city WHERE name = %s AND kind = %s"
        with self._connections.read() as connection:
            return {id_ for (id_,) in connection.execute(sql, (self.city, kind))}

    # ------------------------------------------------------------ searching

    @tallied
    def search(self, request: SearchRequest) -> Found:
        """The best documents by words and meaning. Falls back to words alone, and says so. Raises DeadlineExceeded."""
        ends = time.monotonic() + request.deadline_s
        tenant = request.tenant or self.city
        with self._connections.read(request.deadline_s) as connection:
            looked = self._looked(connection, request, tenant)
            if looked is None:
                return Found((), 0, 0, None, "nothing", degraded=(NOT_INDEXED.format(city=tenant),))
            counts = looked.counts
            empty = Found((), 0, counts.documents, _moment(counts.newest), "nothing", counts.kinds)
            words = terms(request.text)
            if not words or not counts.documents:
                return empty
            behind = sum(counts.sent.values()) < counts.documents
            weights = self._words.weights(connection, looked.city, folded(" ".join(words)))
            asked = Asked(request, looked.city, looked.limits, looked.candidates, weights, behind)
            meanings = self._meanings(connection, asked, looked, ends)
            gap = () if meanings.vector is None else _gap(counts, meanings.compared)
            ranked = rank(connection, asked, meanings)
        self.samples.offer(looked.limits, meanings)
        matching = counts.documents if ranked.matching is None else ranked.matching
        trace = meanings.trace and replace(meanings.trace, estimated=looked.estimated, actual=counts.documents)
        plan = WORDS_ALONE if trace is None else trace.plan
        degraded = meanings.degraded or gap
        return replace(empty, hits=ranked.hits, matching=matching, plan=plan, degraded=degraded, trace=trace)

    def estimate(self, request: SearchRequest) -> int:
        """How many documents the limits of a request leave to search, its text aside; here the exact number."""
        with self._connections.read(request.deadline_s) as connection:
            city = read_city(connection, request.tenant or self.city)
            if city is None:
                return 0
            return self._census.within(connection, city, limits_of(request, city.number)).documents

    def _looked(self, connection: Connection, request: SearchRequest, tenant: str) -> _Looked | None:
        city = read_city(connection, tenant)
        if city is None:
            return None
        limits = limits_of(request, city.number)
        estimated = self._census.current(connection, city).estimate(request)
        candidates = read_candidates(connection, limits, FEW) if estimated <= FEW else None
        counts = self._census.within(connection, city, limits) if candidates is None else candidates.counts()
        if candidates is None and counts.documents <= FEW:  # times, fields and areas are not in the estimate
            candidates = read_candidates(connection, limits, FEW)
        return _Looked(city, limits, counts, estimated, candidates)

    def _meanings(self, connection: Connection, asked: Asked, looked: _Looked, ends: float) -> Meanings:
        """What is near in meaning, or why that is not known; neither when meaning was not asked for."""
        if asked.request.alpha == 0:
            return Meanings()
        given = self._queries.given(asked.request)
        if self._embedder is None:
            return Meanings(degraded=(ALONE.format(why=NO_MODEL),))
        fault = model_fault(connection, self._embedder)
        if fault is not None:
            return Meanings(degraded=(ALONE.format(why=fault),))
        try:
            vector = self._queries.asked(asked.request) if given is None else given
        except (NotNow, BadData) as error:
            return Meanings(degraded=(ALONE.format(why=error),))
        until = min(ends, time.monotonic() + self._vector_s)
        limited = Limited(asked.request, asked.limits, asked.candidates)
        source = VectorSearch(self._side, connection, looked.city, limited, until)
        source.aim(vector_name(self._embedder.name), vector, tuple(looked.counts.sent), looked.counts.documents)
        return compare_meanings(connection, asked, source, self.planner, vector)

    # ------------------------------------------------------------ vectors

    def embed_pending(self, budget_s: float) -> int:
        """Make vectors for texts that have none, and bring Weaviate up to date, for about so long; how many are left.

        Raises BadData when another model's vectors are kept, ModelUnavailable when the model is missing,
        StoreUnavailable or DeadlineExceeded when Weaviate does not take them; what was embedded stays.
        """
        ends = time.monotonic() + budget_s
        sending = self._sending(self.city)
        with suppress(NotNow):
            self._look_for_losses(sending)
        while time.monotonic() < ends and sending.embed_some():
            pass
        while some := sending.send_some():  # at least one part, or a slow model would starve it
            self._untidied += some
            if time.monotonic() >= ends:
                break
        left = sending.left()
        if not left and self._untidied >= MANY:
            self._connections.tidy()
            self._untidied = 0
        return left

    def _look_for_losses(self, sending: postgis_sending.Sending) -> None:
        """Now and then, whether Weaviate still holds what it was sent: a disk may be lost or exchanged."""
        if time.monotonic() < self._next_look:
            return
        lacking = sending.send_again_if_lost()
        self._next_look = time.monotonic() + LOOK_S
        if lacking:
            log.warning("the vector index has lost documents, %d of a sample: all are sent again", lacking)

    def embed_in_background(self) -> None:
        """Keep vectors and Weaviate up to date in a thread that ends by itself when all is done, or at `close`."""
        self._side.warm()
        self._background.begin()

    def warm(self) -> None:
        """Connect to both servers, count where documents are and read the words that many of them hold.

        So that the first search need not wait for it.
        """
        self._side.warm()
        with self._connections.read() as connection:
            city = read_city(connection, self.city)
            if city is not None:
                self._census.current(connection, city)
                self._words.lists.read_ahead(connection, city)

    def _brought_up(self) -> bool:
        return self.embed_pending(PORTION_S) == 0 or self._embedder is None

    def adopt_model(self) -> bool:
        """Forget the vectors of another model than the embedder's, so that they are made again; whether it did."""
        with self._connections.write() as connection:
            foreign = self._embedder is not None and model_fault(connection, self._embedder) is not None
            names = forget_vectors(connection) if foreign else []
            cities = [city for name in names if (city := read_city(connection, name)) is not None]
        try:
            for city in cities:
                self._sending(city.name).drop_foreign(city)
        except NotNow as error:
            log.warning("vectors of another model are still in the vector index, and go before any is sent: %s", error)
        return foreign

    def purge(self) -> bool:
        """Write the tables anew without what removed documents left; False when others are in the way, or Weaviate is
        away: neither keeps the other from being done.

        It is then made up for in the background (`embed_in_background`), by whichever process does that. PostgreSQL's
        write-ahead log and its backups keep older pages for as long as they are set to.
        """
        try:
            self.note_purge()
            gone = self._vectors_gone()
            return self._purged(LOCK_MS) and gone
        except NotNow:
            return False

    def _vectors_gone(self) -> bool:
        """Whether Weaviate holds nothing any more that was removed here."""
        with self._connections.read() as connection:
            city = read_city(connection, self.city)
        if city is None:
            return True
        try:
            self._forget_gone(city, CARE_S)
        except NotNow as error:
            log.warning("removed documents are still in the vector index: %s", error)
            return False
        return True

    def note_purge(self) -> None:
        """Note that the tables must be purged, so that it happens whatever ends now. Raises StoreUnavailable.

        What the database refused to note is noted at the next try of this process.
        """
        try:
            with self._connections.write() as connection:
                postgis_writing.note_purge(connection)
        except NotNow:
            self._refused.set()
            raise

    def _purged(self, wait_ms: int) -> bool:
        """Whether nothing waits to be purged, once that was tried. Raises NotNow; the note then stands."""
        if self._refused.is_set():
            self._refused.clear()  # before, so that a refusal meanwhile is not forgotten
            self.note_purge()
        with self._connections.read() as connection:
            noted = postgis_writing.noted_purge(connection)
        if noted is not None:
            with self._connections.write() as connection:
                postgis_writing.sweep_texts(connection)
            if not self._connections.rewrite(wait_ms):
                return False
            with self._connections.write() as connection:
                postgis_writing.forget_purge(connection, noted)
        return True

    def _forget_gone(self, city: CityRow, deadline_s: float) -> None:
        self._sending(city.name).forget_gone(city, deadline_s)

    def _sending(self, city: str) -> postgis_sending.Sending:
        return postgis_sending.Sending(self._connections, self._side, city, self._embedder)

    # ------------------------------------------------------------ care

    def health(self) -> SearchHealth:
        """What the store holds and what is wrong with it, Weaviate included."""
        with self._connections.read() as connection:
            city = read_city(connection, self.city)
            number = city.number if city else -1
            sql = "SELECT kind, count(*) FROM search_documents WHERE city = %s GROUP BY kind ORDER BY kind"
            kinds = {kind: int(count) for kind, count in connection.execute(sql, (number,))}
            texts, embedded = postgis_sending.count_texts(connection, number)
            waiting = postgis_sending.count_waiting(connection, number)
            fault = model_fault(connection, self._embedder) if self._embedder else NO_MODEL
            model = kept_model(connection)
        faults = [NOT_INDEXED.format(city=self.city)] if not kinds else []
        faults += [fault] if fault else []
        faults += [f"{waiting} changes have not reached the vector index yet"] if waiting else []
        try:
            version = self._side.version(HEALTH_S)
        except (NotNow, BadData) as error:
            version = "that does not answer"
            faults.append(str(error))
        back_end = f"PostGIS and Weaviate {version}"
        return SearchHealth(kinds, texts, embedded, model, tuple(faults), back_end)

    def close(self) -> None:
        """End the background thread and all connections."""
        self._background.end_soon()
        self.samples.close()
        self._side.close()
        self._background.close()
        self._connections.close()


def _gap(counts: Counts, compared: int) -> tuple[str, ...]:
    """The sentence for documents within the limits that neither Weaviate holds nor were `compared` here."""
    covered = sum(counts.sent.values()) + compared
    if covered == counts.documents:
        return ()
    return (f"meaning search still covers {covered} of {counts.documents} documents; "
            "the others are found by words alone",)  # fmt: skip


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
