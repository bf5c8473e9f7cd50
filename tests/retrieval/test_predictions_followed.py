"""Forecasts as documents: the newest generation in force, replaced by the next, the same words not embedded again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from embedders import ConceptEmbedder
from sqlalchemy import delete, update

from domain.records import Bin, City, CollectionRule, Emptying, Reading, Site
from domain.repositories.outbox import entries
from domain.repositories.predictions import (
    NewGeneration,
    PredictionRow,
    add_predictions,
    begin_generation,
    put_in_force,
    thin_out,
)
from domain.store import Store
from retrieval.following import Followed, follow
from retrieval.indexing import index_city, reindex
from retrieval.sqlite_store import SqliteSearch
from retrieval.store import Circle, Document, SearchRequest

AT = datetime(2025, 9, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
Levels = Mapping[str, tuple[float, float] | None]
FIRST: Levels = {"101": (91.0, 0.83), "103": (42.0, 0.01), "105": None}


class Counting(ConceptEmbedder):
    """Notes which texts it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[str] = []

    def embed(self, texts: list[str]) -> np.ndarray:  # type: ignore[override]
        """As the other."""
        self.given += texts
        return super().embed(texts)


@pytest.fixture
def search(city_store: Store, tmp_path: Path) -> Iterator[SqliteSearch]:
    """The small city's index, on records of either database."""
    made = SqliteSearch(tmp_path / "search.db", "smalltown", Counting())
    index_city(city_store, made, "smalltown", None)
    yield made
    made.close()


def foresee(store: Store, levels: Levels, at: datetime = AT, *, whole: bool = True, finish: bool = True) -> None:
    """A generation: by bin the level a day later (percent) and the chance to overflow, None where there is none."""
    with store.read() as session:
        digest = session.get_one(City, "smalltown").digest
    new = NewGeneration("smalltown", at, digest, "fill", "1", whole, len(levels), at)
    rows = [_row(bin_id, at, told) for bin_id, told in levels.items()]
    with store.write() as session:
        generation = begin_generation(session, new)
        add_predictions(session, generation, "smalltown", rows)
    if finish:
        with store.write() as session:
            assert put_in_force(session, generation, at)


def _row(bin_id: str, at: datetime, told: tuple[float, float] | None) -> PredictionRow:
    p50, chance = told or (None, None)
    abstained = None if told else "it has no level yet"
    return PredictionRow(
        bin_id, at, at + timedelta(days=1), "fill", "1", "f", at, p50, p50, p50, chance, None, "its last emptying",
        "basis", abstained, b"\0" if told else b"",
    )  # fmt: skip


def foretold(search: SqliteSearch, as_of: datetime | None = None, **limits: object) -> dict[str, Document]:
    """The forecasts that a search finds, by bin."""
    request = SearchRequest("forecast", k=50, kinds=("predictions",), as_of=as_of, **limits)  # type: ignore[arg-type]
    return {hit.document.fields["bin"]: hit.document for hit in search.search(request).hits}


def test_each_bin_of_the_generation_in_force_is_found_with_what_is_said_of_it(
    city_store: Store, search: SqliteSearch
) -> None:
    foresee(city_store, FIRST)
    assert foretold(search) == {}
    assert follow(city_store, search, "smalltown").changed == {"predictions": 3}
    found = foretold(search)
    assert {*found} == {"101", "103", "105"}
    assert found["101"].title.endswith("will probably overflow within a day")
    assert "about 90 % full" in found["101"].text
    assert found["101"].url_ref == "records:bins/101"
    assert "will hardly overflow" in found["103"].title
    assert found["105"].title.endswith("no forecast")
    assert found["105"].fields["why"] == "it has no level yet"


def test_a_forecast_lies_where_its_bin_is_and_is_found_by_its_site(city_store: Store, search: SqliteSearch) -> None:
    foresee(city_store, FIRST)
    follow(city_store, search, "smalltown")
    with city_store.read() as session:
        of = session.get_one(Bin, ("smalltown", "101"))
    assert "101" in foretold(search, near=Circle(of.lat, of.lon, 1.0))
    assert {*foretold(search, filters={"site_id": of.site_id})} <= {"101", "103"}


def test_the_next_generation_replaces_it_and_nobody_is_told_of_it_as_of_before(
    city_store: Store, search: SqliteSearch
) -> None:
    foresee(city_store, FIRST)
    follow(city_store, search, "smalltown")
    foresee(city_store, {"101": (12.0, 0.0), "103": (42.0, 0.01)}, AT + HOUR)
    follow(city_store, search, "smalltown")
    found = foretold(search)
    assert {*found} == {"101", "103"}
    assert "about 10 % full" in found["101"].text
    assert {*foretold(search, as_of=AT)} == {"103"}  # its words were known then already
    assert {*foretold(search, as_of=AT + HOUR)} == {"101", "103"}


def test_words_that_stay_are_neither_written_nor_embedded_again(city_store: Store, search: SqliteSearch) -> None:
    foresee(city_store, FIRST)
    follow(city_store, search, "smalltown")
    assert search.embed_pending(10) == 0
    embedder = search._embedder
    assert isinstance(embedder, Counting)
    embedder.given.clear()
    foresee(city_store, {"101": (88.0, 0.91), "103": (44.9, 0.0), "105": None}, AT + HOUR)
    assert follow(city_store, search, "smalltown") == Followed()
    assert foretold(search)["101"].known_from == AT
    foresee(city_store, {"101": (42.0, 0.02), "103": (44.9, 0.0), "105": None}, AT + 2 * HOUR)
    assert follow(city_store, search, "smalltown").changed == {"predictions": 1}
    assert search.embed_pending(10) == 0
    assert embedder.given == ["forecast"]  # the question: a wording is one text, whichever bin has it


def test_the_level_that_counts_as_overflowing_is_the_city_s_own(city_store: Store, search: SqliteSearch) -> None:
    with city_store.write() as session:
        assumed = session.get_one(City, "smalltown").assumptions
        operation = {**assumed["operation"], "overflow_threshold_pct": {"value": 65}}  # type: ignore[dict-item]
        session.execute(update(City).values(assumptions={**assumed, "operation": operation}))
    foresee(city_store, FIRST)
    follow(city_store, search, "smalltown")
    assert foretold(search)["101"].text.endswith("65 % counts as overflowing.")


def test_a_part_of_a_generation_replaces_its_bins_alone(city_store: Store, search: SqliteSearch) -> None:
    foresee(city_store, FIRST)
    follow(city_store, search, "smalltown")
    foresee(city_store, {"103": (97.0, 0.99)}, AT + HOUR / 4, whole=False)
    with city_store.read() as session:
        assert [(each.kind, each.entity) for each in entries(session, "smalltown")] == [("predictions", "103")]
    assert follow(city_store, search, "smalltown").changed == {"predictions": 1}
    assert "about 100 % full" in foretold(search)["103"].text
    assert "about 90 % full" in foretold(search)["101"].text


def test_what_is_still_being_written_is_not_told(city_store: Store, search: SqliteSearch) -> None:
    foresee(city_store, FIRST, finish=False)
    assert follow(city_store, search, "smalltown") == Followed()
    assert foretold(search) == {}


def test_records_that_no_forecast_fits_any_more_have_none(city_store: Store, search: SqliteSearch) -> None:
    foresee(city_store, FIRST)
    follow(city_store, search, "smalltown")
    with city_store.write() as session:
        session.execute(update(City).values(digest="another"))
    follow(city_store, search, "smalltown")
    assert foretold(search) == {}


def test_a_renamed_site_and_a_bin_that_is_gone_are_followed(city_store: Store, search: SqliteSearch) -> None:
    foresee(city_store, FIRST)
    follow(city_store, search, "smalltown")
    with city_store.write() as session:
        site = session.get_one(Bin, ("smalltown", "101")).site_id
        session.execute(update(Site).where(Site.site_id == site).values(name="Zebra House"))
        for record in (Emptying, Reading, CollectionRule, Bin):
            session.execute(delete(record).where(record.bin_id == "105"))
    follow(city_store, search, "smalltown")
    assert foretold(search)["101"].fields["place"] == "Zebra House"
    assert "105" not in foretold(search)


def test_an_index_made_anew_says_the_same(city_store: Store, search: SqliteSearch) -> None:
    foresee(city_store, FIRST)
    follow(city_store, search, "smalltown")
    before = foretold(search)
    search.replace("predictions", [], "")
    reindex(city_store, search, "smalltown", None)
    assert foretold(search) == before != {}


def rebuilt(store: Store, search: SqliteSearch) -> dict[str, Document]:
    """The forecasts that are found once the index has lost them and was made anew."""
    search.replace("predictions", [], "")
    reindex(store, search, "smalltown", None)
    return foretold(search)


def test_in_an_index_made_anew_words_are_known_from_the_first_of_the_generations_that_said_them(
    city_store: Store, search: SqliteSearch
) -> None:
    foresee(city_store, {**FIRST, "103": (97.0, 0.99)})
    follow(city_store, search, "smalltown")
    for hour, chance in ((1, 0.83), (2, 0.9)):
        foresee(city_store, {**FIRST, "101": (91.0, chance)}, AT + hour * HOUR)
        follow(city_store, search, "smalltown")
    before = foretold(search)
    assert {bin_id: found.known_from for bin_id, found in before.items()} == {"101": AT, "103": AT + HOUR, "105": AT}
    assert rebuilt(city_store, search) == before
    assert {*foretold(search, as_of=AT)} == {"101", "105"}


def test_words_that_were_taken_back_in_between_are_known_from_when_they_were_said_again(
    city_store: Store, search: SqliteSearch
) -> None:
    for hour, level in ((0, 91.0), (1, 12.0), (2, 91.0), (3, 88.0)):
        foresee(city_store, {**FIRST, "101": (level, 0.83)}, AT + hour * HOUR)
    assert rebuilt(city_store, search)["101"].known_from == AT + 2 * HOUR


def test_a_part_in_between_that_said_otherwise_ends_what_was_said_before(
    city_store: Store, search: SqliteSearch
) -> None:
    foresee(city_store, FIRST)
    foresee(city_store, {"103": (97.0, 0.99)}, AT + HOUR / 4, whole=False)
    foresee(city_store, FIRST, AT + HOUR)
    found = rebuilt(city_store, search)
    assert (found["101"].known_from, found["103"].known_from) == (AT, AT + HOUR)


def test_nobody_is_said_to_have_known_what_a_generation_said_whose_forecasts_are_gone(
    city_store: Store, search: SqliteSearch
) -> None:
    for hour in range(8):
        foresee(city_store, FIRST, AT + hour * HOUR)
    with city_store.write() as session:
        assert thin_out(session, "smalltown", AT + 7 * HOUR) > 0
    known_from = rebuilt(city_store, search)["101"].known_from
    assert known_from is not None
    assert AT + HOUR < known_from <= AT + 4 * HOUR  # three hours are held, before them every third


def test_forecasts_of_other_records_in_between_end_what_was_said_before(
    city_store: Store, search: SqliteSearch
) -> None:
    foresee(city_store, FIRST)
    with city_store.read() as session:
        digest = session.get_one(City, "smalltown").digest
    for hour, loaded in ((1, "another"), (2, digest)):
        with city_store.write() as session:
            session.execute(update(City).values(digest=loaded))
        foresee(city_store, FIRST, AT + hour * HOUR)
    assert rebuilt(city_store, search)["101"].known_from == AT + 2 * HOUR
