"""The lists of words that a server keeps, and how many documents hold a word: as PostgreSQL itself counts them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import psycopg
import pytest
from sqlalchemy import make_url

from retrieval import postgis_tables, postgis_words
from retrieval.postgis_limits import limits_of
from retrieval.postgis_postings import FREQUENT, WordLists
from retrieval.postgis_store import PostgisSearch
from retrieval.postgis_words import Holding, Wanted, Weights, WordCounts, read_holding
from retrieval.store import Circle, Document, SearchRequest
from retrieval.weaviate_side import WeaviateAddress, WeaviateSide

pytestmark = pytest.mark.postgis
CITY = "smalltown"
MANY = 1_200
NEAR = Circle(37.87, -122.26, 800)
COUNTED = """
SELECT count(*) FROM (SELECT city, term, count(*)::int AS held FROM search_postings GROUP BY 1, 2) p
FULL JOIN search_terms t USING (city, term) WHERE p.held IS DISTINCT FROM t.held
"""


def document(number: int) -> Document:
    """All hold "street", every seventh "rats", of which some twice; in a line to the north."""
    words = "street " + "rats " * (number % 7 == 0) * (1 + number % 2) + "lamp " * (number % 3 == 0) + "tree " * 5
    return Document(f"d{number}", "requests", "note", words, "r", 37.86 + number / 60_000, -122.26)


@pytest.fixture(scope="module")
def database(postgres_url: str) -> Iterator[str]:
    name = f"postings_{time.monotonic_ns()}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE with_postgis")
    url = postgres_url.replace("/postgres?", f"/{name}?")
    with closing(opened(url)) as search:
        search.upsert([document(n) for n in range(MANY)])
    yield url
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def opened(url: str) -> PostgisSearch:
    """A search without a model, and so without Weaviate."""
    return PostgisSearch(make_url(url), CITY, WeaviateSide(WeaviateAddress("http://127.0.0.1:9", 10)))


@pytest.fixture
def search(database: str) -> Iterator[PostgisSearch]:
    with closing(opened(database)) as made:
        yield made


def asked(search: PostgisSearch, words: tuple[str, ...], wanted: Wanted, lists: WordLists | None = None) -> Holding:
    """What holds the words near by: from lists, or from PostgreSQL where there are none."""
    with search._connections.read() as connection:
        city = postgis_tables.read_city(connection, CITY)
        assert city is not None
        limits = limits_of(SearchRequest("x", near=NEAR), city.number)
        found = WordCounts().weights(connection, city, words)
        weights = Weights(found.weights, found.held, found.asked, lists or WordLists())
        if lists is None:
            return postgis_words._asked(connection, city, limits, weights, wanted)[0]
        return read_holding(connection, city, limits, weights, wanted)


def rows_near(search: PostgisSearch) -> np.ndarray:
    return np.sort(asked(search, ("street",), Wanted()).rows)


def tells(search: PostgisSearch, sql: str) -> object:
    with search._connections.read() as connection:
        found = connection.execute(sql).fetchone()
    return found[0] if found else None


@pytest.mark.parametrize("words", [("rats",), ("rats", "street", "lamp"), ("tree", "nowhere"), ("nowhere",)])
def test_kept_lists_score_the_documents_of_a_circle_as_postgresql_does(
    search: PostgisSearch, words: tuple[str, ...]
) -> None:
    among = rows_near(search)
    truth = asked(search, words, Wanted(among))
    for lists in (WordLists(), read(search)):
        found = asked(search, words, Wanted(among), lists)
        assert found.scored() == truth.scored()
        assert dict(zip(found.rows, found.whole, strict=True)) == dict(zip(truth.rows, truth.whole, strict=True))
    assert len(truth.rows) == 0 if words == ("nowhere",) else 0 < len(truth.rows) < MANY


def read(search: PostgisSearch) -> WordLists:
    """Lists that hold the words of every question already."""
    lists = WordLists()
    with search._connections.read() as connection:
        city = postgis_tables.read_city(connection, CITY)
        assert city is not None
        held = WordCounts().weights(connection, city, ("street", "rats", "lamp", "tree")).held
        lists.of(connection, city, held)
    return lists


@pytest.mark.parametrize("looked_at", [10_000, 5])
def test_the_best_of_all_are_the_same_from_lists_and_from_postgresql(
    search: PostgisSearch, looked_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgis_words, "LOOKED_AT", looked_at)
    for words in (("rats", "lamp"), ("street",)):
        every = asked(search, words, Wanted())
        found = asked(search, words, Wanted(best=20), WordLists())
        assert sorted(found.scores, reverse=True) == sorted(every.scores, reverse=True)[:20]
        assert found.scored().items() <= every.scored().items()


def test_the_words_that_many_hold_are_read_ahead(search: PostgisSearch) -> None:
    search.warm()
    with search._connections.read() as connection:
        city = postgis_tables.read_city(connection, CITY)
    assert city is not None
    assert search._words.lists.kept(city, "street")
    assert not search._words.lists.kept(city, "rat")  # held by fewer than FREQUENT
    assert MANY / 7 < FREQUENT < MANY


def test_a_list_follows_what_is_written_and_removed_elsewhere(search: PostgisSearch, database: str) -> None:
    lists = read(search)
    with closing(opened(database)) as other:
        other.upsert([document(7 * n) for n in range(MANY, MANY + 20)])
        other.upsert([Document("d700", "requests", "note", "rats rats rats", "r", 37.872, -122.26)])
        other.delete(["d707", "d714"])
        among = rows_near(search)
        kept = asked(search, ("rats", "street"), Wanted(among), lists)
        assert kept.scored() == asked(search, ("rats", "street"), Wanted(among)).scored()
        best = asked(search, ("rats", "street"), Wanted(best=MANY), lists)
        assert best.scored() == asked(search, ("rats", "street"), Wanted()).scored()
        other.delete([f"d{7 * n}" for n in range(MANY, MANY + 20)])
        other.upsert([document(n) for n in (700, 707, 714)])


def test_a_list_of_documents_that_are_gone_is_read_anew(search: PostgisSearch, database: str) -> None:
    extra = [Document(f"e{n}", "requests", "note", "beetle", "r", 37.87, -122.26) for n in range(2 * FREQUENT)]
    with closing(opened(database)) as other:
        other.upsert(extra)
        lists = WordLists()
        assert len(asked(search, ("beetle",), Wanted(best=3_000), lists).rows) == 2 * FREQUENT
        other.delete([each.id for each in extra[5:]])
        assert len(asked(search, ("beetle",), Wanted(best=3_000), lists).rows) == 5
        assert len(lists._lists[next(iter(lists._lists))].rows) == 5
        other.delete([each.id for each in extra[:5]])
        assert tells(search, "SELECT count(*) FROM search_terms WHERE term = 'beetl'") == 0


def test_lists_that_were_not_asked_for_the_longest_give_way(search: PostgisSearch) -> None:
    lists = WordLists(kept=MANY + 200)
    with search._connections.read() as connection:
        city = postgis_tables.read_city(connection, CITY)
        assert city is not None
        for term in ("street", "rat", "lamp"):
            lists.of(connection, city, {term: 1})
    assert [lists.kept(city, term) for term in ("street", "rat", "lamp")] == [False, True, True]


def test_how_many_hold_a_word_is_kept_as_postgresql_would_count(search: PostgisSearch) -> None:
    search.upsert([document(3), Document("d5", "requests", "note", "rats and traps", "r")])
    search.delete(["d6", "d5"])
    search.upsert([document(5), document(6)])
    assert tells(search, COUNTED) == 0
    assert tells(search, "SELECT held FROM search_terms WHERE term = 'street'") == MANY


def test_tables_of_the_form_before_are_brought_up_to_date(search: PostgisSearch, database: str) -> None:
    rats = search.search(SearchRequest("rats lamp"))
    with search._connections.write() as connection:
        connection.execute("DROP TABLE search_terms")
        connection.execute("UPDATE search_notes SET value = '1' WHERE name = 'form'")
    with closing(opened(database)) as later:
        assert later.search(SearchRequest("rats lamp")) == rats
        assert tells(later, COUNTED) == 0
        assert tells(later, "SELECT value FROM search_notes WHERE name = 'form'") == postgis_tables.FORM
