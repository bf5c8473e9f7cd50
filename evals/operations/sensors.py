"""Sensors as a planner has them: every few hours, in steps, noisy, late, lost now and then, silent for a whole week.

All chance is drawn before any policy runs and belongs to the reading's time, so two policies meet the same faults.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evals.operations.town import WEEK_H, Floats, Ints

LOOK_BACK = 40  # readings of a bin that are looked at: ten days at one every 6 h


@dataclass(frozen=True)
class Faults:
    """What is wrong with readings. Chosen to be plain and not kind: no source measured all of them together.

    One reading every `every_h`, normal noise of `noise_points` before rounding down to the step, a delay of `late_h` on
    average (exponential), a share `lost`, and a share `silent` of weeks in which a sensor says nothing.
    """

    every_h: int = 6
    noise_points: float = 5.0
    late_h: float = 3.0
    lost: float = 0.1
    silent: float = 0.03


@dataclass(frozen=True, eq=False)
class Sensors:
    """Readings to come: bin i reports at hours `phase[i] + every_h * k`. `arrives` is inf for a lost one."""

    every_h: int
    step_pct: float
    phase: Ints
    noise: Floats
    arrives: Floats


NO_SENSORS = Faults(lost=1.0)
"""Nothing is ever reported; what a bin tells when it is emptied is all that is known."""


def draw_sensors(bins: int, hours: int, step_pct: float, faults: Faults, rng: np.random.Generator) -> Sensors:
    """All readings of a world."""
    slots = hours // faults.every_h
    phase = rng.integers(0, faults.every_h, bins)
    at = phase[:, None] + faults.every_h * np.arange(slots)[None, :]
    arrives = at + rng.exponential(faults.late_h, at.shape)
    arrives[rng.random(at.shape) < faults.lost] = np.inf
    silent = rng.random((bins, hours // WEEK_H + 2)) < faults.silent
    arrives[silent[np.arange(bins)[:, None], at // WEEK_H]] = np.inf
    noise = faults.noise_points * rng.standard_normal(at.shape)
    return Sensors(faults.every_h, step_pct, phase, noise, arrives)


def as_reported(level: Floats, step_pct: float) -> Floats:
    """A level as a bin reports it: the last step reached, from 0 to 100."""
    capped = np.clip(level, 0.0, 100.0)
    return np.asarray(np.floor(capped / step_pct) * step_pct if step_pct > 0 else capped)


def found_as_reported(sensors: Sensors, index: int, hour: int, level: float) -> float:
    """The level that a bin tells when it is emptied: with the noise of the reading before, in its steps."""
    slot = min(max((hour - int(sensors.phase[index])) // sensors.every_h, 0), sensors.noise.shape[1] - 1)
    return float(as_reported(np.array(level + sensors.noise[index, slot]), sensors.step_pct))


def last_readings(sensors: Sensors, grown: Floats, emptied_h: Ints, now_h: float) -> tuple[Floats, Floats]:
    """(level, hour) of each bin's newest reading that has arrived and was taken after its last emptying; NaN if none.

    `grown` (bins, hours + 1): points grown in all up to each hour; `emptied_h` the hour of each last emptying.
    """
    bins = np.arange(len(emptied_h))
    newest = np.floor((now_h - sensors.phase) / sensors.every_h).astype(np.int64)
    slot = newest[:, None] - np.arange(LOOK_BACK)[None, :]
    there = (slot >= 0) & (slot < sensors.noise.shape[1])
    slot = np.clip(slot, 0, sensors.noise.shape[1] - 1)
    at = sensors.phase[:, None] + sensors.every_h * slot
    usable = there & (at > emptied_h[:, None]) & (sensors.arrives[bins[:, None], slot] <= now_h)
    first = np.argmax(usable, axis=1)
    any_of = usable[bins, first]
    hour, chosen = at[bins, first], slot[bins, first]
    level = grown[bins, hour] - grown[bins, emptied_h] + sensors.noise[bins, chosen]
    said = as_reported(level, sensors.step_pct)
    return np.where(any_of, said, np.nan), np.where(any_of, hour, np.nan).astype(np.float64)


def heard(
    sensors: Sensors, grown: Floats, emptied: Sequence[Ints], span: tuple[float, float]
) -> tuple[list[Ints], list[Floats]]:
    """(hours, levels) by bin of the readings taken from span[0] on that have arrived by span[1].

    `emptied`: hours of each bin's emptyings, rising; what was read before the first is not told.
    """
    since, now = max(span[0], 0.0), span[1]
    found_at, found = [], []
    for index, times in enumerate(emptied):
        first = max(0, int(np.ceil((since - sensors.phase[index]) / sensors.every_h)))
        last = min(sensors.noise.shape[1], int((now - sensors.phase[index]) // sensors.every_h) + 1)
        slot = np.arange(first, max(first, last))
        at = sensors.phase[index] + sensors.every_h * slot
        cycle = np.searchsorted(times, at, side="left")
        came = (sensors.arrives[index, slot] <= now) & (cycle > 0)
        at, slot, cycle = at[came], slot[came], cycle[came]
        level = grown[index, at] - grown[index, times[cycle - 1]] + sensors.noise[index, slot]
        found_at.append(at)
        found.append(as_reported(level, sensors.step_pct))
    return found_at, found


def reported_series(
    sensors: Sensors, grown: Floats, emptied: tuple[Ints, ...]
) -> tuple[list[npt.NDArray[np.int64]], list[Floats]]:
    """(hours, levels) by bin of every reading that came at all, when each bin was emptied at the hours `emptied[i]`."""
    hours, levels = [], []
    for index, times in enumerate(emptied):
        at = sensors.phase[index] + sensors.every_h * np.arange(sensors.noise.shape[1])
        cycle = np.searchsorted(times, at, side="left")
        came = np.isfinite(sensors.arrives[index]) & (cycle > 0)
        base = times[np.maximum(cycle - 1, 0)] if len(times) else np.zeros(len(at), dtype=np.int64)
        level = grown[index, at] - grown[index, base] + sensors.noise[index]
        hours.append(at[came])
        levels.append(as_reported(level[came], sensors.step_pct))
    return hours, levels
