"""Writing, removing and looking after documents: the same on every back end."""

from __future__ import annotations

import math
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

import pytest
from back_ends import Opens
from embedders import ConceptEmbedder, NoEmbedder

from domain.errors import BadData
from retrieval import postgis_tables, tables
from retrieval.keeping import KeptStore
from retrieval.store import Circle, Document, SearchRequest

SATHER = (37.8703, -122.2595)
NAIVE = datetime(2025, 6, 1, 12, 0)  # noqa: DTZ001  # a time without a zone is what is tried


def note(number: int, text: str, **more: object) -> Document:
    """A request that is found by its text."""
    made = Document(f"requests/{number}", "requests", f"Request {number}", text, f"records:requests/{number}")
    return replace(made, **more)  # type: ignore[arg-type]


DOCUMENTS = [
    note(1, "rats at the corner", lat=SATHER[0], lon=SATHER[1]),
    note(2, "bin is overflowing"),
    Document("handbook/pests.md", "handbook", "Pests", "Set traps.", "handbook/pests.md"),
]


@pytest.fixture
def filled(search: KeptStore) -> KeptStore:
    """Three documents with vectors."""
    search.upsert(DOCUMENTS)
    assert search.embed_pending(30) == 0
    return search


def ids(search: KeptStore, text: str, **more: object) -> list[str]:
    """The ids of the hits, best first."""
    return [hit.document.id for hit in search.search(SearchRequest(text, **more)).hits]  # type: ignore[arg-type]


def test_writing_the_same_again_changes_nothing(filled: KeptStore) -> None:
    before = filled.search(SearchRequest("rats"))
    assert filled.upsert(DOCUMENTS) == 0
    assert filled.search(SearchRequest("rats")) == before


def test_of_one_id_given_twice_the_last_counts(filled: KeptStore) -> None:
    assert filled.upsert([note(7, "first"), note(7, "second")]) == 1
    assert ids(filled, "first", alpha=0) == []
    assert ids(filled, "second", alpha=0) == ["requests/7"]


def test_a_changed_document_is_found_by_what_it_says_now(filled: KeptStore) -> None:
    assert filled.upsert([replace(DOCUMENTS[0], text="pigeons on the roof", lat=0.0, lon=0.0)]) == 1
    assert ids(filled, "pigeons", alpha=0) == ["requests/1"]
    assert ids(filled, "rats", alpha=0) == []
    assert "requests/1" not in ids(filled, "pigeons", near=Circle(*SATHER, 500))
    assert filled.embed_pending(30) == 0
    assert filled.search(SearchRequest("vermin", floor=0.3)).matching == 0


def test_a_document_that_moved_to_another_kind_is_of_that_kind_alone(filled: KeptStore) -> None:
    filled.upsert([replace(DOCUMENTS[0], kind="patterns")])
    assert filled.embed_pending(30) == 0
    assert ids(filled, "vermin", alpha=1, kinds=("patterns",)) == ["requests/1"]
    assert "requests/1" not in ids(filled, "vermin", alpha=1, kinds=("requests", "handbook"))


def test_a_deleted_document_is_gone_from_words_places_and_meanings(filled: KeptStore) -> None:
    assert filled.delete(["requests/1", "requests/404"]) == 1
    assert "requests/1" not in ids(filled, "rats corner vermin")
    assert filled.estimate(SearchRequest("", near=Circle(*SATHER, 10))) == 0
    health = filled.health()
    assert (dict(health.documents), health.texts, health.embedded) == ({"handbook": 1, "requests": 1}, 2, 2)
    assert health.faults == ()
    assert filled.purge()
    assert ids(filled, "overflowing", alpha=0) == ["requests/2"]


def purge_waits(search: KeptStore) -> bool:
    """Whether a purge is noted where every process can read it."""
    with search._connections.read() as connection:  # type: ignore[attr-defined]
        return connection.execute("SELECT 1 FROM search_notes WHERE name = 'purge'").fetchone() is not None


def ends(search: KeptStore) -> bool:
    """Whether what the search does in the background comes to an end."""
    search.embed_in_background()
    return bool(search._background.wait(20))  # type: ignore[attr-defined]


@pytest.fixture
def impatient(filled: KeptStore, open_search: Opens, monkeypatch: pytest.MonkeyPatch) -> KeptStore:
    """Another search of the three documents, which waits little for a lock."""
    monkeypatch.setattr(tables, "LOCK_S", 0.2)
    monkeypatch.setattr(postgis_tables, "LOCK_MS", 200)
    return open_search(embedder=ConceptEmbedder())


def test_a_purge_that_meets_a_writer_says_so_and_is_made_up_for(filled: KeptStore, impatient: KeptStore) -> None:
    assert impatient.delete(["requests/1"]) == 1
    with filled._connections.write():  # type: ignore[attr-defined]
        assert not impatient.purge()
    with filled._connections.read() as reading:  # type: ignore[attr-defined]
        reading.execute("SELECT count(*) FROM search_documents")
        assert not impatient.purge()
    assert purge_waits(impatient)
    assert ends(impatient)
    assert not purge_waits(impatient)


def test_a_noted_purge_outlives_whoever_met_a_writer(filled: KeptStore, impatient: KeptStore) -> None:
    assert impatient.delete(["requests/1"]) == 1
    impatient.note_purge()
    with filled._connections.write():  # type: ignore[attr-defined]
        assert not impatient.purge()
    impatient.close()
    assert purge_waits(filled)
    assert ends(filled)
    assert not purge_waits(filled)
    assert ids(filled, "overflowing", alpha=0) == ["requests/2"]


def test_a_purge_is_made_up_for_also_where_texts_wait_for_a_model_that_is_missing(open_search: Opens) -> None:
    search = open_search(embedder=NoEmbedder())
    search.upsert(DOCUMENTS)
    search.note_purge()
    search.embed_in_background()
    give_up = time.monotonic() + 20
    while purge_waits(search) and time.monotonic() < give_up:
        time.sleep(0.05)
    assert not purge_waits(search)
    assert search.health().texts == 3 != search.health().embedded


def test_replacing_a_kind_removes_what_is_no_longer_given(filled: KeptStore) -> None:
    assert filled.digest("requests") is None
    assert filled.replace("requests", [DOCUMENTS[0], note(8, "glass on the ground")], "d1") == 2  # one new, one gone
    assert filled.digest("requests") == "d1"
    filled.remember("requests", "d2")
    assert filled.digest("requests") == "d2"
    assert filled.health().documents == {"handbook": 1, "requests": 2}


def test_a_wording_that_many_documents_share_is_embedded_once(open_search: Opens) -> None:
    embedder = ConceptEmbedder()
    search = open_search(embedder=embedder)
    search.upsert([note(n, "Pick up", title="Bulk", fields={"number": str(n)}) for n in range(300)])
    assert search.embed_pending(60) == 0
    assert embedder.seen == ["Bulk. Pick up"]
    assert search.health().texts == 1


def test_a_question_is_embedded_once(open_search: Opens) -> None:
    embedder = ConceptEmbedder()
    search = open_search(embedder=embedder)
    search.upsert(DOCUMENTS)
    for _ in range(3):
        search.search(SearchRequest("vermin again"))
    assert embedder.seen.count("vermin again") == 1


def test_a_write_that_fails_leaves_nothing_behind(filled: KeptStore) -> None:
    before = filled.health()
    with pytest.raises(AttributeError):
        filled.upsert([note(80, "first"), None])  # type: ignore[list-item]
    assert filled.health() == before


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"kind": "foo"}, "kind “foo”"), ({"lat": math.nan, "lon": 1.0}, "nan, 1"), ({"lat": 1.0, "lon": math.inf}, "inf"),
     ({"lat": 100.0, "lon": 500.0}, "100, 500"), ({"lat": 37.8}, "one coordinate"), ({"lon": -122.2}, "one coordinate"),
     ({"at": NAIVE}, "`at`"), ({"known_from": NAIVE}, "`known_from`"), ({"known_until": NAIVE}, "`known_until`")],
)  # fmt: skip
def test_a_document_that_could_not_be_found_again_is_refused_by_name_and_all_others_stay(
    filled: KeptStore, wrong: dict[str, object], named: str
) -> None:
    before = filled.search(SearchRequest("rats", near=Circle(*SATHER, 500)))
    with pytest.raises(BadData, match=f"requests/9.*{re.escape(named)}"):
        filled.upsert([note(8, "rats"), note(9, "rats", **wrong)])
    assert filled.embed_pending(30) == 0
    assert filled.search(SearchRequest("rats", near=Circle(*SATHER, 500))) == before


@pytest.mark.parametrize(("lat", "lon"), [(90.0, 180.0), (-90.0, -180.0), (0.0, 0.0)])
def test_the_ends_of_the_earth_are_places(filled: KeptStore, lat: float, lon: float) -> None:
    assert filled.upsert([note(9, "rats", lat=lat, lon=lon)]) == 1
    assert ids(filled, "rats", near=Circle(lat, lon, 10)) == ["requests/9"]


def test_readers_see_whole_documents_while_a_writer_writes(filled: KeptStore) -> None:
    def write(version: int) -> None:
        filled.upsert([note(n, f"version {version}", fields={"version": str(version)}) for n in (90, 91)])

    def versions_seen() -> list[tuple[str, str]]:
        hits = [hit for _ in range(10) for hit in filled.search(SearchRequest("version", alpha=0)).hits]
        return [(hit.document.text, hit.document.fields["version"]) for hit in hits]

    write(0)
    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(versions_seen) for _ in range(3)]
        for version in range(1, 10):
            write(version)
        seen = [pair for reader in readers for pair in reader.result()]
    assert len(seen) == 3 * 10 * 2
    assert all(text == f"version {version}" for text, version in seen)


def test_another_city_changes_nothing_and_is_searched_as_a_tenant(open_search: Opens, filled: KeptStore) -> None:
    before = filled.search(SearchRequest("rats corner"))
    other = open_search("elsewhere", ConceptEmbedder())
    other.upsert([note(n, "rats corner rats") for n in range(20)])
    assert other.embed_pending(30) == 0
    assert filled.search(SearchRequest("rats corner")) == before
    assert other.health().documents == {"requests": 20}
    assert len(filled.search(SearchRequest("rats", k=30, tenant="elsewhere")).hits) == 20
    found = filled.search(SearchRequest("rats", tenant="nowhere"))
    assert (found.hits, found.degraded[0][:28]) == ((), "nothing of nowhere has been ")


# ---------------------------------------------------------------- what is said when a part is missing


def test_without_a_model_words_still_find_and_the_answer_says_so(open_search: Opens) -> None:
    for embedder, why in ((None, "no embedding model is configured"), (NoEmbedder(), "is not installed")):
        search = open_search(embedder=embedder)
        search.upsert(DOCUMENTS)
        found = search.search(SearchRequest("rats quantum", floor=0.9))
        assert [hit.document.id for hit in found.hits] == ["requests/1"]
        assert found.plan == "words alone"
        assert len(found.degraded) == 1
        assert why in found.degraded[0]


def test_documents_without_a_vector_are_found_by_words_and_counted(filled: KeptStore) -> None:
    filled.upsert([note(7, "rats again")])
    found = filled.search(SearchRequest("quantum rats", floor=0.9))
    assert [hit.document.id for hit in found.hits] == ["requests/7"]
    assert found.matching == 1
    assert found.degraded == ("meaning search still covers 3 of 4 documents; the others are found by words alone",)
    assert filled.search(SearchRequest("rats", kinds=("handbook",))).degraded == ()
    assert filled.embed_pending(30) == 0
    assert filled.search(SearchRequest("rats")).degraded == ()


def test_a_document_without_a_vector_is_not_outranked_by_what_has_one(filled: KeptStore) -> None:
    filled.upsert([note(7, "needles in the bin")])
    assert ids(filled, "needles", k=1) == ["requests/7"]


def test_the_background_gives_every_text_its_vector(open_search: Opens) -> None:
    search = open_search(embedder=ConceptEmbedder())
    search.upsert([note(n, f"text {n}") for n in range(100, 160)])
    search.embed_in_background()
    assert search._background.wait(60)  # type: ignore[attr-defined]
    assert search.health().embedded == search.health().texts == 60
    assert search.search(SearchRequest("text")).degraded == ()


def test_vectors_of_another_model_are_refused_with_what_to_do(open_search: Opens, filled: KeptStore) -> None:
    other = open_search(embedder=Wider())
    other.upsert([note(5, "one more")])
    with pytest.raises(BadData, match="roundsman"):
        other.embed_pending(30)
    found = other.search(SearchRequest("rats"))
    assert found.hits[0].document.id == "requests/1"
    assert "meanings by concepts (512 numbers)" in found.degraded[0]
    assert "rebuild" in found.degraded[0]
    assert len(other.health().faults) == 1
    assert other.adopt_model()
    assert other.embed_pending(30) == 0
    assert other.search(SearchRequest("vermin", k=1)).degraded == ()
    assert other.search(SearchRequest("vermin", floor=0.3)).matching == 1
    assert not other.adopt_model()
    assert "meanings by wider" in filled.search(SearchRequest("rats")).degraded[0]


class Wider(ConceptEmbedder):
    """Another model, whose vectors have one number more."""

    dimensions = ConceptEmbedder.dimensions + 1

    def __init__(self) -> None:
        super().__init__("wider")
