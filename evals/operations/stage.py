"""From records to what is played: the cut in time, what is learned before it, and one world per seed after it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from domain.errors import BadData
from engines.forecast.history import BinHistory, no_levels, no_times
from engines.forecast.rates import fit_rates
from evals.operations.foresight import MEMBERS, Belief, Filter, Foresight, trained_on
from evals.operations.growth import (
    Pieces,
    Span,
    covered_share,
    draw_growth,
    pieces_before,
    pieces_of,
    resample_weeks,
    week_profile,
)
from evals.operations.policies import Known
from evals.operations.sensors import NO_SENSORS, Faults, draw_sensors, reported_series
from evals.operations.town import WEEK_H, Floats, Ints, Records, Town, day_of, moment_of, monday_before
from evals.operations.world import QUIET_WEEKS, UNCOUNTED_WEEKS, World, first_emptied

TEST_WEEKS = 26  # the part held out when no date is given, and the longest part that schedules are tuned on
SENSOR_WEEKS = 8  # before the cut, in which sensors are taken to have reported, for the forecaster to learn from
LEAST_COVERED = 0.5


@dataclass(frozen=True)
class Scene:
    """How it is played: whether bins have sensors, what `ours` believes by, and which members are trained for that."""

    sensed: bool = True
    belief: Belief = Belief.product
    members: tuple[str, ...] = MEMBERS


@dataclass(frozen=True, eq=False)
class Stage:
    """All that worlds are made of. `train` and `test` are spans of whole weeks, `profile` the hours of the week.

    `pieces` is the growth that is played, `learned` what was known of it at the cut, from which all is learned.
    """

    town: Town
    pieces: Pieces
    learned: Pieces
    profile: Floats
    train: Span
    test: Span
    known: Known

    @property
    def cut(self) -> str:
        """The date from which weeks are played."""
        return day_of(self.test.first_h)


def stage_of(records: Records, test_from_h: float | None = None, scene: Scene = Scene()) -> Stage:
    """The stage of records cut at an hour (default: half a year before the last Monday, at most half of all)."""
    last = monday_before(records.last_h + 1)
    held_out = min(TEST_WEEKS, int((last - records.first_h) // WEEK_H) // 2)
    cut = monday_before(test_from_h) if test_from_h is not None else last - held_out * WEEK_H
    weeks = ((last - cut) // WEEK_H, min(TEST_WEEKS, int((cut - records.first_h) // WEEK_H)))
    if min(weeks) < QUIET_WEEKS + UNCOUNTED_WEEKS + 1:
        raise BadData(
            f"the records go from {day_of(records.first_h)} to {day_of(records.last_h)}: a cut at {day_of(cut)} leaves "
            f"{max(weeks[1], 0)} weeks to learn from and {max(weeks[0], 0)} to play"
        )
    test, train = Span(cut, weeks[0]), Span(cut - weeks[1] * WEEK_H, weeks[1])
    records, pieces = _covered(records, (train, test))
    past = known_before(records, cut)
    profile, learned = week_profile(pieces_of(past.histories)), pieces_before(past.histories, cut)
    known = _learn(past, learned, profile, (train, scene))
    return Stage(
        replace(records.town, notes=(*records.town.notes, *_told(past, scene))),
        pieces,
        learned,
        profile,
        train,
        test,
        known,
    )


def known_before(records: Records, hour: float) -> Records:
    """The records as they were known at an hour: nothing later is read."""
    cut = moment_of(hour) - np.timedelta64(1, "s")
    past = tuple(history.until(cut) for history in records.histories)
    return replace(records, histories=past, last_h=min(records.last_h, hour - 1))


def _covered(records: Records, spans: tuple[Span, Span]) -> tuple[Records, Pieces]:
    """Only bins whose growth is known in at least half of both parts."""
    pieces = pieces_of(records.histories)
    bins = len(records.histories)
    share = np.minimum(*(covered_share(pieces, span, bins) for span in spans))
    kept = np.flatnonzero(share >= LEAST_COVERED)
    if not len(kept):
        raise BadData("no bin has records in at least half of the weeks before and after the cut")
    if len(kept) == bins:
        return records, pieces
    histories = tuple(records.histories[i] for i in kept)
    note = f"{bins - len(kept)} bins have records in less than half of the weeks before or after the cut"
    town = _part(records.town, kept, note)
    return replace(records, town=town, histories=histories), pieces_of(histories)


def _part(town: Town, kept: Ints, note: str) -> Town:
    points = np.concatenate([np.arange(town.first_bin), town.first_bin + kept])
    return replace(
        town, bins=tuple(town.bins[i] for i in kept), streams=tuple(town.streams[i] for i in kept),
        sites=tuple(town.sites[i] for i in kept), capacity_l=town.capacity_l[kept], kg_per_l=town.kg_per_l[kept],
        positions=town.positions[kept], metres=town.metres[np.ix_(points, points)],
        seconds=town.seconds[np.ix_(points, points)], notes=(*town.notes, note),
    )  # fmt: skip


def _told(past: Records, scene: Scene) -> tuple[str, ...]:
    """What is known in this scene, and what `ours` chooses by, in sentences."""
    without = sum(not len(each.readings) for each in past.histories)
    made_up = f"a sensor is made up for {without} bins: the records hold no readings of them"
    seen = ((made_up,) if without else ()) if scene.sensed else ("no bin has a sensor: only emptyings are known",)
    if scene.belief is Belief.filter:
        return (*seen, "ours chooses by a filter over level and pace, which the assistant does not use")
    names = ", ".join(scene.members)
    return (*seen, f"ours chooses by the assistant's forecast: {names}, trained on what was known before the cut")


def _learn(records: Records, pieces: Pieces, profile: Floats, how: tuple[Span, Scene]) -> Known:
    """Fit the forecaster on records that end at the cut; a bin without sensor gets the readings one would have sent."""
    train, scene = how
    rng = np.random.default_rng([0, 1])
    growth = draw_growth(pieces, profile, train, len(records.histories), rng)
    grown = summed(growth)
    past = list(records.histories)
    if scene.sensed:
        past = _with_readings(past, grown, records.town.step_pct, train)
    else:
        past = [replace(each, read_at=no_times(), readings=no_levels(), seen=0) for each in past]
    return Known(records.town, _foresight(past, train, scene), growth.mean(axis=1), grown, sensed=scene.sensed)


def _foresight(past: list[BinHistory], train: Span, scene: Scene) -> Foresight:
    if scene.belief is Belief.filter:
        return Filter(fit_rates(past))
    return trained_on(past, moment_of(train.first_h + train.hours), scene.members)


def _with_readings(past: list[BinHistory], grown: Floats, step_pct: float, train: Span) -> list[BinHistory]:
    hours = train.hours
    sensors = draw_sensors(len(past), hours, step_pct, Faults(), np.random.default_rng([0, 2]))
    emptied = tuple(
        np.clip(h.emptied_at.astype(np.int64) // 3600 - train.first_h, -1, hours)[
            h.emptied_at >= moment_of(train.first_h)
        ]
        for h in past
    )
    read_h, levels = reported_series(sensors, grown, emptied)
    since = max(0, hours - SENSOR_WEEKS * WEEK_H)
    made = []
    for history, at, level in zip(past, read_h, levels, strict=True):
        late = at >= since
        if len(history.readings):
            made.append(history)
            continue
        times = np.array([moment_of(train.first_h + float(hour)) for hour in at[late]], dtype="datetime64[s]")
        made.append(replace(history, read_at=times, readings=level[late]))
    return made


def summed(growth: Floats) -> Floats:
    """Points grown in all up to each hour, shape (bins, hours + 1)."""
    return np.concatenate([np.zeros((len(growth), 1)), np.cumsum(growth, axis=1)], axis=1)


def world_of(stage: Stage, seed: int, weeks: int, train: bool = False) -> World:
    """The world of a seed, from the test part (or, to look for knobs, from the training part)."""
    span = stage.train if train else stage.test
    chance = [np.random.default_rng([seed, int(train), part]) for part in range(4)]
    bins, in_all = len(stage.town.bins), QUIET_WEEKS + UNCOUNTED_WEEKS + weeks
    growth = draw_growth(stage.learned if train else stage.pieces, stage.profile, span, bins, chance[0])
    grown = summed(resample_weeks(growth, in_all, chance[1]))
    faults = Faults() if stage.known.sensed else NO_SENSORS
    sensors = draw_sensors(bins, in_all * WEEK_H, stage.town.step_pct, faults, chance[2])
    emptied = first_emptied(grown, chance[3], QUIET_WEEKS * WEEK_H)
    return World(stage.town, grown, sensors, emptied, span.first_h, weeks)
