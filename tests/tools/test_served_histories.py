"""What models are given when a question is answered: the histories of training, in order, and said what is ignored."""

from __future__ import annotations

import csv
import threading
from collections import UserDict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from scene import NOW, ZONE, a_ctx, ask, at

from domain.operation import Operation, load_operation
from domain.records import Bin, City, Reading, Site
from domain.store import Store
from engines.forecast.history import BinHistory, local_moment
from engines.forecast.records import BinRecords
from evals.forecast.readings import read_readings
from tools.context import Ctx
from tools.fill import data_age
from tools.fill_models import FillModels
from tools.fits import Fits
from tools.histories import Believed, read_records
from tools.result_bytes import result_bytes

EXCERPT = Path(__file__).parents[1] / "engines" / "forecast" / "fixtures" / "prague_excerpt.csv"
MIDNIGHT = datetime(2025, 2, 20, tzinfo=UTC)
COLUMNS = ("emptied_at", "levels", "read_at", "readings")


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return a_ctx(store, tmp_path)


def put(ctx: Ctx, at: datetime, level: float, bin_id: str = "105") -> None:
    with ctx.store.write() as session:
        session.add(Reading(city=ctx.city.name, bin_id=bin_id, read_at=at, fill_pct=level))


def of_excerpt() -> Iterator[tuple[str, datetime, float]]:
    with EXCERPT.open() as file:
        for row in csv.DictReader(file):
            yield row["container"], datetime.fromisoformat(row["time_utc"]).replace(tzinfo=UTC), float(row["fill_pct"])


def a_sensed_city(store: Store) -> Operation:
    """The readings of the excerpt as the records of a city whose clock is UTC and that records no emptying."""
    place = {"lat": 50.0, "lon": 14.4}
    with store.write() as session:
        session.add(
            City(
                name="sensed", title="Sensed", timezone=str(ZoneInfo("UTC")), now_local="2025-02-20T08:00:00",
                currency="EUR", assumptions={}, aliases={}, loaded_at=MIDNIGHT, digest="sensed",
            )
        )  # fmt: skip
        session.add(Site(city="sensed", site_id="site", name="site", **place))
        session.flush()
        for bin_id in sorted({bin_id for bin_id, _, _ in of_excerpt()}):
            session.add(
                Bin(
                    city="sensed", bin_id=bin_id, site_id="site", stream="unstated", capacity_l=1000.0, status="",
                    **place,
                )
            )  # fmt: skip
        session.flush()
        session.add_all(Reading(city="sensed", bin_id=b, read_at=at, fill_pct=level) for b, at, level in of_excerpt())
    return load_operation(store, "sensed")


def same(one: BinHistory, other: BinHistory) -> bool:
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in COLUMNS)


def test_the_same_readings_give_answers_and_training_the_same_history_byte_for_byte(store: Store) -> None:
    models, city, measured = FillModels(store), a_sensed_city(store), read_readings(EXCERPT)
    believed = models.believed(city, MIDNIGHT + timedelta(hours=8))
    midnight = np.datetime64(MIDNIGHT.replace(tzinfo=None))
    trained = {h.bin_id: h for h in measured.until(midnight).cleaned(midnight).histories}
    for whole in measured.histories:
        assert same(models.histories(city)[whole.bin_id], whole)
        assert len(whole.emptied_at)
        assert same(believed.history(whole.bin_id).until(MIDNIGHT), trained[whole.bin_id])
    assert any(believed.notes(bin_id) for bin_id in city.bins)


def test_a_forecast_tells_which_readings_it_ignores(ctx: Ctx) -> None:
    put(ctx, at("2025-08-31 17:00"), 100.0)
    result = ask(ctx, "forecast_fill", bins=["105"], by="tomorrow 08:00")
    (told,) = [reason for reason in result.why if "ignored" in reason.text]
    assert told.text == "1 reading of 105 ignored: a single-reading spike."
    assert told.evidence[0].ref == "records:readings/105"


def test_without_anything_to_ignore_a_forecast_says_nothing_of_it(ctx: Ctx) -> None:
    assert not any("ignored" in reason.text for reason in ask(ctx, "forecast_fill", by="tomorrow 08:00").why)


def test_in_the_autumn_night_a_reading_of_the_second_passing_is_not_known_in_the_first(ctx: Ctx) -> None:
    first = datetime(2025, 11, 2, 1, 30, tzinfo=ZONE)
    put(ctx, first - timedelta(hours=2), 20.0)
    asking = replace(ctx, now=first, fill=FillModels(ctx.store))
    before = ask(asking, "forecast_fill", bins=["105"], by="tomorrow 08:00")
    put(ctx, datetime(2025, 11, 2, 1, 10, fold=1, tzinfo=ZONE), 90.0)
    again = ask(replace(asking, fill=FillModels(ctx.store)), "forecast_fill", bins=["105"], by="tomorrow 08:00")
    assert result_bytes(before) == result_bytes(again)


def test_in_the_autumn_night_a_reading_of_the_first_passing_is_known_in_the_second(ctx: Ctx) -> None:
    put(ctx, datetime(2025, 11, 2, 1, 50, tzinfo=ZONE), 90.0)
    second = datetime(2025, 11, 2, 1, 20, fold=1, tzinfo=ZONE)
    asking = replace(ctx, now=second, fill=FillModels(ctx.store))
    (reason, *_) = ask(asking, "forecast_fill", bins=["105"], by="tomorrow 08:00").why
    assert "starts from a reading of 90 %" in reason.text
    assert data_age(asking) == "records up to 2025-11-02 01:50, 0 h before the question"


def test_the_age_of_the_records_is_that_of_the_newest_known_at_the_moment(ctx: Ctx) -> None:
    put(ctx, NOW - timedelta(minutes=5), 20.0)
    put(ctx, NOW + timedelta(hours=1), 30.0)
    assert data_age(ctx) == "records up to 2025-09-01 07:55, 0 h before the question"
    assert data_age(replace(ctx, now=NOW + timedelta(hours=2))).endswith("09:00, 1 h before the question")


def test_a_renewal_reads_new_records_of_a_bin_and_keeps_the_others_as_they_were_made(ctx: Ctx) -> None:
    models = FillModels(ctx.store)
    before = {name: models.believed(ctx.city, NOW).history(name) for name in ctx.city.bins}
    put(ctx, NOW - timedelta(minutes=5), 20.0)
    models.renew(ctx.city)
    after = {name: models.believed(ctx.city, NOW).history(name) for name in ctx.city.bins}
    assert [name for name in ctx.city.bins if after[name] is not before[name]] == ["105"]
    assert after["105"].readings.tolist() == [*before["105"].readings.tolist(), 20.0]


def test_two_renewals_beside_each_other_lose_nothing(ctx: Ctx, monkeypatch: pytest.MonkeyPatch) -> None:
    import tools.fill_models as fill_models

    make, begun, finish = fill_models.histories_of, threading.Event(), threading.Event()

    def slow(records: Mapping[str, BinRecords]) -> dict[str, BinHistory]:
        if list(records) == ["105"]:
            begun.set()
            assert finish.wait(10)
        return make(records)

    monkeypatch.setattr(fill_models, "histories_of", slow)
    models = FillModels(ctx.store)
    models.histories(ctx.city)
    for bin_id in ("105", "101"):
        put(ctx, NOW - timedelta(minutes=9), 11.0, bin_id)
    renewals = [threading.Thread(target=models.renew, args=(ctx.city, [bin_id])) for bin_id in ("105", "101")]
    renewals[0].start()
    assert begun.wait(10)
    renewals[1].start()
    renewals[1].join(0.5)
    assert len(models.histories(ctx.city)) == len(ctx.city.bins)
    finish.set()
    for each in renewals:
        each.join(10)
    newest = local_moment(NOW - timedelta(minutes=9))
    assert [models.histories(ctx.city)[bin_id].read_at[-1] for bin_id in ("105", "101")] == [newest, newest]


def test_a_question_in_the_midst_of_a_renewal_does_not_disturb_it(ctx: Ctx) -> None:
    midnight, first, second = local_moment(at("2025-09-01 00:00")), *list(ctx.city.bins)[:2]

    class Asked(UserDict[str, BinRecords]):
        """Records of which a question about another bin is asked as soon as they are looked at."""

        def __getitem__(self, name: str) -> BinRecords:
            before.history(second)
            return super().__getitem__(name)

    records = read_records(ctx.store, ctx.city)
    before = Believed(records, midnight)
    kept = before.history(first)
    assert Believed(Asked(records), midnight, before).history(first) is kept


def test_while_something_is_fitted_others_are_answered_and_those_who_need_it_wait_for_the_one_fit() -> None:
    fits: Fits[str, int] = Fits(2)
    begun, finish, made = threading.Event(), threading.Event(), []

    def slow() -> int:
        begun.set()
        assert finish.wait(10)
        return 7

    first = threading.Thread(target=lambda: made.append(fits.get("slow", slow)))
    first.start()
    assert begun.wait(10)
    assert fits.get("quick", lambda: 1) == 1
    second = threading.Thread(target=lambda: made.append(fits.get("slow", lambda: 8)))
    second.start()
    finish.set()
    first.join(10)
    second.join(10)
    assert made == [7, 7]


def test_a_fit_that_failed_is_tried_again_by_the_next() -> None:
    fits: Fits[str, int] = Fits(2)
    with pytest.raises(ValueError, match="no past"):
        fits.get("day", lambda: int("no past"))
    assert fits.get("day", lambda: 3) == 3


def test_only_the_newest_fits_are_kept() -> None:
    fits: Fits[int, int] = Fits(2)
    for day in range(3):
        fits.get(day, lambda day=day: day)  # type: ignore[misc]
    assert [fits.get(day, lambda: -1) for day in (2, 0)] == [2, -1]


def test_histories_do_not_wait_for_the_fit_of_the_rates(ctx: Ctx, monkeypatch: pytest.MonkeyPatch) -> None:
    """At midnight the first question of the day fits; all others go on."""
    import tools.fill_models as fill_models

    fit, begun, finish = fill_models.fit_rates, threading.Event(), threading.Event()

    def slow(histories: list[BinHistory]) -> object:
        begun.set()
        assert finish.wait(10)
        return fit(histories)

    monkeypatch.setattr(fill_models, "fit_rates", slow)
    models = FillModels(ctx.store)
    fitting = threading.Thread(target=lambda: models.rates(ctx.city, NOW))
    fitting.start()
    assert begun.wait(10)
    asked = threading.Thread(target=lambda: models.histories(ctx.city))
    asked.start()
    asked.join(5)
    waited = asked.is_alive()
    finish.set()
    fitting.join(10)
    assert not waited
