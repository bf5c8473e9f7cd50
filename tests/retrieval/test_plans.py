"""Every plan of the embedded search finds the same, by codes or by true numbers, with an index or without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from embedders import ConceptEmbedder

from retrieval import meanings, vectors
from retrieval.costs import Cost
from retrieval.planner import Plan, Planner
from retrieval.sqlite_store import SqliteSearch
from retrieval.store import Circle, Document, Found, SearchRequest

NOON = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)
WORDS = ["rats", "overflow", "truck", "snow", "glass", "corner", "gate", "wall", "path", "bin", "lid", "paper"]
CITY = (37.87, -122.26)


def document(number: int, rng: np.random.Generator) -> Document:
    """A request of three words somewhere within some kilometres, every third one like others."""
    said = " ".join(WORDS[n] for n in rng.integers(0, len(WORDS), 3))
    text = said if number % 3 else f"{said} {number}"
    lat, lon = CITY + rng.normal(0, 0.02, 2)
    kind = "bins" if number % 5 == 0 else "requests"
    at = NOON - timedelta(minutes=int(rng.integers(0, 9_000)))
    return Document(f"r/{number}", kind, "Request", text, "r", float(lat), float(lon), at)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve hundred documents with vectors, thirty without."""
    path = tmp_path_factory.mktemp("plans") / "search.db"
    rng = np.random.default_rng(3)
    search = SqliteSearch(path, "smalltown", ConceptEmbedder())
    search.upsert([document(n, rng) for n in range(1_200)])
    assert search.embed_pending(60) == 0
    search.upsert([document(n, rng) for n in range(1_200, 1_230)])
    search.close()
    return path


@pytest.fixture(params=["numbers", "codes"])
def search(request: pytest.FixtureRequest, file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteSearch]:
    """The same search with its vectors compared by their numbers, and by their codes."""
    monkeypatch.setattr(vectors, "CODED_FROM", 10 if request.param == "codes" else 10**9)
    monkeypatch.setattr(meanings, "CODES_FROM", 10)
    made = SqliteSearch(file, "smalltown", ConceptEmbedder())
    yield made
    made.close()


REQUESTS = [
    SearchRequest("vermin at the gate", k=20),
    SearchRequest("vermin at the gate", k=20, alpha=1),
    SearchRequest("full truck", k=15, near=Circle(*CITY, 900)),
    SearchRequest("full truck", k=15, near=Circle(*CITY, 2_500), kinds=("bins",)),
    SearchRequest("snow wall", near=Circle(*CITY, 2_500), floor=0.4),
    SearchRequest("snow wall", floor=0.4, since=NOON - timedelta(minutes=4_000)),
    SearchRequest("snow wall", floor=0.4, near=Circle(10.0, 10.0, 50)),
    SearchRequest("glass", alpha=1, floor=0.99, as_of=NOON - timedelta(minutes=5_000)),
]


def told(found: Found) -> tuple[object, ...]:
    """All that a search says, its plan aside."""
    return [replace(hit, plan="") for hit in found.hits], found.matching, found.searched, found.kinds, found.newest_at


@pytest.mark.parametrize("asked", REQUESTS, ids=range(len(REQUESTS)))
def test_both_exact_plans_tell_the_same(search: SqliteSearch, asked: SearchRequest) -> None:
    answers = {}
    for plan in (Plan.LIMITS_FIRST, Plan.ALL_MEANINGS):
        search.planner = Planner(only=plan)
        found = search.search(asked)
        assert found.plan in {plan, "nothing"}
        answers[plan] = told(found)
    assert answers[Plan.LIMITS_FIRST] == answers[Plan.ALL_MEANINGS]


@pytest.mark.parametrize("asked", REQUESTS, ids=range(len(REQUESTS)))
def test_a_search_tells_what_looking_at_every_document_one_by_one_tells(
    search: SqliteSearch, asked: SearchRequest
) -> None:
    found = search.search(replace(asked, k=1_000))
    every = search.search(SearchRequest(asked.text, k=1_000, alpha=1, as_of=asked.as_of))
    cosines = {hit.document.id: hit.dense for hit in every.hits}
    for hit in found.hits:
        if hit.document.id in cosines:
            assert hit.dense == cosines[hit.document.id]
    if asked.floor is not None and asked.alpha < 1:  # by meaning alone, what has no vector counts and is not listed
        assert found.matching == len(found.hits)


def test_the_trace_tells_what_was_expected_and_what_was_there(search: SqliteSearch) -> None:
    found = search.search(SearchRequest("full truck", near=Circle(*CITY, 2_500), kinds=("bins",)))
    assert found.trace is not None
    assert found.trace.actual == found.searched
    assert found.trace.estimated == pytest.approx(found.searched, rel=0.25)
    assert found.trace.alternatives.keys() == {"limits first", "all meanings"}
    assert search.search(SearchRequest("truck", alpha=0)).plan == "words alone"


def test_words_are_asked_of_the_index_once_until_documents_change(file: Path) -> None:
    search = SqliteSearch(file, "smalltown", ConceptEmbedder())
    first = search.search(SearchRequest("snow wall", alpha=0, k=500))
    kept = {word for _, word in search._postings._words}
    assert kept == {"snow", "wall"}
    assert search.search(SearchRequest("snow wall", alpha=0, k=500)) == first
    search.upsert([replace(document(1, np.random.default_rng(0)), id="new", text="snow wall snow wall")])
    assert search.search(SearchRequest("snow wall", alpha=0, k=1)).hits[0].document.id == "new"
    search.delete(["new"])
    search.close()


def test_words_that_are_not_asked_for_make_room(file: Path) -> None:
    search = SqliteSearch(file, "smalltown", ConceptEmbedder())
    search._postings._room = 700
    for word in [*WORDS, *WORDS]:
        assert search.search(SearchRequest(word, alpha=0, k=1)).hits
    entries = [len(word.places) for word in search._postings._words.values()]
    assert search._postings._entries == sum(entries) <= 700
    search.close()


def test_the_sum_over_words_is_the_score_that_the_index_gives_the_question(file: Path) -> None:
    search = SqliteSearch(file, "smalltown", ConceptEmbedder())
    found = search.search(SearchRequest("snow wall gate", alpha=0, k=1_000))
    with search._connections.read() as connection:
        question = '"snow" OR "wall" OR "gate"'
        rows = connection.execute(
            "SELECT id, -rank FROM search_words_1 w JOIN search_documents d ON d.row = w.rowid"
            " WHERE search_words_1 MATCH ?", (question,),
        ).fetchall()  # fmt: skip
    assert 100 < len(rows) < 1_000
    assert {hit.document.id: hit.bm25 for hit in found.hits} == {id_: pytest.approx(score) for id_, score in rows}
    search.close()


def test_what_was_learned_is_found_again_by_the_next_process(file: Path) -> None:
    first = SqliteSearch(file, "smalltown", ConceptEmbedder())
    first.planner = Planner({plan: Cost(50.0, 900.0) for plan in Plan})
    for _ in range(60):
        first.search(SearchRequest("snow wall"))
    learned = first.planner.costs.known()
    first.close()
    second = SqliteSearch(file, "smalltown", ConceptEmbedder())
    second.search(SearchRequest("snow wall", alpha=0))
    known = second.planner.costs.known()
    assert {plan: cost.each_us for plan, cost in known.items()} == {
        p: pytest.approx(c.each_us) for p, c in learned.items()
    }
    second.close()
