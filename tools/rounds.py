"""plan_round and what_if: rounds for trucks, and their variations."""

from __future__ import annotations

from typing import Literal

from domain.values import Facts, Result
from tools.arguments import (
    BinsArg,
    Hours,
    Metres,
    MomentArg,
    Percent,
    PlaceArg,
    RefArg,
    StreamArg,
    TruckCount,
    TrucksArg,
    words,
)
from tools.context import Ctx
from tools.registry import Example, tool


class PlanFacts(Facts):
    """To be filled."""


class WhatIfFacts(Facts):
    """To be filled."""


@tool(
    budget_s=15,
    examples=[
        Example("Plan tonight's round for two trucks.", {"when": "tonight", "truck_count": 2}),
        Example(
            "cheapest compost round tomorrow with truck 1, skip Soda Hall",
            {"goal": "cost", "stream": "compost", "when": "tomorrow", "trucks": ["truck 1"], "skip": ["Soda Hall"]},
        ),
    ],
)
def plan_round(
    when: MomentArg = words("tonight"),
    trucks: TrucksArg | None = None,
    truck_count: TruckCount | None = None,
    near: PlaceArg | None = None,
    within_m: Metres | None = None,
    stream: StreamArg | None = None,
    serve: Literal["overflow_risk", "min_fill", "scheduled", "all"] = "overflow_risk",
    min_fill_pct: Percent | None = None,
    goal: Literal["balanced", "cost", "time", "emissions"] = "balanced",
    skip: BinsArg | None = None,
    must_serve: BinsArg | None = None,
    max_hours: Hours | None = None,
    *,
    ctx: Ctx,
) -> Result[PlanFacts]:
    """Plan a collection round for some trucks and store the plan.

    Chooses the bins worth a visit, orders them for each truck with capacity, shift and dump, and compares with the
    fixed schedule. Nothing is sent to a crew.

    Args:
        when: The night or day of the round, in the user's words.
        trucks: Trucks that were named.
        truck_count: How many trucks, when none are named.
        near: Only bins around this place or in this area.
        within_m: Radius in metres around that place.
        stream: Only this waste stream.
        serve: Which bins: those likely to overflow, those above min_fill_pct, those due by the fixed schedule, or all.
        min_fill_pct: Only bins at least this full.
        goal: What to make small.
        skip: Bins or sites to leave out.
        must_serve: Bins or sites that must be served.
        max_hours: Longest working time of a truck.
    """
    raise NotImplementedError


@tool(
    budget_s=15,
    examples=[
        Example("what if truck 2 stays home?", {"remove_trucks": ["truck 2"]}),
        Example("and with six hours at most?", {"max_hours": 6}),
    ],
)
def what_if(
    plan: RefArg = words("last"),
    add_trucks: TrucksArg | None = None,
    remove_trucks: TrucksArg | None = None,
    truck_count: TruckCount | None = None,
    skip: BinsArg | None = None,
    must_serve: BinsArg | None = None,
    min_fill_pct: Percent | None = None,
    goal: Literal["balanced", "cost", "time", "emissions"] | None = None,
    max_hours: Hours | None = None,
    when: MomentArg | None = None,
    *,
    ctx: Ctx,
) -> Result[WhatIfFacts]:
    """Change a stored plan, solve again and compare the two.

    The changed plan is stored as a new plan; nothing is sent to a crew.

    Args:
        plan: The plan to change; the newest one when not named.
        add_trucks: Trucks to add.
        remove_trucks: Trucks to take out.
        truck_count: How many trucks to use instead.
        skip: Bins or sites to leave out.
        must_serve: Bins or sites that must be served.
        min_fill_pct: Only bins at least this full.
        goal: What to make small instead.
        max_hours: Longest working time of a truck.
        when: Another night or day.
    """
    raise NotImplementedError
