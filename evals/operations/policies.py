"""The policies, each one function from what the planner sees to the bins it wants served. `STRATEGIES` names them.

Each has one knob, said in its line of `STRATEGIES`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from engines.forecast.history import BinHistory
from engines.forecast.predict import Ask, predict_all
from engines.forecast.rates import Rates
from evals.operations.rounds import Wish
from evals.operations.schedule import CYCLE_DAYS, Bools, tuned_schedule
from evals.operations.town import DAY_H, FULL_PCT, Floats, Town, moment_of
from evals.operations.world import View

ROUND_H = 2.0  # a bin is reached about so long after the trucks left
NEXT_H = ROUND_H + DAY_H  # and by the next day's round after so long: what a visit today prevents until then


@dataclass(frozen=True, eq=False)
class Known:
    """What every planner has learned from the training part.

    `rates` is the fitted forecaster; `pace` points an hour by bin; `grown` the growth on which schedules are tuned.
    """

    town: Town
    rates: Rates
    pace: Floats
    grown: Floats
    _schedules: dict[float, Bools] = field(default_factory=dict)

    def schedule(self, overflow_cost: float) -> Bools:
        """The schedule tuned for a cost of overflow, computed once."""
        if overflow_cost not in self._schedules:
            self._schedules[overflow_cost] = tuned_schedule(self.town, self.grown, overflow_cost)
        return self._schedules[overflow_cost]


def fixed_tuned(view: View, known: Known, knob: float) -> list[Wish]:
    """The bins whose pattern has this day; litres as the bin's pace since the pattern's last visit."""
    schedule = known.schedule(knob)
    today = view.day % CYCLE_DAYS
    gaps = np.stack([schedule[:, (today - back) % CYCLE_DAYS] for back in range(1, CYCLE_DAYS + 1)], axis=1)
    since = np.argmax(gaps, axis=1) + 1
    expected = np.minimum(known.pace * since * DAY_H, FULL_PCT)
    return [Wish(int(i), None, _litres(view, i, expected[i])) for i in np.flatnonzero(schedule[:, today])]


def threshold_tuned(view: View, known: Known, knob: float) -> list[Wish]:
    """Every bin whose last reading is at or over the knob, in percent; litres as read, in the middle of the step."""
    level = np.where(np.isfinite(view.read_pct), view.read_pct, 0.0)
    middle = np.minimum(level + view.town.step_pct / 2, FULL_PCT)
    return [Wish(int(i), None, _litres(view, i, middle[i])) for i in np.flatnonzero(level >= knob)]


def ours(view: View, known: Known, knob: float) -> list[Wish]:
    """Chance to be full before the next day's round, times the knob: one solve chooses and routes."""
    forecasts = predict_all(_as_known(view), known.rates, Ask(view.now, (NEXT_H,), FULL_PCT))
    return [
        Wish(index, round(1000 * knob * each.by[0].chance), _litres(view, index, each.now.p50))
        for index, each in enumerate(forecasts)
        if each.now is not None
    ]


def oracle(view: View, known: Known, knob: float) -> list[Wish]:
    """As ours, with the true growth until the next day's round in place of the forecast."""
    assert view.truth is not None
    now, then = np.minimum(view.truth(ROUND_H), FULL_PCT), view.truth(NEXT_H)
    return [Wish(int(i), round(1000 * knob), _litres(view, i, now[i])) for i in np.flatnonzero(then >= FULL_PCT)]


def _litres(view: View, index: int | np.int64, level: float) -> int:
    return max(1, round(float(view.town.capacity_l[index] * min(level, FULL_PCT) / 100)))


def _as_known(view: View) -> list[BinHistory]:
    """Each bin's last emptying and newest reading, as the forecaster wants them; older ones would not be looked at."""
    town = view.town
    made = []
    for index, bin_id in enumerate(town.bins):
        read = np.isfinite(view.read_pct[index])
        made.append(
            BinHistory(
                bin_id, town.streams[index], town.sites[index],
                emptied_at=np.array([moment_of(view.first_h + float(view.emptied_h[index]))]), levels=np.zeros(1),
                read_at=np.array([moment_of(view.first_h + view.read_h[index])] if read else [], "datetime64[s]"),
                readings=np.array([view.read_pct[index]] if read else [], dtype=np.float64),
                step_pct=town.step_pct,
            )
        )  # fmt: skip
    return made


Strategy = Callable[[View, Known, float], Sequence[Wish]]


@dataclass(frozen=True)
class Policy:
    """A strategy with its knob: what that is, the values to look through (least service first); who sees the truth."""

    name: str
    strategy: Strategy
    knob: str
    knobs: tuple[float, ...]
    sees_truth: bool = False

    def ladder(self, town: Town) -> tuple[float, ...]:
        """The knob's values that differ in this town: a level between two steps of the reports is none of its own."""
        if self.strategy is not threshold_tuned or town.step_pct <= 0:
            return self.knobs
        steps = (np.ceil(np.array(self.knobs) / town.step_pct) * town.step_pct).tolist()
        return tuple(dict.fromkeys(float(step) for step in steps))


COSTS = tuple(round(4.0 * 1.6**k, 2) for k in range(14))  # 4 to 1,800
LEVELS = (
    100.0,
    95.0,
    90.0,
    85.0,
    80.0,
    75.0,
    70.0,
    65.0,
    60.0,
    55.0,
    50.0,
    45.0,
    40.0,
    35.0,
    30.0,
    25.0,
    20.0,
    10.0,
    0.0,
)
STRATEGIES: dict[str, Policy] = {
    each.name: each
    for each in (
        Policy("fixed_tuned", fixed_tuned, "cost of a full bin and day, in tuning the schedule", COSTS),
        Policy("threshold_tuned", threshold_tuned, "level in percent from which a bin is served", LEVELS),
        Policy("ours", ours, "cost of a full bin and day, times the forecast chance", COSTS),
        Policy("oracle", oracle, "cost of a full bin and day that is sure to come", COSTS, sees_truth=True),
    )
}
