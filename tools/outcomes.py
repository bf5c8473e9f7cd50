"""Outcomes: each level found is put beside what had been forecast for that moment a day before.

The forecast that counts is the newest one in force made at least LEAD before (and not much longer before) that said
"if nobody comes", and only where nobody came in between; an emptying itself shows the level found by its crew. A
reading counts once in six hours and bin. Beside it stands the naive answer of that same moment: last level plus mean
rate.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from domain.operation import Operation
from domain.repositories.outcomes import (
    Found,
    OutcomeRow,
    Promise,
    add_outcomes,
    found_between,
    joined_between,
    outcomes_between,
    promises_between,
)
from domain.store import Store
from engines.forecast.baselines import last_plus_mean_rate
from engines.forecast.history import BinHistory, Floats, local_moment
from engines.forecast.horizons import HIGH, LOW, chance_of, levels_between
from engines.forecast.member import MEDIAN
from engines.forecast.predict import Ask
from tools.fill_models import FillModels
from tools.generations import hour_of, levels_of, moment_of

LEAD, LONGEST_LEAD = timedelta(hours=24), timedelta(hours=27)
READINGS_EVERY_H = 6
PART = timedelta(hours=6)
ACCURACY_OVER = timedelta(days=28)


@dataclass(frozen=True)
class Accuracy:
    """How good forecasts a day ahead were, over `cases`: mean absolute error in points of the expected level and of
    the naive answer on the same cases, shares 0..1 within 10 points and inside the 80 % interval.

    A level reported in steps counts as hit by what lies in its step. `naive_mae` is None where no case has one.
    """

    cases: int
    mae: float
    within10: float
    coverage80: float
    naive_mae: float | None
    naive_cases: int


@dataclass(frozen=True)
class Joining:
    """Levels found after `since` and up to `until` are joined; they are known from `known_from` on."""

    since: datetime
    until: datetime
    known_from: datetime


def join_outcomes(store: Store, models: FillModels, city: Operation, joining: Joining) -> int:
    """Joins levels found with what had been forecast; how many were new. The same twice changes nothing.

    Begins with the six hours that `since` lies in, of whose readings the first counts. Raises StoreUnavailable.
    """
    joined, since = 0, _block(joining.since, city)
    while since < joining.until:
        end = min(since + PART, joining.until)
        with store.read() as session:
            held = joined_between(session, city.name, since - PART, end)
            found = _new(_thinned(found_between(session, city.name, since, end), city), held, city)
            bins = {each.bin_id for each in found}
            promises = promises_between(session, city.name, bins, since - LONGEST_LEAD, end - LEAD) if bins else []
        rows = list(_outcomes(found, promises, models.histories(city), city))
        rows = [row._replace(joined_at=joining.known_from) for row in rows]
        if rows:
            with store.write() as session:
                add_outcomes(session, city.name, rows)
        joined += len(rows)
        since = end
    return joined


def accuracy_of(store: Store, city: Operation, now: datetime, model: tuple[str, str] | None = None) -> Accuracy | None:
    """The accuracy of the last four weeks as it was known at `now`; None without any outcome."""
    with store.read() as session:
        rows = outcomes_between(session, city.name, now - ACCURACY_OVER, now, model)
    if not rows:
        return None
    step = city.assumed("fill_step_pct", 0.0)
    missed = [_missed_by(row.p50, row, step) for row in rows]
    naive = [_missed_by(row.naive, row, step) for row in rows if row.naive is not None]
    inside = [row.p10 <= row.found + _width(row, step) and row.p90 >= row.found for row in rows]
    return Accuracy(
        cases=len(rows),
        mae=float(np.mean(missed)),
        within10=float(np.mean([each <= 10 for each in missed])),
        coverage80=float(np.mean(inside)),
        naive_mae=float(np.mean(naive)) if naive else None,
        naive_cases=len(naive),
    )


def _missed_by(level: float, row: OutcomeRow, step: float) -> float:
    """Points between a level and what was found, 0 inside its step."""
    return max(row.found - level, level - row.found - _width(row, step), 0.0)


def _width(row: OutcomeRow, step: float) -> float:
    """How much higher the level may really have been than it was reported: nearly a step at an emptying."""
    return step if row.kind == "emptying" else 0.0


def _block(at: datetime, city: Operation) -> datetime:
    """Where the six hours of the city's clock begin that a moment lies in."""
    return moment_of(hour_of(at, city.zone) // READINGS_EVERY_H * READINGS_EVERY_H, city.zone).astimezone(UTC)


def _thinned(found: Sequence[Found], city: Operation) -> list[Found]:
    """All emptyings, and the first reading of each bin in six hours."""
    kept: dict[tuple[str, int], Found] = {}
    for each in found:
        if each.kind == "reading":
            kept.setdefault((each.bin_id, int(hour_of(each.at, city.zone) // READINGS_EVERY_H)), each)
    emptyings = [each for each in found if each.kind == "emptying"]
    return [each for each in (*emptyings, *kept.values()) if each.bin_id in city.bins]


def _new(found: Sequence[Found], held: Collection[tuple[str, datetime, str]], city: Operation) -> list[Found]:
    """Those not joined yet; of a bin's readings none in six hours of which one is: also when an earlier comes late."""

    def place(bin_id: str, at: datetime, kind: str) -> tuple[str, float | datetime]:
        return bin_id, at if kind == "emptying" else hour_of(at, city.zone) // READINGS_EVERY_H

    known = {place(*each) for each in held}
    return [each for each in found if place(each.bin_id, each.at, each.kind) not in known]


def _outcomes(
    found: Sequence[Found], promises: Sequence[Promise], histories: Mapping[str, BinHistory], city: Operation
) -> Iterator[OutcomeRow]:
    made: defaultdict[str, list[Promise]] = defaultdict(list)
    for promise in promises:
        made[promise.bin_id].append(promise)
    threshold = city.assumed("overflow_threshold_pct", 80.0)
    for each in found:
        mine = made.get(each.bin_id, [])
        place = bisect_left([promise.made_at for promise in mine], each.at - LEAD + timedelta(microseconds=1)) - 1
        if place < 0 or mine[place].made_at <= each.at - LONGEST_LEAD:
            continue
        promise, history = mine[place], histories[each.bin_id]
        levels = levels_of(promise.levels)
        if levels is None or _came_between(history, promise, each, city):
            continue
        lead_h = hour_of(each.at, city.zone) - hour_of(promise.made_at, city.zone)
        yield _row(
            each, promise, levels_between(levels, lead_h), (lead_h, threshold, _naive(history, promise, lead_h, city))
        )


def _row(each: Found, promise: Promise, levels: Floats, said: tuple[float, float, float | None]) -> OutcomeRow:
    lead_h, threshold, naive = said
    return OutcomeRow(
        each.bin_id, each.at, each.kind, promise.made_at, round(lead_h, 4), promise.model_name, promise.model_version,
        round(float(levels[LOW]), 2), round(float(levels[MEDIAN]), 2), round(float(levels[HIGH]), 2),
        round(float(chance_of(levels, threshold)), 6), threshold, naive, each.fill_pct,
    )  # fmt: skip


def _came_between(history: BinHistory, promise: Promise, each: Found, city: Operation) -> bool:
    """Whether the bin was emptied after the forecast and before what was found."""
    made, seen = (local_moment(at.astimezone(city.zone)) for at in (promise.made_at, each.at))
    return bool(((history.emptied_at > made) & (history.emptied_at < seen)).any())


def _naive(history: BinHistory, promise: Promise, lead_h: float, city: Operation) -> float | None:
    (level,) = last_plus_mean_rate(history, Ask(promise.made_at.astimezone(city.zone), (lead_h,)))
    return None if level is None else round(level, 2)
