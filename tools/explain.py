"""explain: why a plan, a forecast or a decision is as it is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import JsonValue

from domain.errors import AskAgain, MissingPiece, NotPermitted
from domain.ledger import LedgerCall
from domain.operation import BinInfo
from domain.repositories.plans import get_plan
from domain.values import BinSet, Evidence, Reason, Result, TruckSet
from tools.arguments import BinArg, RefArg, TruckArg, words
from tools.context import AskedFor, Ctx
from tools.crew_finds import crew_finds, finds_reason
from tools.fill import data_age, foresee, hours_ahead, last_emptied
from tools.forecast_reasons import why_filled
from tools.plan_reasons import ExplanationFacts, explain_bins
from tools.registry import READERS_OF_THE_LEDGER, Example, tool
from tools.replan import again
from tools.round_explained import explain_plan, explain_truck
from tools.unemptied import left_unemptied

DAY_H = 24.0


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
        return explain_truck(ctx, seen, truck)
    if bin is not None:
        return explain_bins(ctx, seen, bin, question)
    return explain_plan(ctx, seen, question)


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


# ---------------------------------------------------------------- forecasts and decisions


def _explain_forecast(ctx: Ctx, bins: BinSet) -> Result[ExplanationFacts]:
    info = ctx.city.bins[bins.bin_ids[0]]
    asked = _asked_for(ctx)
    by = f"{asked.by.astimezone(ctx.zone):%Y-%m-%d %H:%M}"
    named = {"bin": info.label, "by": by, "threshold_pct": str(asked.threshold_pct)}
    ahead_h = hours_ahead(ctx, asked.by)
    foreseen = foresee(ctx, [info])
    (forecast,) = foreseen.forecasts(ctx.now.astimezone(ctx.zone), (ahead_h,), asked.threshold_pct)
    evidence = [
        Evidence(label="last emptying", ref=f"records:emptyings/{info.bin_id}@{last_emptied(ctx, info.bin_id)}"),
        Evidence(label="fill model", ref="models:fill"),
    ]
    left = left_unemptied(ctx, [info])
    if left or forecast.now is None:
        facts = ExplanationFacts(subject="forecast", about=info.label, verdict="abstained")
        why = left[info.bin_id].why if left else forecast.abstained
        reason = Reason(text=f"No forecast: {why}.", evidence=evidence)
        return Result[ExplanationFacts](
            headline="I cannot forecast {about}.", facts=facts, why=[reason], data_age=data_age(ctx), understood=named
        )
    facts = ExplanationFacts(
        subject="forecast", about=info.label, verdict="forecast", level_pct=round(forecast.now.p50),
        chance_pct=round(forecast.by[0].chance * 100), by=by, threshold_pct=asked.threshold_pct,
    )  # fmt: skip
    text = (
        f"It starts from {forecast.starts_from}, {forecast.data_age_hours:.0f} h ago, and usually gains "
        f"{(forecast.rate_pct_per_hour or 0) * 24:.0f} % a day; {forecast.basis}."
    )
    return Result[ExplanationFacts](
        headline=(
            "{about} is at about {level_pct} % now; its chance to be at or above {threshold_pct} % by {by} is "
            "{chance_pct} %."
        ),
        facts=facts,
        why=[Reason(text=text, evidence=evidence), *_found_and_why(ctx, info, asked.by)],
        data_age=data_age(ctx),
        understood=named,
        degraded=[*foreseen.degraded],
    )


def _asked_for(ctx: Ctx) -> AskedFor:
    """What the conversation's forecast was asked for; where it is over or there is none, a day and the usual level."""
    asked = ctx.thread.forecast
    if asked is not None and asked.by > ctx.now:
        return asked
    return AskedFor(ctx.now + timedelta(hours=DAY_H), round(ctx.city.assumed("overflow_threshold_pct", 80.0)))


def _found_and_why(ctx: Ctx, info: BinInfo, by: datetime) -> list[Reason]:
    """What a crew that came then would find, what drove the forecast, and what was like it."""
    finds = crew_finds(ctx, {info.bin_id: by})
    found = [finds_reason(ctx, info, find) for find in finds.values()]
    return [*found, *why_filled(ctx, [info], hours_ahead(ctx, by))]


def _explain_decision(ctx: Ctx, decision_id: str) -> Result[ExplanationFacts]:
    """The calls behind an answer: of anybody's for readers of the ledger, of one's own for everybody."""
    records = [each for each in ctx.ledger.find(decision_id) if each.entry.city == ctx.city.name]
    if not records:
        raise AskAgain(f"The ledger has no decision {decision_id}. Which one do you mean?")
    first = records[0]
    entry = first.entry
    if ctx.actor.role not in READERS_OF_THE_LEDGER and (first.erased or entry.actor != ctx.actor.name):
        raise NotPermitted(f"{decision_id} is not of a question of yours; others' are for managers and auditors.")
    evidence = [Evidence(label=f"decision {decision_id}", ref=f"decisions:{decision_id}")]
    reasons = [Reason(text=_call_told(each, first.erased), evidence=evidence) for each in entry.calls]
    facts = ExplanationFacts(subject=decision_id, about=entry.answer_kind or entry.kind, verdict="recorded")
    return Result[ExplanationFacts](
        headline="Decision {subject} gave the answer of kind {about} from the calls below.",
        facts=facts,
        why=reasons or [Reason(text="It called no tool.", evidence=evidence)],
        data_age=f"recorded {entry.at:%Y-%m-%d %H:%M} UTC",
    )


def _call_told(call: LedgerCall, erased: bool) -> str:
    """One recorded call as sentences: what was said, how it was understood, why it failed."""
    if erased:
        return f"It called {call.name}; the words were erased."
    said = ", ".join(f"{_spoken(name)} {_value(value)}" for name, value in call.parameters.items())
    text = f"It called {call.name} " + (f"with {said}." if said else "without arguments.")
    understood = "; ".join(f"{_spoken(name)}: {value}" for name, value in call.resolved.items())
    text += f" Understood was {understood}." if understood else ""
    return text + (f" It did not run: {call.error}" if call.error else "")


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def _value(value: JsonValue) -> str:
    if isinstance(value, list):
        return " and ".join(_value(each) for each in value)
    return f"“{value}”" if isinstance(value, str) else str(value)
