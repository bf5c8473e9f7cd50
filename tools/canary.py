"""A canary before it is promoted: measured beside the champion on what has come since both were trained.

It answers nothing meanwhile. Both are asked the same questions of the past four weeks, as they could have been asked
then: with sensors the level a day after a reading when nobody came, without them the level that a crew found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from domain.operation import Operation
from engines.forecast.columns import hours
from engines.forecast.history import BinHistory, Floats, local_moment
from engines.forecast.past_windows import Span, past_windows
from engines.forecast.point import best_level
from engines.forecast.visits import Visits, past_visits
from tools.fill_models import FillModels
from tools.model_shelf import Chosen

BACK = timedelta(days=28)
AHEAD_H, EVERY_H = 24.0, 6.0
MOST_CASES = 4_000


@dataclass(frozen=True)
class Compared:
    """The canary's version and, over the cases that both tell, its mean error and the champion's in points; None with
    why there is nothing to compare."""

    version: str | None
    cases: int = 0
    mae: float | None = None
    champion_mae: float | None = None
    why_not: str | None = None


def canary_compared(models: FillModels, city: Operation, now: datetime) -> Compared | None:
    """The canary beside the champion; None where there is no canary. Raises StoreUnavailable."""
    rivals = models.rivals(city, now)
    if rivals is None:
        return None
    champion, canary = rivals
    if canary.ensemble is None or champion.ensemble is None:
        return Compared(canary.version, why_not=canary.degraded or "there is no trained champion to compare it with")
    trained = [each.trained_until for each in rivals if each.trained_until is not None]
    since = max([now - BACK, *trained]).astimezone(city.zone)
    known = [history.until(now.astimezone(city.zone)) for history in models.believed(city, now).histories(city.bins)]
    begin = float(hours(np.array([local_moment(since)]))[0])
    errors = _of_readings(rivals, known, begin)
    if not errors[0].size:
        errors = _of_emptyings(rivals, known, begin)
        blind = [str(each.version) for each in rivals if each.found is None]
        if blind and not errors[0].size:
            told = f"{' and '.join(blind)} cannot tell the level that a crew finds"
            return Compared(canary.version, why_not=f"no reading has come since both were trained, and {told}")
    usable = np.isfinite(errors[0]) & np.isfinite(errors[1])
    if not usable.any():
        return Compared(canary.version, why_not="no outcome has come since both were trained")
    theirs, own = (float(each[usable].mean()) for each in errors)
    return Compared(canary.version, int(usable.sum()), own, theirs)


def _of_readings(rivals: tuple[Chosen, Chosen], known: Sequence[BinHistory], begin: float) -> tuple[Floats, Floats]:
    """Errors of the champion and the canary a day ahead, nobody having come in between."""
    outcomes = past_windows([h for h in known if len(h.readings)], AHEAD_H, Span(begin, every_h=EVERY_H))
    outcomes = outcomes.where(np.flatnonzero(~outcomes.emptied))
    outcomes = outcomes.where(np.arange(0, len(outcomes), max(1, len(outcomes) // MOST_CASES)))
    if not len(outcomes):
        return np.empty(0), np.empty(0)
    alone = outcomes.windows.without_plan()
    first, second = (
        np.abs(best_level(each.ensemble.quantiles(alone)[:, 0]) - outcomes.found)
        for each in rivals
        if each.ensemble is not None
    )
    return first, second


def _of_emptyings(rivals: tuple[Chosen, Chosen], known: Sequence[BinHistory], begin: float) -> tuple[Floats, Floats]:
    """Errors of the champion and the canary in the level that crews found."""
    visits, level, _ = past_visits(known)
    rows = np.flatnonzero(visits.at >= begin)
    rows = rows[:: max(1, len(rows) // MOST_CASES)]
    models = [each.found for each in rivals if each.found is not None]
    if not len(rows) or len(models) < len(rivals):
        return np.empty(0), np.empty(0)
    asked = Visits(visits.bin[rows], visits.at[rows], np.full(len(rows), np.nan))
    first, second = (np.abs(model.levels(known, asked).median - level[rows]) for model in models)
    return first, second
