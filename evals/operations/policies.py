"""The policies, each one function from what the planner sees to the bins it wants served. `STRATEGIES` names them.

Each has one knob, said in its line of `STRATEGIES`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from engines.routing.worth import NEXT_CHANCE_H, REACHED_H, Seen
from evals.operations.foresight import Foresight
from evals.operations.rounds import Aim, Wish
from evals.operations.schedule import CYCLE_DAYS, Bools, tuned_schedule
from evals.operations.town import DAY_H, FULL_PCT, Floats, Town
from evals.operations.world import View


@dataclass(frozen=True, eq=False)
class Known:
    """What every planner has learned from the training part.

    `foresight` is what `ours` believes by; `pace` points an hour by bin; `grown` the growth on which schedules are
    tuned. `sensed`: whether bins report between emptyings.
    """

    town: Town
    foresight: Foresight
    pace: Floats
    grown: Floats
    aim: Aim = Aim.km
    sensed: bool = True
    _schedules: dict[float, Bools] = field(default_factory=dict)

    def schedule(self, overflow_cost: float) -> Bools:
        """The schedule tuned for a cost of overflow, computed once."""
        if overflow_cost not in self._schedules:
            self._schedules[overflow_cost] = tuned_schedule(self.town, self.grown, overflow_cost, self.aim)
        return self._schedules[overflow_cost]

    def fresh(self) -> Known:
        """The same at the beginning of another run."""
        return replace(self, foresight=self.foresight.fresh())


def fixed_tuned(view: View, known: Known, knob: float) -> list[Wish]:
    """The bins whose pattern has this day; litres as the bin's pace since the pattern's last visit."""
    schedule = known.schedule(knob)
    today = view.day % CYCLE_DAYS
    gaps = np.stack([schedule[:, (today - back) % CYCLE_DAYS] for back in range(1, CYCLE_DAYS + 1)], axis=1)
    since = np.argmax(gaps, axis=1) + 1
    expected = np.minimum(known.pace * since * DAY_H, FULL_PCT)
    return [Wish(int(i), _litres(view, i, expected[i])) for i in np.flatnonzero(schedule[:, today])]


def threshold_tuned(view: View, known: Known, knob: float) -> list[Wish]:
    """Every bin whose last reading is at or over the knob, in percent; litres as read, in the middle of the step.

    Without sensors the level is the bin's mean pace times the hours since its last emptying.
    """
    unread = 0.0 if known.sensed else np.minimum(known.pace * (view.now_h - view.emptied_h), FULL_PCT)
    level = np.where(np.isfinite(view.read_pct), view.read_pct, unread)
    middle = np.minimum(level + (view.town.step_pct / 2 if known.sensed else 0.0), FULL_PCT)
    return [Wish(int(i), _litres(view, i, middle[i])) for i in np.flatnonzero(level >= knob)]


def ours(view: View, known: Known, knob: float) -> list[Wish]:
    """Every bin with what is believed of it: its worth decides in the solve, a full bin costing the knob. A bin that
    nothing can be told of stays off the round, as in the assistant's plans."""
    soon = known.foresight.foretell(view)
    level = np.round(np.minimum(soon.level, FULL_PCT), 2).tolist()
    full = np.round(soon.full, 4).tolist()
    return [
        Wish(index, _litres(view, index, level[index]), Seen(level[index], full[index]), round(1000 * knob))
        for index in np.flatnonzero(np.isfinite(soon.level)).tolist()
    ]


def oracle(view: View, known: Known, knob: float) -> list[Wish]:
    """As ours, with the true levels, and the true growth until the next day's round in place of the forecast."""
    assert view.truth is not None
    found, full = np.minimum(view.truth(REACHED_H), FULL_PCT), view.truth(NEXT_CHANCE_H) >= FULL_PCT
    return [
        Wish(index, _litres(view, index, level), Seen(float(level), float(full[index])), round(1000 * knob))
        for index, level in enumerate(found)
    ]


def _litres(view: View, index: int | np.int64, level: float) -> int:
    return max(1, round(float(view.town.capacity_l[index] * min(level, FULL_PCT) / 100)))


Strategy = Callable[[View, Known, float], Sequence[Wish]]


@dataclass(frozen=True)
class Policy:
    """A strategy with its knob: what that is, the values to look through (least service first); who sees the truth.

    `load_share`: the part of a truck's load that its plans use, so that a load which turns out larger seldom costs
    another trip. Each has the share with the fewest kilometres on other weeks and seeds than any figure is told of.
    """

    name: str
    strategy: Strategy
    knob: str
    knobs: tuple[float, ...]
    sees_truth: bool = False
    load_share: float = 1.0

    def ladder(self, town: Town, sensed: bool = True) -> tuple[float, ...]:
        """The knob's values that differ in this town: a level between two steps of the reports is none of its own."""
        if self.strategy is not threshold_tuned or town.step_pct <= 0 or not sensed:
            return self.knobs
        steps = (np.ceil(np.array(self.knobs) / town.step_pct) * town.step_pct).tolist()
        return tuple(dict.fromkeys(float(step) for step in steps))


COSTS = tuple(round(0.02 * 1.6**k, 4) for k in range(25))  # 0.02 to 1,600
LEVELS = (*(100.0 - 5 * k for k in range(17)), 10.0, 0.0)
STRATEGIES: dict[str, Policy] = {
    each.name: each
    for each in (
        Policy(
            "fixed_tuned", fixed_tuned, "cost of a full bin and day, in tuning the schedule", COSTS, load_share=0.96
        ),
        Policy(
            "threshold_tuned", threshold_tuned, "level in percent from which a bin is served", LEVELS, load_share=0.9
        ),
        Policy("ours", ours, "cost of a full bin and day, times the chance believed in", COSTS, load_share=0.96),
        Policy("oracle", oracle, "cost of a full bin and day that is sure to come", COSTS, True, load_share=0.96),
    )
}
