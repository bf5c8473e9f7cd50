"""What every back end finds, and in which order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from retrieval.keeping import KeptStore
from retrieval.store import Document, SearchRequest

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
def filled(search: KeptStore) -> KeptStore:
    """Five documents with vectors."""
    search.upsert(DOCUMENTS)
    assert search.embed_pending(30) == 0
    return search


def ids(search: KeptStore, text: str, **more: object) -> list[str]:
    """The ids of the hits, best first."""
    return [hit.document.id for hit in search.search(SearchRequest(text, **more)).hits]  # type: ignore[arg-type]


def test_a_word_finds_its_document_first(filled: KeptStore) -> None:
    found = filled.search(SearchRequest("traps"))
    assert found.hits[0].document.id == "handbook/pests.md"
    assert found.degraded == ()
    assert (found.searched, found.matching, found.newest_at) == (5, 5, NOON)
    assert found.kinds == {"bins": 1, "handbook": 1, "requests": 3}


def test_an_inflected_word_and_other_accents_find_the_same(filled: KeptStore) -> None:
    assert ids(filled, "trapped wardens", alpha=0) == ["handbook/pests.md"]
    filled.upsert([note(4, "Müll vor dem Café")])
    assert ids(filled, "mull cafe", alpha=0) == ["requests/4"]


def test_a_word_that_no_document_holds_finds_by_meaning(filled: KeptStore) -> None:
    found = filled.search(SearchRequest("vermin", k=1, floor=0.2))
    assert [hit.document.id for hit in found.hits] == ["requests/1"]
    assert found.hits[0].bm25 is None
    assert found.hits[0].dense == pytest.approx(1 / 6**0.5, abs=1e-6)  # one word of six


def test_fields_are_found_by_words(filled: KeptStore) -> None:
    assert ids(filled, "Evans", alpha=0) == ["requests/3"]


def test_a_document_comes_back_as_it_was_given(filled: KeptStore) -> None:
    document = note(
        9, "whole", lat=1.5, lon=-2.5, at=NOON, fields={"area": "X", "on": "ü"}, known_from=NOON, known_until=None
    )
    filled.upsert([document])
    assert filled.search(SearchRequest("whole", k=1)).hits[0].document == document


def test_with_a_floor_what_is_far_in_meaning_and_lacks_a_word_is_not_found(filled: KeptStore) -> None:
    found = filled.search(SearchRequest("quantum rats", floor=0.9))
    assert (found.hits, found.matching, found.searched) == ((), 0, 5)
    assert filled.search(SearchRequest("corner rats", floor=0.9)).matching == 1


def test_matching_counts_all_hits_and_not_only_those_shown(filled: KeptStore) -> None:
    filled.upsert([note(n, "rats in the yard") for n in range(10, 40)])
    found = filled.search(SearchRequest("rats yard", k=3, floor=0.99))
    assert (len(found.hits), found.matching) == (3, 30)


def test_what_is_near_is_counted_beyond_what_two_lists_hold(filled: KeptStore) -> None:
    filled.upsert([note(n, f"rats w{n}", title="Mouse") for n in range(1_000, 1_300)])
    assert filled.embed_pending(60) == 0
    assert filled.search(SearchRequest("vermin", floor=0.5)).matching == 300


def test_nothing_is_found_where_nothing_was_indexed(search: KeptStore) -> None:
    found = search.search(SearchRequest("rats"))
    assert found.hits == ()
    assert found.degraded == ("nothing of smalltown has been indexed for search yet; run roundsman load CITY_FOLDER",)


def test_of_equal_hits_the_newest_comes_first_then_the_smaller_id(filled: KeptStore) -> None:
    days = {50: 3, 51: 1, 52: 1}
    filled.upsert([note(n, "same words", title="Request", at=NOON - timedelta(days=d)) for n, d in days.items()])
    assert filled.embed_pending(30) == 0
    assert ids(filled, "same words", k=3) == ["requests/51", "requests/52", "requests/50"]


def test_one_wording_of_many_documents_does_not_hide_the_others(filled: KeptStore) -> None:
    filled.upsert([note(n, "vermin", title="Rats", at=NOON - timedelta(minutes=n)) for n in range(2_000, 2_500)])
    assert filled.embed_pending(60) == 0
    hits = filled.search(SearchRequest("rodent", k=5, alpha=1)).hits
    assert [hit.document.id for hit in hits] == [f"requests/{n}" for n in range(2_000, 2_005)]
    assert "requests/1" in ids(filled, "rodent", k=20, alpha=1, since=NOON - timedelta(minutes=5))
    assert ids(filled, "rodent", k=1_000, alpha=1, kinds=("requests", "bins", "handbook"))[500] == "requests/1"


def test_alpha_0_is_words_alone_and_alpha_1_meaning_alone(filled: KeptStore) -> None:
    filled.upsert([note(60, "corner corner corner"), note(61, "rodent")])
    assert filled.embed_pending(30) == 0
    assert ids(filled, "vermin corner", k=1, alpha=0) == ["requests/60"]
    assert filled.search(SearchRequest("vermin corner", alpha=0)).hits[0].dense is None
    assert ids(filled, "vermin", k=1, alpha=1) == ["requests/61"]


@pytest.mark.parametrize(
    "text",
    ['"', '""', "NEAR(rats corner)", "rats AND", "title:rats", "*", "rats*", "-rats", "^rats", "{a b}:c", "' OR 1=1 --",
     "\x00rats", "\ud800 rats", "rats & !corner | (", "rats " * 10_000, "x" * 50_000, "", " ", "the of and", "%s rats"],
)  # fmt: skip
def test_no_syntax_of_the_database_raises_or_hides_a_hit(filled: KeptStore, text: str) -> None:
    found = filled.search(SearchRequest(text, deadline_s=30))
    assert found.searched == 5
    if "rats" in text:
        assert found.hits[0].document.id == "requests/1"


def test_the_order_does_not_depend_on_the_order_of_writing(filled: KeptStore) -> None:
    documents = [note(n, f"rats {'corner ' * (n % 3)}", at=NOON - timedelta(days=n % 4)) for n in range(70, 100)]
    orders = []
    for given in (documents, documents[::-1], documents[10:] + documents[:10]):
        filled.delete([document.id for document in documents])
        filled.upsert(given)
        assert filled.embed_pending(30) == 0
        orders.append([(h.document.id, h.score) for h in filled.search(SearchRequest("rat corner", k=30)).hits])
    assert orders[0] == orders[1] == orders[2]
