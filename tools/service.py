"""service_history: what was collected, when, by what reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from domain.operation import BinInfo
from domain.repositories.fleet import SentRound, sent_rounds
from domain.repositories.service import Collected, Rule, collected, first_and_last, last_before, rules
from domain.times import describe
from domain.values import BinSet, Evidence, Facts, Period, Place, Reason, Result, Table
from tools.arguments import BinsArg, Metres, PlaceArg, SinceArg, TruckArg, UntilArg, words
from tools.context import Ctx
from tools.lateness import definition, late_at, thinness
from tools.registry import Example, tool
from tools.scope import bins_in_scope, in_service, is_one_day, restate_near, window

MOST_ROWS = 200
Row = list[str | int | float | None]


class ServiceFacts(Facts):
    """What the records say was done. Levels in percent of capacity; `bins_late` by the fixed schedule, see the reasons.

    With a truck: rounds sent out to it in the period, and what they were to do; None when no truck was asked for.
    """

    where: str
    period: str
    bins_in_scope: int
    bins_emptied: int
    bins_without_emptying: int
    bins_late: int
    emptyings: int
    emptyings_without_level: int
    mean_fill_pct: float | None
    newest_emptying_at: datetime | None
    rows_shown: int
    truck: str | None = None
    rounds_sent: int | None = None
    stops_planned: int | None = None
    planned_km: float | None = None


@tool(
    budget_s=10,
    examples=[
        Example("was Zellerbach emptied yesterday?", {"bins": ["Zellerbach"], "since": "yesterday"}),
    ],
)
def service_history(
    bins: BinsArg | None = None,
    near: PlaceArg | None = None,
    within_m: Metres = 500,
    truck: TruckArg | None = None,
    since: SinceArg = words("last 7 days"),
    until: UntilArg | None = None,
    *,
    ctx: Ctx,
) -> Result[ServiceFacts]:
    """List what was collected where and when, with the level found.

    Where the records are silent it says so and never calls a collection missed without evidence.

    Args:
        bins: Bin numbers or site names that were named directly.
        near: A site, street or area to look around.
        within_m: Radius in metres around a site or point.
        truck: Only this truck's work.
        since: The period, or its start, in the user's words.
        until: A named end of the period.
    """
    span = window(ctx, since, until)
    chosen = bins_in_scope(ctx, bins, near, within_m)
    if not (bins and near is None):
        chosen = in_service(chosen)
    where = _where(ctx, bins, near, within_m)
    past = _read(ctx, span, chosen)
    if truck is not None:
        return _of_truck(ctx, past, where, truck.names[0])
    return _of_bins(ctx, past, where)


@dataclass(frozen=True)
class _Past:
    """What the records hold of the bins in the span. `known_until` is the city's newest emptying, None without any."""

    zone: ZoneInfo
    span: Period
    bins: Sequence[BinInfo]
    emptied: Sequence[Collected]
    before: Mapping[str, datetime]
    rules: Mapping[str, Rule]
    known: tuple[datetime, datetime] | None
    rounds: Sequence[SentRound]
    thin: str | None

    def late(self, bin_id: str, done: bool) -> bool:
        """Late at the end of the span, as far as the records reach."""
        if self.thin:
            return False
        rule, last = self.rules.get(bin_id), self.before.get(bin_id)
        if done or rule is None or last is None or self.known is None:
            return False
        return late_at(last, rule, self.zone) <= min(self.span.until, self.known[1])


def _read(ctx: Ctx, span: Period, bins: Sequence[BinInfo]) -> _Past:
    city = ctx.city.name
    with ctx.store.read() as session:
        return _Past(
            ctx.zone,
            span,
            bins,
            collected(session, city, span.since, span.until, {b.bin_id for b in bins}),
            last_before(session, city, span.since),
            rules(session, city),
            first_and_last(session, city, ctx.now),
            [r for r in sent_rounds(session, city, ctx.now) if span.since <= r.starts_at < span.until],
            thinness(session, ctx.city, span),
        )


def _where(ctx: Ctx, bins: BinSet | None, near: Place | None, within_m: int) -> str:
    parts = [", ".join(bins.names)] if bins else []
    parts += [restate_near(near, within_m)] if near else []
    return " ".join(parts) or f"in {ctx.city.title}"


def _of_bins(ctx: Ctx, past: _Past, where: str) -> Result[ServiceFacts]:
    silent = _silence(ctx, past)
    table = _verdicts(ctx, past, bool(silent)) if is_one_day(past.span) else _list(ctx, past)
    facts = _facts(ctx, past, where, table)
    return Result[ServiceFacts](
        headline=_headline(facts, past, bool(silent)),
        facts=facts,
        why=_reasons(ctx, past, facts),
        understood={"where": where, "period": facts.period},
        data_age=_data_age(ctx, past),
        table=table,
        degraded=silent or ([past.thin] if past.thin and facts.bins_without_emptying else []),
    )


def _facts(ctx: Ctx, past: _Past, where: str, table: Table | None) -> ServiceFacts:
    done = {each.bin_id for each in past.emptied}
    levels = [each.fill_pct for each in past.emptied if each.fill_pct is not None]
    return ServiceFacts(
        where=where,
        period=describe(past.span),
        bins_in_scope=len(past.bins),
        bins_emptied=len(done),
        bins_without_emptying=len(past.bins) - len(done),
        bins_late=sum(past.late(b.bin_id, b.bin_id in done) for b in past.bins if b.in_service),
        emptyings=len(past.emptied),
        emptyings_without_level=len(past.emptied) - len(levels),
        mean_fill_pct=round(sum(levels) / len(levels), 1) if levels else None,
        newest_emptying_at=_local(ctx, past.emptied[-1].at) if past.emptied else None,
        rows_shown=len(table.rows) if table else 0,
    )


def _headline(facts: ServiceFacts, past: _Past, silent: bool) -> str:
    if not facts.bins_in_scope:
        return "The records hold no bin in service for {where}."
    if silent and not facts.emptyings:
        return "There is no evidence either way: the records hold no emptying of any bin for {period}."
    text = "{period}: {bins_emptied} of {bins_in_scope} bins ({where}) emptied"
    text += "." if is_one_day(past.span) else ", {emptyings} emptyings in all."
    text += " No emptying is recorded for {bins_without_emptying}." if facts.bins_without_emptying else ""
    return text + (" Late by the fixed schedule: {bins_late}." if facts.bins_late else "")


def _verdicts(ctx: Ctx, past: _Past, silent: bool) -> Table:
    """One row a bin: done, not done, or no evidence."""
    rows: list[Row] = []
    for each in past.bins:
        mine = [e for e in past.emptied if e.bin_id == each.bin_id]
        newest = mine[-1] if mine else None
        before = past.before.get(each.bin_id)
        rows.append([
            each.bin_id, each.site, each.stream, _verdict(past, each, newest is not None, silent),
            _minute(ctx, newest.at) if newest else None, newest.fill_pct if newest else None,
            newest.reason if newest else None, _minute(ctx, before) if before else None,
        ])  # fmt: skip
    columns = ["bin", "site", "stream", "verdict", "emptied_at", "fill_pct", "reason", "emptied_before"]
    return Table(columns=columns, rows=rows[:MOST_ROWS])


def _verdict(past: _Past, about: BinInfo, done: bool, silent: bool) -> str:
    if done:
        return "done"
    if not about.in_service:
        return f"not done, not in service ({about.status})"
    if silent:
        return "no evidence"
    if past.late(about.bin_id, done):
        return "not done, late by the fixed schedule"
    if past.thin:
        return "no emptying recorded"
    rule, last = past.rules.get(about.bin_id), past.before.get(about.bin_id)
    return "not done, not late" if rule and last else "not done, no schedule or earlier emptying to judge by"


def _list(ctx: Ctx, past: _Past) -> Table:
    """The emptyings, newest first."""
    rows: list[Row] = []
    for each in list(reversed(past.emptied))[:MOST_ROWS]:
        about = ctx.city.bins[each.bin_id]
        rows.append([each.bin_id, about.site, about.stream, _minute(ctx, each.at), each.fill_pct, each.reason])
    return Table(columns=["bin", "site", "stream", "emptied_at", "fill_pct", "reason"], rows=rows)


def _reasons(ctx: Ctx, past: _Past, facts: ServiceFacts) -> list[Reason]:
    newest = [
        Evidence(label=f"{ctx.city.bins[e.bin_id].label}, {_minute(ctx, e.at)}", ref=e.ref)
        for e in list(reversed(past.emptied))[:5]
    ]
    all_records = Evidence(label=f"emptyings of {ctx.city.title}", ref="records:emptyings")
    said = "These are the emptyings that the records hold for these bins and this time."
    why = [Reason(text=said, evidence=newest or [all_records])]
    if facts.bins_without_emptying:
        text = "Where no emptying is recorded a crew may still have come: silence alone is no evidence of a miss."
        bins = [b for b in past.bins if b.bin_id not in {e.bin_id for e in past.emptied}]
        evidence = [Evidence(label=b.label, ref=f"records:bins/{b.bin_id}") for b in bins[:5]]
        why += [Reason(text=text, evidence=evidence), definition()]
    return why


def _silence(ctx: Ctx, past: _Past) -> list[str]:
    """What the records cannot say about the span."""
    if past.known is None:
        return [f"The records of {ctx.city.title} hold no emptyings at all."]
    first, last = past.known
    if past.span.since > last:
        return [f"The records end at {_minute(ctx, last)}: they say nothing about {describe(past.span)}."]
    if past.span.until <= first:
        return [f"The records begin at {_minute(ctx, first)}: they say nothing about {describe(past.span)}."]
    return []


# ---------------------------------------------------------------- one truck


def _of_truck(ctx: Ctx, past: _Past, where: str, truck: str) -> Result[ServiceFacts]:
    """A truck's work is what was sent out to it: no emptying in the records names a truck."""
    sent = [each for each in past.rounds if each.truck == truck]
    stops = [each.stops for each in sent if each.stops is not None]
    metres = [each.metres for each in sent if each.metres is not None]
    rows: list[Row] = [
        [each.dispatch_id, each.plan_id, _minute(ctx, each.starts_at), each.stops, _km(each.metres)] for each in sent
    ]
    facts = _facts(ctx, past, where, None).model_copy(
        update={
            "truck": truck, "rounds_sent": len(sent), "rows_shown": len(rows[:MOST_ROWS]),
            "stops_planned": sum(stops) if stops else None, "planned_km": _km(sum(metres)) if metres else None,
        }
    )  # fmt: skip
    silent = f"No emptying in the records names a truck, so what {truck} really emptied is not known"
    none = f"{silent}; no round was dispatched to it in this period either."
    text = "A truck's work is read from the rounds that were dispatched to it, as they were approved."
    evidence = [Evidence(label=f"{e.dispatch_id} of plan {e.plan_id}", ref=f"plans:{e.plan_id}") for e in sent[:5]]
    return Result[ServiceFacts](
        headline=_truck_headline(facts),
        facts=facts,
        why=[Reason(text=text, evidence=evidence or [Evidence(label=truck, ref="assumptions:trucks")])],
        understood={"period": facts.period},
        data_age=_data_age(ctx, past),
        table=Table(columns=["round", "plan", "starts_at", "stops", "km"], rows=rows[:MOST_ROWS]) if rows else None,
        degraded=[f"{silent}; shown is what it was sent out to do." if sent else none],
    )


def _truck_headline(facts: ServiceFacts) -> str:
    if not facts.rounds_sent:
        return "The records do not say what {truck} did in {period}: no round was dispatched to it."
    text = "{rounds_sent} rounds were dispatched to {truck} in {period}"
    text += ", with {stops_planned} stops" if facts.stops_planned is not None else ""
    return text + (" and {planned_km} km by plan." if facts.planned_km is not None else ".")


def _km(metres: float | None) -> float | None:
    return None if metres is None else round(metres / 1000, 1)


def _local(ctx: Ctx, at: datetime) -> datetime:
    return at.astimezone(ctx.zone)


def _minute(ctx: Ctx, at: datetime) -> str:
    return _local(ctx, at).strftime("%Y-%m-%d %H:%M")


def _data_age(ctx: Ctx, past: _Past) -> str:
    return f"records up to {_minute(ctx, past.known[1])}" if past.known else "no emptyings in the records"
