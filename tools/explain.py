"""explain: why a plan, a forecast or a decision is as it is."""

from __future__ import annotations

from typing import Literal

from domain.errors import AskAgain, MissingPiece
from domain.repositories.plans import get_plan
from domain.values import BinSet, Evidence, Facts, Reason, Result, Table, TruckSet
from engines.routing.insertion import detour_of, why_skipped
from tools.arguments import BinArg, RefArg, TruckArg, words
from tools.context import Ctx
from tools.fill import data_age, forecasts, last_emptied
from tools.registry import Example, tool
from tools.replan import Replanned, again

FULL_MILLI = 1000


class ExplanationFacts(Facts):
    """What was explained, in numbers; None where it does not apply. Money in the city's currency."""

    subject: str
    about: str
    verdict: str
    chance_pct: int | None = None
    level_pct: int | None = None
    extra_km: float | None = None
    extra_minutes: float | None = None
    extra_cost: float | None = None
    worth: float | None = None
    flip_chance_pct: int | None = None
    currency: str = ""


@tool(
    budget_s=15,
    examples=[
        Example("why is Sather Gate not on the round?", {"bin": "Sather Gate", "question": "why_not"}),
        Example("explain P-0003", {"subject": "P-0003"}),
    ],
)
def explain(
    subject: RefArg = words("last"),
    bin: BinArg | None = None,
    truck: TruckArg | None = None,
    question: Literal["why", "why_not", "what_would_change_it"] = "why",
    *,
    ctx: Ctx,
) -> Result[ExplanationFacts]:
    """Explain a plan, forecast or decision, or the part of one bin or truck in it.

    Reasons are computed by inserting, removing and re-solving.

    Args:
        subject: Id of a plan, forecast or decision; the newest one when not named.
        bin: The bin or site in question.
        truck: The truck in question.
        question: Why it is so, why something is not so, or what would change it.
    """
    kind, name = _subject(ctx, subject)
    result = _explained(ctx, (kind, name), (bin, truck), question)
    told = name if kind != "forecast" else "the last forecast"
    return result.model_copy(update={"understood": {**result.understood, "subject": told}})


def _explained(
    ctx: Ctx, subject: tuple[str, str], part: tuple[BinSet | None, TruckSet | None], question: str
) -> Result[ExplanationFacts]:
    (kind, name), (bin, truck) = subject, part
    if kind == "decision":
        return _explain_decision(ctx, name)
    if kind == "forecast":
        bin = bin or _first_of_the_list(ctx)
        return _explain_forecast(ctx, bin)
    with ctx.store.read() as session:
        stored = get_plan(session, ctx.city.name, name)
    seen = again(ctx, stored)
    if truck is not None:
        return _explain_truck(ctx, seen, truck)
    if bin is not None:
        return _explain_bins(ctx, seen, bin, question)
    return _explain_plan(ctx, seen)


def _first_of_the_list(ctx: Ctx) -> BinSet:
    """The bin that the newest forecast put first, when no bin was named."""
    bin_id = ctx.thread.first_bin or ""
    if bin_id not in ctx.city.bins:
        raise MissingPiece("bin", "Which bin's forecast shall I explain?")
    return BinSet((bin_id,), (ctx.city.bins[bin_id].label,))


def _subject(ctx: Ctx, said: str) -> tuple[str, str]:
    if said != "last":
        if said.startswith("P-"):
            return "plan", said
        if said.startswith("D-"):
            return "decision", said
        raise AskAgain(f"“{said}” is neither a plan (P-...) nor a decision (D-...). Which one do you mean?")
    if ctx.thread.last_subject is None:
        raise MissingPiece("subject", "There is no plan or forecast in this conversation yet. What shall I explain?")
    return ("plan", ctx.thread.last_subject) if ctx.thread.last_subject.startswith("P-") else ("forecast", "last")


# ---------------------------------------------------------------- plans


def _explain_bins(ctx: Ctx, seen: Replanned, bins: BinSet, question: str) -> Result[ExplanationFacts]:
    """Every bin of the site; the facts are those of the first, the reasons of all."""
    told = [_one_bin(ctx, seen, bin_id) for bin_id in bins.bin_ids]
    facts, _ = told[0]
    headline = {
        "served": "{about} is on {subject}: going there takes {extra_km} km, {extra_minutes} min and {extra_cost} "
        "{currency} more, and is worth {worth} {currency}.",
        "skipped": "{about} is not on {subject}: its chance to overflow is {chance_pct} %, worth {worth} "
        "{currency}, and serving it would cost {extra_cost} {currency} ({extra_km} km, {extra_minutes} min) more. It "
        "would be served from a chance of {flip_chance_pct} % on.",
        "cannot": "{about} is not on {subject}: no truck can fit it in.",
        "left out": "{about} was not considered for {subject}.",
    }[facts.verdict]
    if facts.verdict == "served" and facts.worth is None:
        headline = (
            "{about} is on {subject}, as asked: going there takes {extra_km} km, {extra_minutes} min and {extra_cost} "
            "{currency} more."
        )
    if question == "what_would_change_it" and facts.verdict == "served" and facts.flip_chance_pct is not None:
        headline += " It would be left out below a chance of {flip_chance_pct} %."
    return Result[ExplanationFacts](
        headline=headline,
        facts=facts,
        why=[reason for _, reasons in told for reason in reasons],
        data_age=data_age(ctx),
    )


def _one_bin(ctx: Ctx, seen: Replanned, bin_id: str) -> tuple[ExplanationFacts, list[Reason]]:
    label = ctx.city.bins[bin_id].label
    plan = Evidence(label=f"plan {seen.plan_id}", ref=f"plans:{seen.plan_id}")
    record = Evidence(label=f"{label}: last emptied {last_emptied(ctx, bin_id)}", ref=f"records:bins/{bin_id}")
    outlook = seen.outlooks.get(bin_id)
    common: dict[str, object] = {
        "subject": seen.plan_id,
        "about": label,
        "chance_pct": round(outlook.chance * 100) if outlook else None,
        "level_pct": round(outlook.level_pct) if outlook else None,
        "currency": ctx.city.currency,
    }
    if bin_id not in {stop.id for stop in seen.problem.stops}:
        why = seen.left_out.get(bin_id, "it is outside the place, stream or service that the plan is for")
        text = f"{label} was not considered: {why}."
        return ExplanationFacts.model_validate({**common, "verdict": "left out"}), [
            Reason(text=text, evidence=[plan, record])
        ]
    if bin_id in seen.plan.served:
        return _served(seen, bin_id, common, [plan, record])
    return _skipped(seen, bin_id, common, [plan, record])


def _served(
    seen: Replanned, bin_id: str, common: dict[str, object], evidence: list[Evidence]
) -> tuple[ExplanationFacts, list[Reason]]:
    detour = detour_of(seen.problem, seen.plan, bin_id)
    facts = ExplanationFacts.model_validate({
        **common, "verdict": "served", "extra_km": round(detour.metres / 1000, 2),
        "extra_minutes": round(detour.seconds / 60, 1), "extra_cost": round(detour.milli / FULL_MILLI, 2),
        "worth": None if detour.prize is None else round(detour.prize / FULL_MILLI, 2),
        "flip_chance_pct": seen.chance_of(detour.milli) if detour.prize is not None else None,
    })  # fmt: skip
    text = (
        f"{detour.truck} serves {facts.about}; without it the round is {facts.extra_km} km and "
        f"{facts.extra_minutes} min shorter and costs {facts.extra_cost} {facts.currency} less under the plan's goal."
    )
    return facts, [Reason(text=text, evidence=evidence)]


def _skipped(
    seen: Replanned, bin_id: str, common: dict[str, object], evidence: list[Evidence]
) -> tuple[ExplanationFacts, list[Reason]]:
    found = why_skipped(seen.problem, seen.plan, bin_id)
    reasons = [Reason(text=f"{chance.truck}: {chance.text}.", evidence=evidence) for chance in found.trucks]
    if found.cheapest is None:
        return ExplanationFacts.model_validate({**common, "verdict": "cannot"}), reasons or [
            Reason(text="The plan has no truck.", evidence=evidence)
        ]
    facts = ExplanationFacts.model_validate({
        **common, "verdict": "skipped", "extra_km": round(found.cheapest.metres / 1000, 2),
        "extra_minutes": round(found.cheapest.seconds / 60, 1),
        "extra_cost": round(found.cheapest.milli / FULL_MILLI, 2),
        "worth": round((found.prize or 0) / FULL_MILLI, 2), "flip_chance_pct": seen.chance_of(found.flip_prize or 0),
    })  # fmt: skip
    return facts, reasons


def _explain_truck(ctx: Ctx, seen: Replanned, trucks: TruckSet) -> Result[ExplanationFacts]:
    name = trucks.names[0]
    plan = Evidence(label=f"plan {seen.plan_id}", ref=f"plans:{seen.plan_id}")
    mine = next((each for each in seen.plan.rounds if each.truck == name), None)
    if mine is None:
        text = f"{name} was not among the trucks that the plan was asked for."
        facts = ExplanationFacts(subject=seen.plan_id, about=name, verdict="left out")
        headline = "{about} has no part in {subject}."
    else:
        facts = ExplanationFacts(
            subject=seen.plan_id, about=name, verdict="driven", extra_km=round(mine.metres / 1000, 1),
            extra_minutes=round(mine.seconds / 60), extra_cost=round(mine.cost, 2), currency=ctx.city.currency,
        )  # fmt: skip
        headline = "{about} drives {extra_km} km in {extra_minutes} min on {subject}, for {extra_cost} {currency}."
        info = next(t for t in seen.problem.trucks if t.name == name)
        left = (seen.problem.shift_end(info) - info.shift_start_s - mine.seconds) / 60
        text = (
            f"{name} serves {len(mine.stop_ids)} bins in {mine.trips} loads of at most {info.capacity_l:,} l; "
            f"{left:.0f} min of its shift stay free, so "
            f"{'its shift' if left < 15 else 'the worth of further bins'} ends it."
        )
    stops: list[list[str | int | float | None]] = [
        [n, v.stop_id, round(v.metres / 1000, 2), v.load_l] for n, v in enumerate(mine.visits if mine else (), 1)
    ]
    table = Table(columns=["order", "stop", "km_from_previous", "load_l"], rows=stops) if stops else None
    return Result[ExplanationFacts](
        headline=headline, facts=facts, why=[Reason(text=text, evidence=[plan])], data_age=data_age(ctx), table=table
    )


def _explain_plan(ctx: Ctx, seen: Replanned) -> Result[ExplanationFacts]:
    """The plan as a whole: its goal, its costliest and its most worthwhile stops, its bounds."""
    plan = Evidence(label=f"plan {seen.plan_id}", ref=f"plans:{seen.plan_id}")
    detours = sorted((detour_of(seen.problem, seen.plan, s) for s in seen.plan.served), key=lambda d: -d.milli)
    rows: list[list[str | int | float | None]] = [
        [
            ctx.city.bins[d.stop_id].label, d.truck, round(d.metres / 1000, 2), round(d.milli / FULL_MILLI, 2),
            None if d.prize is None else round(d.prize / FULL_MILLI, 2),
        ]
        for d in detours
    ]  # fmt: skip
    facts = ExplanationFacts(
        subject=seen.plan_id, about=seen.where, verdict="planned", extra_km=round(seen.plan.metres / 1000, 1),
        extra_minutes=round(seen.plan.seconds / 60), extra_cost=round(seen.plan.cost, 2), currency=ctx.city.currency,
    )  # fmt: skip
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


# ---------------------------------------------------------------- forecasts and decisions


def _explain_forecast(ctx: Ctx, bins: BinSet) -> Result[ExplanationFacts]:
    info = ctx.city.bins[bins.bin_ids[0]]
    named = {"bin": info.label}
    threshold = ctx.city.assumed("overflow_threshold_pct", 80.0)
    forecast = forecasts(ctx, [info], (24.0,), threshold)[0]
    evidence = [
        Evidence(label="last emptying", ref=f"records:emptyings/{info.bin_id}@{last_emptied(ctx, info.bin_id)}"),
        Evidence(label="fill model", ref="models:fill"),
    ]
    if forecast.now is None:
        facts = ExplanationFacts(subject="forecast", about=info.label, verdict="abstained")
        reason = Reason(text=f"No forecast: {forecast.abstained}.", evidence=evidence)
        return Result[ExplanationFacts](
            headline="I cannot forecast {about}.", facts=facts, why=[reason], data_age=data_age(ctx), understood=named
        )
    facts = ExplanationFacts(
        subject="forecast", about=info.label, verdict="forecast", level_pct=round(forecast.now.p50),
        chance_pct=round(forecast.by[0].chance * 100),
    )  # fmt: skip
    text = (
        f"It starts from {forecast.starts_from}, {forecast.data_age_hours:.0f} h ago, and usually gains "
        f"{(forecast.rate_pct_per_hour or 0) * 24:.0f} % a day; {forecast.basis}."
    )
    return Result[ExplanationFacts](
        headline=(
            "{about} is at about {level_pct} % now; its chance to pass the overflow level within a day is "
            "{chance_pct} %."
        ),
        facts=facts,
        why=[Reason(text=text, evidence=evidence)],
        data_age=data_age(ctx),
        understood=named,
    )


def _explain_decision(ctx: Ctx, decision_id: str) -> Result[ExplanationFacts]:
    records = ctx.ledger.find(decision_id)
    if not records:
        raise AskAgain(f"The ledger has no decision {decision_id}. Which one do you mean?")
    entry = records[0].entry
    evidence = [Evidence(label=f"decision {decision_id}", ref=f"decisions:{decision_id}")]
    reasons = [
        Reason(text=f"It called {c.name} with {c.parameters}; understood as {c.resolved}.", evidence=evidence)
        for c in entry.calls
    ]
    facts = ExplanationFacts(subject=decision_id, about=entry.answer_kind or entry.kind, verdict="recorded")
    return Result[ExplanationFacts](
        headline="Decision {subject} gave the answer of kind {about} from the calls below.",
        facts=facts,
        why=reasons or [Reason(text="It called no tool.", evidence=evidence)],
        data_age=f"recorded {entry.at:%Y-%m-%d %H:%M} UTC",
    )
