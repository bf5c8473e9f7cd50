"""PostGIS and Weaviate together: what a search says while Weaviate fails, and what is made good afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
import pytest
from embedders import ConceptEmbedder
from sqlalchemy import make_url
from weaviate_double import Double

from domain.errors import DeadlineExceeded, NotNow, StoreUnavailable
from retrieval.breaker import Breaker
from retrieval.postgis_store import PostgisSearch
from retrieval.sqlite_store import SqliteSearch
from retrieval.store import Circle, Document, Found, SearchRequest
from retrieval.vector_collections import VECTOR_NAMES
from retrieval.weaviate_side import Near, WeaviateAddress, WeaviateSide

pytestmark = pytest.mark.postgis
NOON = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)
SATHER = (37.8703, -122.2595)
WITHIN_S = 0.5  # for an answer without Weaviate
FAULTS: dict[str, dict[str, object]] = {
    "hangs": {"hang": True},
    "is slow": {"slow_s": 2.0},
    "says UNAVAILABLE": {"unavailable": True},
    "has lost two of three nodes": {"lost_nodes": 2},
}


def note(number: int, text: str, **more: object) -> Document:
    """A request that is found by its text."""
    made = Document(f"requests/{number}", "requests", f"Request {number}", text, f"records:requests/{number}")
    return replace(made, **more)  # type: ignore[arg-type]


DOCUMENTS = [
    note(1, "rats at the corner", lat=SATHER[0], lon=SATHER[1], at=NOON),
    note(2, "bin is overflowing", lat=37.8712, lon=-122.2595, at=NOON - timedelta(days=1)),
    Document("handbook/pests.md", "handbook", "Pests", "Set traps.", "handbook/pests.md"),
]


@pytest.fixture
def database(postgres_url: str) -> Iterator[str]:
    """The URL of a database with PostGIS and nothing else."""
    name = f"search_{time.monotonic_ns()}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE with_postgis")
    yield postgres_url.replace("/postgres?", f"/{name}?")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def opened(
    database: str, double: Double, breaker: Breaker | None = None, embedder: ConceptEmbedder | None = None
) -> PostgisSearch:
    """A search that waits for Weaviate as long as it does in operation, and is connected already."""
    side = WeaviateSide(WeaviateAddress(double.url, double.grpc_port), breaker)
    made = PostgisSearch(make_url(database), "smalltown", side, embedder or ConceptEmbedder())
    side.version(10)
    return made


class Wider(ConceptEmbedder):
    """Another model, whose vectors have one number more: Weaviate refuses them beside the old ones."""

    dimensions = ConceptEmbedder.dimensions + 1

    def __init__(self) -> None:
        super().__init__("wider")


@pytest.fixture
def search(database: str, double: Double) -> Iterator[PostgisSearch]:
    """Three documents with vectors, on both sides."""
    with closing(opened(database, double)) as made:
        made.upsert(DOCUMENTS)
        assert made.embed_pending(30) == 0
        made.search(SearchRequest("vermin"))  # what is slow only once
        yield made


def timed(search: PostgisSearch, request: SearchRequest) -> tuple[Found, float]:
    """What is found, and the seconds it took."""
    began = time.monotonic()
    found = search.search(request)
    return found, time.monotonic() - began


def tells(search: PostgisSearch, sql: str) -> object:
    """One value from the search tables."""
    with search._connections.read() as connection:
        row = connection.execute(sql).fetchone()
    return row[0] if row else None


# ---------------------------------------------------------------- Weaviate fails


@pytest.mark.parametrize("fault", FAULTS)
def test_a_search_is_answered_within_half_a_second_and_says_so_when_weaviate(
    search: PostgisSearch, double: Double, fault: str
) -> None:
    double.set(**FAULTS[fault])
    for _ in range(4):
        found, seconds = timed(search, SearchRequest("vermin corner"))
        assert seconds < WITHIN_S
        assert found.hits[0].document.id == "requests/1"
        assert len(found.degraded) == 1
        assert "the vector index" in found.degraded[0]


def test_a_search_is_answered_within_half_a_second_when_weaviate_is_dead(database: str) -> None:
    with Double.started() as mortal, closing(opened(database, mortal)) as search:
        search.upsert(DOCUMENTS)
        assert search.embed_pending(30) == 0
        mortal.die()
        for _ in range(4):
            found, seconds = timed(search, SearchRequest("vermin corner"))
            assert seconds < WITHIN_S
            assert found.hits[0].document.id == "requests/1"
            assert "the vector index" in found.degraded[0]
        assert any("vector index" in fault for fault in search.health().faults)


def test_a_server_that_never_was_there_is_not_waited_for(database: str) -> None:
    side = WeaviateSide(WeaviateAddress("http://127.0.0.1:9", 10))
    with closing(PostgisSearch(make_url(database), "smalltown", side, ConceptEmbedder())) as search:
        search.upsert(DOCUMENTS)
        with pytest.raises(NotNow):
            search.embed_pending(5)
        found, seconds = timed(search, SearchRequest("vermin corner"))
        assert seconds < WITHIN_S
        assert found.hits[0].document.id == "requests/1"


def test_few_documents_are_still_compared_by_meaning_with_the_database_s_own_vectors(
    search: PostgisSearch, double: Double
) -> None:
    whole = search.search(SearchRequest("vermin", floor=0.2))
    double.set(unavailable=True)
    found = search.search(SearchRequest("vermin", floor=0.2))
    assert "own copy" in found.degraded[0]
    assert found.trace is not None
    assert [(hit.document.id, hit.dense) for hit in found.hits] == [
        (hit.document.id, hit.dense) for hit in whole.hits
    ]  # fmt: skip
    assert found.matching == whole.matching == 1


def test_an_open_circuit_costs_no_time_and_closes_when_the_server_is_back(database: str, double: Double) -> None:
    with closing(opened(database, double, Breaker(rest_s=1.0))) as search:
        search.upsert(DOCUMENTS)
        assert search.embed_pending(30) == 0
        double.set(hang=True)
        for _ in range(2):
            search.search(SearchRequest("vermin"))
        assert search._side.breaker.is_open
        found, seconds = timed(search, SearchRequest("vermin"))
        assert seconds < 0.2
        assert "left alone" in found.degraded[0]
        double.heal()
        _until(lambda: not search.search(SearchRequest("vermin")).degraded)


def test_a_lost_node_of_three_changes_nothing(search: PostgisSearch, double: Double) -> None:
    whole = search.search(SearchRequest("vermin corner"))
    double.set(lost_nodes=1)
    assert search.search(SearchRequest("vermin corner")) == whole
    search.upsert([note(4, "rodent")])
    assert search.embed_pending(30) == 0


def test_words_alone_ask_nothing_of_weaviate(search: PostgisSearch, double: Double) -> None:
    double.set(hang=True)
    found, _ = timed(search, SearchRequest("corner", alpha=0))
    assert (found.degraded, found.plan) == ((), "words alone")


def test_health_names_the_side_that_is_ill(search: PostgisSearch, double: Double) -> None:
    assert search.health().faults == ()
    assert search.health().back_end == "PostGIS and Weaviate 1.38.6-stand-in"
    double.set(not_ready=True)
    assert search.health().faults == ("the vector index is not ready.",)


# ---------------------------------------------------------------- a write ends halfway


def test_what_weaviate_did_not_take_is_marked_and_taken_later(search: PostgisSearch, double: Double) -> None:
    double.set(refuse_writes=True)
    search.upsert([note(5, "rodent in the yard")])
    with pytest.raises(StoreUnavailable, match="disk usage"):
        search.embed_pending(30)
    assert "1 changes have not reached the vector index yet" in search.health().faults
    found = search.search(SearchRequest("vermin", k=2))
    assert "requests/5" in [hit.document.id for hit in found.hits if hit.dense]
    assert found.degraded == ()  # its vector is there, and compared here
    search.upsert([note(6, "glass in the yard")])
    found = search.search(SearchRequest("glass"))
    assert found.hits[0].document.id == "requests/6"
    assert found.degraded == ("meaning search still covers 4 of 5 documents; the others are found by words alone",)
    search.delete(["requests/6"])
    double.heal()
    assert search.embed_pending(30) == 0
    assert search.search(SearchRequest("vermin", floor=0.2)).matching == 2
    assert search.health().faults == ()


def test_a_deletion_reaches_weaviate_at_once_or_as_soon_as_it_is_there(search: PostgisSearch, double: Double) -> None:
    held = double.held()
    search.delete(["handbook/pests.md"])
    assert double.held()["Handbook"] == {"smalltown": held["Handbook"]["smalltown"] - 1}
    double.set(unavailable=True)
    assert search.delete(["requests/1"]) == 1
    assert double.held()["Requests"] == {"smalltown": 2}
    double.heal()
    assert "requests/1" not in [hit.document.id for hit in search.search(SearchRequest("vermin")).hits]
    _until(lambda: search.embed_pending(10) == 0)
    assert double.held()["Requests"] == {"smalltown": 1}
    assert tells(search, "SELECT count(*) FROM search_gone") == 0


def test_a_document_that_goes_while_it_is_sent_does_not_stay_in_weaviate(search: PostgisSearch, double: Double) -> None:
    put = search._side.put

    def put_and_lose(tenant: str, objects: list[object], deadline_s: float) -> None:
        put(tenant, objects, deadline_s)  # type: ignore[arg-type]
        search.delete(["requests/6"])

    search.upsert([note(6, "rodent")])
    search._side.put = put_and_lose  # type: ignore[assignment,method-assign]
    search.embed_pending(30)
    search._side.put = put  # type: ignore[method-assign]
    assert search.embed_pending(30) == 0
    assert double.held()["Requests"] == {"smalltown": 2}


def test_an_object_that_another_database_left_behind_is_no_hit(search: PostgisSearch) -> None:
    assert search.search(SearchRequest("vermin", alpha=1)).hits
    with search._connections.write() as connection:  # as if this database had been made anew
        connection.execute("UPDATE search_cities SET key = %s", (b"another!",))
    assert search.search(SearchRequest("vermin", alpha=1)).hits == ()


def test_everything_is_sent_again_to_a_weaviate_that_lost_its_disk(
    database: str, search: PostgisSearch, double: Double
) -> None:
    double.forget()
    assert "the vector index" in search.search(SearchRequest("vermin")).degraded[0]
    with closing(opened(database, double)) as restarted:
        assert restarted.embed_pending(30) == 0
    assert double.held()["Requests"] == {"smalltown": 2}
    _until(lambda: not search.search(SearchRequest("vermin")).degraded)


def test_the_background_waits_for_a_server_that_is_away(database: str, double: Double) -> None:
    double.set(unavailable=True)
    side = WeaviateSide(WeaviateAddress(double.url, double.grpc_port))
    with closing(PostgisSearch(make_url(database), "smalltown", side, ConceptEmbedder())) as search:
        search.upsert(DOCUMENTS)
        search.embed_in_background()
        _until(lambda: tells(search, "SELECT count(*) FROM search_vectors") == 3)
    assert search._background.wait(0)


# ---------------------------------------------------------------- another model, another name


def test_a_change_of_model_while_weaviate_is_away_is_made_good_when_it_is_back(
    database: str, search: PostgisSearch, double: Double
) -> None:
    away = WeaviateSide(WeaviateAddress("http://127.0.0.1:9", 10))
    with closing(PostgisSearch(make_url(database), "smalltown", away, Wider())) as alone:
        assert alone.adopt_model()
        with pytest.raises(NotNow):
            alone.embed_pending(5)
        found = alone.search(SearchRequest("vermin", alpha=1, k=1))  # of Weaviate nothing is asked meanwhile
        assert ([hit.document.id for hit in found.hits], found.degraded) == (["requests/1"], ())
    with closing(opened(database, double, embedder=Wider())) as back:
        assert not back.adopt_model()
        assert any("not reached the vector index" in fault for fault in back.health().faults)
        assert back.embed_pending(30) == 0
        assert double.held()["Requests"] == {"smalltown": 2}
        assert back.health().faults == ()
        found = back.search(SearchRequest("vermin", alpha=1, k=1))
        assert ([hit.document.id for hit in found.hits], found.degraded) == (["requests/1"], ())


def test_what_is_sent_while_the_model_changes_is_not_taken_for_the_new_model_s(
    database: str, search: PostgisSearch, double: Double
) -> None:
    put = search._side.put
    with closing(opened(database, double, embedder=Wider())) as other:

        def put_and_change(tenant: str, objects: list[object], deadline_s: float) -> None:
            put(tenant, objects, deadline_s)  # type: ignore[arg-type]
            other.adopt_model()

        search.upsert([note(6, "rodent")])
        search._side.put = put_and_change  # type: ignore[assignment,method-assign]
        with pytest.raises(NotNow, match="another model"):
            search.embed_pending(30)
        assert other.embed_pending(30) == 0
        assert double.held()["Requests"] == {"smalltown": 3}
        assert other.search(SearchRequest("vermin", floor=0.3)).matching == 2


def test_vectors_of_the_service_have_a_name_of_their_own_in_weaviate(database: str, double: Double) -> None:
    embedder = ConceptEmbedder("openai:small")
    with closing(opened(database, double, embedder=embedder)) as search:
        search.upsert(DOCUMENTS)
        assert search.embed_pending(30) == 0
        found = search.search(SearchRequest("vermin", alpha=1, k=1))
        assert ([hit.document.id for hit in found.hits], found.degraded) == (["requests/1"], ())
        (vector,) = embedder.embed(["vermin"])
        held = {name: search._side.near("smalltown", Near(name, vector, ("requests",), 9), 10) for name in VECTOR_NAMES}
    assert {name: len(near) for name, near in held.items()} == {"custom": 0, "openai": 2}


# ---------------------------------------------------------------- time, and what is left in files


def test_many_statements_together_take_no_longer_than_their_deadline(search: PostgisSearch) -> None:
    began = time.monotonic()

    def thirty_times() -> None:
        with search._connections.read(0.6) as connection:
            for _ in range(30):
                connection.execute("SELECT pg_sleep(0.1)")

    with pytest.raises(DeadlineExceeded):
        thirty_times()
    assert time.monotonic() - began < 1.25 * 0.6 + 0.3
    with search._connections.read(5) as connection:  # the same connection, with time of its own
        connection.execute("SELECT pg_sleep(0.7)")


def test_a_purge_that_had_to_wait_is_made_up_for(search: PostgisSearch, double: Double) -> None:
    file = "SELECT pg_relation_filenode('search_documents')"
    before = tells(search, file)
    search.delete(["requests/2"])
    with search._connections.read() as reading:
        reading.execute("SELECT count(*) FROM search_documents")
        assert not search.purge()
        assert tells(search, file) == before
    search.embed_in_background()
    _until(lambda: tells(search, file) != before)
    assert search._background.wait(20)
    after = tells(search, file)
    search.embed_in_background()
    assert search._background.wait(20)
    assert tells(search, file) == after  # once is enough


def test_while_weaviate_is_away_what_was_removed_is_overwritten_here_at_once(
    search: PostgisSearch, double: Double
) -> None:
    file = "SELECT pg_relation_filenode('search_documents')"
    before = tells(search, file)
    double.set(unavailable=True)
    search.delete(["requests/2"])
    assert not search.purge()  # Weaviate has it still
    assert tells(search, file) != before
    assert tells(search, "SELECT count(*) FROM search_notes WHERE name = 'purge'") == 0
    assert tells(search, "SELECT count(*) FROM search_gone") == 1
    double.heal()
    _until(search.purge)
    assert tells(search, "SELECT count(*) FROM search_gone") == 0


def test_a_purge_that_had_to_wait_is_made_up_for_while_weaviate_is_away(search: PostgisSearch, double: Double) -> None:
    file = "SELECT pg_relation_filenode('search_documents')"
    before = tells(search, file)
    double.set(unavailable=True)
    with search._connections.read() as reading:
        reading.execute("SELECT count(*) FROM search_documents")
        search.delete(["requests/2"])
        assert not search.purge()
    search.embed_in_background()
    _until(lambda: tells(search, file) != before)
    assert double.held()["Requests"] == {"smalltown": 2}


def test_tables_that_were_made_earlier_get_the_index_of_places(
    search: PostgisSearch, database: str, double: Double
) -> None:
    with search._connections.write() as connection:
        connection.execute("DROP INDEX search_documents_striped")
        connection.execute("CREATE INDEX search_documents_globe ON search_documents USING gist ((spot::geography))")
        connection.execute("CREATE INDEX search_documents_placed ON search_documents (city, lat)")
    with closing(opened(database, double)) as later:
        near = later.search(SearchRequest("rats", near=Circle(*SATHER, 50)))
    assert [hit.document.id for hit in near.hits] == ["requests/1"]
    names = "SELECT array_agg(indexname::text) FROM pg_indexes WHERE tablename = 'search_documents'"
    there = tells(search, names)
    assert isinstance(there, list)
    assert "search_documents_striped" in there
    assert not {"search_documents_globe", "search_documents_placed"} & {*there}


# ---------------------------------------------------------------- the same as the embedded back end


def test_both_back_ends_give_the_same_scores(search: PostgisSearch, tmp_path: Path) -> None:
    random = np.random.default_rng(7)
    words = ["rats", "overflow", "truck", "snow", "glass", "corner", "the", "bins", "trapped", "w1", "w2"]
    said = [" ".join(random.choice(words, int(random.integers(1, 9)))) for _ in range(400)]
    placed = SATHER + random.normal(0, 0.01, (400, 2))
    documents = [
        note(n, text, at=NOON - timedelta(minutes=n % 50), lat=float(lat), lon=float(lon))
        for n, (text, (lat, lon)) in enumerate(zip(said, placed, strict=True))
    ]
    with closing(SqliteSearch(tmp_path / "s.db", "smalltown", ConceptEmbedder())) as embedded:
        for each in (search, embedded):
            each.delete([document.id for document in DOCUMENTS])
            each.upsert(documents)
            assert each.embed_pending(60) == 0
        for text in ("vermin corner", "trap overflow the glass", "w1"):
            for more in ({}, {"near": Circle(*SATHER, 700)}, {"floor": 0.4}, {"alpha": 0.0}, {"alpha": 1.0}):
                request = SearchRequest(text, k=15, **more)  # type: ignore[arg-type]
                ours, theirs = search.search(request), embedded.search(request)
                assert _listed(ours) == _listed(theirs), request
                assert np.allclose(_scored(ours), _scored(theirs), atol=1e-5), request
                assert (ours.searched, ours.matching) == (theirs.searched, theirs.matching)


def _listed(found: Found) -> list[tuple[object, ...]]:
    return [(hit.document.id, hit.bm25 is None, hit.dense is None) for hit in found.hits]


def _scored(found: Found) -> list[tuple[float, ...]]:
    return [(hit.score, hit.bm25 or 0.0, hit.dense or 0.0) for hit in found.hits]


def _until(holds: Callable[[], bool]) -> None:
    """Waits until something holds, half a minute at most."""
    give_up = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.1)
