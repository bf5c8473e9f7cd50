"""What several tools say about fill: levels now, forecasts, their reasons, their points on the map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue

from domain.operation import BinInfo
from domain.values import Evidence, Reason, counted
from engines.forecast.history import moment_at
from tools.context import Ctx
from tools.fill_table import FillTable, Foreseen
from tools.generations import hour_of

MOST_TOLD = 3  # bins whose ignored readings are told of


@dataclass(frozen=True)
class Level:
    """A bin's level now in percent (p10, p50, p90), or all None with the reason why it cannot be told."""

    p10: float | None
    p50: float | None
    p90: float | None
    last_emptied: str | None
    why_unknown: str | None = None

    @staticmethod
    def whole(value: float | None) -> int | None:
        """Rounded for a table."""
        return None if value is None else round(value)


def foresee(ctx: Ctx, bins: Sequence[BinInfo]) -> Foreseen:
    """All that is foreseen of the bins, in order, from what was known at ctx.now: from the table, or computed."""
    return FillTable(ctx.store, ctx.fill).foresee(ctx.city, ctx.now, [b.bin_id for b in bins])


def hours_ahead(ctx: Ctx, at: datetime) -> float:
    """Hours from now to a moment by the city's wall clock, as forecasts are asked: not those that pass where the clocks
    are changed in between."""
    return hour_of(at, ctx.zone) - hour_of(ctx.now, ctx.zone)


def levels_now(ctx: Ctx, bins: Sequence[BinInfo], foreseen: Foreseen) -> dict[str, Level]:
    """The level now of each bin, by bin id, from what is foreseen of them."""
    threshold = ctx.city.assumed("overflow_threshold_pct", 80.0)
    found: dict[str, Level] = {}
    now = foreseen.forecasts(ctx.now.astimezone(ctx.zone), (0.0,), threshold)
    for info, forecast in zip(bins, now, strict=True):
        last = last_emptied(ctx, info.bin_id)
        if forecast.now is None:
            found[info.bin_id] = Level(None, None, None, last, forecast.abstained)
        else:
            found[info.bin_id] = Level(forecast.now.p10, forecast.now.p50, forecast.now.p90, last)
    return found


def last_emptied(ctx: Ctx, bin_id: str) -> str | None:
    """Local time of the last emptying at or before now, to the minute."""
    known = ctx.fill.histories(ctx.city)[bin_id].until(ctx.now.astimezone(ctx.zone))
    if not len(known.emptied_at):
        return None
    return moment_at(known.emptied_at[-1].astype(datetime), ctx.zone).strftime("%Y-%m-%d %H:%M")


def basis_reason(ctx: Ctx, bins: Sequence[BinInfo]) -> Reason:
    """What a level rests on: the last emptyings and the rates, with records to open."""
    evidence = [
        Evidence(label=f"{b.label}: last emptied {last}", ref=f"records:emptyings/{b.bin_id}@{last}")
        for b in bins[:5]
        if (last := last_emptied(ctx, b.bin_id))
    ]
    model = Evidence(label="fill rates per bin and hour of week", ref="models:fill")
    text = "A level is estimated from the bin's last emptying and its usual fill rate by hour of the week."
    return Reason(text=text, evidence=[*evidence, model])


def data_age(ctx: Ctx) -> str:
    """Up to when the records reach, as seen from now."""
    newest = ctx.fill.newest_record(ctx.city, ctx.now)
    if newest is None:
        return "the records hold no levels up to this moment"
    last = moment_at(newest.astype(datetime), ctx.zone)
    age = ctx.now - last
    words = f"{int(age / timedelta(hours=1))} h" if age < timedelta(days=3) else f"{age.days} days"
    return f"records up to {last:%Y-%m-%d %H:%M}, {words} before the question"


def ignored_reason(ctx: Ctx, bins: Sequence[BinInfo]) -> list[Reason]:
    """Which readings of these bins the forecasts ignore and why, one reason, or none where all are believed."""
    believed = ctx.fill.believed(ctx.city, ctx.now)
    told = [(b, believed.notes(b.bin_id)) for b in bins]
    told = [(b, notes) for b, notes in told if notes]
    if not told:
        return []
    words = "; ".join(note for _, notes in told[:MOST_TOLD] for note in notes)
    more = f"; and of {counted(len(told) - MOST_TOLD, 'more bin')}" if len(told) > MOST_TOLD else ""
    evidence = [
        Evidence(label=f"readings of {b.label}", ref=f"records:readings/{b.bin_id}") for b, _ in told[:MOST_TOLD]
    ]
    return [Reason(text=f"{words}{more}.", evidence=evidence)]


def bin_points(bins: Sequence[tuple[BinInfo, float | None]], kind: str = "bin") -> dict[str, JsonValue] | None:
    """GeoJSON points with label, stream and fill for the map."""
    if not bins:
        return None
    features: list[JsonValue] = [point(b, kind, None if fill is None else round(fill)) for b, fill in bins]
    return {"type": "FeatureCollection", "features": features}


def point(info: BinInfo, kind: str, fill_pct: int | None) -> JsonValue:
    """One GeoJSON feature of a bin."""
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [info.lon, info.lat]},
        "properties": {"label": info.label, "kind": kind, "stream": info.stream, "fill_pct": fill_pct},
    }
