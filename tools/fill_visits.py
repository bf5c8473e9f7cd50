"""The other question of a forecast: how full, when the dispatched rounds come as planned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from domain.operation import BinInfo
from domain.repositories.fleet import PlannedVisit, planned_visits
from domain.values import Evidence, Reason, counted
from engines.forecast.history import Floats
from engines.forecast.horizons import chance_of
from engines.forecast.member import MEDIAN
from engines.forecast.predict import FillForecast
from tools.context import Ctx
from tools.fill import hours_ahead
from tools.fill_table import FillTable

LIKELY = 0.5
Cell = str | int | None


@dataclass(frozen=True)
class Visits:
    """Planned visits of the bins asked about, by bin id, and what they change. Empty when no round comes by then."""

    at: Mapping[str, Sequence[datetime]] = field(default_factory=dict)
    levels: Mapping[str, Floats] = field(default_factory=dict)
    facts: Mapping[str, int] = field(default_factory=dict)
    why: tuple[Reason, ...] = ()
    degraded: tuple[str, ...] = ()

    def cells(self, ctx: Ctx, bin_id: str) -> list[Cell]:
        """The two cells of a bin's row, where the table has these columns."""
        if not self.at:
            return []
        times, level = self.at.get(bin_id), self.levels.get(bin_id)
        last = f"{times[-1].astimezone(ctx.zone):%Y-%m-%d %H:%M}" if times else None
        return [last, None if level is None else round(float(level[MEDIAN]))]


def visits_by(ctx: Ctx, pairs: Sequence[tuple[BinInfo, FillForecast]], until: datetime, threshold_pct: float) -> Visits:
    """The visits of dispatched rounds to these bins after now and up to `until`."""
    with ctx.store.read() as session:
        asked = {b.bin_id for b, _ in pairs}
        found = [v for v in planned_visits(session, ctx.city.name, ctx.now, until) if v.bin_id in asked]
    if not found:
        return Visits()
    at: dict[str, list[datetime]] = {}
    for visit in found:
        at.setdefault(visit.bin_id, []).append(visit.at)
    told = FillTable(ctx.store, ctx.fill).with_visits(ctx.city, ctx.now, hours_ahead(ctx, until), at)
    after = {bin_id: float(chance_of(level, threshold_pct)) for bin_id, level in told.levels.items()}
    chances = (after.get(b.bin_id, f.by[0].chance) for b, f in pairs if f.by)
    facts = {"bins_with_visit": len(at), "bins_likely_with_visits": sum(chance >= LIKELY for chance in chances)}
    return Visits(at, told.levels, facts, (_reason(found, len(at)),), (told.degraded,) if told.degraded else ())


def _reason(found: Sequence[PlannedVisit], bins: int) -> Reason:
    rounds = {visit.dispatch_id: visit.plan_id for visit in found}
    text = f"Dispatched rounds come to {counted(bins, 'bin')} of these before then: each starts empty after its visit."
    return Reason(text=text, evidence=[Evidence(label=f"round {r}", ref=f"plans:{p}") for r, p in rounds.items()])
