"""Why a plan serves or leaves a bin, told in the figures that the route engine computes again.

What a visit costs is money: kilometres and minutes of the plan with it less those of the plan without it. Two plans
differ in more than one bin, so a visit may also save some. What decides is more than that money, and is told beside it
part by part: under “balanced” the longest round's time counts once more, and so do bins that only one of the two plans
serves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from domain.values import BinSet, Evidence, Facts, Reason, Result, counted
from engines.routing.plan import Why
from engines.routing.reasons import Binding, Delta, StopReason, why_stop, why_truck
from engines.routing.worth import LEAST_PCT, Worth
from tools.context import Ctx
from tools.fill import data_age, last_emptied
from tools.planning import REASONS_CUT
from tools.reason_searches import bin_reason
from tools.replan import Replanned

MILLI = 1000  # of milli-currency in one unit of the currency
Told = tuple["ExplanationFacts", list[Reason], list[str]]


class ExplanationFacts(Facts):
    """What was explained, in numbers; None where it does not apply. Money in the city's currency.

    Of a bin they are the best round found with it less the best one without it, below 0 where the visit saves:
    `extra_cost` is what is spent, `difference` says it in words. `counts` is what is weighed against `worth`:
    `extra_cost` with `longest_cost` and `worth_only_without`, the worth of the other bins that only the round without
    it serves, less `worth_only_with`.
    """

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
    difference: str | None = None
    counts: float | None = None
    longest_cost: float | None = None
    worth_only_without: float | None = None
    worth_only_with: float | None = None
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

SERVED = "{about} is on {subject}, served by {truck}: going there {difference}"
NOT_ON = "{about} is not on {subject}: serving it {difference}{breaking}; "
HEADLINES = {
    "served": SERVED + ", and it is worth {worth} {currency}.",
    "kept too long": SERVED
    + ", but a longer search would leave it: that is more than it is worth, {worth} {currency}.",
    "asked": SERVED + ", as asked.",
    "skipped": NOT_ON
    + "it would be served above an overflow probability of {flip_chance_pct} % and has {chance_pct} %.",
    "narrowly skipped": NOT_ON
    + "that is hardly more than it is worth, {worth} {currency} at an overflow probability of "
    "{chance_pct} %.",
    "overturned": "{about} is not on {subject}, but a longer search would serve it: at an overflow probability of "
    "{chance_pct} % it is worth {worth} {currency}, more than it would cost.",
    "too dear": NOT_ON + "not even a sure overflow would be worth that.",
    "crowded out": "{about} is not on {subject}: serving it {difference}{breaking}.",
    "cannot": "{about} is not on {subject}: no truck can fit it in without breaking {breaks}.",
    "left out": "{about} was not considered for {subject}.",
}


SEARCHED = "searching anew with it and without it"
NOTHING = "nothing more"
MOST_NAMED = 6
ONLY_WITHOUT = "The best round found without it serves {others}{priced} that the best one with it does not"
ONLY_WITH = "The best round found with it serves {others}{priced} that the best one without it does not"
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
    words += _counted_words(ctx, reason, facts)
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
        counted_too = _counted(reason, reason.extra)
        figures |= {
            "extra_km": round(reason.extra.metres / 1000, 2) + 0.0,
            "extra_minutes": round(reason.extra.seconds / 60, 1) + 0.0,
            "difference": told_difference(reason.extra, counted_too, facts.currency),
            **counted_too,
        }
    if reason.prize is not None:
        figures |= {"worth": round(reason.prize / MILLI, 2), "flip_chance_pct": chance}
        figures |= parts_of(seen.worths.get(reason.stop_id))
    return facts.model_copy(update=figures)


def _counted(reason: StopReason, extra: Delta) -> dict[str, float]:
    """What is spent and what else counts, in currency; the parts told add up to the whole told."""
    parts = {
        "extra_cost": extra.cost,
        "longest_cost": reason.longest_milli / MILLI,
        "worth_only_without": reason.displaced_milli / MILLI,
        "worth_only_with": reason.along_milli / MILLI,
    }
    parts = {name: round(amount, 2) + 0.0 for name, amount in parts.items()}  # no -0.0
    return {**parts, "counts": round(sum(parts.values()) - 2 * parts["worth_only_with"], 2) + 0.0}


def told_difference(extra: Delta, counting: Mapping[str, float], unit: str) -> str:
    """What the round with the bin takes and costs more or less than the one without it, as a clause."""
    way = more_or_less([(extra.metres / 1000, 1, "km")])
    cost, counts = (more_or_less([(counting[name], 2, unit)]) for name in ("extra_cost", "counts"))
    told = f"takes {way} and costs {cost}" if way != NOTHING else f"costs {cost}"
    return told if counts == cost else f"{told} ({counts} with all that it changes)"


def _counted_words(ctx: Ctx, reason: StopReason, facts: ExplanationFacts) -> list[str]:
    """The other bins that only one of the two rounds serves, and how all of it adds up."""
    words, unit = [], facts.currency
    for others, worth, told in (
        (reason.displaced, facts.worth_only_without, ONLY_WITHOUT),
        (reason.along, facts.worth_only_with, ONLY_WITH),
    ):
        if others:
            labels = ", ".join(ctx.city.bins[each].label for each in others[:MOST_NAMED])
            named = f"{labels}{' and more' if len(others) > MOST_NAMED else ''}"
            priced = f" (worth {worth:.2f} {unit})" if worth else ""
            words.append(f"{told.format(others=counted(len(others), 'other bin'), priced=priced)}: {named}.")
    if facts.counts is None or facts.counts == facts.extra_cost:
        return words
    parts = [
        (facts.longest_cost, "for the longest round's time, which counts once more"),
        (facts.worth_only_without, "for the bins that only the round without it serves"),
        (-(facts.worth_only_with or 0.0), "for those that only the round with it serves"),
    ]
    told = "".join(f"{part:+.2f} {name}, " for part, name in parts if part)
    return [*words, f"In all it counts {facts.counts:.2f} {unit}: {facts.extra_cost:.2f} to drive, {told[:-2]}."]


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
        f"{reason.truck} serves {facts.about}; without it the round takes {more(reason.extra, facts, -1)}"
        f"{f', found by {SEARCHED}' if reason.searched else ''}."
    ]
    for other in why_truck(seen.problem, seen.plan, reason.stop_id)[:2]:
        if other.extra is not None:
            words.append(f"{other.truck} would take {more(other.extra, facts)} for it.")
        elif other.binding is not None:
            words.append(f"{other.truck} cannot take it without breaking {_rule(other.binding)}.")
    return words


def _left_words(reason: StopReason, facts: ExplanationFacts) -> list[str]:
    words = []
    if reason.extra is not None:
        by = f"found by {SEARCHED}" if reason.searched else "its cheapest place"
        words.append(f"{reason.truck} could serve {facts.about}; that takes {more(reason.extra, facts)}, {by}.")
    for bound in reason.bindings:
        at = f", which then takes {more(bound.extra, facts)}" if bound.extra else ""
        words.append(f"On {bound.truck}'s round{at}, it breaks {_rule(bound)}.")
    return words or ["The plan has no truck."]


def more(extra: Delta, facts: ExplanationFacts, sign: int = 1) -> str:
    """What is driven, taken and spent more or less; with `sign` -1 of the plan compared with."""
    amounts = (extra.metres / 1000, 2, "km"), (extra.seconds / 60, 1, "min"), (extra.cost, 2, facts.currency)
    return more_or_less([(sign * amount, digits, unit) for amount, digits, unit in amounts])


def more_or_less(amounts: Sequence[tuple[float, int, str]]) -> str:
    """Amounts with their decimals and units: "1.20 km and 3.1 min more, 2.60 USD less", those of nothing left out."""
    rounded = [(round(amount, digits), digits, unit) for amount, digits, unit in amounts]
    told = []
    for above, group in groupby([each for each in rounded if each[0]], key=lambda each: each[0] > 0):
        *most, last = [f"{abs(amount):.{digits}f} {unit}" for amount, digits, unit in group]
        several = f"{', '.join(most)} and {last}" if most else last
        told.append(f"{several} {'more' if above else 'less'}")
    return ", ".join(told) or NOTHING


def _doubts(facts: ExplanationFacts, reason: StopReason) -> list[str]:
    told = [] if reason.repeatable else [REASONS_CUT]
    if reason.overturned:
        told.append(
            f"a new search found a better round that decides otherwise about {facts.about}: plan again with more time"
        )
    return told
