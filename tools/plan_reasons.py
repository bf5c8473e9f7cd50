"""Why a plan is as it is: its bins, its trucks, its whole, told in the figures that the route engine computes again."""

from __future__ import annotations

from domain.values import BinSet, Evidence, Facts, Reason, Result, Table, TruckSet, counted
from engines.routing.insertion import detour_of
from engines.routing.pareto import Option, marked, option_of, sweep
from engines.routing.plan import TruckRound, Why
from engines.routing.problem import Goal
from engines.routing.reasons import Binding, Delta, OtherOrder, StopReason, why_order, why_stop, why_truck
from engines.routing.worth import LEAST_PCT, Worth
from tools.context import Ctx
from tools.fill import data_age, last_emptied
from tools.planning import REASONS_CUT
from tools.reason_searches import bin_reason, search_rule
from tools.replan import Replanned

MILLI = 1000  # of milli-currency in one unit of the currency
Told = tuple["ExplanationFacts", list[Reason], list[str]]


class ExplanationFacts(Facts):
    """What was explained, in numbers; None where it does not apply. Money in the city's currency."""

    subject: str
    about: str
    verdict: str
    chance_pct: int | None = None
    level_pct: int | None = None
    by: str | None = None
    threshold_pct: int | None = None
    extra_km: float | None = None
    extra_minutes: float | None = None
    extra_cost: float | None = None
    worth: float | None = None
    worth_of_overflow: float | None = None
    worth_of_haul: float | None = None
    worth_of_spared_visit: float | None = None
    flip_chance_pct: int | None = None
    truck: str | None = None
    breaks: str | None = None
    saves_km: float | None = None
    saves_hours: float | None = None
    saves_cost: float | None = None
    saves_emissions_kg: float | None = None
    currency: str = ""


# ---------------------------------------------------------------- one bin

SERVED = "{about} is on {subject}, served by {truck}: going there takes {extra_km} km = {extra_cost} {currency} more"
HEADLINES = {
    "served": SERVED + " and is worth {worth} {currency}.",
    "kept too long": SERVED
    + ", but a longer search would leave it: that is more than it is worth, {worth} {currency}.",
    "asked": SERVED + ", as asked.",
    "skipped": "{about} is not on {subject}: serving it costs {extra_km} km = {extra_cost} {currency} more{breaking}; "
    "it would be served above an overflow probability of {flip_chance_pct} % and has {chance_pct} %.",
    "narrowly skipped": "{about} is not on {subject}: serving it costs {extra_km} km = {extra_cost} {currency} "
    "more{breaking}; that is hardly more than it is worth, {worth} {currency} at an overflow probability of "
    "{chance_pct} %.",
    "overturned": "{about} is not on {subject}, but a longer search would serve it: at an overflow probability of "
    "{chance_pct} % it is worth {worth} {currency}, more than it would cost.",
    "too dear": "{about} is not on {subject}: serving it costs {extra_km} km = {extra_cost} {currency} more{breaking}; "
    "not even a sure overflow would be worth that.",
    "crowded out": "{about} is not on {subject}: with it the round would cost {extra_km} km = {extra_cost} {currency} "
    "more{breaking}.",
    "cannot": "{about} is not on {subject}: no truck can fit it in without breaking {breaks}.",
    "left out": "{about} was not considered for {subject}.",
}


SEARCHED = "searching anew with it and without it"
LEFT_BELOW = " It would be left out below an overflow probability of {flip_chance_pct} %."


def explain_bins(ctx: Ctx, seen: Replanned, bins: BinSet, question: str) -> Result[ExplanationFacts]:
    """Every bin of the site; the facts are those of the first, the reasons of all."""
    told = [_one_bin(ctx, seen, bin_id, first=number == 0) for number, bin_id in enumerate(bins.bin_ids)]
    facts = told[0][0]
    headline = HEADLINES[facts.verdict].replace("{breaking}", " and breaks {breaks}" if facts.breaks else "")
    if question == "what_would_change_it" and _is_told_from_below(facts):
        headline += LEFT_BELOW if facts.flip_chance_pct else " It would be served even if it could not overflow."
    return Result[ExplanationFacts](
        headline=headline,
        facts=facts,
        why=[reason for _, reasons, _ in told for reason in reasons],
        data_age=data_age(ctx),
        degraded=[sentence for _, _, sentences in told for sentence in sentences],
    )


def _is_told_from_below(facts: ExplanationFacts) -> bool:
    """Whether a bin is served and has at least the chance below which it would be left out."""
    flip = facts.flip_chance_pct
    return facts.verdict == "served" and flip is not None and flip <= (facts.chance_pct or 0)


def _one_bin(ctx: Ctx, seen: Replanned, bin_id: str, *, first: bool) -> Told:
    """Facts, reasons and what limits them; the first bin's figures come from new searches as well."""
    label = ctx.city.bins[bin_id].label
    plan = Evidence(label=f"plan {seen.plan_id}", ref=f"plans:{seen.plan_id}")
    record = Evidence(label=f"{label}: last emptied {last_emptied(ctx, bin_id)}", ref=f"records:bins/{bin_id}")
    outlook = seen.outlooks.get(bin_id)
    facts = ExplanationFacts(
        subject=seen.plan_id, about=label, verdict="left out", currency=ctx.city.currency,
        chance_pct=round(outlook.chance * 100) if outlook else None,
        level_pct=round(outlook.level_pct) if outlook else None,
    )  # fmt: skip
    if bin_id not in {stop.id for stop in seen.problem.stops}:
        why = seen.left_out.get(bin_id, "it is outside the place, stream or service that the plan is for")
        return facts, [Reason(text=f"{label} was not considered: {why}.", evidence=[plan, record])], []
    at = (seen.problem, seen.plan, bin_id)
    reason = bin_reason(ctx.tuning, *at) if first else why_stop(*at)
    facts = _with_figures(facts, seen, reason)
    words = _served_words(seen, reason, facts) if reason.served else _left_words(reason, facts)
    words += _worth_words(facts, alone=outlook is not None and outlook.level_pct < LEAST_PCT)
    return facts, [Reason(text=text, evidence=[plan, record]) for text in words], _doubts(facts, reason)


def _with_figures(facts: ExplanationFacts, seen: Replanned, reason: StopReason) -> ExplanationFacts:
    chance = None if reason.flip_prize is None else seen.chance_of(reason.stop_id, reason.flip_prize)
    figures: dict[str, object] = {
        "verdict": verdict_of(reason, chance, facts),
        "truck": reason.truck,
        "breaks": _breaks(reason),
    }
    if reason.extra is not None:
        figures |= {
            "extra_km": round(reason.extra.metres / 1000, 2),
            "extra_minutes": round(reason.extra.seconds / 60, 1),
            "extra_cost": round(reason.extra.milli / MILLI, 2),
        }
    if reason.prize is not None:
        figures |= {"worth": round(reason.prize / MILLI, 2), "flip_chance_pct": chance}
        figures |= parts_of(seen.worths.get(reason.stop_id))
    return facts.model_copy(update=figures)


def parts_of(worth: Worth | None) -> dict[str, float]:
    """The parts of a visit's worth in currency; none where the plan was stored without them."""
    if worth is None:
        return {}
    parts = {"worth_of_overflow": worth.overflow, "worth_of_haul": worth.haul, "worth_of_spared_visit": worth.spared}
    told = {name: round(milli / MILLI, 2) for name, milli in parts.items()}
    largest = max(parts, key=lambda name: parts[name])  # so that the parts told add up to the whole told
    others = sum(value for name, value in told.items() if name != largest)
    return {**told, largest: round(round(worth.prize / MILLI, 2) - others, 2)}


def _worth_words(facts: ExplanationFacts, *, alone: bool) -> list[str]:
    """What a visit is worth, part by part; `alone`: the bin is so empty that its chance alone counts."""
    if facts.worth is None or facts.worth_of_overflow is None:
        return []
    told = (
        f"A visit to {facts.about} is worth {facts.worth:.2f} {facts.currency}: {facts.worth_of_overflow:.2f} for an "
        f"overflow probability of {facts.chance_pct} %"
    )
    if alone:
        return [f"{told} alone, as it is less than {LEAST_PCT:.0f} % full."]
    return [
        f"{told}, {facts.worth_of_haul:.2f} because what lies in it need not be driven to the dump later, and "
        f"{facts.worth_of_spared_visit:.2f} because the next visit can come later."
    ]


def verdict_of(reason: StopReason, chance: int | None, facts: ExplanationFacts) -> str:
    """What was decided: a key of HEADLINES; `chance` in percent is where the decision turns (None: nowhere)."""
    if reason.served:
        return "asked" if reason.prize is None else "kept too long" if reason.overturned else "served"
    if reason.extra is None:
        return "cannot"
    if reason.prize is None:
        return "crowded out"
    if reason.overturned:
        return "overturned"
    if chance is None:
        return "too dear"
    return "skipped" if facts.chance_pct is None or facts.chance_pct < chance else "narrowly skipped"


def _breaks(reason: StopReason) -> str | None:
    """The rule that the cheapest place of all would break, when that is cheaper than the cheapest possible one."""
    priced = [each for each in reason.bindings if each.extra is not None]
    best = min(priced, key=lambda each: each.extra.milli if each.extra else 0, default=None)
    if reason.served:
        return None
    if reason.extra is None:
        return _rule(best) if best else "; ".join(_rule(each) for each in reason.bindings) or "every rule"
    cheaper = best is not None and best.extra is not None and best.extra.milli < reason.extra.milli
    return _rule(best) if best is not None and cheaper else None


RULES = {
    Why.no_truck_for_stream: "{truck}'s streams",
    Why.too_large: "{truck}'s capacity",
    Why.fleet_full: "{truck}'s capacity",
    Why.shift_too_short: "{truck}'s shift",
    Why.window_closed: "a time window on {truck}'s round",
    Why.no_way: "{truck}'s roads: there is no way",
    Why.too_late_ready: "the hour from which the stop may be served, on {truck}'s round",
}


def _rule(bound: Binding) -> str:
    """The rule in words, with how much is missing: "Truck 2's shift by 14 min"."""
    rule = RULES.get(bound.why, "a rule of {truck}").format(truck=bound.truck)
    if bound.short_by is None:
        return rule
    missing = f"{max(1, round(bound.short_by / 60))} min" if bound.unit == "s" else f"{bound.short_by:,} {bound.unit}"
    return f"{rule} by {missing}"


def _served_words(seen: Replanned, reason: StopReason, facts: ExplanationFacts) -> list[str]:
    assert reason.extra is not None
    words = [
        f"{reason.truck} serves {facts.about}; without it the round is {_more(reason.extra, facts)} shorter"
        f"{f', found by {SEARCHED}' if reason.searched else ''}."
    ]
    for other in why_truck(seen.problem, seen.plan, reason.stop_id)[:2]:
        if other.extra is not None:
            words.append(f"{other.truck} would take {_more(other.extra, facts)} more for it.")
        elif other.binding is not None:
            words.append(f"{other.truck} cannot take it without breaking {_rule(other.binding)}.")
    return words


def _left_words(reason: StopReason, facts: ExplanationFacts) -> list[str]:
    words = []
    if reason.extra is not None:
        by = f"found by {SEARCHED}" if reason.searched else "its cheapest place"
        words.append(f"{reason.truck} could serve {facts.about} for {_more(reason.extra, facts)} more, {by}.")
    if reason.displaced:
        gone = ", ".join(reason.displaced[:6])
        words.append(f"{counted(len(reason.displaced), 'bin')} would be left for it: {gone}.")
    for bound in reason.bindings:
        at = f", {_more(bound.extra, facts)} more" if bound.extra else ""
        words.append(f"On {bound.truck}'s round{at}, it breaks {_rule(bound)}.")
    return words or ["The plan has no truck."]


def _more(extra: Delta, facts: ExplanationFacts) -> str:
    cost = f"{extra.milli / MILLI:.2f} {facts.currency}"
    return f"{extra.metres / 1000:.2f} km, {extra.seconds / 60:.1f} min and {cost}"


def _doubts(facts: ExplanationFacts, reason: StopReason) -> list[str]:
    told = [] if reason.repeatable else [REASONS_CUT]
    if reason.overturned:
        told.append(
            f"a new search found a better round that decides otherwise about {facts.about}: plan again with more time"
        )
    return told


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
    return f"{told}, its bins would take {_more(other.extra, facts)} more."


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
            ctx.city.bins[d.stop_id].label, d.truck, round(d.metres / 1000, 2), round(d.milli / MILLI, 2),
            None if d.prize is None else round(d.prize / MILLI, 2),
        ]
        for d in detours
    ]  # fmt: skip
    reasons = [Reason(text=f"The goal is “{seen.problem.goal}”; bins are chosen by “{seen.serve}”.", evidence=[plan])]
    if detours:
        top = ctx.city.bins[detours[0].stop_id].label
        text = f"The costliest stop is {top}: {detours[0].metres / 1000:.1f} km of detour."
        reasons.append(Reason(text=text, evidence=[plan]))
    reasons += [Reason(text=f"Unserved {u.stop_id}: {u.text}.", evidence=[plan]) for u in seen.plan.unserved[:3]]
    return Result[ExplanationFacts](
        headline="{subject} for {about}: {extra_km} km, {extra_minutes} min, {extra_cost} {currency} in all.",
        facts=facts,
        why=reasons,
        data_age=data_age(ctx),
        table=Table(columns=["bin", "truck", "detour_km", "detour_cost", "worth"], rows=rows) if rows else None,
    )


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
