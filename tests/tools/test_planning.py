"""Which bins a round is planned for, and in which order."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from scene import NOW, a_ctx
from sqlalchemy import delete, update

from domain.records import CollectionRule, Emptying
from domain.store import Store
from domain.values import BinSet, Call
from engines.routing.check import check
from engines.routing.crowd import FEWEST_PLANNED, HOURS, LOOKS_AT
from engines.routing.plan import STOPPED_BY_CLOCK
from tools.context import Ctx, Tuning
from tools.departure import choose_trucks
from tools.planning import (
    AFTERWARDS_S,
    COUNTED_AS,
    MOST_STOPS,
    NO_TIME_FOR_BASELINE,
    UNREPEATABLE,
    Solved,
    due_bins,
    make_round,
    repeats,
)
from tools.resolve import Setting, resolve
from tools.round_pages import round_reasons
from tools.round_problem import Wish


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return replace(a_ctx(store, tmp_path), tuning=Tuning(solve_seconds=0.05))


def made(wish: Wish, ctx: Ctx, **more: Any) -> Solved:
    """The round of a wish, with its trucks chosen."""
    return make_round(wish, ctx, choose_trucks(ctx, wish.when, wish.trucks, wish.truck_count), **more)


@pytest.mark.parametrize("weekdays", [[], ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]])
def test_the_fixed_schedule_passes_by_a_bin_until_its_interval_is_over(ctx: Ctx, weekdays: list[str]) -> None:
    bins = list(ctx.city.bins.values())
    emptied = {bin_.bin_id: NOW - timedelta(days=number) for number, bin_ in enumerate(bins, 1)}
    with ctx.store.write() as session:
        session.execute(update(CollectionRule).values(interval_days=9, weekdays=weekdays))
        session.execute(delete(Emptying))
        session.add_all(
            Emptying(city="smalltown", bin_id=bin_id, emptied_at=at, fill_pct=None, reason="")
            for bin_id, at in emptied.items()
        )
    due = due_bins(ctx, bins, NOW)
    in_service = {bin_.bin_id for bin_ in bins if bin_.in_service}
    assert due == {bin_id for bin_id, at in emptied.items() if bin_id in in_service and at <= NOW - timedelta(days=9)}
    assert due


def test_bins_that_must_be_served_stand_in_the_order_in_which_they_were_named(ctx: Ctx) -> None:
    named = tuple(sorted(ctx.city.bins, reverse=True))
    when = resolve(Call("plan_round", {"when": "tomorrow"}), Setting(ctx.city, ctx.now)).values["when"]
    wish = Wish(when=when, serve="min_fill", min_fill_pct=0, stream="nothing", must_serve=BinSet(named, named))
    assert tuple(stop.id for stop in made(wish, ctx).problem.stops) == named


def test_a_round_for_whose_search_no_time_is_left_is_a_first_plan_without_the_fixed_schedule_and_says_both(
    ctx: Ctx,
) -> None:
    """Levels and distances have taken all the time that somebody waits."""
    usual, late = made(tomorrow(ctx), ctx), made(tomorrow(ctx), ctx, budget_s=0.0)
    assert usual.baseline is not None
    assert usual.due == late.due
    assert (late.baseline, late.looks) == (None, None)
    assert {NO_TIME_FOR_BASELINE, UNREPEATABLE[STOPPED_BY_CLOCK]} <= {*late.degraded} - {*usual.degraded}
    assert late.plan.served
    assert not repeats(late.degraded)
    told = " ".join(reason.text for reason in round_reasons(ctx, late, "P-0001"))
    assert "there was no time left to plan the fixed schedule's" in told


def test_a_search_has_what_levels_and_distances_leave_of_the_time(ctx: Ctx) -> None:
    """A search that never ends by its looks, in a round that has two seconds beside what comes afterwards."""
    endless = replace(ctx, tuning=Tuning(solve_seconds=100_000.0))
    began = time.monotonic()
    solved = made(tomorrow(endless), endless, budget_s=AFTERWARDS_S + 2.0)
    assert time.monotonic() - began < AFTERWARDS_S + 2.0
    assert solved.plan.core == STOPPED_BY_CLOCK


def crowded(ctx: Ctx) -> tuple[Ctx, str]:
    """The town with as many bins more as one plan looks at, in a row, whose levels nobody knows; the farthest's id."""
    pattern = next(bin_ for bin_ in ctx.city.bins.values() if bin_.in_service)
    more = {
        f"X{i}": replace(pattern, bin_id=f"X{i}", lat=pattern.lat + i / 1e5, lon=pattern.lon) for i in range(MOST_STOPS)
    }
    return replace(ctx, city=replace(ctx.city, bins={**ctx.city.bins, **more})), f"X{MOST_STOPS - 1}"


def tomorrow(ctx: Ctx, **wish: Any) -> Wish:
    when = resolve(Call("plan_round", {"when": "tomorrow"}), Setting(ctx.city, ctx.now)).values["when"]
    return Wish(when=when, serve="all", **wish)


def test_more_bins_than_one_plan_looks_at_are_planned_first_comes_first_and_the_rest_waits(ctx: Ctx) -> None:
    big, farthest = crowded(ctx)
    solved = made(tomorrow(big, must_serve=BinSet((farthest,), (farthest,))), big)
    waiting = [bin_id for bin_id, why in solved.left_out.items() if why == LOOKS_AT.format(most=MOST_STOPS)]
    assert len(waiting) + len(solved.problem.stops) == sum(bin_.in_service for bin_ in big.city.bins.values())
    assert len(solved.problem.stops) == MOST_STOPS
    assert farthest in {stop.id for stop in solved.problem.stops}
    assert any("stay for later rounds" in sentence for sentence in solved.degraded)
    assert COUNTED_AS in solved.degraded
    assert not check(solved.problem, solved.plan)
    assert solved.plan.served


def test_an_hour_at_most_is_the_bound_that_a_crowd_is_told(ctx: Ctx) -> None:
    big, _ = crowded(ctx)
    solved = made(tomorrow(big, max_hours=1), big)
    assert len(solved.problem.stops) == FEWEST_PLANNED
    assert list(solved.left_out.values()).count(HOURS) > MOST_STOPS - FEWEST_PLANNED
    assert any("as the trucks' hours hold no more" in sentence for sentence in solved.degraded)


def test_of_a_crowd_only_bins_that_the_trucks_take_are_planned_for(ctx: Ctx) -> None:
    big, _ = crowded(ctx)
    stream = big.city.bins["X0"].stream
    (other,) = {bin_.stream for bin_ in big.city.bins.values() if bin_.in_service} - {stream, "Compostables"}
    only = {name: replace(truck, streams=frozenset({other})) for name, truck in big.city.trucks.items()}
    solved = made(tomorrow(big), replace(big, city=replace(big.city, trucks=only)))
    assert {stop.stream for stop in solved.problem.stops} == {other}
    assert solved.left_out["X0"] == f"no truck takes {stream}"
    assert any(f"cannot be served by any truck of this round: no truck takes {stream}" in s for s in solved.degraded)


@pytest.mark.parametrize(("goal", "measure"), [("time", "seconds"), ("emissions", "g_co2e")])
def test_as_few_hours_or_emissions_as_possible_are_those_of_the_same_bins(ctx: Ctx, goal: str, measure: str) -> None:
    usual, asked = (made(replace(tomorrow(ctx), serve="overflow_risk", goal=each), ctx) for each in ("balanced", goal))
    assert {*asked.plan.served} == {*usual.plan.served}
    assert getattr(asked.plan, measure) <= getattr(usual.plan, measure)
    assert asked.worths == usual.worths
    assert f"The goal “{goal}” changes no bin" in round_reasons(ctx, asked, "P-0001")[0].text
    assert "changes no bin" not in round_reasons(ctx, usual, "P-0001")[0].text
