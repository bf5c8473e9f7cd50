"""Claims about rounds that cannot be driven as asked: a clear verdict, the best plan for the rest, and no exception."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scene import a_ctx, ask

from domain.errors import AskAgain
from domain.operation import BinInfo
from domain.ports import NO_WAY, Travel
from domain.repositories.plans import get_plan
from domain.store import Store
from domain.values import Result
from engines.routing.check import check
from engines.routing.distances import HaversineMatrix
from tools.context import Ctx, Tuning
from tools.replan import again

Metres = npt.NDArray[np.float64]


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return replace(a_ctx(store, tmp_path), tuning=Tuning(solve_seconds=0.05))


def planned(ctx: Ctx, **wish: Any) -> Result[Any]:
    """The round of tomorrow, whose plan the independent checker passes."""
    result = ask(ctx, "plan_round", **{"when": "tomorrow", "serve": "all", **wish})
    with ctx.store.read() as session:
        seen = again(ctx, get_plan(session, ctx.city.name, result.facts.plan_id))
    assert check(seen.problem, seen.plan) == []
    return result


def bins(ctx: Ctx) -> list[BinInfo]:
    return [each for each in ctx.city.bins.values() if each.in_service]


def with_bins(ctx: Ctx, *changed: BinInfo) -> Ctx:
    return replace(ctx, city=replace(ctx.city, bins={**ctx.city.bins, **{each.bin_id: each for each in changed}}))


def with_trucks(ctx: Ctx, **changes: object) -> Ctx:
    trucks = {name: replace(truck, **changes) for name, truck in ctx.city.trucks.items()}  # type: ignore[arg-type]
    return replace(ctx, city=replace(ctx.city, trucks=trucks))


def told(result: Result[Any]) -> str:
    return " ".join([result.sentence(), *result.degraded])


@dataclass(frozen=True)
class Broken:
    """Distances as the crow flies, with some of them spoiled."""

    spoil: Callable[[Metres], None]
    name: str = "a broken map"

    def travel(self, points: Sequence[tuple[float, float]], source: str | None = None) -> Travel:
        air = HaversineMatrix().travel(points)
        metres = air.metres.astype(np.float64)
        self.spoil(metres)
        return Travel(metres, air.seconds, self.name)  # type: ignore[arg-type]


# ---------------------------------------------------------------- trucks and bins


def test_a_city_without_trucks_is_a_question(ctx: Ctx) -> None:
    with pytest.raises(AskAgain, match="has no trucks in its records"):
        ask(replace(ctx, city=replace(ctx.city, trucks={})), "plan_round", when="tomorrow")


def test_with_every_truck_out_of_service_the_plan_says_that_there_is_none(ctx: Ctx) -> None:
    result = planned(with_trucks(ctx, out_of_service_until=ctx.now + timedelta(days=30)))
    assert result.facts.bins_served == 0
    assert "has no truck" in result.sentence()
    assert "cannot be served by any truck: there is no truck." in told(result)


def test_a_place_without_a_bin_is_told_to_have_none(ctx: Ctx) -> None:
    nowhere = replace(
        ctx, city=replace(ctx.city, bins={k: replace(b, status="removed") for k, b in ctx.city.bins.items()})
    )
    result = planned(nowhere)
    assert result.facts.bins_served == 0
    assert "There is nothing to serve." in told(result)


def test_bins_whose_stream_no_truck_takes_are_named_and_the_others_served(ctx: Ctx) -> None:
    glass = [replace(each, stream="Glass") for each in bins(ctx)[:3]]
    result = planned(with_bins(with_trucks(ctx, streams=frozenset({"Waste", "Bottles/Cans", "Compostables"})), *glass))
    names = ", ".join(each.bin_id for each in glass)
    assert f"3 stops ({names}) cannot be served by any truck: stream Glass, no truck takes Glass." in result.degraded
    assert result.facts.bins_served == len(bins(ctx)) - 3


def test_a_bin_that_must_be_served_and_cannot_is_named_too(ctx: Ctx) -> None:
    glass = replace(bins(ctx)[0], stream="Glass")
    fitted = with_bins(with_trucks(ctx, streams=frozenset({"Waste", "Bottles/Cans", "Compostables"})), glass)
    result = planned(fitted, must_serve=[glass.bin_id])
    assert f"1 stop ({glass.bin_id}) cannot be served by any truck: stream Glass" in told(result)
    assert result.facts.bins_served == len(bins(ctx)) - 1


def test_a_bin_of_more_than_any_truck_carries_is_named_and_the_others_served(ctx: Ctx) -> None:
    huge = replace(bins(ctx)[0], capacity_l=10_000_000)
    result = planned(with_bins(ctx, huge))
    assert f"1 stop ({huge.bin_id}) cannot be served by any truck: more than any truck that takes it can carry" in (
        told(result)
    )
    assert result.facts.bins_served == len(bins(ctx)) - 1


def test_more_demand_than_the_trucks_hours_hold_leaves_bins_with_their_reason(ctx: Ctx) -> None:
    result = planned(replace(with_trucks(ctx, capacity_l=300.0), distances=HaversineMatrix(speed_kmh=4)), max_hours=2)
    assert 0 < result.facts.bins_served < len(bins(ctx))
    assert result.facts.bins_served + result.facts.bins_unserved == len(bins(ctx))
    assert any(reason.text.startswith("Not served: ") for reason in result.why)


# ---------------------------------------------------------------- time


@pytest.mark.parametrize("when", ["yesterday", "2025-08-01", "last Friday", "2025-08-01 06:00"])
def test_a_round_in_the_past_is_a_question(ctx: Ctx, when: str) -> None:
    with pytest.raises(AskAgain, match=r"is over"):
        ask(ctx, "plan_round", when=when)


# ---------------------------------------------------------------- distances


@pytest.mark.parametrize("value", [np.nan, -5.0, np.inf, -np.inf])
def test_distances_that_cannot_be_count_as_no_way_and_the_rest_is_planned(ctx: Ctx, value: float) -> None:
    def spoil(metres: Metres) -> None:
        metres[-1, :], metres[:, -1] = value, value

    last = bins(ctx)[-1]
    result = planned(replace(ctx, distances=Broken(spoil)))
    assert "distances of a broken map are negative or missing and count as no way" in told(result)
    assert f"1 stop ({last.bin_id}) cannot be served by any truck: no way leads there and back." in result.degraded
    assert result.facts.bins_served == len(bins(ctx)) - 1


def test_distances_none_of_which_can_be_leave_every_bin_with_its_reason(ctx: Ctx) -> None:
    def spoil(metres: Metres) -> None:
        metres[:] = np.nan

    result = planned(replace(ctx, distances=Broken(spoil)))
    assert result.facts.bins_served == 0
    assert "no way leads there and back" in told(result)


def test_a_part_of_town_that_no_road_reaches_is_named_and_the_rest_served(ctx: Ctx) -> None:
    def spoil(metres: Metres) -> None:
        metres[:-2, -2:], metres[-2:, :-2] = NO_WAY, NO_WAY

    result = planned(replace(ctx, distances=Broken(spoil)))
    assert "2 stops (" in told(result)
    assert "cannot be served by any truck: no way leads there and back." in told(result)
    assert "negative" not in told(result)
    assert result.facts.bins_served == len(bins(ctx)) - 2


# ---------------------------------------------------------------- very many


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_fifty_thousand_bins_are_a_plan_and_the_rest_is_told(ctx: Ctx) -> None:
    result = ask(with_many(ctx, 50_000), "plan_round", when="tomorrow", serve="all")
    assert result.facts.bins_served > 0
    assert "50,000 bins are more than one plan looks at" in told(result)
    assert "stay for later rounds" in told(result)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_work_beside_the_search_grows_no_faster_than_the_bins(ctx: Ctx) -> None:
    def seconds(count: int) -> float:
        began = time.process_time()
        ask(with_many(ctx, count), "plan_round", when="tomorrow", serve="all")
        return time.process_time() - began

    seconds(100)  # what is loaded once
    each_time = seconds(100)
    assert seconds(40_000) - each_time < 8 * (seconds(10_000) - each_time)  # four times the bins; squared it is 16


def with_many(ctx: Ctx, count: int) -> Ctx:
    """A town of bins in rows of 250, some eleven metres apart."""
    pattern = bins(ctx)[0]
    many = {
        f"X{i}": replace(pattern, bin_id=f"X{i}", lat=pattern.lat + i % 250 / 1e4, lon=pattern.lon + i // 250 / 1e4)
        for i in range(count)
    }
    return replace(ctx, city=replace(ctx.city, bins=many, digest=f"{count} bins"))


def test_a_plan_says_first_which_trucks_it_leaves_out(ctx: Ctx) -> None:
    out = next(iter(ctx.city.trucks))
    result = planned(ctx, trucks=[f"without {out}"])
    assert f" without {out}: " in result.sentence()
    assert result.facts.left_out == out
    assert "without" not in planned(ctx).sentence()
