"""Renewing the table: every renewal reads the records anew, and no failure ends the thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from scene import NOW, a_ctx
from sqlalchemy import select

from domain.clock import fixed_clock
from domain.operation import Operation
from domain.records import Reading
from domain.store import Store
from domain.work_records import Generation, Prediction
from tools.context import Ctx
from tools.fill_models import FillModels, Forecaster
from tools.refresh import Refresher, Ticking

T = TypeVar("T")
HOUR = timedelta(hours=1)


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return a_ctx(store, tmp_path)


class UnreadableOnce(FillModels):
    """Models of which the first forecast fails."""

    failed = 0

    def forecaster(self, city: Operation, at: datetime) -> Forecaster:
        if not self.failed:
            self.failed += 1
            raise ValueError("trees cannot be read")
        return super().forecaster(city, at)


def test_a_renewal_that_fails_is_told_and_tried_again(ctx: Ctx, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.refresh.RETRY_S", 0.5)
    moments = iter(NOW + n * timedelta(seconds=1) for n in range(100_000))
    ticking = Ticking(Refresher(store, UnreadableOnce(store), ctx.city, fixed_clock(NOW)), lambda: next(moments))
    ticking.begin()
    seen = _awaited(lambda: ticking.trouble)
    assert seen == "the renewal failed (ValueError: trees cannot be read)"
    assert _awaited(lambda: ticking.refresher.stands().renewed) == NOW
    assert not ticking.died
    ticking.stop()
    assert ticking.trouble is None


def test_records_put_down_by_another_process_are_in_the_next_whole_renewal(ctx: Ctx, store: Store) -> None:
    models = FillModels(store)
    Refresher(store, models, ctx.city, fixed_clock(NOW)).whole()
    found_at = NOW + HOUR / 2
    with store.write() as session:
        session.add(Reading(city="smalltown", bin_id="105", read_at=found_at, fill_pct=12.0))
    generation = Refresher(store, models, ctx.city, fixed_clock(NOW + HOUR)).whole().generation
    with store.read() as session:
        mine = select(Prediction.data_as_of).where(Prediction.generation == generation, Prediction.bin_id == "105")
        assert session.scalar(mine) == found_at


def test_the_ticking_table_renews_itself_at_once_and_a_bin_when_a_record_of_it_has_come(
    ctx: Ctx, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.refresh.LOOK_S", 0.05)
    clock = fixed_clock(NOW + timedelta(minutes=1))
    ticking = Ticking(Refresher(store, FillModels(store), ctx.city, clock), clock)
    ticking.begin()
    assert _awaited(lambda: _generations(store) or None) == [(True, 12)]
    with store.write() as session:
        session.add(Reading(city="smalltown", bin_id="105", read_at=NOW - timedelta(minutes=30), fill_pct=12.0))
        session.add(Reading(city="smalltown", bin_id="101", read_at=NOW + timedelta(minutes=30), fill_pct=12.0))
    assert _awaited(lambda: found if len(found := _generations(store)) > 1 else None) == [(True, 12), (False, 1)]
    time.sleep(0.3)
    ticking.stop()
    assert ticking.trouble is None
    with store.read() as session:
        renewed = session.scalars(select(Prediction.bin_id).where(Prediction.data_as_of == NOW - timedelta(minutes=30)))
        assert list(renewed) == ["105"]
    assert len(_generations(store)) == 2


def test_a_reading_that_says_no_level_renews_its_bin_once(ctx: Ctx, store: Store) -> None:
    refresher = Refresher(store, FillModels(store), ctx.city, fixed_clock(NOW + timedelta(minutes=1)))
    refresher.whole()
    with store.write() as session:
        read_at = NOW - timedelta(minutes=5)
        session.add(Reading(city="smalltown", bin_id="105", read_at=read_at, fill_class="PURPLE"))
    first = refresher.arrived()
    assert (first is not None, first and first.bins) == (True, 1)
    assert refresher.arrived() is None


def _generations(store: Store) -> list[tuple[bool, int]]:
    """Those in force: whole or not, and of how many bins."""
    with store.read() as session:
        query = select(Generation.whole, Generation.bins).where(Generation.in_force_from.is_not(None))
        return [(whole, bins) for whole, bins in session.execute(query.order_by(Generation.id))]


def _awaited(asked: Callable[[], T | None]) -> T:
    """The first answer, within ten seconds."""
    for _ in range(1000):
        if (found := asked()) is not None:
            return found
        time.sleep(0.01)
    raise AssertionError("no answer in ten seconds")
