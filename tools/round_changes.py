"""what_if: variations of a stored round, also of one that is on its way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from pydantic import JsonValue

from domain.errors import MissingPiece
from domain.operation import TruckInfo
from domain.repositories.plans import get_plan
from domain.values import BinSet, Call, Facts, Moment, Reason, Result, TruckSet
from domain.work_records import StoredPlan
from engines.routing.contrast import contrast
from tools.arguments import BinsArg, Hours, MomentArg, Percent, RefArg, TruckCount, TrucksArg, words
from tools.begun import OnItsWay, begun_reason, on_its_way, served_reason, served_so_far
from tools.context import Ctx
from tools.departure import changed_trucks, choose_trucks
from tools.fill import data_age
from tools.planning import ROUND_BUDGET_S, Solved, make_round, plan_from_json
from tools.registry import Example, tool
from tools.resolve import Setting, resolve
from tools.round_pages import change_reasons, change_table, round_map, round_reasons, understood_round
from tools.round_problem import Wish
from tools.rounds import store_round


class WhatIfFacts(Facts):
    """Two plans side by side; changes are new less old."""

    plan_id: str
    parent_id: str
    distance_km: float
    hours: float
    cost: float
    bins_served: int
    bins_unserved: int
    change_km: float
    change_hours: float
    change_cost: float
    change_emissions_kg: float
    bins_gained: int
    bins_lost: int
    currency: str


CHANGE = (
    "{plan_id} instead of {parent_id}: {bins_served} bins in {distance_km} km and {hours} h for {cost} {currency}; "
    "that is {change_km} km, {change_hours} h and {change_cost} {currency} of change, {bins_gained} bins gained and "
    "{bins_lost} lost."
)


@tool(
    budget_s=ROUND_BUDGET_S,
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
    with ctx.store.read() as session:
        stored = get_plan(session, ctx.city.name, which_plan(ctx, plan))
    change = Change((add_trucks, remove_trucks, truck_count), skip, must_serve, min_fill_pct, goal, max_hours, when)
    wish, begun, chosen = _changed(ctx, stored, change)
    before = plan_from_json(stored.plan)
    solved = make_round(wish, ctx, chosen, before if change.small or wish.begun else None)
    return _told(ctx, stored, (wish, begun), solved)


@dataclass(frozen=True)
class Change:
    """What shall be otherwise; `trucks`: those added, those removed, how many there shall be. None means as before."""

    trucks: tuple[TruckSet | None, TruckSet | None, int | None]
    skip: BinSet | None
    must_serve: BinSet | None
    min_fill_pct: int | None
    goal: str | None
    max_hours: int | None
    when: Moment | None

    @property
    def small(self) -> bool:
        """Whether only bins change, so that the search goes on from the plan."""
        return not any((*self.trucks, self.min_fill_pct is not None, self.goal, self.max_hours, self.when))


def _changed(ctx: Ctx, stored: StoredPlan, change: Change) -> tuple[Wish, list[Reason], list[TruckInfo]]:
    """The wish of the stored plan with the change, what is told of what its or today's rounds have done, and trucks."""
    way = None if change.when else on_its_way(ctx, stored)
    old = _wish_again(ctx, stored.request, way)
    when, used = change.when or old.when, [each.truck for each in plan_from_json(stored.plan).rounds]
    trucks = changed_trucks(ctx, when, used, change.trucks)
    changed = replace(
        old,
        when=when,
        goal=change.goal or old.goal,
        trucks=trucks,
        truck_count=None,
        min_fill_pct=change.min_fill_pct if change.min_fill_pct is not None else old.min_fill_pct,
        skip=_joined(old.skip, change.skip, change.must_serve),
        must_serve=_joined(old.must_serve, change.must_serve, change.skip),
        max_hours=change.max_hours or old.max_hours,
    )
    chosen = choose_trucks(ctx, when, trucks, None)
    if way:
        begun = way.left_to(trucks.names)
        return replace(changed, begun=begun), [begun_reason(ctx, begun, stored.id)], chosen
    done = served_so_far(ctx, changed, chosen)
    return replace(changed, begun=done), [served_reason(done)] if done else [], chosen


def _told(ctx: Ctx, stored: StoredPlan, asked: tuple[Wish, list[Reason]], solved: Solved) -> Result[WhatIfFacts]:
    """Stores the changed plan and tells it beside the one before it."""
    wish, begun = asked
    ids = (store_round(ctx, wish, solved, stored.id), stored.id)
    changed = contrast(plan_from_json(stored.plan), solved.plan)
    served = {stop for stops in (wish.begun.served if wish.begun else {}).values() for stop in stops}
    return Result[WhatIfFacts](
        headline=CHANGE,
        facts=_change_facts(ctx, solved, ids).model_copy(
            update={
                "change_km": round(changed.change.metres / 1000, 1),
                "change_hours": round(changed.change.seconds / 3600, 1),
                "change_cost": round(changed.change.cost, 2),
                "change_emissions_kg": round(changed.change.g_co2e / 1000, 1),
                "bins_gained": len(changed.gained),
                "bins_lost": len({*changed.lost} - served),
            }
        ),
        why=[*begun, *change_reasons(ctx, changed, ids), *round_reasons(ctx, solved, ids[0])[:2]],
        understood={**understood_round(ctx, wish, solved), "plan": stored.id},
        data_age=data_age(ctx),
        table=change_table(changed, served),
        map=round_map(ctx, solved),
        degraded=list(solved.degraded),
        next_tool="propose_dispatch",
    )


def which_plan(ctx: Ctx, said: str) -> str:
    """The plan's id: the thread's newest for `last`. Raises MissingPiece when the thread has none."""
    if said != "last":
        return said
    if ctx.thread.last_plan is None:
        raise MissingPiece("plan", "There is no plan in this conversation yet. Shall I plan a round first?")
    return ctx.thread.last_plan


def _joined(old: BinSet | None, new: BinSet | None, against: BinSet | None) -> BinSet | None:
    """Earlier and new bins together, without those that the other wish now names."""
    gone = set(against.bin_ids) if against else set()
    ids = [b for part in (old, new) if part for b in part.bin_ids if b not in gone]
    names = [n for part in (old, new) if part for n in part.names]
    return BinSet(tuple(dict.fromkeys(ids)), tuple(dict.fromkeys(names))) if ids else None


def _wish_again(ctx: Ctx, request: dict[str, JsonValue], way: OnItsWay | None) -> Wish:
    """The wish of a stored plan; of a round on its way the time is its day, which is not over."""
    asked = request if way is None else {**request, "when": f"{way.leaves_at:%Y-%m-%d}"}
    resolved = resolve(Call("plan_round", asked), Setting(ctx.city, ctx.now)).values
    return Wish(**resolved)


def _change_facts(ctx: Ctx, solved: Solved, ids: tuple[str, str]) -> WhatIfFacts:
    plan = solved.plan
    return WhatIfFacts(
        plan_id=ids[0],
        parent_id=ids[1],
        distance_km=round(plan.metres / 1000, 1),
        hours=round(plan.seconds / 3600, 1),
        cost=round(plan.cost, 2),
        bins_served=len(plan.served),
        bins_unserved=len(plan.unserved),
        change_km=0.0,
        change_hours=0.0,
        change_cost=0.0,
        change_emissions_kg=0.0,
        bins_gained=0,
        bins_lost=0,
        currency=ctx.city.currency,
    )
