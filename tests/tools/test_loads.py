"""Trucks are planned to a stated share of their load, and the answer says at which bins a full truck goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from scene import NOW, a_ctx, ask

from domain.store import Store
from tools.context import Ctx, Tuning
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
    assert text.endswith("comes back for the rest.")


def test_bins_whose_worth_does_not_pay_another_trip_are_named_and_served(ctx: Ctx) -> None:
    result = ask(stating(ctx, 90), "plan_round", when=f"{NOW + timedelta(days=3):%Y-%m-%d}")
    served = {row[result.table.columns.index("bin")] for row in result.table.rows}
    text = about_loads(result)
    assert "does not pay another trip" in text
    named = text.rsplit(": ", 1)[1].rstrip(".").split(" and ")[0].split(", ")
    assert named
    assert set(named) <= served
