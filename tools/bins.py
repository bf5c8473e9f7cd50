"""find_bins: which bins there are, and how full they are now."""

from __future__ import annotations

from domain.errors import AskAgain
from domain.operation import BinInfo
from domain.values import Evidence, Facts, Reason, Result, Table, counted
from tools.arguments import BinsArg, Limit, Metres, Percent, PlaceArg, StreamArg
from tools.context import Ctx
from tools.fill import Level, basis_reason, bin_points, data_age, foresee, levels_now
from tools.registry import Example, tool
from tools.scope import bins_in_scope, restate_scope
from tools.unemptied import Left, left_unemptied, unemptied_reason

LEFT = " Not emptied for far longer than ever before, so that they may be full or out of use: {bins_long_unemptied}."


class FoundBins(Facts):
    """What find_bins counted. Levels are estimates now, in percent of capacity.

    `bins_long_unemptied`: those in scope not emptied for far longer than ever before. No level is told of them, so a
    fill limit leaves them out of `bins_found`; they are counted all the same.
    """

    bins_found: int
    bins_shown: int
    where: str
    fullest_bin: str | None
    fullest_fill_pct: int | None
    bins_without_estimate: int
    bins_long_unemptied: int = 0


@tool(
    budget_s=20,
    examples=[
        Example(
            "Which compost bins near the Campanile are over 60 percent?",
            {"near": "the Campanile", "stream": "compost", "min_fill_pct": 60},
        ),
        Example("show the zellerbach bins", {"bins": ["zellerbach"]}),
    ],
)
def find_bins(
    near: PlaceArg | None = None,
    within_m: Metres = 500,
    stream: StreamArg | None = None,
    min_fill_pct: Percent | None = None,
    max_fill_pct: Percent | None = None,
    bins: BinsArg | None = None,
    limit: Limit = 20,
    *,
    ctx: Ctx,
) -> Result[FoundBins]:
    """List bins by place, stream and fill now.

    The fill now is estimated from the last emptying and the bin's usual fill rate.

    Args:
        near: A site, street, area or coordinates to search around, as the user said it.
        within_m: Radius in metres around a site or point.
        stream: The waste stream.
        min_fill_pct: Only bins at least this full.
        max_fill_pct: Only bins at most this full.
        bins: Bin numbers or site names that were named directly.
        limit: How many to list.
    """
    if min_fill_pct is not None and max_fill_pct is not None and min_fill_pct > max_fill_pct:
        raise AskAgain(f"No bin is over {min_fill_pct} % and under {max_fill_pct} % at once. Which limit counts?")
    chosen = bins_in_scope(ctx, bins, near, within_m, stream)
    foreseen = foresee(ctx, chosen)
    left = left_unemptied(ctx, [b for b in chosen if b.in_service or bins])
    levels = {name: _unless_left(name, level, left) for name, level in levels_now(ctx, chosen, foreseen).items()}
    kept = [(b, levels[b.bin_id]) for b in chosen if _inside(levels[b.bin_id], min_fill_pct, max_fill_pct)]
    kept.sort(key=lambda pair: (-(pair[1].p50 if pair[1].p50 is not None else -1.0), pair[0].bin_id))
    shown = kept[:limit]
    fullest = shown[0] if shown and shown[0][1].p50 is not None else None
    where = restate_scope(ctx, bins, near, within_m)
    facts = FoundBins(
        bins_found=len(kept),
        bins_shown=len(shown),
        where=where,
        fullest_bin=fullest[0].label if fullest else None,
        fullest_fill_pct=round(fullest[1].p50 or 0) if fullest else None,
        bins_without_estimate=sum(level.p50 is None for _, level in kept),
        bins_long_unemptied=len(left),
    )
    return Result[FoundBins](
        headline=_headline(facts),
        facts=facts,
        why=[
            basis_reason(ctx, [b for b, _ in shown] or chosen),
            *unemptied_reason(ctx, left),
            *_scope_reason(ctx, chosen, where),
        ],
        understood={"near": where} if near else {},
        data_age=data_age(ctx),
        table=_table(shown),
        map=bin_points([(b, level.p50) for b, level in shown]),
        degraded=[*foreseen.degraded],
    )


def _unless_left(bin_id: str, level: Level, left: Left) -> Level:
    """The level, or why none is told of a bin that nobody has emptied for far longer than ever before."""
    if bin_id not in left or level.p50 is None:
        return level
    return Level(None, None, None, level.last_emptied, left[bin_id].why)


def _inside(level: Level, least: int | None, most: int | None) -> bool:
    if least is None and most is None:
        return True
    if level.p50 is None:
        return False
    return (least is None or level.p50 >= least) and (most is None or level.p50 <= most)


def _headline(facts: FoundBins) -> str:
    if not facts.bins_found:
        return "No bin matches {where}." + (LEFT if facts.bins_long_unemptied else "")
    text = "{bins_found} bin matches {where}" if facts.bins_found == 1 else "{bins_found} bins match {where}"
    text += "; the {bins_shown} fullest are shown" if facts.bins_shown < facts.bins_found else ""
    text += ". The fullest is {fullest_bin}, now at about {fullest_fill_pct} %." if facts.fullest_bin else "."
    text += " Of {bins_without_estimate} no level can be told." if facts.bins_without_estimate else ""
    return text + (LEFT if facts.bins_long_unemptied else "")


def _scope_reason(ctx: Ctx, chosen: list[BinInfo], where: str) -> list[Reason]:
    text = f"In scope {where}, before the fill limits: {counted(len(chosen), 'bin')} of the records."
    return [Reason(text=text, evidence=[Evidence(label=f"bins of {ctx.city.title}", ref="records:bins")])]


def _table(shown: list[tuple[BinInfo, Level]]) -> Table:
    columns = ["bin", "site", "stream", "fill_pct", "low_pct", "high_pct", "last_emptied", "status"]
    rows: list[list[str | int | float | None]] = [
        [b.bin_id, b.site, b.stream, lv.whole(lv.p50), lv.whole(lv.p10), lv.whole(lv.p90), lv.last_emptied, b.status]
        for b, lv in shown
    ]
    return Table(columns=columns, rows=rows)
