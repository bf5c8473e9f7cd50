"""Search in a SQLite file: what is found, what is not, in which order, and what is said when a part is missing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from embedders import ConceptEmbedder, NoEmbedder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import BadData, DeadlineExceeded, OutOfRange, StoreUnavailable
from domain.spatial import haversine_m
from retrieval.sqlite_store import SqliteSearch
from retrieval.store import Area, Circle, Document, SearchRequest

NOON = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)
SATHER = (37.8703, -122.2595)


def note(number: int, text: str, **more: object) -> Document:
    """A request that is found by its text."""
    made = Document(f"requests/{number}", "requests", f"Request {number}", text, f"records:requests/{number}")
    return replace(made, **more)  # type: ignore[arg-type]


DOCUMENTS = [
    note(1, "rats at the corner", lat=SATHER[0], lon=SATHER[1], at=NOON),
    note(2, "bin is overflowing", lat=37.8712, lon=-122.2595, at=NOON - timedelta(days=1)),
    note(3, "snow on the path", at=NOON - timedelta(days=2), fields={"place": "Evans Hall", "area": "East"}),
    Document("handbook/pests.md", "handbook", "Pests", "Set traps and call the warden.", "handbook/pests.md"),
    Document(
        "sites/u15", "bins", "Sather Gate", "Bins for Waste.", "records:sites/u15", *SATHER, fields={"site_id": "u15"}
    ),
]


@pytest.fixture
def search(tmp_path: Path) -> Iterator[SqliteSearch]:
    """Five documents with vectors."""
    made = SqliteSearch(tmp_path / "search.db", "smalltown", ConceptEmbedder())
    made.upsert(DOCUMENTS)
    assert made.embed_pending(10) == 0
    yield made
    made.close()


def ids(search: SqliteSearch, text: str, **more: object) -> list[str]:
    """The ids of the hits, best first."""
    return [hit.document.id for hit in search.search(SearchRequest(text, **more)).hits]  # type: ignore[arg-type]


# ---------------------------------------------------------------- what is found


def test_a_word_finds_its_document_first(search: SqliteSearch) -> None:
    assert ids(search, "traps")[0] == "handbook/pests.md"


def test_an_inflected_word_and_other_accents_find_the_same(search: SqliteSearch) -> None:
    assert ids(search, "trapped wardens", alpha=0) == ["handbook/pests.md"]
    search.upsert([note(4, "Müll vor dem Café")])
    assert ids(search, "mull cafe", alpha=0) == ["requests/4"]


def test_a_word_that_no_document_holds_finds_by_meaning(search: SqliteSearch) -> None:
    found = search.search(SearchRequest("vermin", k=1, floor=0.2))
    assert [hit.document.id for hit in found.hits] == ["requests/1"]
    assert found.hits[0].bm25 is None
    assert found.hits[0].dense == pytest.approx(1 / 6**0.5, abs=1e-6)  # one word of six


def test_fields_are_found_by_words_and_have_no_meaning(search: SqliteSearch) -> None:
    assert ids(search, "Evans", alpha=0) == ["requests/3"]
    assert all("Evans" not in text for text in search._embedder.seen)  # type: ignore[union-attr]


def test_a_document_comes_back_as_it_was_given(search: SqliteSearch) -> None:
    document = note(
        9, "whole", lat=1.5, lon=-2.5, at=NOON, fields={"area": "X", "on": "ü"}, known_from=NOON, known_until=None
    )
    search.upsert([document])
    assert search.search(SearchRequest("whole", k=1)).hits[0].document == document


def test_with_a_floor_what_is_far_in_meaning_and_lacks_a_word_is_not_found(search: SqliteSearch) -> None:
    found = search.search(SearchRequest("quantum rats", floor=0.9))
    assert (found.hits, found.matching, found.searched) == ((), 0, 5)
    assert search.search(SearchRequest("corner rats", floor=0.9)).matching == 1


def test_matching_counts_all_hits_and_not_only_those_shown(search: SqliteSearch) -> None:
    search.upsert([note(n, "rats in the yard") for n in range(10, 40)])
    found = search.search(SearchRequest("rats yard", k=3, floor=0.99))
    assert (len(found.hits), found.matching) == (3, 30)


def test_nothing_is_found_where_nothing_was_indexed(tmp_path: Path) -> None:
    found = SqliteSearch(tmp_path / "new.db", "nowhere").search(SearchRequest("rats"))
    assert found.hits == ()
    assert found.degraded == ("nothing of nowhere has been indexed for search yet; run roundsman load CITY_FOLDER",)


def test_of_equal_hits_the_newest_comes_first_then_the_smaller_id(search: SqliteSearch) -> None:
    days = {50: 3, 51: 1, 52: 1}
    search.upsert([note(n, "same words", title="Request", at=NOON - timedelta(days=d)) for n, d in days.items()])
    assert ids(search, "same words", k=3) == ["requests/51", "requests/52", "requests/50"]


# ---------------------------------------------------------------- limits


def test_a_circle_holds_what_is_inside_and_says_how_far(search: SqliteSearch) -> None:
    found = search.search(SearchRequest("bin rats", near=Circle(*SATHER, 120), kinds=("requests",)))
    assert {hit.document.id: round(hit.distance_m or 0) for hit in found.hits} == {"requests/1": 0, "requests/2": 100}
    assert ids(search, "bin rats", near=Circle(*SATHER, 99), kinds=("requests",)) == ["requests/1"]


def test_an_area_is_what_the_records_say_and_its_circle_where_they_are_silent(search: SqliteSearch) -> None:
    search.upsert([note(60, "rats", lat=SATHER[0], lon=SATHER[1], fields={"area": "West"})])
    east = Area("East", frozenset({"u15"}), Circle(*SATHER, 200))
    # named East; a site of East; no area and inside the circle, twice. Not the one that stands there but is West's.
    assert set(ids(search, "rats snow bin", near=east)) == {"requests/3", "sites/u15", "requests/1", "requests/2"}
    assert set(ids(search, "rats snow bin", near=replace(east, circle=None))) == {"requests/3", "sites/u15"}


def test_an_area_that_no_document_names_is_its_circle(search: SqliteSearch) -> None:
    street = Area("Bancroft Way", circle=Circle(*SATHER, 50))
    assert set(ids(search, "rats", near=street)) == {"requests/1", "sites/u15"}


def test_a_window_begins_inclusive_ends_exclusive_and_leaves_out_what_has_no_date(search: SqliteSearch) -> None:
    day = timedelta(days=1)
    assert set(ids(search, "rats bin", since=NOON - day, until=NOON)) == {"requests/2"}
    assert set(ids(search, "rats bin", since=NOON - day)) == {"requests/1", "requests/2"}


def test_what_happened_or_was_known_only_later_is_not_there(search: SqliteSearch) -> None:
    opened, closed = NOON - timedelta(days=3), NOON - timedelta(days=1)
    search.upsert(
        [
            note(70, "warden came", at=opened, known_from=closed),
            replace(note(70, "", at=opened, known_until=closed), id="requests/70/open"),
        ]
    )
    assert ids(search, "request 70", k=1, as_of=closed - timedelta(seconds=1)) == ["requests/70/open"]
    assert "requests/70" not in ids(search, "warden", as_of=closed - timedelta(seconds=1))
    assert ids(search, "request 70", k=1, as_of=closed) == ["requests/70"]
    assert ids(search, "request 70", k=1) == ["requests/70"]
    assert "requests/1" not in ids(search, "rats", as_of=NOON - timedelta(minutes=1))


KIND = st.sampled_from(["requests", "bins", "handbook"])
DEGREES = st.tuples(st.floats(-90, 90), st.floats(-180, 180))
PLACED = st.one_of(
    st.none(), st.sampled_from([(0.0, 179.999), (0.0, -179.999), (89.999, 10.0), (89.999, -170.0)]), DEGREES
)
SOME = st.lists(st.tuples(KIND, PLACED, st.one_of(st.none(), st.integers(0, 5))), min_size=1, max_size=12)
LIMITS = st.fixed_dictionaries(
    {
        "kinds": st.lists(KIND, max_size=2, unique=True).map(tuple),
        "near": st.one_of(st.none(), st.builds(Circle, st.floats(-90, 90), st.floats(-180, 180), st.floats(1, 2.1e7))),
        "since": st.one_of(st.none(), st.integers(0, 5)),
        "until": st.one_of(st.none(), st.integers(0, 5)),
        "as_of": st.one_of(st.none(), st.integers(0, 5)),
    }
)


@given(some=SOME, limits=LIMITS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_hits_are_exactly_what_the_limits_leave(tmp_path: Path, some: list, limits: dict) -> None:  # type: ignore[type-arg]
    documents = [
        Document(
            str(n), kind, "rats", "", "r", *(place or (None, None)), None if day is None else NOON + timedelta(days=day)
        )
        for n, (kind, place, day) in enumerate(some)
    ]
    limits = {name: NOON + timedelta(days=value) if isinstance(value, int) else value for name, value in limits.items()}
    request = SearchRequest("rats", k=100, **limits)
    (tmp_path / "given.db").unlink(missing_ok=True)
    search = SqliteSearch(tmp_path / "given.db", "smalltown", ConceptEmbedder())
    search.upsert(documents)
    search.embed_pending(10)
    found = search.search(request)
    search.close()
    inside = {document.id for document in documents if _inside(document, request)}
    assert {hit.document.id for hit in found.hits} == inside
    assert (found.searched, found.matching) == (len(inside), len(inside))


def _inside(document: Document, request: SearchRequest) -> bool:
    at, near = document.at, request.near
    if request.kinds and document.kind not in request.kinds:
        return False
    if isinstance(near, Circle):
        metres = haversine_m(document.lat, document.lon or 0, near.lat, near.lon)
        if metres is None or metres > near.radius_m:
            return False
    if at is None:
        return request.since is None and request.until is None
    return (
        (request.since is None or at >= request.since)
        and (request.until is None or at < request.until)
        and (request.as_of is None or at <= request.as_of)
    )


@pytest.mark.parametrize("place", [(91.0, 0.0, 5.0), (0.0, 181.0, 5.0), (float("nan"), 0.0, 5.0)])
def test_a_place_off_the_earth_is_refused_in_words(place: tuple[float, float, float]) -> None:
    with pytest.raises(OutOfRange, match="is not on the earth"):
        Circle(*place)


@pytest.mark.parametrize("radius_m", [0.0, -1.0, float("inf")])
def test_a_radius_that_holds_nothing_is_refused_in_words(radius_m: float) -> None:
    with pytest.raises(OutOfRange, match="How many metres"):
        Circle(*SATHER, radius_m)


def test_an_unknown_kind_and_a_senseless_number_are_refused_in_words() -> None:
    with pytest.raises(OutOfRange, match="no documents of the kind “trucks”"):
        SearchRequest("rats", kinds=("trucks",))
    with pytest.raises(OutOfRange, match="1 to 1000 hits"):
        SearchRequest("rats", k=0)
    with pytest.raises(OutOfRange, match="from 0 to 1"):
        SearchRequest("rats", alpha=1.5)


# ---------------------------------------------------------------- any text, any order


@given(text=st.text(alphabet=st.characters(), max_size=300))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_of_a_user_raises(search: SqliteSearch, text: str) -> None:
    search.search(SearchRequest(text, floor=0.3))


@pytest.mark.parametrize(
    "text",
    ['"', '""', "NEAR(rats corner)", "rats AND", "title:rats", "*", "rats*", "-rats", "^rats", "{a b}:c", "' OR 1=1 --",
     "\x00rats", "\ud800 rats", "rats " * 10_000, "x" * 50_000, "", " ", "the of and"],
)  # fmt: skip
def test_no_syntax_of_the_database_raises_or_hides_a_hit(search: SqliteSearch, text: str) -> None:
    found = search.search(SearchRequest(text))
    assert found.searched == 5
    if "rats" in text:
        assert found.hits[0].document.id == "requests/1"


def test_the_order_does_not_depend_on_the_order_of_writing(tmp_path: Path) -> None:
    documents = [note(n, f"rats {'corner ' * (n % 3)}", at=NOON - timedelta(days=n % 4)) for n in range(30)]
    orders = []
    for turn, given_ in enumerate([documents, documents[::-1], documents[10:] + documents[:10]]):
        search = SqliteSearch(tmp_path / f"{turn}.db", "smalltown", ConceptEmbedder())
        search.upsert(given_)
        search.embed_pending(10)
        orders.append([(h.document.id, h.score) for h in search.search(SearchRequest("rat corner", k=30)).hits])
        search.close()
    assert orders[0] == orders[1] == orders[2]


def test_another_city_in_the_same_file_changes_nothing(search: SqliteSearch, tmp_path: Path) -> None:
    before = search.search(SearchRequest("rats corner"))
    other = SqliteSearch(tmp_path / "search.db", "elsewhere", ConceptEmbedder())
    other.upsert([note(n, "rats corner rats") for n in range(20)])
    other.embed_pending(10)
    assert search.search(SearchRequest("rats corner")) == before
    assert all(hit.document.title.startswith("Request") for hit in other.search(SearchRequest("rats")).hits)
    assert other.health().documents == {"requests": 20}
    other.close()


# ---------------------------------------------------------------- writing


def test_writing_the_same_again_changes_nothing(search: SqliteSearch) -> None:
    before = search.search(SearchRequest("rats"))
    assert search.upsert(DOCUMENTS) == 0
    assert search.search(SearchRequest("rats")) == before


def test_a_changed_document_is_found_by_what_it_says_now(search: SqliteSearch) -> None:
    assert search.upsert([replace(DOCUMENTS[0], text="pigeons on the roof", lat=0.0, lon=0.0)]) == 1
    assert ids(search, "pigeons", alpha=0) == ["requests/1"]
    assert ids(search, "rats", alpha=0) == []
    assert "requests/1" not in ids(search, "pigeons", near=Circle(*SATHER, 500))


def test_a_deleted_document_is_gone_from_words_places_and_meanings(search: SqliteSearch) -> None:
    assert search.delete(["requests/1", "requests/404"]) == 1
    assert "requests/1" not in ids(search, "rats corner vermin")
    assert search.estimate(SearchRequest("", near=Circle(*SATHER, 10))) == 1  # the site
    health = search.health()
    assert (health.documents["requests"], health.texts, health.embedded) == (2, 4, 4)


def test_replacing_a_kind_removes_what_is_no_longer_given(search: SqliteSearch) -> None:
    assert search.digest("requests") is None
    assert search.replace("requests", [DOCUMENTS[0], note(8, "glass on the ground")], "d1") == 3  # one new, two gone
    assert search.digest("requests") == "d1"
    assert search.health().documents == {"bins": 1, "handbook": 1, "requests": 2}


def test_a_wording_that_many_documents_share_is_embedded_once(tmp_path: Path) -> None:
    embedder = ConceptEmbedder()
    search = SqliteSearch(tmp_path / "search.db", "smalltown", embedder)
    search.upsert([note(n, "Pick up", title="Bulk", fields={"number": str(n)}) for n in range(500)])
    search.embed_pending(10)
    assert embedder.seen == ["Bulk. Pick up"]
    assert search.health().texts == 1
    search.close()


def test_a_question_is_embedded_once(search: SqliteSearch) -> None:
    for _ in range(3):
        search.search(SearchRequest("vermin again"))
    assert search._embedder.seen.count("vermin again") == 1  # type: ignore[union-attr]


def test_a_write_that_fails_leaves_nothing_behind(search: SqliteSearch) -> None:
    before = search.health()
    with pytest.raises(AttributeError):
        search.upsert([note(80, "first"), None])  # type: ignore[list-item]
    assert search.health() == before


def test_readers_see_whole_documents_while_a_writer_writes(search: SqliteSearch) -> None:
    def write(version: int) -> None:
        search.upsert([note(n, f"version {version}", fields={"version": str(version)}) for n in (90, 91)])

    def versions_seen() -> list[tuple[str, str]]:
        hits = [hit for _ in range(20) for hit in search.search(SearchRequest("version", alpha=0)).hits]
        return [(hit.document.text, hit.document.fields["version"]) for hit in hits]

    write(0)
    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(versions_seen) for _ in range(3)]
        for version in range(1, 20):
            write(version)
        seen = [pair for reader in readers for pair in reader.result()]
    assert len(seen) == 3 * 20 * 2
    assert all(text == f"version {version}" for text, version in seen)


# ---------------------------------------------------------------- what is said when a part is missing


def test_without_a_model_words_still_find_and_the_answer_says_so(tmp_path: Path) -> None:
    for embedder, why in ((None, "no embedding model is configured"), (NoEmbedder(), "is not installed")):
        search = SqliteSearch(tmp_path / "search.db", "smalltown", embedder)
        search.upsert(DOCUMENTS)
        found = search.search(SearchRequest("rats quantum", floor=0.9))
        assert [hit.document.id for hit in found.hits] == ["requests/1"]
        assert found.plan == "words alone"
        assert len(found.degraded) == 1
        assert why in found.degraded[0]
        search.close()


def test_documents_without_a_vector_are_found_by_words_and_counted(search: SqliteSearch) -> None:
    search.upsert([note(7, "rats again")])
    found = search.search(SearchRequest("quantum rats", floor=0.9))
    assert [hit.document.id for hit in found.hits] == ["requests/7"]
    assert found.matching == 1
    assert found.degraded == (
        "meaning search still covers 5 of 6 documents; the others are found by words alone",
    )  # fmt: skip
    assert search.search(SearchRequest("rats", kinds=("handbook",))).degraded == ()
    assert search.embed_pending(10) == 0
    assert search.search(SearchRequest("rats")).degraded == ()


def test_a_document_without_a_vector_is_not_outranked_by_what_has_one(search: SqliteSearch) -> None:
    search.upsert([note(7, "needles in the bin")])
    assert ids(search, "needles", k=1) == ["requests/7"]


def test_the_background_gives_every_text_its_vector_and_ends(search: SqliteSearch) -> None:
    search.upsert([note(n, f"text {n}") for n in range(100, 200)])
    search.embed_in_background()
    assert search._background.wait(20)
    assert search.health().embedded == search.health().texts == 105


def test_vectors_of_another_model_are_refused_with_what_to_do(search: SqliteSearch, tmp_path: Path) -> None:
    other = SqliteSearch(tmp_path / "search.db", "smalltown", ConceptEmbedder("newer"))
    other.upsert([note(5, "one more")])
    with pytest.raises(BadData, match="roundsman reindex"):
        other.embed_pending(10)
    found = other.search(SearchRequest("rats"))
    assert found.hits[0].document.id == "requests/1"
    assert "meanings by concepts (512 numbers)" in found.degraded[0]
    assert "rebuild" in found.degraded[0]
    assert other.health().faults == (found.degraded[0].split("alone: ")[1],)
    assert other.adopt_model()
    assert other.embed_pending(10) == 0
    assert other.search(SearchRequest("vermin", k=1)).degraded == ()
    assert not other.adopt_model()
    assert "meanings by newer" in search.search(SearchRequest("rats")).degraded[0]
    other.close()


def test_vectors_made_anew_replace_those_in_memory(search: SqliteSearch, tmp_path: Path) -> None:
    search.search(SearchRequest("vermin"))
    other = SqliteSearch(tmp_path / "search.db", "smalltown", ConceptEmbedder("newer"))
    other.adopt_model()
    other.embed_pending(10)
    search.adopt_model()
    search.embed_pending(10)
    assert search.search(SearchRequest("vermin", floor=0.3)).matching == 1
    other.close()


def test_a_search_beyond_its_time_is_ended(tmp_path: Path) -> None:
    search = SqliteSearch(tmp_path / "search.db", "smalltown")
    search.upsert([note(n, "rats " * 20) for n in range(3_000)])
    with pytest.raises(DeadlineExceeded, match="longer than its time"):
        search.search(SearchRequest("rats", deadline_s=0.0))
    assert len(search.search(SearchRequest("rats")).hits) == 10
    search.close()


def test_what_the_first_search_of_a_process_reads_is_not_on_its_time(tmp_path: Path) -> None:
    search = SqliteSearch(tmp_path / "search.db", "smalltown")
    search.upsert([note(n, "rats" if n == 7 else "snow") for n in range(4_000)])
    assert ids(search, "rats", deadline_s=0.0) == ["requests/7"]
    search.close()


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "search.db").write_text("This is no database at all. " * 100)
    with pytest.raises(StoreUnavailable, match="no database"):
        SqliteSearch(tmp_path / "search.db", "smalltown").search(SearchRequest("rats"))


def test_a_closed_search_leaves_no_lock_on_the_file(search: SqliteSearch, tmp_path: Path) -> None:
    search.close()
    connection = sqlite3.connect(tmp_path / "search.db", timeout=0)
    connection.execute("BEGIN EXCLUSIVE")
    connection.close()
