"""plan_round and what_if: rounds for trucks, and their variations."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Literal

from pydantic import JsonValue

from domain.errors import MissingPiece
from domain.repositories.plans import NewPlan, store_plan
from domain.values import Facts, Result, TruckSet
from tools.arguments import (
    BinsArg,
    DrivingArg,
    Hours,
    Metres,
    MomentArg,
    Percent,
    PlaceArg,
    StreamArg,
    TruckCount,
    words,
)
from tools.begun import begun_as_json, served_reason, served_so_far
from tools.context import Ctx
from tools.departure import choose_trucks
from tools.fill import data_age
from tools.planning import ROUND_BUDGET_S, UNREPEATABLE, Solved, make_round, plan_as_json
from tools.registry import Example, tool
from tools.round_pages import round_map, round_reasons, stop_table, understood_round
from tools.round_problem import Wish
from tools.scope import restate_near


class PlanFacts(Facts):
    """A stored plan in numbers. Distances driven, times from leaving to returning, money in the city's currency.

    `left_out` are the trucks that the question left out, by name.
    """

    plan_id: str
    round_starts: str
    trucks_used: int
    trucks_planned: int
    bins_served: int
    bins_considered: int
    bins_unserved: int
    dump_trips: int
    distance_km: float
    hours: float
    cost: float
    emissions_kg: float
    volume_l: int
    overflows_expected_unserved: float
    baseline_bins: int | None
    baseline_distance_km: float | None
    baseline_hours: float | None
    baseline_cost: float | None
    dearer_by: float | None
    currency: str
    where: str
    left_out: str | None = None


@tool(
    budget_s=ROUND_BUDGET_S,
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
    trucks: DrivingArg | None = None,
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
    if serve == "min_fill" and min_fill_pct is None:
        raise MissingPiece("min_fill_pct", "From which fill level on shall a bin be served?")
    wish = Wish(
        when, serve, goal, trucks, truck_count, near, within_m, stream, min_fill_pct, skip, must_serve, max_hours
    )
    chosen = choose_trucks(ctx, when, trucks, truck_count)
    if trucks and trucks.without:
        left = TruckSet(tuple(truck.name for truck in chosen), trucks.without)
        wish = replace(wish, trucks=left, truck_count=None)
    wish = replace(wish, begun=served_so_far(ctx, wish, chosen))
    solved = make_round(wish, ctx, chosen)
    plan_id = store_round(ctx, wish, solved, None)
    facts = _facts(ctx, wish, solved, plan_id)
    return Result[PlanFacts](
        headline=_headline(facts, solved),
        facts=facts,
        why=[*([served_reason(wish.begun)] if wish.begun else []), *round_reasons(ctx, solved, plan_id)],
        understood=understood_round(ctx, wish, solved),
        data_age=data_age(ctx),
        table=stop_table(ctx, solved),
        map=round_map(ctx, solved),
        degraded=list(solved.degraded),
        next_tool="propose_dispatch",
    )


def store_round(ctx: Ctx, wish: Wish, solved: Solved, parent: str | None) -> str:
    """Stores the plan and what replays it; its id. `parent` is the plan that it is a change of."""
    plan = plan_as_json(solved.plan)
    plan["starts_at"] = solved.starts_at.isoformat()
    new = NewPlan(
        city=ctx.city.name,
        thread=ctx.thread.thread_id,
        kind="what_if" if parent else "plan",
        parent=parent,
        problem_hash=solved.problem.hash,
        seed=ctx.tuning.seed,
        core=solved.plan.core,
        request=_request(wish, solved.starts_at),
        problem=_problem_as_json(ctx, wish, solved),
        plan=plan,
        baseline=plan_as_json(solved.baseline) if solved.baseline else {},
        gap=solved.plan.gap,
    )
    with ctx.store.write() as session:
        return store_plan(session, new, ctx.now).id


def _request(wish: Wish, starts_at: datetime) -> dict[str, JsonValue]:
    """The wish in words that resolve to the same again, for what_if and replay."""
    made: dict[str, JsonValue] = {
        "when": f"{starts_at:%Y-%m-%d}" if wish.when.is_day else wish.when.at.isoformat(timespec="minutes"),
        "serve": wish.serve,
        "goal": wish.goal,
    }
    optional: dict[str, JsonValue] = {
        "trucks": [*wish.trucks.names] if wish.trucks else None,
        "truck_count": wish.truck_count,
        "near": wish.near.name if wish.near and wish.near.kind != "point" else None,
        "within_m": wish.within_m,
        "stream": wish.stream,
        "min_fill_pct": wish.min_fill_pct,
        "skip": [*wish.skip.bin_ids] if wish.skip else None,
        "must_serve": [*wish.must_serve.bin_ids] if wish.must_serve else None,
        "max_hours": wish.max_hours,
    }
    if wish.near and wish.near.kind == "point":
        optional["near"] = f"{wish.near.lat},{wish.near.lon}"
    return made | {name: value for name, value in optional.items() if value is not None}


def _problem_as_json(ctx: Ctx, wish: Wish, solved: Solved) -> dict[str, JsonValue]:
    """What is needed to explain and replay the plan: levels and chances seen, why others are out, distances used."""
    seen: dict[str, JsonValue] = {
        bin_id: {"level_pct": round(o.level_pct, 2), "chance": round(o.chance, 4), "known": o.known}
        for bin_id, o in solved.outlooks.items()
    }
    return {
        "bins": [stop.id for stop in solved.problem.stops],
        "prizes": {stop.id: stop.prize for stop in solved.problem.stops},
        "worths": {bin_id: [w.overflow, w.haul, w.spared] for bin_id, w in solved.worths.items()},
        "outlooks": seen,
        "left_out": dict(solved.left_out),
        "due": [*sorted(solved.due)],
        "serve": solved.serve,
        "distances": solved.travel.source,
        "may_stay": [*sorted(solved.may_stay)],
        "looks": solved.looks,
        "went_on": solved.went_on,
        "begun": begun_as_json(wish.begun),
        "now": ctx.now.isoformat(),
        "records": ctx.city.digest,
        "where": restate_near(wish.near, wish.within_m) if wish.near else ctx.city.title,
    }


def _facts(ctx: Ctx, wish: Wish, solved: Solved, plan_id: str) -> PlanFacts:
    plan, base = solved.plan, solved.baseline
    served = frozenset(plan.served)
    unserved = [seen.chance for bin_id, seen in solved.outlooks.items() if bin_id not in served]
    return PlanFacts(
        plan_id=plan_id,
        round_starts=solved.starts_at.strftime("%Y-%m-%d %H:%M"),
        trucks_used=sum(bool(each.stop_ids) for each in plan.rounds),
        trucks_planned=len(plan.rounds),
        bins_served=len(served),
        bins_considered=len(solved.outlooks),
        bins_unserved=len(plan.unserved),
        dump_trips=sum(each.trips for each in plan.rounds),
        distance_km=round(plan.metres / 1000, 1),
        hours=round(plan.seconds / 3600, 1),
        cost=round(plan.cost, 2),
        emissions_kg=round(plan.g_co2e / 1000, 1),
        volume_l=sum(each.volume_l for each in plan.rounds),
        overflows_expected_unserved=round(sum(unserved), 1),
        baseline_bins=len(base.served) if base else None,
        baseline_distance_km=round(base.metres / 1000, 1) if base else None,
        baseline_hours=round(base.seconds / 3600, 1) if base else None,
        baseline_cost=round(base.cost, 2) if base else None,
        dearer_by=_dearer(plan.cost, base.cost) if base else None,
        currency=ctx.city.currency,
        where=restate_near(wish.near, wish.within_m) if wish.near else f"in {ctx.city.title}",
        left_out=", ".join(wish.trucks.without) or None if wish.trucks else None,
    )


def _dearer(cost: float, usual: float) -> float | None:
    """By how much more than the fixed schedule's round, in currency; None where it is no tenth of a unit."""
    more = round(cost - usual, 1)
    return more if more > 0 else None


DEARER = (
    "Dearer than the fixed schedule's round by {dearer_by} {currency}, with {bins_served} bins instead of "
    "{baseline_bins}. "
)


def _headline(facts: PlanFacts, solved: Solved) -> str:
    """The plan beside the fixed schedule; what is dearer than that comes first, with what there is to do about it."""
    if facts.dearer_by is None:
        return _told(facts, anything_due=bool(solved.due))
    ended = next((told for ending, told in UNREPEATABLE.items() if solved.plan.core.endswith(ending)), "")
    again = f"{ended[0].upper()}{ended[1:]}. " if ended else ""
    return f"{DEARER}{again}{_told(facts, anything_due=bool(solved.due))}"


def _told(facts: PlanFacts, *, anything_due: bool) -> str:
    if not facts.trucks_planned:
        return "Plan {plan_id} has no truck, so none of the {bins_considered} bins {where} is served."
    trucks = "truck serves" if facts.trucks_used == 1 else "trucks serve"
    trips = "trip" if facts.dump_trips == 1 else "trips"
    without = " without {left_out}" if facts.left_out else ""
    text = (
        f"Plan {{plan_id}} from {{round_starts}}{without}: {{trucks_used}} {trucks} {{bins_served}} of "
        f"{{bins_considered}} bins {{where}} in {{distance_km}} km and {{hours}} h, with {{dump_trips}} {trips} to the "
        "dump, for {cost} {currency} and {emissions_kg} kg CO₂e."
    )
    if facts.baseline_bins is None and anything_due:
        return text + " The fixed schedule's round could not be planned beside it."
    if facts.baseline_bins is None:
        return text + " The fixed schedule has nothing due there that day."
    return text + (
        " The fixed schedule would serve {baseline_bins} bins in {baseline_distance_km} km and {baseline_hours} h for "
        "{baseline_cost} {currency}."
    )
