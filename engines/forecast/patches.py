"""The member `patches`: a small Transformer over patches of a bin's last two weeks (PatchTST; Nie et al., ICLR 2023).

A bin's past is cut into patches of half a day; what the net learns of them is the same for all bins. What is asked
(how far ahead, from which level, emptied on the way or not, how much the same hours brought in past weeks) goes to the
head, which answers with shares of a reference growth, so that a container never seen is told of in its own scale.
Inference is plain numpy: no torch in a request, the same bytes every time. Training is in `patch_training.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from domain.errors import BadData
from engines.forecast.columns import Ints, hours
from engines.forecast.features import total
from engines.forecast.history import BinHistory, Floats
from engines.forecast.hourly import (
    CONTEXT_H,
    FEWEST_READINGS,
    SLOWEST,
    WEEK_H,
    WEEKS_BACK,
    Grid,
    hourly,
    left_behind,
    news,
)
from engines.forecast.member import SHARES_OUT, Windows

Singles = npt.NDArray[np.float32]
PATCHES_VERSION = 1
PATCH_H = 12
PATCHES = CONTEXT_H // PATCH_H
CHANNELS = 6
WIDTH, HEADS, LAYERS, HEAD_WIDTH = 48, 4, 2, 96
LEAST_GROWTH = 3.0  # points: sensor noise moves a level by so much even where nothing grows
SILENT_H = 14 * 24.0  # without a reading for longer this member does not answer
MEDIAN = SHARES_OUT.index(0.5)
AT_ONCE = 2048
QUERY = (
    "ahead", "growing", "base", "planned", "week", "reference", "end_level", "spread", "end_day_sin", "end_day_cos",
    "end_week_sin", "end_week_cos",
    "silent", "rate", "rate_recent", "known", "day_sin", "day_cos", "week_sin", "week_cos",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Asked:
    """n moments `at` of bins (indices), each with t moments `ends` asked about, and from where the level grows then:
    from `base` percent at `begin`, (n, t). `latest`: hour of the last news, (n,)."""

    bins: Ints
    at: Floats
    ends: Floats
    begin: Floats
    base: Floats
    latest: Floats

    def where(self, rows: Ints) -> Asked:
        """Some of the moments."""
        return Asked(self.bins[rows], self.at[rows], self.ends[rows], self.begin[rows], self.base[rows],
                     self.latest[rows])  # fmt: skip


@dataclass(frozen=True, eq=False)
class Inputs:
    """What the net sees: `context` (n, PATCHES, PATCH_H * CHANNELS), `query` (n, t, len(QUERY)); and what its answer is
    multiplied by, `reference` points (n, t)."""

    context: Singles
    query: Singles
    reference: Singles


@dataclass(frozen=True, eq=False)
class Patches:
    """The trained net as a member. `weights` by name, float32."""

    weights: dict[str, Singles]
    name: str = "patches"

    def quantiles(self, windows: Windows) -> Floats:
        """Levels (n, t, 7) at SHARES_OUT; NaN for bins without a sensor, or without a reading for two weeks."""
        told = np.full((len(windows), len(windows.ahead_h), len(SHARES_OUT)), np.nan)
        asked, histories, able = asked_of(windows)
        if not able.any():
            return told
        first, last = _reach(asked, len(histories))
        grid = hourly(histories, first, last)
        rows = np.flatnonzero(able)
        for begin in range(0, len(rows), AT_ONCE):
            part = rows[begin : begin + AT_ONCE]
            told[part] = self._levels(inputs(grid, asked.where(part)), asked.base[part])
        return told

    def _levels(self, given: Inputs, base: Floats) -> Floats:
        raw = head(self.weights, encode(self.weights, given.context), given.query)
        growth = ordered(raw) * given.reference[..., None]
        return np.clip(base[..., None] + growth.astype(np.float64), 0.0, 100.0)

    def to_bytes(self) -> bytes:
        """The weights as safetensors."""
        from safetensors.numpy import save

        return bytes(save(self.weights, metadata={"patches": str(PATCHES_VERSION)}))

    @classmethod
    def from_bytes(cls, kept: bytes) -> Patches:
        """Raises BadData for weights that are no safetensors, or of another net."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            weights = load(kept)
        except (SafetensorError, ValueError, KeyError) as error:
            raise BadData(f"the weights of the patches cannot be read: {error}") from error
        shapes = {name: value.shape for name, value in weights.items()}
        if shapes != SHAPES:
            raise BadData("the weights of the patches belong to another net: train them anew")
        if not all(np.isfinite(value).all() for value in weights.values()):
            raise BadData("the weights of the patches hold a value that is no number")
        return cls({name: value.astype(np.float32) for name, value in weights.items()})


def _shapes() -> dict[str, tuple[int, ...]]:
    """Of each weight; matrices are stored (in, out)."""
    shapes: dict[str, tuple[int, ...]] = {
        "embed.weight": (PATCH_H * CHANNELS, WIDTH), "embed.bias": (WIDTH,), "place": (PATCHES, WIDTH),
        "out.scale": (WIDTH,), "out.shift": (WIDTH,),
        "head1.weight": (2 * WIDTH + len(QUERY), HEAD_WIDTH), "head1.bias": (HEAD_WIDTH,),
        "head2.weight": (HEAD_WIDTH, HEAD_WIDTH), "head2.bias": (HEAD_WIDTH,),
        "head3.weight": (HEAD_WIDTH, len(SHARES_OUT)), "head3.bias": (len(SHARES_OUT),),
    }  # fmt: skip
    for layer in range(LAYERS):
        shapes |= {f"{layer}.{name}.weight": size for name, size in
                   (("qkv", (WIDTH, 3 * WIDTH)), ("mix", (WIDTH, WIDTH)), ("wide", (WIDTH, 2 * WIDTH)),
                    ("narrow", (2 * WIDTH, WIDTH)))}  # fmt: skip
        shapes |= {f"{layer}.{name}.bias": (size,) for name, size in
                   (("qkv", 3 * WIDTH), ("mix", WIDTH), ("wide", 2 * WIDTH), ("narrow", WIDTH))}  # fmt: skip
        shapes |= {f"{layer}.{norm}.{part}": (WIDTH,) for norm in ("norm1", "norm2") for part in ("scale", "shift")}
    return shapes


SHAPES = _shapes()


def asked_of(windows: Windows) -> tuple[Asked, list[BinHistory], npt.NDArray[np.bool_]]:
    """(what is asked, the histories that `bins` numbers, which windows can be answered)."""
    n = len(windows)
    bins = np.zeros(n, dtype=np.int64)
    histories: list[BinHistory] = []
    latest, level, left = np.full(n, -np.inf), np.zeros(n), np.zeros(n)
    able = np.zeros(n, dtype=np.bool_)
    for history, rows in windows.by_bin():
        bins[rows] = len(histories)
        histories.append(history)
        at, levels, _ = news(history)
        last = np.searchsorted(at, windows.at[rows], side="right") - 1
        some = rows[last >= 0]
        latest[some], level[some] = at[last[last >= 0]], levels[last[last >= 0]]
        left[rows] = left_behind(history, windows.at[rows])
        able[rows] = _heard(history, windows.at[rows])
    emptied = windows.last_emptied()
    planned = np.isfinite(emptied)
    begin = np.where(planned, emptied, latest[:, None])
    base = np.where(planned, left[:, None], level[:, None])
    return Asked(bins, windows.at, windows.ends, begin, base, latest), histories, able


def _heard(history: BinHistory, at: Floats) -> npt.NDArray[np.bool_]:
    """Whether the bin's sensor had given FEWEST_READINGS by then, and one in the last two weeks."""
    read = hours(history.read_at[np.isfinite(history.readings)])
    count = np.searchsorted(read, at, side="right")
    newest = np.where(count > 0, read[np.maximum(count - 1, 0)] if len(read) else -np.inf, -np.inf)
    return np.asarray((count >= FEWEST_READINGS) & (at - newest <= SILENT_H))


def _reach(asked: Asked, bins: int) -> tuple[Floats, Floats]:
    first, last = np.full(bins, np.inf), np.full(bins, -np.inf)
    np.minimum.at(first, asked.bins, asked.at)
    np.maximum.at(last, asked.bins, asked.at)
    return first, last


def inputs(grid: Grid, asked: Asked) -> Inputs:
    """Built from cells up to each moment `at` only."""
    now = np.floor(asked.at).astype(np.int64)
    here = grid.cell(asked.bins, now)
    known = np.clip(grid.known[here], 1.0, None)
    rate, recent = (
        np.maximum(
            (grid.grown[here] - grid.grown[grid.cell(asked.bins, now - back)]) / np.clip(known, 72, back), SLOWEST
        )
        for back in (WEEK_H * WEEKS_BACK, CONTEXT_H)
    )
    lasting = asked.ends - asked.begin
    steady = rate[:, None] * lasting
    week, spread = _week(_past_weeks(grid, asked), steady)
    reference = np.maximum(0.5 * steady + 0.5 * week, 0.0) + LEAST_GROWTH
    of_window = [
        np.log1p(asked.ends - asked.at[:, None]) / 4, lasting / WEEK_H, asked.base / 100,
        (asked.begin > asked.at[:, None]).astype(np.float64), week / reference, reference / 100,
        np.minimum((asked.base + reference) / 100, 3.0), spread / reference,
        *_circle(asked.ends, 24), *_circle(asked.ends, WEEK_H),
    ]  # fmt: skip
    of_moment = [
        np.minimum(asked.at - asked.latest, SILENT_H) / 24, np.log(rate), np.log(recent / rate),
        np.minimum(known / 1000, 2.0), *_circle(asked.at, 24), *_circle(asked.at, WEEK_H),
    ]  # fmt: skip
    of_moment = [np.broadcast_to(each[:, None], lasting.shape) for each in of_moment]
    query = np.stack([*of_window, *of_moment], axis=-1).astype(np.float32)
    cells = grid.cell(asked.bins[:, None], now[:, None] + np.arange(1 - CONTEXT_H, 1))
    return Inputs(_context(grid, cells, rate), query, reference.astype(np.float32))


def _week(weeks: Floats, steady: Floats) -> tuple[Floats, Floats]:
    """Mean and spread of the past weeks' growth, (n, t); the steady growth and 0 where there is no past week."""
    seen = np.isfinite(weeks)
    count = seen.sum(axis=0)
    mean = np.where(count > 0, total(np.where(seen, weeks, 0.0)) / np.maximum(count, 1), steady)
    spread = np.sqrt(total(np.where(seen, (np.nan_to_num(weeks) - mean) ** 2, 0.0)) / np.maximum(count, 1))
    return mean, spread


def _past_weeks(grid: Grid, asked: Asked) -> Floats:
    """What the same hours brought 1 to 8 weeks earlier, (8, n, t); NaN where that is not past, or not known yet."""
    weeks = np.full((WEEKS_BACK, *asked.ends.shape), np.nan)
    bins = np.broadcast_to(asked.bins[:, None], asked.ends.shape)
    here = grid.cell(asked.bins, np.floor(asked.at).astype(np.int64))
    since = (np.floor(asked.at) - grid.known[here])[:, None]
    for week in range(1, WEEKS_BACK + 1):
        begin, end = asked.begin - week * WEEK_H, asked.ends - week * WEEK_H
        past = (end <= asked.at[:, None] - 1) & (begin >= since)
        grown = grid.growth(bins, begin, np.where(past, end, begin))
        weeks[week - 1] = np.where(past, grown, np.nan)
    return weeks


def _context(grid: Grid, cells: Ints, rate: Floats) -> Singles:
    """(n, PATCHES, PATCH_H * CHANNELS) of the hours up to each moment."""
    before = np.maximum(cells - 1, 0)
    grown = np.maximum(np.minimum(grid.grown[cells] - grid.grown[before], 60.0), -60.0) / (24 * rate[:, None] + 1)
    channels = np.stack([
        grid.level[cells] / 100, grid.seen[cells], grown, np.minimum(grid.silent[cells], 72.0) / 24,
        np.minimum(grid.emptied[cells], 2 * WEEK_H) / WEEK_H, (grid.known[cells] > 0),
    ], axis=-1).astype(np.float32)  # fmt: skip
    return channels.reshape(len(cells), PATCHES, PATCH_H * CHANNELS)


def _circle(at: Floats, period: int) -> tuple[Floats, Floats]:
    turn = 2 * np.pi * ((at + (72.0 if period == WEEK_H else 0.0)) % period) / period  # weeks begin on Monday
    return np.sin(turn), np.cos(turn)


# ---------------------------------------------------------------- the net


def encode(weights: dict[str, Singles], context: Singles) -> Singles:
    """(n, 2 * WIDTH): the last patch after attention, and the mean of all."""
    x = context @ weights["embed.weight"] + weights["embed.bias"] + weights["place"]
    for layer in range(LAYERS):
        own = {name.split(".", 1)[1]: value for name, value in weights.items() if name.startswith(f"{layer}.")}
        x = x + _attend(own, _norm(x, own["norm1.scale"], own["norm1.shift"]))
        wide = _gelu(_norm(x, own["norm2.scale"], own["norm2.shift"]) @ own["wide.weight"] + own["wide.bias"])
        x = x + wide @ own["narrow.weight"] + own["narrow.bias"]
    x = _norm(x, weights["out.scale"], weights["out.shift"])
    return np.concatenate([x[:, -1], x.mean(axis=1)], axis=1)


def head(weights: dict[str, Singles], state: Singles, query: Singles) -> Singles:
    """Raw answers (n, t, 7) from the states (n, 2 * WIDTH) and the queries (n, t, len(QUERY)).

    Every product is one of matrices of a window's own, so that no answer depends on how many are asked at once.
    """
    known = state.shape[1]
    x = state[:, None] @ weights["head1.weight"][:known] + query @ weights["head1.weight"][known:]
    x = _gelu(x + weights["head1.bias"])
    x = _gelu(x @ weights["head2.weight"] + weights["head2.bias"])
    return np.asarray(x @ weights["head3.weight"] + weights["head3.bias"])


def ordered(raw: Singles) -> Singles:
    """Shares of the reference growth that never cross: a median, and steps away from it that are positive."""
    step = np.logaddexp(0, raw).astype(np.float32)
    middle = raw[..., MEDIAN : MEDIAN + 1]
    down = middle - np.cumsum(step[..., MEDIAN - 1 :: -1], axis=-1)[..., ::-1]
    up = middle + np.cumsum(step[..., MEDIAN + 1 :], axis=-1)
    return np.concatenate([down, middle, up], axis=-1)


def _attend(own: dict[str, Singles], x: Singles) -> Singles:
    n, tokens, width = x.shape
    parts = (x @ own["qkv.weight"] + own["qkv.bias"]).reshape(n, tokens, 3, HEADS, width // HEADS)
    query, key, value = (parts[:, :, i].transpose(0, 2, 1, 3) for i in range(3))
    score = query @ key.transpose(0, 1, 3, 2) / np.float32(np.sqrt(width // HEADS))
    score = np.exp(score - score.max(axis=-1, keepdims=True))
    mixed = (score / score.sum(axis=-1, keepdims=True)) @ value
    return np.asarray(mixed.transpose(0, 2, 1, 3).reshape(n, tokens, width) @ own["mix.weight"] + own["mix.bias"])


def _norm(x: Singles, scale: Singles, shift: Singles) -> Singles:
    centred = x - x.mean(axis=-1, keepdims=True)
    return np.asarray(centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + np.float32(1e-5)) * scale + shift)


def _gelu(x: Singles) -> Singles:
    inner = np.float32(np.sqrt(2 / np.pi)) * (x + np.float32(0.044715) * x * x * x)
    return np.asarray(np.float32(0.5) * x * (1 + np.tanh(inner)))


def parameters(names: Sequence[str] = tuple(SHAPES)) -> int:
    """How many numbers the net has."""
    return int(sum(np.prod(SHAPES[name]) for name in names))
