"""Suite `forecast`: a day ahead from every reading of the later part, beside the naive answers to the same windows.

    python -m evals forecast --data readings.csv.gz --test-from 2025-03-01 --unseen 3050_1,1780_3

Everything is fitted on what was known before `--test-from`, without the `--unseen` containers. The level that is said
is scored (`engines/forecast/point.py`), with the median beside it. Bands move with the outcomes of past days, as they
do in use. A csv of emptyings is measured by what the crew found (`evals/forecast/found.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
from pydantic import JsonValue

from domain.errors import BadData
from engines.forecast.columns import hours
from engines.forecast.drivers import faithful
from engines.forecast.ensemble import FITS, USUAL, Ensemble, Fit, fit_ensemble
from engines.forecast.history import BinHistory, Floats
from engines.forecast.member import MEDIAN, Member, Windows
from engines.forecast.past_windows import OVERFLOW_PCT, Outcomes, Span, past_windows
from engines.forecast.point import best_level
from engines.forecast.stack import BANDS, Weights
from evals.forecast import naive
from evals.forecast.bands import coverage_by_ahead, moved_by_outcomes
from evals.forecast.chart import reliability_svg
from evals.forecast.emptyings import read_emptyings
from evals.forecast.found import measure_found
from evals.forecast.readings import Readings, is_readings, read_readings
from evals.forecast.score import (
    JsonObject,
    Said,
    by_stream,
    coverage_by,
    figures_of,
    mae_gain,
    mean_of,
    overflow_figures,
    pinball,
    reliability,
)  # fmt: skip
from evals.forecast.serving import RENEWED_BINS, serving_figures
from evals.progress import say

Method = Callable[[Windows], Floats]
Mask = npt.NDArray[np.bool_]
AHEAD_H = 24.0
TEST_SHARE = 0.25  # of the time, where no date is told
REASONED = 500  # windows whose reasons are checked


@dataclass(frozen=True)
class Asked:
    """What to measure: the data, from when on, which containers are kept from training, by which members, whether each
    of them too, and whether how fast it is served. `until`: nothing from then on is read, to choose settings on.
    `zone`: the clock that bins are filled by, and that the dates are of; None for UTC."""

    data: Path
    test_from: date | None = None
    unseen: frozenset[str] = frozenset()
    ablation: bool = False
    seed: int = 0
    members: frozenset[str] = frozenset(USUAL)
    serving: bool = True
    until: date | None = None
    zone: ZoneInfo | None = None


@dataclass(frozen=True, eq=False)
class Measurement:
    """Figures of ours, of the baselines, the windows they rest on and the reliability chart."""

    figures: JsonObject
    baselines: JsonObject
    cases: int
    chart: str = ""


@dataclass(frozen=True)
class Watch:
    """CPU seconds of this process by part of a measurement."""

    spent: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def over(self, part: str) -> Iterator[None]:
        """Adds what passes within to a part."""
        began = time.process_time()
        try:
            yield
        finally:
            self.spent[part] = self.spent.get(part, 0.0) + time.process_time() - began

    def timed(self, name: str, fit: Fit) -> Fit:
        """The same fit, whose time counts as that of a member."""

        def watched(histories: Sequence[BinHistory], seed: int) -> Member:
            with self.over(f"of it fitting {name}, twice"):
                return fit(histories, seed)

        return watched

    def told(self) -> JsonObject:
        """By part, to a tenth of a second."""
        return {part: round(seconds, 1) for part, seconds in self.spent.items()}


def measure(asked: Asked) -> Measurement:
    """The suite. Raises BadData for data that is neither readings nor emptyings, or too short to cut in two."""
    if not asked.data.is_dir() and is_readings(asked.data):
        data = read_readings(asked.data, asked.zone)
        return _on_readings(asked, data if asked.until is None else data.until(_before(asked.until)))
    emptied = read_emptyings(asked.data)
    figures, baselines, cases = measure_found(emptied, _cut(asked, emptied.histories), asked.unseen)
    return Measurement(figures, baselines, cases)


def _on_readings(asked: Asked, data: Readings) -> Measurement:
    watch, since = Watch(), _cut(asked, data.histories)
    strangers = asked.unseen - {h.bin_id for h in data.histories}
    if strangers:
        raise BadData(f"{asked.data} has no container {', '.join(sorted(strangers))}: see --unseen")
    train = data.without(asked.unseen).until(since - np.timedelta64(1, "s"))
    if not train.histories:
        others = " of a container that --unseen does not name" if asked.unseen else ""
        raise BadData(f"{asked.data} has no readings{others} before {since}: nothing to learn from")
    train = train.cleaned(since)
    say(f"{len(train.histories)} containers before {since}: fitting")
    with watch.over("fitting and weighing"):
        ensemble = fit_ensemble(train.histories, _fits(asked, watch), asked.seed, train.records)
    span = Span(float(hours(np.array([since]))[0]))
    known = past_windows(data.without(asked.unseen).histories, AHEAD_H, span)
    if not len(known):
        raise BadData(f"{asked.data} has no reading from {since} on with one a day later: nothing to measure")
    say(f"{len(known)} windows of known containers: asking")
    with watch.over("asking"):
        table = naive.fit_hour_table(train.histories)
        figures, baselines, levels = _compared(ensemble, table, known)
        if asked.unseen:
            new = past_windows(data.only(asked.unseen).histories, AHEAD_H, span)
            if not len(new):
                raise BadData(f"the containers of --unseen have no reading from {since} on with one a day later")
            _add_unseen((figures, baselines), ensemble, table, new)
    with watch.over("bands at other hours ahead"):
        figures["coverage80_by_ahead"] = coverage_by_ahead(ensemble, data.without(asked.unseen).histories, span.since)
    with watch.over("reasons"):
        figures |= _reasons(ensemble, known)
    if asked.serving:
        say(f"serving: lookups, what-ifs, a renewal of {RENEWED_BINS} bins")
        with watch.over("serving"):
            figures |= serving_figures(train.histories, ensemble, _newest(train), renewed_bins=RENEWED_BINS)
    if asked.ablation:
        with watch.over("ablation"):
            figures["members"] = _members(ensemble, known)
    figures |= {"cpu_s": watch.told(), "notes": list(data.notes)}
    chart = reliability_svg(reliability(levels, known), f"{len(known)} windows of {AHEAD_H:.0f} h, {asked.data.name}")
    return Measurement(figures, baselines, len(known), chart)


def _before(day: date) -> np.datetime64:
    """The last second before a day."""
    return np.datetime64(day, "s") - np.timedelta64(1, "s")


def _newest(data: Readings) -> np.datetime64:
    """The moment of the newest reading."""
    newest: np.datetime64 = max(h.read_at[-1] for h in data.histories)
    return newest


def _fits(asked: Asked, watch: Watch) -> dict[str, Fit]:
    unknown = asked.members - {*FITS}
    if unknown or not asked.members:
        raise BadData(f"--members takes {', '.join(FITS)}; {', '.join(sorted(unknown)) or 'nothing'} is none of them")
    return {name: watch.timed(name, FITS[name]) for name in FITS if name in asked.members}


def _cut(asked: Asked, histories: Sequence[BinHistory]) -> np.datetime64:
    """`--test-from`, or the moment before which three quarters of the time lie."""
    if asked.test_from is not None:
        return np.datetime64(asked.test_from, "s")
    times = np.concatenate([each for h in histories for each in (h.emptied_at, h.read_at)])
    first, last = times.min(), times.max()
    length = (last - first).astype(np.int64)
    cut = first + np.timedelta64(int(length * (1 - TEST_SHARE)), "s")
    return np.datetime64(str(cut)[:10], "s")


# ---------------------------------------------------------------- ours


def _compared(ensemble: Ensemble, table: naive.HourTable, known: Outcomes) -> tuple[JsonObject, JsonObject, Floats]:
    """(figures, baselines, levels (n, 7)) of windows of known containers."""
    ours, levels = _ours(ensemble, known)
    figures: JsonObject = {**figures_of(ours, known, intervals=True), **_more(ensemble, ours, levels, known)}
    said = {"always_no": _always_no(known), **_naive(known, table)}
    baselines: JsonObject = {name: dict(figures_of(each, known)) for name, each in said.items()}
    baselines["always_no"] = overflow_figures(said["always_no"].full, known)
    figures |= mae_gain(ours, said["hour_of_week"], known)
    return figures, baselines, levels


def _add_unseen(told: tuple[JsonObject, JsonObject], ensemble: Ensemble, table: naive.HourTable, new: Outcomes) -> None:
    """The same of containers never trained on, beside the figures and baselines told."""
    figures, baselines = told
    figures |= _unseen(_ours(ensemble, new)[0], new)
    for name, each in _naive(new, table).items():
        baselines[name] = {**_as_object(baselines[name]), **_unseen(each, new)}


def _ours(ensemble: Ensemble, scored: Outcomes) -> tuple[Said, Floats]:
    """What the ensemble says, and its levels (n, 7) with the plan told, bands moved by the days before."""
    levels = moved_by_outcomes(ensemble, scored)
    alone = ensemble.quantiles(scored.windows.without_plan())[:, 0]
    chance = ensemble.chances(scored.windows)[:, 0]
    full = chance >= ensemble.warn_at
    return Said(best_level(levels), best_level(alone), full, levels), levels


def _more(ensemble: Ensemble, ours: Said, levels: Floats, scored: Outcomes) -> JsonObject:
    """What stands beside the figures of chapter 6: the median, cells of coverage, streams, weights."""
    alone = ~scored.emptied
    error = np.abs(levels[:, MEDIAN] - scored.found)
    cells = coverage_by(levels, scored)
    weights: JsonObject = {
        f"{BANDS[band]}, {stream or 'every stream'}": {
            name: round(float(each), 3) for name, each in zip(ensemble.weights.members, found, strict=True)
        }
        for (band, stream), found in sorted(ensemble.weights.of.items())
    }
    return {
        "median_within10_no_collection": mean_of((error[alone] <= 10).astype(np.float64)),
        "median_mae_no_collection": mean_of(error[alone]),
        "pinball": pinball(levels, scored.found),
        "coverage80_by_band": dict(cells["band"]),
        "coverage80_by_stream": dict(cells["stream"]),
        "coverage80_by_collection": dict(cells["collection"]),
        "by_stream": by_stream(ours, scored),
        "base_rate_overflow": mean_of(scored.overflows[scored.level < OVERFLOW_PCT].astype(np.float64)),
        "weights": weights,
    }


def _unseen(said: Said, scored: Outcomes) -> JsonObject:
    found = figures_of(said, scored)
    return {f"unseen_{name}": value for name, value in found.items()}


def _reasons(ensemble: Ensemble, scored: Outcomes) -> JsonObject:
    """Of windows without a collection: how many drivers are named, and how often they move the level as said."""
    if ensemble.trees is None:
        return {}
    alone = np.flatnonzero(~scored.emptied)
    sample = alone[:: max(1, len(alone) // REASONED)]
    found = faithful(ensemble, scored.windows.where(sample).without_plan())
    return {
        "reasons_faithful": round(found.share, 4),
        "reasons_named": found.named,
        "reasons_named_per_window": round(found.named / max(found.windows, 1), 3),
        "reasons_windows_named": round(found.told / max(found.windows, 1), 3),
        "reasons_checked": found.windows,
    }


@dataclass(frozen=True, eq=False)
class _Told:
    """A member that has been asked already: its levels (n, 1, 7) of the very windows."""

    name: str
    levels: Floats

    def quantiles(self, windows: Windows) -> Floats:
        return self.levels


def _members(ensemble: Ensemble, scored: Outcomes) -> JsonObject:
    """Each member alone, the ensemble without each, and all together: of the windows that every member can tell, all
    with the ensemble's offsets, moved by each one's own outcomes."""
    told = [member.quantiles(scored.windows) for member in ensemble.members]
    known = np.asarray(np.all([np.isfinite(levels).all(axis=(1, 2)) for levels in told], axis=0))
    if not known.any():
        return {}
    members = tuple(_Told(each.name, levels[known]) for each, levels in zip(ensemble.members, told, strict=True))
    whole, part = replace(ensemble, members=members), scored.where(known)
    every = range(len(members))
    made: JsonObject = {f"{members[place].name} alone": _one(_only(whole, [place]), part) for place in every}
    for place in every if len(members) > 1 else ():
        made[f"without {members[place].name}"] = _one(_only(whole, [each for each in every if each != place]), part)
    return {**made, "all together": _one(whole, part)}


def _only(ensemble: Ensemble, places: list[int]) -> Ensemble:
    """Some of the members, by their weights; alike where those leave them nothing."""
    members = tuple(ensemble.members[place] for place in places)
    of = {
        key: each[places] if each[places].any() else np.ones(len(places)) for key, each in ensemble.weights.of.items()
    }
    return replace(ensemble, members=members, weights=Weights(tuple(each.name for each in members), of))


def _one(ensemble: Ensemble, scored: Outcomes) -> JsonObject:
    levels = moved_by_outcomes(ensemble, scored)
    point = best_level(levels)
    found = figures_of(Said(point, point, np.zeros(len(point), dtype=np.bool_), levels), scored)
    kept = ("within10_no_collection", "mae_no_collection", "within10_all", "coverage80")
    told: JsonObject = {name: found[name] for name in kept}
    return {**told, "pinball": pinball(levels, scored.found), "windows": len(scored)}


# ---------------------------------------------------------------- the naive answers


def _naive(scored: Outcomes, table: naive.HourTable) -> dict[str, Said]:
    methods: dict[str, Method] = {
        "last_value": naive.last_value,
        "line": naive.line,
        "hour_of_week": lambda windows: naive.hour_of_week(windows, table),
    }
    made = {}
    for name, method in methods.items():
        told, alone = method(scored.windows), method(scored.windows.without_plan())
        made[name] = Said(told, alone, _full_before_emptied(method, scored))
    return made


def _full_before_emptied(method: Method, scored: Outcomes) -> Mask:
    """Whether a method's level reaches 80 at the end, or just before the first planned emptying."""
    windows = scored.windows
    end = method(windows) >= OVERFLOW_PCT
    if windows.planned is None or not windows.planned.shape[1]:
        return end
    alone = method(windows.without_plan())
    length = windows.ends[:, 0] - windows.at
    share = np.where(scored.emptied, (windows.planned[:, 0] - windows.at) / length, 1.0)
    before = scored.level + (alone - scored.level) * np.nan_to_num(share, nan=1.0)
    return np.asarray(end | (before >= OVERFLOW_PCT))


def _always_no(scored: Outcomes) -> Said:
    never = np.zeros(len(scored), dtype=np.bool_)
    return Said(scored.level, scored.level, never)


def _as_object(value: JsonValue) -> JsonObject:
    assert isinstance(value, dict)
    return value
