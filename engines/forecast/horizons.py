"""The horizons of bins: levels ahead at fixed hours and shares, computed once and read off for any question.

A question asks for any hour and any threshold; a table can hold only some hours. So every forecast that is told is read
off the same grid, whether its horizons were just computed or come out of the table: the two cannot differ. Levels are
kept in hundredths of a percent as 16-bit integers, on both ways. Between two hours levels are linear.

A forecast is made at the newest full hour, or at the newest record of its bin after that (`origins`): a function of
records and moment alone, which a question in between, a refresh and a replay share.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from domain.errors import BadData
from engines.forecast.columns import hours
from engines.forecast.history import BinHistory, Floats, Times
from engines.forecast.member import MEDIAN, SHARES_OUT, Member, Windows
from engines.forecast.past_windows import OVERFLOW_PCT
from engines.forecast.predict import FillForecast, HoursTo, LevelAt

HOURS = np.concatenate([
    [1 / 60], np.arange(1.0, 49.0), np.arange(51.0, 97.0, 3.0), np.arange(102.0, 169.0, 6.0),
    np.arange(180.0, 337.0, 12.0), np.arange(360.0, 721.0, 24.0),
])  # fmt: skip
"""Hours ahead that are kept; the first stands for "now", the last lets four weeks be asked of a day-old forecast."""
TOLD_UP_TO_H = 28 * 24.0
LOW, HIGH = SHARES_OUT.index(0.1), SHARES_OUT.index(0.9)
FINENESS = 100.0  # levels are kept in hundredths of a percent
WARNED_H = np.array([1.0, 6.0, 12.0, 24.0, 48.0, 72.0, 168.0])
"""Hours ahead at which the chance of an overflow by then is kept, where a member is trained to tell it."""
WARNED_AT = np.searchsorted(HOURS, WARNED_H)
SURE = 10_000.0  # chances are kept in ten-thousandths
UNKNOWN = np.uint16(65_535)
CHANCES = (0.1, 0.5, 0.9)
FORM = 7
"""Raised whenever code changes what the same model says of the same records: older rows then do not fit."""
Packed = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Story:
    """What a forecast rests on, in words and figures; or `abstained`, why there is none.

    `starts_at`: hours since 1970 local of the emptying or reading that it starts from. `features_hash` is over what the
    forecast was computed from.
    """

    stream: str
    starts_at: float | None = None
    starts_from: str = ""
    rate_pct_per_hour: float | None = None
    basis: str = ""
    features_hash: str = ""
    abstained: str | None = None


@runtime_checkable
class Warner(Protocol):
    """A member that was trained to tell overflows."""

    def chances(self, windows: Windows, levels: Floats | None = None) -> Floats:
        """The chance (n, t) that a bin below 80 overflows by each hour; NaN where that cannot be told. `levels`: those
        (n, t, 7) of the same windows, where they are known already."""
        ...


@dataclass(frozen=True, eq=False)
class Horizons:
    """n forecasts: `levels` (n, len(HOURS), 7) in hundredths of a percent, made at `at` (n,), hours since 1970 local.

    Rows of bins that cannot be forecast are UNKNOWN throughout, and their story says why. `overflow`
    (n, len(WARNED_H)): the chance of an overflow by then in ten-thousandths, UNKNOWN where no member tells it.
    """

    bins: tuple[str, ...]
    at: Floats
    levels: Packed
    stories: tuple[Story, ...]
    overflow: Packed = field(default_factory=lambda: np.empty((0, len(WARNED_H)), dtype=np.uint16))

    def __post_init__(self) -> None:
        n = len(self.bins)
        if n and not len(self.overflow):
            object.__setattr__(self, "overflow", np.full((n, len(WARNED_H)), UNKNOWN, dtype=np.uint16))
        if self.at.shape != (n,) or self.levels.shape != (n, len(HOURS), len(SHARES_OUT)) or len(self.stories) != n:
            raise BadData("horizons need a moment, a table of levels and a story for each bin")
        if self.overflow.shape != (n, len(WARNED_H)):
            raise BadData("horizons need chances of an overflow for each bin or for none")

    def __len__(self) -> int:
        return len(self.bins)

    def where(self, rows: Sequence[int]) -> Horizons:
        """These rows, in this order."""
        kept = [self.stories[i] for i in rows]
        chosen = np.asarray(rows, dtype=np.int64)
        bins = tuple(self.bins[i] for i in rows)
        return Horizons(bins, self.at[chosen], self.levels[chosen], tuple(kept), self.overflow[chosen])

    @classmethod
    def joined(cls, rows: Sequence[tuple[Horizons, int]]) -> Horizons:
        """Single rows of several, in order."""
        levels = np.empty((len(rows), len(HOURS), len(SHARES_OUT)), dtype=np.uint16)
        overflow = np.empty((len(rows), len(WARNED_H)), dtype=np.uint16)
        for place, (source, row) in enumerate(rows):
            levels[place], overflow[place] = source.levels[row], source.overflow[row]
        return cls(
            tuple(source.bins[row] for source, row in rows),
            np.array([source.at[row] for source, row in rows], dtype=np.float64),
            levels,
            tuple(source.stories[row] for source, row in rows),
            overflow,
        )


@dataclass(frozen=True, eq=False)
class Asked:
    """A question to horizons: the moment (hours since 1970 local), hours ahead of it, the level that matters."""

    at: float
    ahead_h: tuple[float, ...]
    threshold_pct: float

    def __post_init__(self) -> None:
        if not all(0 <= each <= TOLD_UP_TO_H for each in self.ahead_h):
            raise BadData("hours ahead must be numbers from 0 to 672")
        if not 0 < self.threshold_pct <= 100:
            raise BadData("the threshold must be above 0 and at most 100 percent")


# ---------------------------------------------------------------- making


def origins(histories: Sequence[BinHistory], moment: np.datetime64) -> Times:
    """When each bin's forecast is made for a question at `moment`: the full hour, or its newest record since."""
    hour = moment.astype("datetime64[h]").astype("datetime64[s]")
    return later_of(np.full(len(histories), hour), newest_records(histories, moment))


def newest_records(histories: Sequence[BinHistory], moment: np.datetime64) -> Times:
    """Each bin's newest emptying or reading at or before a moment, (n,); NaT where there is none."""
    found = np.full(len(histories), np.datetime64("NaT"), dtype="datetime64[s]")
    for row, history in enumerate(histories):
        for times in (history.emptied_at, history.read_at):
            count = int(np.searchsorted(times, moment, side="right"))
            if count and not found[row] > times[count - 1]:
                found[row] = times[count - 1]
    return found


def later_of(made: Times, newest: Times) -> Times:
    """The newest record where it is later than the moment beside it."""
    return np.asarray(np.where(newest > made, newest, made), dtype="datetime64[s]")


def horizons_of(member: Member, histories: Sequence[BinHistory], at: Times, stories: Sequence[Story]) -> Horizons:
    """The horizons of each bin, made at its moment. A level that is no number makes the row unknown."""
    moments = hours(at)
    levels = np.full((len(histories), len(HOURS), len(SHARES_OUT)), UNKNOWN, dtype=np.uint16)
    overflow = np.full((len(histories), len(WARNED_H)), UNKNOWN, dtype=np.uint16)
    able = [row for row, story in enumerate(stories) if story.abstained is None]
    told = list(stories)
    if able:
        chosen = Windows([histories[row] for row in able], moments[able], HOURS)
        found = member.quantiles(chosen)
        known = np.isfinite(found).all(axis=(1, 2))
        levels[np.asarray(able)[known]] = packed(found[known])
        if isinstance(member, Warner):
            asked = Windows(chosen.histories, chosen.at, WARNED_H)
            overflow[np.asarray(able)] = packed_chances(member.chances(asked, found[:, WARNED_AT]))
        for row in np.asarray(able)[~known].tolist():
            told[row] = replace(told[row], abstained="no member of the forecast can tell of this bin")
    return Horizons(tuple(h.bin_id for h in histories), moments, levels, tuple(told), overflow)


def packed(levels: Floats) -> Packed:
    """Percent as hundredths, never below 0, above 100 or crossing."""
    whole = np.rint(np.clip(levels, 0.0, 100.0) * FINENESS).astype(np.uint16)
    return np.asarray(np.maximum.accumulate(whole, axis=-1))


def packed_chances(chances: Floats) -> Packed:
    """Chances as ten-thousandths, never falling from hour to hour; UNKNOWN for rows that hold no number."""
    known = np.isfinite(chances).all(axis=1, keepdims=True)
    whole = np.rint(np.clip(np.nan_to_num(chances), 0.0, 1.0) * SURE).astype(np.uint16)
    return np.where(known, np.maximum.accumulate(whole, axis=1), UNKNOWN)


def features_hash(*parts: object) -> str:
    """Sixteen hex digits over what a forecast was computed from."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


# ---------------------------------------------------------------- reading off


def forecasts_from(horizons: Horizons, asked: Asked) -> list[FillForecast]:
    """One forecast a bin, in order: the level now, at each asked hour, and when the threshold is reached."""
    since = asked.at - horizons.at
    ahead = np.array([0.0, *asked.ahead_h])
    levels = levels_at(horizons, since[:, None] + ahead)
    overflow = overflow_at(horizons, since[:, None] + ahead[1:])
    now = chance_of(levels[:, :1], asked.threshold_pct)
    chance = np.concatenate([now, chance_by(horizons, overflow, levels[:, 1:], asked.threshold_pct)], axis=1)
    reached = _reached(horizons.levels / FINENESS, asked.threshold_pct) - since[:, None]
    return [
        _abstained(horizons, row, asked)
        if horizons.stories[row].abstained
        else _told(horizons, row, asked, (levels[row], chance[row], reached[row], overflow[row]))
        for row in range(len(horizons))
    ]


def chance_by(horizons: Horizons, overflow: Floats, levels: Floats, threshold_pct: float) -> Floats:
    """The chance (n, k) told of a threshold: of an overflow by then (`overflow`, (n, k)) where a member was trained on
    that threshold and the bin is below it; else that the levels (n, k, 7) are at or above it then."""
    chance = chance_of(levels, threshold_pct)
    below = horizons.levels[:, :1, MEDIAN] / FINENESS < OVERFLOW_PCT
    trained = np.isfinite(overflow) & below & (threshold_pct == OVERFLOW_PCT)
    return np.asarray(np.where(trained, overflow, chance))


def overflow_at(horizons: Horizons, ahead_h: Floats) -> Floats:
    """Chances (n, k) of an overflow by hours ahead of each origin, (n, k): linear between those kept, from 0 on; NaN
    where they are not known. Beyond the last one it is held."""
    kept = np.where(horizons.overflow == UNKNOWN, np.nan, horizons.overflow / SURE)
    kept = np.concatenate([np.where(np.isnan(kept[:, :1]), np.nan, 0.0), kept], axis=1)
    hours_kept = np.concatenate([[0.0], WARNED_H])
    place = np.interp(ahead_h, hours_kept, np.arange(len(hours_kept), dtype=np.float64))
    left = np.minimum(np.floor(place).astype(np.int64), len(hours_kept) - 2)
    rows, part = np.arange(len(horizons))[:, None], place - left
    return np.asarray(kept[rows, left] * (1 - part) + kept[rows, left + 1] * part)


def levels_at(horizons: Horizons, ahead_h: Floats) -> Floats:
    """Levels in percent (n, k, 7) at hours ahead of each origin, (n, k)."""
    place = np.interp(ahead_h, HOURS, np.arange(len(HOURS), dtype=np.float64))
    left = np.minimum(np.floor(place).astype(np.int64), len(HOURS) - 2)
    part = (place - left)[..., None]
    rows = np.arange(len(horizons))[:, None]
    low, high = horizons.levels[rows, left] / FINENESS, horizons.levels[rows, left + 1] / FINENESS
    return np.asarray(low * (1 - part) + high * part)


def levels_between(levels: Packed, ahead_h: float) -> Floats:
    """One bin's levels (7,) in percent at some hours ahead, off its own table (len(HOURS), 7)."""
    row = Horizons(("",), np.zeros(1), levels[None, :, :], (Story(""),))
    return np.asarray(levels_at(row, np.array([[ahead_h]]))[0, 0])


def chance_of(levels: Floats, threshold_pct: float) -> Floats:
    """Share of the distribution at or above a threshold, for levels (..., 7) at SHARES_OUT.

    Linear between the shares; beyond the outer ones the tail falls off as steeply as just inside them.
    """
    first = np.maximum(2 * levels[..., :1] - levels[..., 1:2], 0.0)
    last = np.minimum(2 * levels[..., -1:] - levels[..., -2:-1], 100.0)
    known = np.concatenate([first, levels, last], axis=-1)
    shares = np.array([0.0, *SHARES_OUT, 1.0])
    at = (known < threshold_pct).sum(axis=-1)
    inner = np.clip(at, 1, known.shape[-1] - 1)
    left = np.take_along_axis(known, inner[..., None] - 1, -1)[..., 0]
    right = np.take_along_axis(known, inner[..., None], -1)[..., 0]
    part = np.clip((threshold_pct - left) / np.maximum(right - left, 1e-9), 0, 1)
    below = shares[inner - 1] * (1 - part) + shares[inner] * part
    below = np.where(at == 0, 0.0, np.where(at == known.shape[-1], 1.0, below))
    return np.asarray(1.0 - below)


def _reached(levels: Floats, threshold_pct: float) -> Floats:
    """Hours after each origin when the chance first is 10, 50, 90 %, (n, 3); NaN where it never is."""
    chance = np.maximum.accumulate(chance_of(levels, threshold_pct), axis=1)
    found = np.full((len(levels), len(CHANCES)), np.nan)
    for column, wanted in enumerate(CHANCES):
        passed = chance >= wanted
        rows = np.flatnonzero(passed.any(axis=1))
        step = np.argmax(passed, axis=1)[rows]
        before = np.maximum(step - 1, 0)
        low, high = chance[rows, before], chance[rows, step]
        part = np.where(step > 0, (wanted - low) / np.maximum(high - low, 1e-12), 1.0)
        found[rows, column] = HOURS[before] + part * (HOURS[step] - HOURS[before])
    return found


def _abstained(horizons: Horizons, row: int, asked: Asked) -> FillForecast:
    story = horizons.stories[row]
    return FillForecast(horizons.bins[row], story.stream, asked.threshold_pct, abstained=story.abstained)


def _told(horizons: Horizons, row: int, asked: Asked, found: tuple[Floats, Floats, Floats, Floats]) -> FillForecast:
    story, (levels, chance, reached, overflow) = horizons.stories[row], found
    told = [_level_at(ahead, levels[k], chance[k]) for k, ahead in enumerate((0.0, *asked.ahead_h))]
    return FillForecast(
        bin_id=horizons.bins[row],
        stream=story.stream,
        threshold_pct=asked.threshold_pct,
        now=told[0],
        by=tuple(told[1:]),
        hours_to=HoursTo(*(_hours_until(float(each)) for each in reached)),
        data_age_hours=None if story.starts_at is None else round(asked.at - story.starts_at, 2),
        starts_from=story.starts_from,
        rate_pct_per_hour=story.rate_pct_per_hour,
        basis=story.basis,
        overflow_by=tuple(round(float(each), 6) for each in overflow) if np.isfinite(overflow).all() else (),
    )


def _level_at(ahead: float, levels: Floats, chance: np.float64) -> LevelAt:
    low, middle, high = (round(float(levels[share]), 2) for share in (LOW, MEDIAN, HIGH))
    return LevelAt(ahead, low, middle, high, round(float(chance), 6))


def _hours_until(reached: float) -> float | None:
    return None if np.isnan(reached) or reached > TOLD_UP_TO_H else max(round(reached, 1), 0.0)
