"""How the member `patches` is trained: pinball loss at all shares on windows drawn from readings.

Imported only where something is trained, because it needs torch. The net is written a second time here, in torch; a
test holds both against each other. Same histories, budget and seed, same kind of machine: same weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from domain.errors import BadData
from engines.forecast.columns import hours
from engines.forecast.history import BinHistory, Floats
from engines.forecast.hourly import hourly, left_behind
from engines.forecast.member import SHARES_OUT
from engines.forecast.patches import HEADS, LAYERS, MEDIAN, SHAPES, Asked, Patches, inputs

FEWEST_READINGS = 200
DROPPED = 0.1
BLIND = 0.05  # share of windows trained without their past, for bins that are new
SHARES = torch.tensor(SHARES_OUT, dtype=torch.float32)


@dataclass(frozen=True)
class Budget:
    """How much training: `steps` of `batch` moments with `ends` ends each. Counted, never timed: a slower machine makes
    the same weights."""

    steps: int = 1800
    batch: int = 192
    ends: int = 4
    learning_rate: float = 2e-3
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Drawn:
    """Windows whose ends have come: what was asked, and the level read then, (n, t), in percent."""

    asked: Asked
    level: Floats


def draw(histories: Sequence[BinHistory], count: int, ends: int, seed: int) -> Drawn:
    """Random moments of bins with sensors, each with `ends` later readings, half of them about a day later.

    A window with emptyings is drawn as one whose last emptying before the end was planned.
    """
    rng = np.random.default_rng(seed)
    usable = [i for i, history in enumerate(histories) if len(history.readings) >= FEWEST_READINGS]
    if not usable:
        raise BadData(f"no bin has {FEWEST_READINGS} readings: a net of patches cannot be trained")
    weight = np.array([np.sqrt(len(histories[i].readings)) for i in usable])
    shares = rng.multinomial(count, weight / weight.sum())
    parts = [
        _draw_of(i, histories[i], (int(share), ends), rng) for i, share in zip(usable, shares, strict=True) if share
    ]
    columns = [np.concatenate(each) for each in zip(*parts, strict=True)]
    order = rng.permutation(len(columns[0]))
    bins, at, until, begin, base, latest, level = (column[order] for column in columns)
    return Drawn(Asked(bins.astype(np.int64), at, until, begin, base, latest), level)


def _draw_of(index: int, history: BinHistory, size: tuple[int, int], rng: np.random.Generator) -> tuple[Floats, ...]:
    count, ends = size
    read, emptied, level = hours(history.read_at), hours(history.emptied_at), history.readings
    start = rng.integers(0, max(1, int(len(read) * 0.995) - 1), count)
    wait = np.where(rng.random(count) < 0.3, rng.uniform(0, 3, count), 0.0)
    at = np.minimum(read[start] + wait, np.nextafter(read[np.minimum(start + 1, len(read) - 1)], -np.inf))
    at = np.maximum(at, read[start])
    near = rng.random((count, ends)) < 0.5
    ahead = np.where(
        near, rng.uniform(18, 30, (count, ends)), np.exp(rng.uniform(np.log(0.5), np.log(336), (count, ends)))
    )
    last = np.clip(np.searchsorted(read, at[:, None] + ahead), start[:, None] + 1, len(read) - 1)
    until = read[last]
    cycle = np.searchsorted(emptied, until, side="right")
    planned = (cycle > 0) & (np.where(cycle > 0, emptied[np.maximum(cycle - 1, 0)], -np.inf) > at[:, None])
    begin = np.where(planned, emptied[np.maximum(cycle - 1, 0)] if len(emptied) else 0.0, read[start][:, None])
    base = np.where(planned, left_behind(history, at)[:, None], level[start][:, None])
    keep = (until > at[:, None]).all(axis=1)
    return tuple(
        each[keep] for each in (np.full(count, float(index)), at, until, begin, base, read[start], level[last])
    )


def train_patches(histories: Sequence[BinHistory], budget: Budget | None = None) -> Patches:
    """The net, trained on all readings of the histories (cut them with `until` first, and clean them).

    Raises BadData when no bin has enough readings.
    """
    how = budget or Budget()
    drawn = draw(histories, how.steps * how.batch, how.ends, how.seed)
    first, last = _spans(histories)
    grid = hourly(histories, first, last)
    torch.manual_seed(how.seed)
    weights = _first_weights()
    optimiser = torch.optim.AdamW(weights.values(), lr=how.learning_rate, weight_decay=0.02)
    steps = len(drawn.level) // how.batch
    kept = {name: value.detach().clone() for name, value in weights.items()}
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = how.learning_rate * min(1.0, (step + 1) / 100) * 0.5 * (1 + np.cos(np.pi * step / steps))
        rows = np.arange(step * how.batch, (step + 1) * how.batch)
        given = inputs(grid, drawn.asked.where(rows))
        context, query, reference = (torch.from_numpy(each) for each in (given.context, given.query, given.reference))
        context = context * (torch.rand(len(context), 1, 1) >= BLIND)
        said = _levels(weights, (context, query, reference), drawn.asked.base[rows])
        loss = pinball(said, torch.from_numpy(drawn.level[rows].astype(np.float32)))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        optimiser.step()
        share = min(0.995, (step + 1) / (step + 10))
        for name, value in weights.items():
            kept[name].lerp_(value.detach(), 1 - share)
    return Patches({name: value.numpy().copy() for name, value in kept.items()})


def pinball(said: Tensor, level: Tensor) -> Tensor:
    """Mean pinball loss (Koenker and Bassett 1978) in hundredths: `said` (n, t, 7) and `level` (n, t) in percent."""
    error = (level[..., None] - said) / 100
    return torch.maximum(SHARES * error, (SHARES - 1) * error).mean()


def forward(weights: dict[str, Tensor], context: Tensor, query: Tensor, dropped: float = 0.0) -> Tensor:
    """Shares of the reference growth, (n, t, 7): the same net as in `patches.py`."""
    x = context @ weights["embed.weight"] + weights["embed.bias"] + weights["place"]
    x = functional.dropout(x, dropped, training=dropped > 0)
    for layer in range(LAYERS):
        own = {name.split(".", 1)[1]: value for name, value in weights.items() if name.startswith(f"{layer}.")}
        x = x + functional.dropout(_attend(own, _norm(x, own, "norm1")), dropped, training=dropped > 0)
        wide = functional.gelu(_norm(x, own, "norm2") @ own["wide.weight"] + own["wide.bias"], approximate="tanh")
        x = x + wide @ own["narrow.weight"] + own["narrow.bias"]
    x = functional.layer_norm(x, x.shape[-1:], weights["out.scale"], weights["out.shift"])
    state = torch.cat([x[:, -1], x.mean(dim=1)], dim=1)
    known = state.shape[1]
    y = (state @ weights["head1.weight"][:known])[:, None] + query @ weights["head1.weight"][known:]
    y = functional.gelu(y + weights["head1.bias"], approximate="tanh")
    y = functional.dropout(y, dropped, training=dropped > 0)
    y = functional.gelu(y @ weights["head2.weight"] + weights["head2.bias"], approximate="tanh")
    raw = y @ weights["head3.weight"] + weights["head3.bias"]
    step, middle = functional.softplus(raw), raw[..., MEDIAN : MEDIAN + 1]
    down = middle - step[..., :MEDIAN].flip(-1).cumsum(-1).flip(-1)
    return torch.cat([down, middle, middle + step[..., MEDIAN + 1 :].cumsum(-1)], dim=-1)


def _levels(weights: dict[str, Tensor], given: tuple[Tensor, Tensor, Tensor], base: Floats) -> Tensor:
    growth = forward(weights, given[0], given[1], DROPPED) * given[2][..., None]
    return (torch.from_numpy(base.astype(np.float32))[..., None] + growth).clamp(0, 100)


def _attend(own: dict[str, Tensor], x: Tensor) -> Tensor:
    n, tokens, width = x.shape
    parts = (x @ own["qkv.weight"] + own["qkv.bias"]).reshape(n, tokens, 3, HEADS, width // HEADS)
    query, key, value = (parts[:, :, i].transpose(1, 2) for i in range(3))
    mixed = functional.scaled_dot_product_attention(query, key, value)
    return mixed.transpose(1, 2).reshape(n, tokens, width) @ own["mix.weight"] + own["mix.bias"]


def _norm(x: Tensor, own: dict[str, Tensor], name: str) -> Tensor:
    return functional.layer_norm(x, x.shape[-1:], own[f"{name}.scale"], own[f"{name}.shift"])


def _first_weights() -> dict[str, Tensor]:
    """Small random matrices, neutral norms, and a first answer near the reference growth with a spread around it."""
    weights = {}
    for name, shape in SHAPES.items():
        if name.endswith("scale"):
            value = torch.ones(shape)
        elif name.endswith(("bias", "shift")):
            value = torch.zeros(shape)
        else:
            value = torch.randn(shape) * (0.02 if name == "place" else float(shape[0]) ** -0.5)
        if name == "head3.weight":
            value = value * 0.1
        if name == "head3.bias":
            value = torch.full(shape, -1.0)
            value[MEDIAN] = 0.8
        weights[name] = value.requires_grad_()
    return weights


def _spans(histories: Sequence[BinHistory]) -> tuple[Floats, Floats]:
    spans = [hours(history.read_at) for history in histories]
    return (
        np.array([span[0] if len(span) else 0.0 for span in spans]),
        np.array([span[-1] if len(span) else 0.0 for span in spans]),
    )
