"""operations_report: one measure over a period, grouped and compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast

from pydantic import JsonValue

from domain.times import describe
from domain.values import Evidence, Facts, Period, Reason, Result, Table
from tools.arguments import ComparedArg, PlaceArg, ReportStreamArg, SinceArg, UntilArg, words
from tools.context import Ctx
from tools.measures import GROUPS_KNOWN, MEASURES, Item, Measure, Observed, Scope, scope_of
from tools.registry import Example, tool
from tools.scope import restate_near, window

MOST_ROWS, MOST_BARS = 200, 40
TIMES = ("day", "week", "month")
SHAPES = {"day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m"}
Row = list[str | int | float | None]


class ReportFacts(Facts):
    """One measure. `value`, `baseline_value`, `difference`, `top_value` are in `unit`; None where nothing is known.

    `rests_on` counts the records behind the value, `records_without_level` those of the period that could not be used.
    """

    measure: str
    unit: str
    where: str
    period: str
    value: int | float | None
    rests_on: int
    records_without_level: int
    baseline_period: str | None = None
    baseline_value: int | float | None = None
    difference: int | float | None = None
    difference_pct: float | None = None
    group_by: str | None = None
    groups: int = 0
    groups_shown: int = 0
    top_group: str | None = None
    top_value: int | float | None = None


@tool(
    budget_s=20,
    examples=[
        Example(
            "How many collections did we do last month, by stream?",
            {"measure": "collections", "since": "last month", "group_by": "stream"},
        ),
    ],
)
def operations_report(
    measure: Literal[
        "collections",
        "overflows",
        "requests",
        "distance",
        "cost",
        "emissions",
        "fill_at_collection",
        "missed",
        "tonnage",
    ],
    group_by: Literal["day", "week", "month", "site", "stream", "truck", "zone", "reason"] | None = None,
    since: SinceArg = words("last 30 days"),
    until: UntilArg | None = None,
    near: PlaceArg | None = None,
    stream: ReportStreamArg | None = None,
    compare_to: ComparedArg | None = None,
    *,
    ctx: Ctx,
) -> Result[ReportFacts]:
    """Report one measure of the operation over a period.

    Args:
        measure: What to count.
        group_by: How to break it down.
        since: The period, or its start, in the user's words.
        until: A named end of the period.
        near: Only this place or area.
        stream: Only this waste stream.
        compare_to: Another period to compare with.
    """
    known = GROUPS_KNOWN[MEASURES[measure].of]
    scope = scope_of(ctx, near, stream)
    asked = _Asked(
        measure, MEASURES[measure], scope, group_by if group_by in known else None, window(ctx, since, until),
        None if compare_to is None else window(ctx, compare_to),
    )  # fmt: skip
    unknown = [f"The {asked.kind.of} in the records name no {group_by}, so the figure is not broken down by it."]
    return _report(asked, unknown if group_by not in {None, asked.group_by} else [])


@dataclass(frozen=True)
class _Asked:
    """A question to report on. `group_by` is one that the records know."""

    name: str
    kind: Measure
    scope: Scope
    group_by: str | None
    span: Period
    baseline: Period | None


@dataclass(frozen=True)
class _Group:
    name: str
    value: int | float | None
    rests_on: int
    baseline: int | float | None = None


def _report(asked: _Asked, degraded: list[str]) -> Result[ReportFacts]:
    ctx = asked.scope.ctx
    with ctx.store.read() as session:
        seen = asked.kind.observe(session, asked.scope, asked.span)
        before = asked.kind.observe(session, asked.scope, asked.baseline) if asked.baseline else None
    groups = _groups(asked, seen, before)
    facts = _facts(asked, seen, before, groups)
    return Result[ReportFacts](
        headline=_headline(facts),
        facts=facts,
        why=[_evidence(asked, seen), *asked.kind.reasons(asked.scope)],
        understood=_understood(facts),
        data_age=_data_age(ctx, seen),
        table=_table(asked, facts, groups),
        chart=_chart(asked, facts, seen, groups),
        degraded=[*degraded, *_unknown(asked, seen, before)],
    )


# ---------------------------------------------------------------- figures


def _value(kind: Measure, items: Sequence[Item]) -> int | float | None:
    """The sum or the mean; None for the mean of nothing, and for rounds when there is none."""
    if not items and (kind.how == "mean" or kind.of == "rounds"):
        return None
    total = sum(each.amount for each in items)
    if kind.whole:
        return round(total)
    return round(total / len(items) if kind.how == "mean" else total, kind.decimals)


def _total(kind: Measure, seen: Observed, span: Period) -> int | float | None:
    """The value of a span; None where the records do not reach it, or tell no level in it."""
    if seen.known is None or seen.blind or span.since > seen.known[1] or span.until <= seen.known[0]:
        return None
    return _value(kind, seen.items)


def _facts(asked: _Asked, seen: Observed, before: Observed | None, groups: list[_Group]) -> ReportFacts:
    value = _total(asked.kind, seen, asked.span)
    base = _total(asked.kind, before, asked.baseline) if before and asked.baseline else None
    change = None if value is None or base is None else round(value - base, asked.kind.decimals)
    share = None if change is None or not base else round(100 * change / base, 1)
    known = [group for group in groups if group.value is not None]
    top = max(known, key=lambda group: group.value or 0) if known else None
    return ReportFacts(
        measure=asked.name.replace("_", " "),
        unit=asked.scope.ctx.city.currency if asked.kind.unit == "currency" else asked.kind.unit,
        where=_where(asked.scope),
        period=describe(asked.span),
        value=value,
        rests_on=len(seen.items),
        records_without_level=seen.left_out,
        baseline_period=describe(asked.baseline) if asked.baseline else None,
        baseline_value=base,
        difference=change,
        difference_pct=share,
        group_by=asked.group_by,
        groups=len(groups),
        groups_shown=min(len(groups), MOST_ROWS),
        top_group=top.name if top else None,
        top_value=top.value if top else None,
    )


def _groups(asked: _Asked, seen: Observed, before: Observed | None) -> list[_Group]:
    """Times in their order with none left out, all others from the highest down."""
    if asked.group_by is None:
        return []
    parts = _split(seen.items, asked.group_by)
    if asked.group_by in TIMES:
        names = _calendar(asked.span, asked.group_by) if seen.items else []
        return [_Group(n, _value(asked.kind, parts.get(n, [])), len(parts.get(n, []))) for n in names]
    past = _split(before.items, asked.group_by) if before else {}
    names = list(dict.fromkeys([*parts, *past]))
    found = [
        _Group(
            name, _value(asked.kind, parts.get(name, [])), len(parts.get(name, [])),
            _value(asked.kind, past.get(name, [])) if before else None,
        )
        for name in names
    ]  # fmt: skip
    return sorted(found, key=lambda group: (group.value is None, -(group.value or 0), group.name))


def _split(items: Sequence[Item], group_by: str) -> dict[str, list[Item]]:
    parts: dict[str, list[Item]] = defaultdict(list)
    for each in items:
        name = each.at.strftime(SHAPES[group_by]) if group_by in SHAPES else getattr(each, group_by)
        parts[name or f"no {group_by} in the records"].append(each)
    return parts


def _calendar(span: Period, group_by: str) -> list[str]:
    """Every day, week or month of a span."""
    days = (span.until - timedelta(microseconds=1)).date().toordinal() - span.since.date().toordinal()
    every = (span.since.date() + timedelta(days=number) for number in range(days + 1))
    return list(dict.fromkeys(day.strftime(SHAPES[group_by]) for day in every))


# ---------------------------------------------------------------- words


def _where(scope: Scope) -> str:
    place = restate_near(scope.near) if scope.near else f"in {scope.ctx.city.title}"
    return f"{scope.stream} {place}" if scope.stream else place


def _understood(facts: ReportFacts) -> dict[str, str]:
    told = {"where": facts.where, "period": facts.period}
    return {**told, "compare_to": facts.baseline_period} if facts.baseline_period else told


def _headline(facts: ReportFacts) -> str:
    if facts.value is None:
        return "The records hold no figure for {measure} {where} in {period}."
    text = "{measure} {where}, {period}: {value} {unit}"
    if facts.baseline_period and facts.baseline_value is None:
        text += "; the records hold no figure for {baseline_period}"
    elif facts.baseline_period:
        text += ", against {baseline_value} in {baseline_period} (difference {difference}"
        text += ", {difference_pct} %)" if facts.difference_pct is not None else ")"
    if facts.top_group and facts.groups > 1:
        text += "; highest by {group_by}: {top_group} with {top_value}"
    return text + "."


def _evidence(asked: _Asked, seen: Observed) -> Reason:
    """The first records that count, or the kind of record that was looked through."""
    refs = list(dict.fromkeys(each.ref for each in seen.items))
    opened = [Evidence(label=ref.split(":", 1)[1], ref=ref) for ref in refs[:5]]
    where = "plans:" if asked.kind.of == "rounds" else f"records:{asked.kind.of}"
    looked = [Evidence(label=f"{asked.kind.of} of {asked.scope.ctx.city.title}", ref=where)]
    return Reason(text=f"The figure rests on the {asked.kind.of} that the records hold.", evidence=[*opened, *looked])


def _unknown(asked: _Asked, seen: Observed, before: Observed | None) -> list[str]:
    told = list(seen.gaps)
    for part, span in ((seen, asked.span), (before, asked.baseline)):
        if part is not None and span is not None:
            told += _beyond(asked.kind, part, span)
    if seen.left_out and asked.name != "collections":
        told.append(f"{seen.left_out} {asked.kind.of} of the period have no level and are not in the figure.")
    if asked.baseline:
        days = [round((span.until - span.since) / timedelta(days=1), 1) for span in (asked.span, asked.baseline)]
        if abs(days[0] - days[1]) > 0.2:
            told.append(f"The two periods are not equally long: {days[0]:g} and {days[1]:g} days.")
    return list(dict.fromkeys(told))


def _beyond(kind: Measure, seen: Observed, span: Period) -> list[str]:
    """Where the span goes beyond the records."""
    if seen.known is None or kind.of == "rounds":
        return []
    first, last = seen.known
    day = timedelta(days=1)
    told = (
        [f"The records begin at {_minute(first)}, within the period or after it."] if first - span.since > day else []
    )
    return told + ([f"The records end at {_minute(last)}."] if span.until - last > day else [])


def _data_age(ctx: Ctx, seen: Observed) -> str:
    if seen.known is None:
        return f"no such records up to {_minute(ctx.now)}"
    return f"records up to {_minute(seen.known[1])}"


def _minute(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M")


# ---------------------------------------------------------------- table and chart


def _table(asked: _Asked, facts: ReportFacts, groups: list[_Group]) -> Table | None:
    if facts.value is None:
        return None
    head = facts.measure.replace(" ", "_")
    if not groups:
        rows: list[Row] = [[facts.period, facts.value]]
        rows += [[facts.baseline_period, facts.baseline_value]] if facts.baseline_period else []
        return Table(columns=["period", head], rows=rows)
    compared = asked.baseline is not None and asked.group_by not in TIMES
    columns = [str(asked.group_by), head, "records"] + (["before", "difference"] if compared else [])
    rows = []
    for group in groups[:MOST_ROWS]:
        change = None if None in (group.value, group.baseline) else (group.value or 0) - (group.baseline or 0)
        more: Row = [group.baseline, None if change is None else round(change, 2)] if compared else []
        rows.append([group.name, group.value, group.rests_on, *more])
    return Table(columns=columns, rows=rows)


def _chart(asked: _Asked, facts: ReportFacts, seen: Observed, groups: list[_Group]) -> dict[str, JsonValue] | None:
    """A Plotly figure: a line over time, bars for anything else; without groups the course of the period."""
    by = asked.group_by
    if facts.value is None:
        return None
    if by is None:
        by = _step(asked.span)
        parts = _split(seen.items, by)
        groups = [_Group(n, _value(asked.kind, parts.get(n, [])), 0) for n in _calendar(asked.span, by)]
    shown = groups if by in TIMES else groups[:MOST_BARS]
    look: Mapping[str, JsonValue] = {"type": "scatter", "mode": "lines+markers"} if by in TIMES else {"type": "bar"}
    traces = [_trace(look, facts.period, [(group.name, group.value) for group in shown])]
    if asked.baseline and by not in TIMES:
        traces.append(_trace(look, facts.baseline_period or "", [(group.name, group.baseline) for group in shown]))
    layout: dict[str, JsonValue] = {
        "title": {"text": f"{facts.measure} {facts.where}, {facts.period}"},
        "xaxis": {"title": {"text": by}, "type": "category"},
        "yaxis": {"title": {"text": facts.unit}, "rangemode": "tozero"},
    }
    return {"data": cast(JsonValue, traces), "layout": layout}


def _trace(
    look: Mapping[str, JsonValue], name: str, points: list[tuple[str, int | float | None]]
) -> dict[str, JsonValue]:
    return {**look, "name": name, "x": [x for x, _ in points], "y": [y for _, y in points]}


def _step(span: Period) -> str:
    days = (span.until - span.since) / timedelta(days=1)
    return "day" if days <= 62 else "week" if days <= 400 else "month"
