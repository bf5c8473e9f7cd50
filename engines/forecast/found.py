"""The level that a crew finds at the next emptying, where emptyings are all that is known of a bin.

Levels are reported in steps (Berkeley: 20 %), so the answer is a chance for each step; the median, the interval and
the chance of an overflow are read off it. One LightGBM classifier for all bins (Ke et al., NeurIPS 2017) on what was
known before the visit (`visits.py`), newer emptyings counting more, since habits drift. A second one also takes
whether the bin had told by then that it is full: crews know that of bins with an alert, and it says most of it.
Trained by LightGBM, asked in numpy (`tree_text.py`).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from domain.errors import BadData
from engines.forecast.columns import Ints, hours
from engines.forecast.history import BinHistory, Floats
from engines.forecast.tree_text import Trees, read_trees
from engines.forecast.visits import NAMES, VISITS_VERSION, Visits, past_visits, visit_features

FINEST_STEP_PCT = 10.0  # levels reported exactly are counted in steps of this
HALF_LIFE_H = 120 * 24.0  # as in rates.py
FEWEST_VISITS = 300  # less teaches no trees
ROUNDS, ROUNDS_TOLD = 90, 40
VISITS_A_ROUND, FEWEST_ROUNDS = 250, 15  # a small city's few weeks are soon learnt by heart
TREES = {
    "objective": "multiclass", "learning_rate": 0.1, "num_leaves": 15, "min_data_in_leaf": 60, "feature_fraction": 0.6,
    "bagging_fraction": 0.7, "bagging_freq": 1, "lambda_l2": 5.0, "num_threads": 1, "deterministic": True,
    "force_row_wise": True, "verbosity": -1,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class FoundLevels:
    """Chances (n, k) that a crew finds the k steps, whose lower ends are `steps` in percent.

    Where bins report exact levels (`exact`), a step stands for its middle, and an interval goes to its end.
    """

    steps: Floats
    chances: Floats
    exact: bool = False

    def quantile(self, share: float) -> Floats:
        """The step, (n,) in percent, at which the chances reach a share."""
        reached = np.cumsum(self.chances, axis=1) >= share - 1e-9
        return np.asarray(self.points[np.argmax(reached, axis=1)])

    @property
    def points(self) -> Floats:
        """The level that each step stands for, (k,)."""
        return np.minimum(self.steps + (self._width / 2 if self.exact else 0.0), 100.0)

    @property
    def _width(self) -> float:
        return float(self.steps[1] - self.steps[0])

    @property
    def median(self) -> Floats:
        """The middle step."""
        return self.quantile(0.5)

    @property
    def likeliest(self) -> Floats:
        """The step that with its two neighbours holds the most chance: what to say when one step off is near enough."""
        padded = np.pad(self.chances, ((0, 0), (1, 1)))
        return np.asarray(self.points[np.argmax(padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:], axis=1)])

    def interval(self, share: float = 0.8) -> tuple[Floats, Floats]:
        """The shortest run of steps that holds at least a share of the chance: its first and last step, each (n,)."""
        count, n = len(self.steps), len(self.chances)
        cumulated = np.hstack([np.zeros((n, 1)), np.cumsum(self.chances, axis=1)])
        low, high = np.zeros(n, dtype=np.int64), np.full(n, count - 1)
        open_ = np.ones(n, dtype=np.bool_)
        for width in range(1, count + 1):
            held = cumulated[:, width:] - cumulated[:, :-width]
            best = np.argmax(held, axis=1)
            done = open_ & (held[np.arange(n), best] >= share - 1e-9)
            low[done], high[done] = best[done], best[done] + width - 1
            open_ &= ~done
        return self.steps[low], np.minimum(self.steps[high] + (self._width if self.exact else 0.0), 100.0)

    def chance_at_least(self, level_pct: float) -> Floats:
        """The chance, (n,), that the level found is reported as `level_pct` or more."""
        return np.asarray(self.chances[:, self.steps >= level_pct - 1e-9].sum(axis=1))


@dataclass(frozen=True, eq=False)
class FoundModel:
    """The trained classifiers as LightGBM text; `told` is None where alerts were not known in training."""

    steps: Floats
    streams: tuple[str, ...]
    plain: str
    told: str | None = None
    visits: int = 0
    exact: bool = False

    def levels(self, histories: Sequence[BinHistory], visits: Visits) -> FoundLevels:
        """What the crew finds at each visit; rows of a history at or after the visit are not looked at."""
        features = visit_features(histories, visits, self.streams)
        chances = np.full((len(visits), len(self.steps)), 1.0 / len(self.steps))
        known = np.isfinite(visits.alerted) & (self.told is not None)
        for rows, columns, which in (
            (~known, features, self._plain),
            (known, np.column_stack([features, visits.alerted]), self._told),
        ):
            if rows.any() and which is not None:
                chances[rows] = which.shares(columns[rows])
        return FoundLevels(self.steps, chances, self.exact)

    @functools.cached_property
    def _plain(self) -> Trees:
        return _read(self.plain)

    @functools.cached_property
    def _told(self) -> Trees | None:
        return None if self.told is None else _read(self.told)

    def to_json(self) -> str:
        """The model as text; the same model gives the same text."""
        told = {"visits_version": VISITS_VERSION, "steps": self.steps.tolist(), "streams": list(self.streams),
                "visits": self.visits, "exact": self.exact, "plain": self.plain, "told": self.told}  # fmt: skip
        return json.dumps(told, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> FoundModel:
        """Raises BadData for a text of another version, or none of ours, also where its trees are damaged."""
        try:
            kept = json.loads(text)
            version = kept["visits_version"]
            if not all(text is None or text.startswith("tree\n") for text in (kept["plain"] or "", kept["told"])):
                raise ValueError("its trees are no LightGBM text")
            model = cls(np.array(kept["steps"], dtype=np.float64), tuple(kept["streams"]), kept["plain"], kept["told"],
                        int(kept["visits"]), bool(kept["exact"]))  # fmt: skip
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadData(f"the model of levels found cannot be read: {error}") from error
        if version != VISITS_VERSION:
            raise BadData(f"the model of levels found is of features version {version}, not {VISITS_VERSION}")
        model._check()
        return model

    def _check(self) -> None:
        """Raises BadData for trees that cannot be read or are not of these steps and features: better now than when a
        question needs them."""
        for trees, columns in ((self._plain, len(NAMES)), (self._told, len(NAMES) + 1)):
            if trees is not None and (trees.classes != len(self.steps) or trees.columns > columns):
                raise BadData(
                    f"the model of levels found cannot be read: trees of {trees.classes} steps and {trees.columns} "
                    f"features, where there are {len(self.steps)} and {columns}"
                )


def _read(text: str) -> Trees:
    try:
        return read_trees(text)
    except BadData as error:
        raise BadData(f"the model of levels found cannot be read: {error}") from None


def fit_found(histories: Sequence[BinHistory], alerted: Sequence[Floats] | None = None, seed: int = 0) -> FoundModel:
    """The classifiers from all emptyings of the histories (cut them with `until` first), `alerted` as in past_visits.

    Raises BadData when bins report in different steps, or when there are too few emptyings to learn from.
    """
    steps = steps_of(histories)
    visits, level, _ = past_visits(histories, alerted)
    if len(visits) < FEWEST_VISITS:
        raise BadData(f"{len(visits)} emptyings with a level: at least {FEWEST_VISITS} are needed to learn from")
    streams = tuple(sorted({history.stream for history in histories}))
    features = visit_features(histories, visits, streams)
    wanted = step_index(level, steps)
    weight = np.exp2((visits.at - visits.at.max()) / HALF_LIFE_H)
    known = np.isfinite(visits.alerted)
    rounds = int(np.clip(len(visits) / VISITS_A_ROUND, FEWEST_ROUNDS, ROUNDS))
    plain = _train(features, wanted, weight, (len(steps), rounds, seed))
    told = None
    if known.sum() >= FEWEST_VISITS:
        columns = np.column_stack([features, visits.alerted])
        told = _train(columns[known], wanted[known], weight[known], (len(steps), ROUNDS_TOLD, seed))
    exact = all(history.step_pct == 0 for history in histories)
    return FoundModel(steps, streams, plain, told, len(visits), exact)


def next_visits(
    histories: Sequence[BinHistory],
    at: Sequence[np.datetime64],
    alerted: Floats | None = None,
    which: Sequence[int] | None = None,
) -> Visits:
    """One visit a bin, at the local moments `at`; `which` are the places of the bins visited, all when None."""
    when = hours(np.asarray(at, dtype="datetime64[s]"))
    bins = np.arange(len(histories)) if which is None else np.asarray(which, dtype=np.int64)
    return Visits(bins, when, np.full(len(when), np.nan) if alerted is None else np.asarray(alerted, np.float64))


def steps_of(histories: Sequence[BinHistory]) -> Floats:
    """Lower ends of the steps in which these bins report, in percent."""
    widths = {history.step_pct if history.step_pct > 0 else FINEST_STEP_PCT for history in histories}
    if len(widths) != 1:
        raise BadData(f"bins that report in different steps ({sorted(widths)}) cannot be learnt together")
    width = max(widths.pop(), 1.0)
    return np.arange(0.0, 100.0 + 1e-9, width)


def step_index(level: Floats, steps: Floats) -> Ints:
    """Which step a level is reported as: the last one reached."""
    return np.asarray(np.searchsorted(steps, level + 1e-6, side="right") - 1, dtype=np.int64)


def _train(features: Floats, wanted: Ints, weight: Floats, how: tuple[int, int, int]) -> str:
    import lightgbm

    classes, rounds, seed = how
    data = lightgbm.Dataset(features, wanted, weight=weight, categorical_feature=[NAMES.index("stream")])
    booster = lightgbm.train({**TREES, "num_class": classes, "seed": seed}, data, rounds)
    return str(booster.model_to_string())
