"""forecast_fill: which bins will be how full, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from pydantic import JsonValue

from domain.errors import AskAgain, OutOfRange
from domain.operation import BinInfo
from domain.values import Evidence, Facts, Reason, Result, Table, counted
from engines.forecast.baselines import last_plus_mean_rate
from engines.forecast.ensemble import Ensemble
from engines.forecast.predict import Ask, FillForecast, LevelAt
from tools.arguments import BinsArg, Limit, Metres, MomentArg, Percent, PlaceArg, StreamArg, words
from tools.context import Ctx
from tools.crew_finds import Find, crew_finds, finds_reason
from tools.fill import bin_points, data_age, foresee, hours_ahead, ignored_reason, last_emptied
from tools.fill_chart import MOST_BINS, Drawn, Sought, fan_chart
from tools.fill_table import Foreseen
from tools.fill_visits import LIKELY, Visits, visits_by
from tools.forecast_reasons import why_filled
from tools.registry import Example, tool
from tools.scope import bins_in_scope, restate_scope
from tools.trust import trust_in
from tools.unemptied import Left, left_unemptied, unemptied_reason

LONGEST_H = 28 * 24
MOST_REASONED = 3  # bins whose forecast is explained one by one
CREW_FINDS = " A crew that comes to it by then will likely find {top_found_pct} %"
LESS_FOUND = ", less than if nobody came: a bin that has given no alert by then is emptier than others left as long"
WARNED = " {bins_to_warn_of} reach the chance of {warn_from_pct} % from which a warning is worth it."
WITH_VISITS = (
    " Dispatched rounds come to {bins_with_visit} of them before; with that, {bins_likely_with_visits} are likely."
)
LEFT = (
    " Not counted in that: {bins_long_unemptied} not emptied for far longer than ever before, whose level cannot be "
    "told; look after {longest_left_bin}, left for {longest_left_days} days."
)


class FillForecastFacts(Facts):
    """What forecast_fill counted. `top_chance_pct` is the chance that the top bin is at or above the threshold then.

    `baseline_likely` is the naive count: bins whose last level plus their mean rate reaches it; None without any.
    `bins_with_visit`: those that a dispatched round comes to by then, and `bins_likely_with_visits` how many of all are
    likely when it does; both None when no round does. `top_found_pct`: what a crew that comes to the top bin by then
    (on its planned visit, where there is one) will likely find; None where no model of it is trained.
    `bins_to_warn_of`: those whose chance is at least `warn_from_pct`; both None where no overflow model answers.
    `bins_long_unemptied`: those not emptied for far longer than ever before, of which no level is told (they count as
    without estimate too); `longest_left_bin` the one left longest, for `longest_left_days`, None without any.
    """

    bins_checked: int
    bins_likely: int
    bins_possible: int
    bins_without_estimate: int
    bins_shown: int
    threshold_pct: int
    by: str
    where: str
    top_bin: str | None
    top_chance_pct: int | None
    top_level_pct: int | None
    baseline_likely: int | None
    bins_with_visit: int | None = None
    bins_likely_with_visits: int | None = None
    top_found_pct: int | None = None
    warn_from_pct: int | None = None
    bins_to_warn_of: int | None = None
    bins_long_unemptied: int = 0
    longest_left_bin: str | None = None
    longest_left_days: int | None = None


Pair = tuple[BinInfo, FillForecast]


@tool(
    budget_s=20,
    examples=[
        Example(
            "Which bins near Evans Hall will be full by tomorrow evening?",
            {"near": "Evans Hall", "by": "tomorrow evening"},
        ),
        Example("how full will 1514008 be on Friday", {"bins": ["1514008"], "by": "Friday"}),
    ],
)
def forecast_fill(
    bins: BinsArg | None = None,
    near: PlaceArg | None = None,
    within_m: Metres = 500,
    stream: StreamArg | None = None,
    by: MomentArg = words("tomorrow"),
    threshold_pct: Percent = 80,
    limit: Limit = 20,
    *,
    ctx: Ctx,
) -> Result[FillForecastFacts]:
    """Forecast how full bins will be by a time, and which will pass a threshold.

    Answers with the chance of passing the threshold, the expected level and an interval, most likely first.

    Args:
        bins: Bin numbers or site names that were named directly.
        near: A site, street, area or coordinates to look around.
        within_m: Radius in metres around a site or point.
        stream: The waste stream.
        by: The time of interest, in the user's words.
        threshold_pct: The fill level that counts as full or overflowing.
        limit: How many bins to list.
    """
    ahead_h = hours_ahead(ctx, by.at)
    _refuse_impossible(ahead_h if by.at > ctx.now else 0.0, by.words, threshold_pct)
    chosen = [b for b in bins_in_scope(ctx, bins, near, within_m, stream) if b.in_service or bins]
    foreseen = foresee(ctx, chosen)
    now, left = ctx.now.astimezone(ctx.zone), left_unemptied(ctx, chosen)
    told_of = foreseen.forecasts(now, (ahead_h,), threshold_pct)
    pairs = [(b, _unless_left(f, left)) for b, f in zip(chosen, told_of, strict=True)]
    told = sorted((p for p in pairs if p[1].by), key=lambda p: (-p[1].by[0].chance, -p[1].by[0].p50, p[0].bin_id))
    silent = [p for p in pairs if not p[1].by and p[0].bin_id not in left]
    shown = _listed(foreseen, told[:limit], now, ahead_h)
    where = restate_scope(ctx, bins, near, within_m)
    visits = visits_by(ctx, pairs, by.at, threshold_pct)
    finds = crew_finds(ctx, {b.bin_id: visits.at.get(b.bin_id, (by.at,))[0] for b, _ in shown})
    more = {**visits.facts, **_top_found(shown, finds), **_warned(ctx, told), **_left(ctx, left)}
    trust = trust_in(ctx, [b for b, _ in shown], ahead_h)
    naive = _naive_count(ctx, [b for b, _ in told], ahead_h, threshold_pct)
    asked = (threshold_pct, by.at.astimezone(ctx.zone).strftime("%Y-%m-%d %H:%M"), where)
    facts = _facts(pairs, told, shown, asked).model_copy(update={**more, "baseline_likely": naive})
    return Result[FillForecastFacts](
        headline=_headline(facts),
        facts=facts,
        why=[
            *unemptied_reason(ctx, left),
            *_reasons(ctx, shown, silent),
            *_further(ctx, shown, finds, ahead_h),
            *visits.why,
            *trust.why,
            _baseline_reason(facts),
        ],
        understood={"near": where} if near else {},
        data_age=data_age(ctx),
        table=_table(ctx, shown, visits, finds),
        map=bin_points([(b, f.by[0].likely) for b, f in shown]),
        chart=_chart(ctx, foreseen, shown, (ahead_h, threshold_pct), visits),
        confidence=trust.confidence,
        degraded=[*dict.fromkeys((*foreseen.degraded, *visits.degraded)), *_silent(silent)],
    )


def _listed(foreseen: Foreseen, told: list[Pair], now: datetime, ahead_h: float) -> list[Pair]:
    """The bins that are listed, each with the level that is said."""
    said = foreseen.said(now, ahead_h, [b.bin_id for b, _ in told])
    return [(b, _saying(f, said[b.bin_id])) for b, f in told]


def _unless_left(forecast: FillForecast, left: Left) -> FillForecast:
    """The forecast, or why none is told of a bin that nobody has emptied for far longer than ever before."""
    if forecast.bin_id not in left or not forecast.by:
        return forecast
    return FillForecast(forecast.bin_id, forecast.stream, forecast.threshold_pct, abstained=left[forecast.bin_id].why)


def _left(ctx: Ctx, left: Left) -> dict[str, int | str]:
    """The facts of the bins left for far longer than ever before."""
    if not left:
        return {}
    bin_id, longest = next(iter(left.items()))
    return {
        "bins_long_unemptied": len(left),
        "longest_left_bin": ctx.city.bins[bin_id].label,
        "longest_left_days": round(longest.days),
    }


def _saying(forecast: FillForecast, level: float) -> FillForecast:
    """The forecast with the one level to say, inside its interval."""
    (at,) = forecast.by
    return replace(forecast, by=(replace(at, likely=min(max(level, at.p10), at.p90)),))


def _level(at: LevelAt) -> int:
    return round(at.p50 if at.likely is None else at.likely)


def _refuse_impossible(ahead_h: float, said: str, threshold_pct: int) -> None:
    if ahead_h <= 0:
        raise AskAgain(f"“{said}” is not in the future of the records. Which later time do you mean?")
    if ahead_h > LONGEST_H:
        raise OutOfRange(f"“{said}” is more than four weeks ahead; I forecast up to four weeks. Which earlier time?")
    if threshold_pct < 1:
        raise OutOfRange("A threshold of 0 % is passed by every bin. Which level counts, from 1 to 100 %?")


def _facts(pairs: list[Pair], told: list[Pair], shown: list[Pair], said: tuple[int, str, str]) -> FillForecastFacts:
    threshold_pct, by, where = said
    top = shown[0] if shown else None
    return FillForecastFacts(
        bins_checked=len(pairs),
        bins_likely=sum(f.by[0].chance >= LIKELY for _, f in told),
        bins_possible=sum(0.1 <= f.by[0].chance < LIKELY for _, f in told),
        bins_without_estimate=len(pairs) - len(told),
        bins_shown=len(shown),
        threshold_pct=threshold_pct,
        by=by,
        where=where,
        top_bin=top[0].label if top else None,
        top_chance_pct=round(top[1].by[0].chance * 100) if top else None,
        top_level_pct=_level(top[1].by[0]) if top else None,
        baseline_likely=None,
    )


def _naive_count(ctx: Ctx, bins: Sequence[BinInfo], ahead_h: float, threshold_pct: int) -> int | None:
    """How many bins the naive rule names: last level plus mean rate; None when it can tell of no bin."""
    histories = ctx.fill.histories(ctx.city)
    ask = Ask(ctx.now.astimezone(ctx.zone), (ahead_h,), threshold_pct)
    levels = [level for b in bins if (level := last_plus_mean_rate(histories[b.bin_id], ask)[0]) is not None]
    return sum(level >= threshold_pct for level in levels) if levels else None


def _baseline_reason(facts: FillForecastFacts) -> Reason:
    """The naive answer to the same question (law 9)."""
    told = (
        "No naive answer stands beside it: no bin in scope has a last level and a mean rate."
        if facts.baseline_likely is None
        else f"The naive rule, last level plus mean rate, names {facts.baseline_likely} bins at or above the threshold."
    )
    return Reason(text=told, evidence=[Evidence(label="fill model and its naive rivals", ref="models:fill")])


def _headline(facts: FillForecastFacts) -> str:
    if not facts.bins_checked:
        return "No bin matches {where}, so there is nothing to forecast."
    if facts.top_bin is None:
        text = "None of the {bins_checked} bins {where} can be forecast."
        return text + (LEFT if facts.bins_long_unemptied else "")
    text = (
        "By {by}, {bins_likely} of {bins_checked} bins {where} are likely to be at or above {threshold_pct} % if "
        "nobody comes, and {bins_possible} more may be. First is {top_bin}: chance {top_chance_pct} %, expected level "
        "{top_level_pct} %."
    )
    text += WARNED if facts.bins_to_warn_of is not None else ""
    if facts.top_found_pct is not None:
        less = facts.top_found_pct < (facts.top_level_pct or 0)
        text += f"{CREW_FINDS}{LESS_FOUND if less else ''}."
    text += WITH_VISITS if facts.bins_with_visit else ""
    return text + (LEFT if facts.bins_long_unemptied else "")


def _reasons(ctx: Ctx, shown: list[Pair], silent: list[Pair]) -> list[Reason]:
    reasons = [
        Reason(
            text=(
                f"{b.label}: starts from {f.starts_from} ({f.data_age_hours:.0f} h old), usually gains "
                f"{(f.rate_pct_per_hour or 0) * 24:.0f} % a day; {f.basis}."
            ),
            evidence=[
                Evidence(label="last emptying", ref=f"records:emptyings/{b.bin_id}@{last_emptied(ctx, b.bin_id)}"),
                Evidence(label="fill model", ref="models:fill"),
            ],
        )
        for b, f in shown[:MOST_REASONED]
    ]
    if silent:
        b, f = silent[0]
        ref = Evidence(label=b.label, ref=f"records:bins/{b.bin_id}")
        reasons.append(
            Reason(text=f"{counted(len(silent), 'bin')} left out; {b.label}: {f.abstained}.", evidence=[ref])
        )
    return reasons or [
        Reason(text="No bin of the records is in scope.", evidence=[Evidence(label="bins", ref="records:bins")])
    ]


def _silent(silent: list[Pair]) -> list[str]:
    return [f"{counted(len(silent), 'bin')} cannot be forecast: {silent[0][1].abstained}"] if silent else []


def _table(ctx: Ctx, shown: list[Pair], visits: Visits, finds: Mapping[str, Find]) -> Table:
    columns = [
        "bin",
        "site",
        "stream",
        "chance_pct",
        "level_pct",
        "low_pct",
        "high_pct",
        "level_now_pct",
        "last_emptied",
        *(("crew_finds_pct",) if finds else ()),
        *(("planned_visit", "level_after_visit_pct") if visits.at else ()),
    ]
    rows: list[list[str | int | float | None]] = []
    for b, f in shown:
        at: LevelAt = f.by[0]
        now = round(f.now.p50) if f.now else None
        more = (*_found(finds, b.bin_id), *visits.cells(ctx, b.bin_id))
        rows.append([b.bin_id, b.site, b.stream, round(at.chance * 100), _level(at), round(at.p10), round(at.p90),
                     now, last_emptied(ctx, b.bin_id), *more])  # fmt: skip
    return Table(columns=columns, rows=rows)


def _warned(ctx: Ctx, told: list[Pair]) -> dict[str, int]:
    """How many bins an overflow model warns of, where it answers for this threshold."""
    answered = [f for _, f in told if f.overflow_by and f.by[0].chance == f.overflow_by[0]]
    member = ctx.fill.forecaster(ctx.city, ctx.now).member
    if not answered or not isinstance(member, Ensemble):
        return {}
    warned = sum(f.by[0].chance >= member.warn_at for _, f in told)
    return {"warn_from_pct": round(100 * member.warn_at), "bins_to_warn_of": warned}


def _top_found(shown: list[Pair], finds: Mapping[str, Find]) -> dict[str, int | None]:
    find = finds.get(shown[0][0].bin_id) if shown else None
    return {"top_found_pct": None if find is None else find.level_pct}


def _further(ctx: Ctx, shown: list[Pair], finds: Mapping[str, Find], ahead_h: float) -> list[Reason]:
    """The readings that were ignored, what a crew finds in the first bin, and of the first few what drove the forecast
    or was like it."""
    first = [b for b, _ in shown[:MOST_REASONED]]
    found = [finds_reason(ctx, b, finds[b.bin_id]) for b in first[:1] if b.bin_id in finds]
    return [*ignored_reason(ctx, [b for b, _ in shown]), *found, *why_filled(ctx, first, ahead_h)]


def _found(finds: Mapping[str, Find], bin_id: str) -> list[int | None]:
    """The cell of what a crew finds, where the table has this column."""
    if not finds:
        return []
    return [finds[bin_id].level_pct if bin_id in finds else None]


def _chart(
    ctx: Ctx, foreseen: Foreseen, shown: list[Pair], asked: tuple[float, int], visits: Visits
) -> dict[str, JsonValue] | None:
    """History, fan, threshold and planned visits of the first bins."""
    at = {bin_id: row for row, bin_id in enumerate(foreseen.horizons.bins)}
    first = [b for b, _ in shown[:MOST_BINS]]
    horizons = foreseen.horizons.where([at[b.bin_id] for b in first])
    now, (ahead_h, threshold_pct) = ctx.now.astimezone(ctx.zone), asked
    local = {bin_id: [each.astimezone(ctx.zone) for each in times] for bin_id, times in visits.at.items()}
    levels = [f.by[0].likely for _, f in shown[:MOST_BINS]]
    sought = Sought(now, ahead_h, threshold_pct)
    return fan_chart(Drawn(first, horizons, ctx.fill.histories(ctx.city), sought, levels, local))
