"""Why a truck's round is as it is, and the whole plan, told in the figures that the route engine computes again."""

from __future__ import annotations

from domain.values import Evidence, Reason, Result, Table, TruckSet, counted
from engines.routing.insertion import detour_of
from engines.routing.pareto import Option, marked, option_of, sweep
from engines.routing.plan import TruckRound, Unserved, Why
from engines.routing.problem import Goal
from engines.routing.reasons import OtherOrder, why_order
from tools.context import Ctx
from tools.fill import data_age
from tools.plan_reasons import MILLI, ExplanationFacts, more
from tools.planning import REASONS_CUT
from tools.reason_searches import search_rule
from tools.replan import Replanned

# ---------------------------------------------------------------- one truck


def explain_truck(ctx: Ctx, seen: Replanned, trucks: TruckSet) -> Result[ExplanationFacts]:
    """What a truck does, what ends its round, and why its stops stand in this order."""
    name = trucks.names[0]
    plan = Evidence(label=f"plan {seen.plan_id}", ref=f"plans:{seen.plan_id}")
    mine = next((each for each in seen.plan.rounds if each.truck == name), None)
    facts = ExplanationFacts(subject=seen.plan_id, about=name, verdict="left out", currency=ctx.city.currency)
    if mine is None:
        words = [f"{name} was not among the trucks that the plan was asked for."]
        headline = "{about} has no part in {subject}."
    else:
        facts = facts.model_copy(
            update={
                "verdict": "driven",
                "extra_km": round(mine.metres / 1000, 1),
                "extra_minutes": round(mine.seconds / 60),
                "extra_cost": round(mine.cost, 2),
            }
        )
        headline = "{about} drives {extra_km} km in {extra_minutes} min on {subject}, for {extra_cost} {currency}."
        orders = why_order(seen.problem, seen.plan, name)
        words = [_end_words(seen, mine), *(_order_words(each, facts) for each in orders)]
    return Result[ExplanationFacts](
        headline=headline,
        facts=facts,
        why=[Reason(text=text, evidence=[plan]) for text in words],
        data_age=data_age(ctx),
        table=_visits(mine),
    )


def _end_words(seen: Replanned, mine: TruckRound) -> str:
    info = next(truck for truck in seen.problem.trucks if truck.name == mine.truck)
    left = (seen.problem.shift_end(info) - info.shift_start_s - mine.seconds) / 60
    return (
        f"{mine.truck} serves {counted(len(mine.stop_ids), 'bin')} in {mine.trips} loads of at most "
        f"{info.capacity_l:,} l; {left:.0f} min of its shift stay free{_what_ends(seen, left)}."
    )


def _what_ends(seen: Replanned, left: float) -> str:
    """What ended a round that has `left` minutes to spare, as a clause."""
    if not seen.plan.unserved:
        return " and no bin is left for it"
    if left < 15:
        return ", so its shift ends it"
    if any(each.why is Why.cheaper_to_skip for each in seen.plan.unserved):
        return ", so the worth of further bins ends it"
    return "; what is left found no place in it"


def _order_words(other: OtherOrder, facts: ExplanationFacts) -> str:
    told = {"nearest next": "Always to the nearest bin next", "backwards": "The other way round"}[other.name]
    if other.extra is None:
        why = (other.why or Why.shift_too_short).value.replace("_", " ")
        return f"{told}, its bins could not be driven: {why}."
    return f"{told}, its bins would take {more(other.extra, facts)}."


def _visits(mine: TruckRound | None) -> Table | None:
    rows: list[list[str | int | float | None]] = [
        [n, v.stop_id, round(v.metres / 1000, 2), v.load_l] for n, v in enumerate(mine.visits if mine else (), 1)
    ]
    return Table(columns=["order", "stop", "km_from_previous", "load_l"], rows=rows) if rows else None


# ---------------------------------------------------------------- the whole plan


def explain_plan(ctx: Ctx, seen: Replanned, question: str) -> Result[ExplanationFacts]:
    """The plan as a whole: its goal and its costliest stops; or what another goal would make of it."""
    plan = Evidence(label=f"plan {seen.plan_id}", ref=f"plans:{seen.plan_id}")
    facts = ExplanationFacts(
        subject=seen.plan_id, about=seen.where, verdict="planned", extra_km=round(seen.plan.metres / 1000, 1),
        extra_minutes=round(seen.plan.seconds / 60), extra_cost=round(seen.plan.cost, 2), currency=ctx.city.currency,
    )  # fmt: skip
    if question == "what_would_change_it" and seen.plan.rounds and seen.problem.stops:
        return _other_goals(ctx, seen, facts, plan)
    detours = sorted((detour_of(seen.problem, seen.plan, s) for s in seen.plan.served), key=lambda d: -d.milli)
    rows: list[list[str | int | float | None]] = [
        [
            ctx.city.bins[d.stop_id].label, d.truck, round(d.metres / 1000, 2), round(d.cost, 2),
            None if d.prize is None else round(d.prize / MILLI, 2),
        ]
        for d in detours
    ]  # fmt: skip
    reasons = [Reason(text=f"The goal is “{seen.problem.goal}”; bins are chosen by “{seen.serve}”.", evidence=[plan])]
    if detours:
        top = ctx.city.bins[detours[0].stop_id].label
        text = f"The costliest stop is {top}: {detours[0].metres / 1000:.1f} km of detour."
        reasons.append(Reason(text=text, evidence=[plan]))
    reasons += [Reason(text=_unserved_words(ctx, each), evidence=[plan]) for each in seen.plan.unserved[:3]]
    return Result[ExplanationFacts](
        headline="{subject} for {about}: {extra_km} km, {extra_minutes} min, {extra_cost} {currency} in all.",
        facts=facts,
        why=reasons,
        data_age=data_age(ctx),
        table=Table(columns=["bin", "truck", "detour_km", "detour_cost", "worth"], rows=rows) if rows else None,
    )


def _unserved_words(ctx: Ctx, each: Unserved) -> str:
    """Why a bin is left, with both figures where its worth decides."""
    told = f"Unserved {ctx.city.bins[each.stop_id].label}: {each.text}"
    if each.prize is None or each.cost_milli is None:
        return f"{told}."
    return f"{told}: {each.cost_milli / MILLI:.2f} against {each.prize / MILLI:.2f} {ctx.city.currency}."


def _other_goals(ctx: Ctx, seen: Replanned, facts: ExplanationFacts, plan: Evidence) -> Result[ExplanationFacts]:
    """The trade-off: the plan beside a new one for every other goal."""
    others = [goal for goal in Goal if goal is not seen.problem.goal]
    rule = search_rule(ctx.tuning, len(seen.problem.stops), len(others))
    found = marked([option_of(seen.problem, seen.plan), *sweep(seen.problem, rule, ctx.tuning.seed, others)])
    own = seen.plan
    saved = {
        "saves_km": round(max(own.metres - each.plan.metres for each in found) / 1000, 1),
        "saves_hours": round(max(own.seconds - each.plan.seconds for each in found) / 3600, 1),
        "saves_cost": round(max(own.cost - each.plan.cost for each in found), 2),
        "saves_emissions_kg": round(max(own.g_co2e - each.plan.g_co2e for each in found) / 1000, 1),
    }
    text = f"The goal is “{seen.problem.goal}”; the same bins were planned again for every other goal."
    beaten = [f"“{each.goal}” is nowhere better than “{each.beaten_by}”" for each in found if each.beaten_by]
    words = [text, *([f"{'; '.join(beaten)}."] if beaten else [])]
    return Result[ExplanationFacts](
        headline="{subject} for {about} takes {extra_km} km, {extra_minutes} min and {extra_cost} {currency}; another "
        "goal would save at most {saves_km} km, {saves_hours} h, {saves_cost} {currency} or {saves_emissions_kg} kg "
        "CO₂e, at the price that the table shows.",
        facts=facts.model_copy(update={"verdict": "weighed", **saved}),
        why=[Reason(text=each, evidence=[plan]) for each in words],
        data_age=data_age(ctx),
        table=Table(
            columns=["goal", "bins", "left", "km", "hours", "cost", "emissions_kg", "worth_left", "beaten_by"],
            rows=[_option_row(each) for each in found],
        ),
        degraded=[] if all(each.plan.repeatable for each in found if each.plan is not own) else [REASONS_CUT],
    )


def _option_row(option: Option) -> list[str | int | float | None]:
    plan = option.plan
    return [
        option.goal.value, len(plan.served), len(plan.unserved), round(plan.metres / 1000, 1),
        round(plan.seconds / 3600, 1), round(plan.cost, 2), round(plan.g_co2e / 1000, 1),
        round(option.prizes_left / MILLI, 2), option.beaten_by.value if option.beaten_by else None,
    ]  # fmt: skip
