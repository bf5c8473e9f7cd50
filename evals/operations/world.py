"""The simulated operation: bins fill by the replayed growth, trucks come by the policy's rounds, everything is counted.

    world (one per seed: growth, sensors, first levels) + policy -> run

What the policy may know is in `View`; the true levels are in the world and stay there, except for the oracle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from engines.forecast.history import BinHistory
from evals.operations.rounds import Driven, Planner, Wish, drive_out
from evals.operations.sensors import Sensors, found_as_reported, heard, last_readings
from evals.operations.town import DAY_H, FULL_PCT, Floats, Ints, Town, moment_of, moments_of

QUIET_WEEKS = 1  # bins fill and nobody comes: from here the planner knows only what records would tell
UNCOUNTED_WEEKS = 1  # rounds run and are not counted, so that no policy lives on how the bins stood at first


@dataclass(frozen=True, eq=False)
class World:
    """One seed's world. `grown` (bins, hours + 1): points grown in all up to each hour from `first_h` (1970 local).

    `emptied_h`: hour of the world in which each bin was last emptied before the first round. `weeks` are counted.
    """

    town: Town
    grown: Floats
    sensors: Sensors
    emptied_h: Ints
    first_h: int
    weeks: int
    quiet_weeks: int = QUIET_WEEKS
    uncounted_weeks: int = UNCOUNTED_WEEKS

    def level_at(self, hour: float, emptied_h: Ints) -> Floats:
        """True level (may pass 100) of bins last emptied at `emptied_h`, at an hour of the world."""
        bins = np.arange(len(emptied_h))
        at = min(int(hour), self.grown.shape[1] - 1)
        return np.asarray(self.grown[bins, at] - self.grown[bins, emptied_h])


@dataclass(frozen=True, eq=False)
class View:
    """What a planner sees when a day's rounds are planned; hours are the world's. No true level is in it.

    `read_pct`, `read_h`: the newest reading since the last emptying, NaN where there is none. `truth` is the true level
    at hours ahead of now if nobody comes; None for everybody but the oracle. `past`: each bin's emptyings in this world
    and the readings of so many last hours that have come in, as records would hold them.
    """

    town: Town
    day: int
    now_h: float
    now: np.datetime64
    first_h: int
    emptied_h: Ints
    read_pct: Floats
    read_h: Floats
    truth: Callable[[float], Floats] | None = None
    past: Callable[[float], list[BinHistory]] = lambda window_h: []


Choose = Callable[[View], Sequence[Wish]]


@dataclass(frozen=True, eq=False)
class Run:
    """What a policy did in one world, in its counted weeks.

    `visits`: (bin, day, true level) of each emptying; `full` (bins, days): whether the bin stood full at some time of
    that day, which lasts from one leaving of the trucks to the next. `floor_metres`: what hauling the collected litres
    takes in full loads. `unloaded_l`: litres that the trucks brought to a dump or home. Points: what grew, what was
    collected, and what lay in the bins before and after.
    """

    metres: int
    seconds: int
    cost: float
    visits: tuple[tuple[int, int, float], ...]
    full: npt.NDArray[np.bool_]
    grown_points: float
    before_points: float
    after_points: float
    missed: int
    floor_metres: float = 0.0
    unloaded_l: float = 0.0

    @property
    def collected_points(self) -> float:
        """Points collected in all."""
        return float(sum(level for _, _, level in self.visits))

    def life(self, bin_index: int) -> str:
        """A bin's life, one letter a day: `.` stands, `E` emptied, `o` stood full, `O` stood full and was emptied."""
        emptied = {day for index, day, _ in self.visits if index == bin_index}
        days = enumerate(self.full[bin_index])
        return "".join(("O" if full else "E") if day in emptied else "o" if full else "." for day, full in days)


def play(world: World, choose: Choose, planner: Planner, sees_truth: bool = False) -> Run:
    """Play the world with a policy, from the end of the quiet weeks on."""
    book = _Book(world)
    for day in range(world.quiet_weeks * 7, world.grown.shape[1] // DAY_H):
        view = book.view(day, sees_truth)
        wishes = tuple(choose(view))
        expected = {wish.bin: wish.litres for wish in wishes}
        driven = drive_out(world.town, planner.sheet(wishes), partial(book.held_l, day), expected)
        book.note(day, driven, wishes)
    return book.run()


class _Book:
    """The state of the bins, and what is counted."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.emptied_h = world.emptied_h.copy()
        self.emptyings = [[int(hour)] for hour in world.emptied_h]
        self.levels = [[np.nan] for _ in world.emptied_h]
        self.counted_from = (world.quiet_weeks + world.uncounted_weeks) * 7
        self.metres = self.seconds = self.missed = 0
        self.cost = self.floor = self.unloaded_l = 0.0
        self.haul = world.town.haul_m_per_l
        self.visits: list[tuple[int, int, float]] = []
        self.full: list[npt.NDArray[np.bool_]] = []
        self.before = 0.0

    def view(self, day: int, sees_truth: bool) -> View:
        world = self.world
        now = day * DAY_H + world.town.leave_h
        emptied = self.emptied_h.copy()
        read, at = last_readings(world.sensors, world.grown, emptied, now)
        if day == self.counted_from:
            self.before = float(world.level_at(day * DAY_H + int(world.town.leave_h), emptied).sum())
        return View(
            world.town, day, now, moment_of(world.first_h + now), world.first_h, emptied, read, at,
            (lambda ahead: world.level_at(now + ahead, emptied)) if sees_truth else None, partial(self._past, now),
        )  # fmt: skip

    def _past(self, now: float, window_h: float) -> list[BinHistory]:
        """What records would hold of each bin: emptyings with the level that the bin told, readings as they came in."""
        world, town = self.world, self.world.town
        emptied = [np.array([hour for hour in each if hour < now], dtype=np.int64) for each in self.emptyings]
        hours, levels = heard(world.sensors, world.grown, emptied, (now - window_h, now))
        return [
            BinHistory(
                town.bins[i], town.streams[i], town.sites[i],
                emptied_at=moments_of(world.first_h + emptied[i]), levels=np.array(self.levels[i][: len(emptied[i])]),
                read_at=moments_of(world.first_h + hours[i]), readings=levels[i], step_pct=town.step_pct,
            )
            for i in range(len(town.bins))
        ]  # fmt: skip

    def held_l(self, day: int, index: int, second: int) -> float:
        """Litres in a bin at a second of a day, before that day's emptyings are noted."""
        return self._found(index, self._hour(day, second)) * float(self.world.town.capacity_l[index]) / FULL_PCT

    def _hour(self, day: int, second: int) -> int:
        return min(int(day * DAY_H + second / 3600), int(self.world.grown.shape[1]) - 1)

    def _found(self, index: int, hour: int) -> float:
        """The true level that a truck finds."""
        return float(self.world.grown[index, hour] - self.world.grown[index, self.emptied_h[index]])

    def note(self, day: int, driven: Driven, wishes: Sequence[Wish]) -> None:
        """Empty what was emptied, and see which bins stood full until the next leaving."""
        world = self.world
        end = min((day + 1) * DAY_H + int(world.town.leave_h), world.grown.shape[1] - 1)
        full = np.zeros(len(self.emptied_h), dtype=np.bool_)
        counted = day >= self.counted_from
        for index, second in driven.emptied:
            hour = self._hour(day, second)
            level = self._found(index, hour)
            full[index] |= level >= FULL_PCT
            self.emptied_h[index] = hour
            self.emptyings[index].append(hour)
            self.levels[index].append(found_as_reported(world.sensors, index, hour, level))
            if counted:
                self.visits.append((index, day - self.counted_from, level))
                self.floor += float(self.haul[index] * world.town.capacity_l[index]) * level / FULL_PCT
        full |= world.level_at(end, self.emptied_h) >= FULL_PCT
        if counted:
            self.full.append(full)
            self.metres, self.seconds = self.metres + driven.metres, self.seconds + driven.seconds
            self.cost, self.unloaded_l = self.cost + driven.cost, self.unloaded_l + driven.unloaded_l
            served = {index for index, _ in driven.emptied}
            self.missed += sum(wish.seen is None and wish.bin not in served for wish in wishes)

    def run(self) -> Run:
        world = self.world
        begin = self.counted_from * DAY_H + int(world.town.leave_h)
        grown = float((world.grown[:, -1] - world.grown[:, begin]).sum())
        after = float(world.level_at(world.grown.shape[1] - 1, self.emptied_h).sum())
        full = np.stack(self.full, axis=1) if self.full else np.zeros((len(self.emptied_h), 0), dtype=np.bool_)
        return Run(
            self.metres, self.seconds, self.cost, tuple(self.visits), full, grown, self.before, after, self.missed,
            self.floor, self.unloaded_l,
        )  # fmt: skip


def first_emptied(grown: Floats, rng: np.random.Generator, quiet_h: int) -> Ints:
    """The hour of each bin's emptying in the quiet weeks: at a random part of the time in which it fills to 70 %."""
    pace = (grown[:, quiet_h] - grown[:, 0]) / quiet_h
    filling = np.minimum(70.0 / np.maximum(pace, 1e-6), quiet_h - 1.0)
    return np.asarray(quiet_h - 1 - np.floor(rng.random(len(grown)) * filling), dtype=np.int64)
