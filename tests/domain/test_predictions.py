"""Generations of forecasts on both databases: whole or not at all, and what was in force at any moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from domain.records import Bin
from domain.repositories.outcomes import (
    Found,
    OutcomeRow,
    add_outcomes,
    found_between,
    outcomes_between,
    promises_between,
)
from domain.repositories.predictions import (
    NewGeneration,
    PredictionRow,
    add_predictions,
    begin_generation,
    kept_at,
    predictions_of,
    put_in_force,
    thin_out,
)
from domain.store import Store
from domain.work_records import Prediction

AT = datetime(2025, 9, 1, 15, 0, tzinfo=UTC)
MANY = 230  # enough for PostgreSQL's COPY
LEVELS = bytes(range(256)) * 3 + b"\\\n\t\0"


def a_generation(moment: datetime, bins: int, *, whole: bool = True) -> NewGeneration:
    return NewGeneration("smalltown", moment, "digest", "fill", "1", whole, bins, moment)


def a_row(bin_id: str, made_at: datetime = AT) -> PredictionRow:
    return PredictionRow(
        bin_id, made_at, made_at + timedelta(days=1), "fill", "1", "f", made_at, 1.5, 2.5, None, 0.25, None,
        "its last emptying", "basis \\N", None, LEVELS,
    )  # fmt: skip


def write(store: Store, moment: datetime, bin_ids: list[str], *, whole: bool = True, finish: bool = True) -> int:
    with store.write() as session:
        generation = begin_generation(session, a_generation(moment, len(bin_ids), whole=whole))
    with store.write() as session:
        add_predictions(session, generation, "smalltown", [a_row(bin_id, moment) for bin_id in bin_ids])
    if finish:
        with store.write() as session:
            assert put_in_force(session, generation, moment)
    return generation


@pytest.fixture
def many(city_store: Store) -> list[str]:
    """As many bins as it takes for the fast way of writing."""
    names = [f"m{n:03d}" for n in range(MANY)]
    place = {"site_id": "town-hall", "stream": "Waste", "capacity_l": 100.0, "status": "", "lat": 1.0, "lon": 2.0}
    with city_store.write() as session:
        session.add_all(Bin(city="smalltown", bin_id=name, **place) for name in names)
    return names


def test_rows_come_back_as_they_were_written_bytes_and_all(city_store: Store, many: list[str]) -> None:
    generation = write(city_store, AT, many)
    with city_store.read() as session:
        rows = predictions_of(session, generation)
    assert [row.bin_id for row in rows] == many
    assert rows[0] == a_row(many[0])


def test_a_generation_with_a_row_missing_is_never_in_force(city_store: Store) -> None:
    with city_store.write() as session:
        generation = begin_generation(session, a_generation(AT, 2))
        add_predictions(session, generation, "smalltown", [a_row("101")])
        assert not put_in_force(session, generation, AT)
        assert kept_at(session, "smalltown", "digest", AT).whole is None


def test_what_was_in_force_is_told_for_every_moment(city_store: Store) -> None:
    hour = timedelta(hours=1)
    first = write(city_store, AT, ["101", "102"])
    part = write(city_store, AT + hour / 2, ["101"], whole=False)
    died = AT + hour
    write(city_store, died, ["101"], finish=False)
    second = write(city_store, AT + 2 * hour, ["101", "102"])

    def kept(at: datetime) -> tuple[int | None, tuple[int, ...], datetime | None]:
        with city_store.read() as session:
            found = kept_at(session, "smalltown", "digest", at)
        return found.whole, found.parts, found.tried

    assert kept(AT - hour) == (None, (), None)
    assert kept(AT) == (first, (), None)
    assert kept(AT + hour / 2) == (first, (part,), None)
    assert kept(AT + 1.5 * hour) == (first, (part,), died)
    assert kept(AT + 3 * hour) == (second, (), None)
    with city_store.read() as session:
        assert kept_at(session, "smalltown", "other records", AT).whole is None


def test_the_next_writer_removes_what_a_dead_one_left(city_store: Store) -> None:
    write(city_store, AT, ["101", "102"], finish=False)
    write(city_store, AT + timedelta(hours=1), ["101"])
    with city_store.read() as session:
        assert session.scalar(select(func.count()).select_from(Prediction)) == 1


def test_another_writer_leaves_a_renewal_that_is_still_being_written(city_store: Store) -> None:
    with city_store.write() as session:
        whole = begin_generation(session, a_generation(AT, 2))
        add_predictions(session, whole, "smalltown", [a_row("101")])
    write(city_store, AT + timedelta(seconds=40), ["103"], whole=False)
    with city_store.write() as session:
        add_predictions(session, whole, "smalltown", [a_row("102")])
        assert put_in_force(session, whole, AT + timedelta(seconds=50))


def test_a_bin_that_is_removed_takes_its_forecasts_along(city_store: Store, many: list[str]) -> None:
    write(city_store, AT, many)
    with city_store.write() as session:
        session.delete(session.get_one(Bin, ("smalltown", many[0])))
    with city_store.read() as session:
        assert session.scalar(select(func.count()).select_from(Prediction)) == MANY - 1


def test_two_days_stay_and_beyond_three_hours_every_third(city_store: Store) -> None:
    for ago in (49, 30, 29, 4, 3, 2, 0):
        write(city_store, AT - timedelta(hours=ago), ["101"])
    with city_store.write() as session:
        assert thin_out(session, "smalltown", AT) == 3
    with city_store.read() as session:
        left = sorted((AT - at) // timedelta(hours=1) for at in session.scalars(select(Prediction.made_at)))
    assert left == [0, 2, 3, 30]


def test_promises_are_of_forecasts_that_were_in_force(city_store: Store) -> None:
    write(city_store, AT, ["101", "102"])
    write(city_store, AT + timedelta(hours=1), ["101"], finish=False)
    with city_store.read() as session:
        found = promises_between(session, "smalltown", ["101"], AT - timedelta(hours=1), AT + timedelta(hours=2))
    assert [(each.bin_id, each.made_at, each.levels) for each in found] == [("101", AT, LEVELS)]


def test_outcomes_are_kept_once_and_read_by_time_and_model(city_store: Store) -> None:
    row = OutcomeRow("101", AT, "reading", AT - timedelta(days=1), 24.0, "fill", "1", 1, 2, 3, 0.5, 80, None, 4.0)
    for _ in range(2):
        with city_store.write() as session:
            add_outcomes(session, "smalltown", [row])
    with city_store.read() as session:
        hour = timedelta(hours=1)
        assert outcomes_between(session, "smalltown", AT - hour, AT) == [row]
        assert outcomes_between(session, "smalltown", AT, AT + hour) == []
        assert outcomes_between(session, "smalltown", AT - hour, AT, ("fill", "2")) == []
        assert outcomes_between(session, "smalltown", AT - hour, AT, ("fill", "1")) == [row]


def test_levels_found_are_those_of_emptyings_and_readings_in_their_order(city_store: Store) -> None:
    since, until = datetime(2025, 8, 30, tzinfo=UTC), datetime(2025, 9, 1, tzinfo=UTC)
    with city_store.read() as session:
        found = found_between(session, "smalltown", since, until)
    assert found == sorted(found, key=lambda each: (each.at, each.bin_id, each.kind))
    assert {each.kind for each in found} == {"emptying", "reading"}
    assert all(isinstance(each, Found) and since < each.at <= until for each in found)
