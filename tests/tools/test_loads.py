"""Trucks are planned to a stated share of their load, and the answer says at which bins a full truck goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue
from scene import NOW, a_ctx, ask

from domain.repositories.proposals import get_proposal
from domain.store import Store
from engines.routing.distances import HaversineMatrix
from tools.context import Ctx, ThreadView, Tuning
from tools.loads import PLAN_LOAD_PCT, load_share


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return replace(a_ctx(store, tmp_path), tuning=Tuning(solve_seconds=0.1))


def stating(ctx: Ctx, percent: float, capacity_l: float | None = None) -> Ctx:
    """The city with `plan_load_pct` stated, and trucks of so many litres."""
    operation = ctx.city.assumptions.get("operation")
    stated = {**(operation if isinstance(operation, dict) else {}), "plan_load_pct": {"value": percent}}
    trucks = ctx.city.trucks
    if capacity_l is not None:
        trucks = {name: replace(t, capacity_l=capacity_l, compaction_ratio=1.0) for name, t in trucks.items()}
    return replace(
        ctx, city=replace(ctx.city, assumptions={**ctx.city.assumptions, "operation": stated}, trucks=trucks)
    )


def loads(result: Any) -> list[float]:
    """The load after each visit of a plan."""
    column = result.table.columns.index("load_l")
    return [row[column] for row in result.table.rows]


def about_loads(result: Any) -> str:
    """The one reason that tells of the share."""
    (text,) = [each.text for each in result.why if "of their load" in each.text]
    return str(text)


def test_a_city_that_states_no_share_gets_the_sought_one(ctx: Ctx) -> None:
    assert load_share(ctx) == PLAN_LOAD_PCT / 100
    assert load_share(stating(ctx, 80)) == 0.8
    assert load_share(stating(ctx, 250)) == 1.0


def test_no_planned_load_passes_the_stated_share(ctx: Ctx) -> None:
    largest = {}
    for percent in (100.0, 70.0):
        result = ask(stating(ctx, percent, capacity_l=1_000), "plan_round", when="tomorrow", serve="all")
        largest[percent] = max(loads(result))
        assert largest[percent] <= 10 * percent
    assert largest[70.0] < largest[100.0]


def test_the_share_is_told_and_bins_that_are_wanted_anyhow_are_come_back_for(ctx: Ctx) -> None:
    text = about_loads(ask(stating(ctx, 85), "plan_round", when="tomorrow", serve="all"))
    assert "planned to 85 %" in text
    assert text.endswith("comes back for the rest if its shift allows.")


def column(result: Any, name: str) -> list[Any]:
    """A column of the plan's table."""
    at = result.table.columns.index(name)
    return [row[at] for row in result.table.rows]


def with_bins_that_may_stay(ctx: Ctx) -> Any:
    """A plan in which the worth of some bins does not pay another trip."""
    return ask(stating(ctx, 90), "plan_round", when=f"{NOW + timedelta(days=3):%Y-%m-%d}")


def test_bins_whose_worth_does_not_pay_another_trip_are_told_by_their_labels_and_all_stand_in_the_table(
    ctx: Ctx,
) -> None:
    result = with_bins_that_may_stay(ctx)
    said = dict(zip(column(result, "bin"), column(result, "if_full"), strict=True))
    left = [bin_id for bin_id, what in said.items() if what == "leave"]
    text = about_loads(result)
    assert f"not for {len(left)} bin" in text
    assert left
    named = text.rsplit(": ", 1)[1].rstrip(".").split(" and ")[0].split(", ")
    assert {*named} <= {ctx.city.bins[bin_id].label for bin_id in left}
    dumps = {bin_id for bin_id in said if bin_id not in ctx.city.bins}
    assert dumps
    assert {said[each] for each in dumps} == {None}


def test_a_dispatch_tells_its_crews_which_bins_a_full_truck_leaves(ctx: Ctx) -> None:
    plan = with_bins_that_may_stay(ctx)
    after = replace(ctx, thread=ThreadView("t-1", last_plan=plan.facts.plan_id))
    proposed = ask(after, "propose_dispatch")
    assert "of which may stay if it is full by then" in proposed.facts.about
    with ctx.store.read() as session:
        content = get_proposal(session, proposed.facts.proposal_id).content
    rows = zip(column(plan, "truck"), column(plan, "bin"), column(plan, "if_full"), strict=True)
    told = [(each["truck"], bin_id) for each in content["rounds"] for bin_id in each["may_stay"]]
    assert told == [(truck, bin_id) for truck, bin_id, what in rows if what == "leave"]


def test_bins_that_must_be_served_are_named_where_the_shift_leaves_no_time_to_come_back(ctx: Ctx) -> None:
    """Slow roads and an hour of work: whoever is full early cannot come back; in eight hours they can."""
    named: list[JsonValue] = [*list(ctx.city.bins)[:3]]
    slow = replace(stating(ctx, 96), distances=HaversineMatrix(speed_kmh=8))
    told = {
        hours: about_loads(ask(slow, "plan_round", when="tomorrow", must_serve=named, truck_count=1, max_hours=hours))
        for hours in (1, 12)
    }
    assert "no time to come back for" in told[1]
    assert any(ctx.city.bins[str(each)].label in told[1].rsplit("must be served: ", 1)[1] for each in named)
    assert "no time to come back for" not in told[12]
