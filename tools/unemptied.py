"""Bins that nobody has emptied for far longer than ever before: what forecasts, rounds, watches and the search say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from domain.operation import BinInfo, Operation
from domain.values import Evidence, Reason, counted
from engines.forecast.history import local_moment
from engines.forecast.unemptied import Unemptied, long_unemptied
from tools.context import Ctx
from tools.fill import last_emptied
from tools.fill_models import FillModels

MOST_NAMED = 5
Left = Mapping[str, Unemptied]


def left_unemptied(ctx: Ctx, bins: Sequence[BinInfo]) -> Left:
    """Bin id -> how long it was left, of the bins left for far longer than ever before, the longest left first."""
    return left_at(ctx.fill, ctx.city, ctx.now, [b.bin_id for b in bins])


def left_at(models: FillModels, city: Operation, moment: datetime, bin_ids: Sequence[str]) -> Left:
    """The same of a city's bins at a moment, for the table of forecasts."""
    now, histories = local_moment(moment.astimezone(city.zone)), models.histories(city)
    found = {bin_id: left for bin_id in bin_ids if (left := long_unemptied(histories[bin_id], now)) is not None}
    return dict(sorted(found.items(), key=lambda item: (-item[1].days, item[0])))


def unemptied_reason(ctx: Ctx, left: Left) -> list[Reason]:
    """Which bins these are and what speaks for it, one reason; none where there are none."""
    if not left:
        return []
    named = [ctx.city.bins[bin_id] for bin_id in list(left)[:MOST_NAMED]]
    words = "; ".join(f"{b.label}: {left[b.bin_id].why}" for b in named)
    text = f"No level is told of {counted(len(left), 'bin')}. {words}{_more(left)}."
    evidence = [
        Evidence(label="last emptying", ref=f"records:emptyings/{b.bin_id}@{last_emptied(ctx, b.bin_id)}")
        for b in named
    ]
    return [Reason(text=text, evidence=evidence)]


def guessed_levels(ctx: Ctx, left: Left, served: Sequence[str]) -> list[str]:
    """What is said of a round whose choice rests on guessed levels of such bins, one sentence; none where there are
    none."""
    if not left:
        return []
    words = "; ".join(
        f"{ctx.city.bins[bin_id].label}, {each.words}, {'on the round' if bin_id in served else 'not on the round'}"
        for bin_id, each in list(left.items())[:MOST_NAMED]
    )
    return [f"the levels of {counted(len(left), 'bin')} are guesses: {words}{_more(left)}"]


def _more(left: Left) -> str:
    return f"; and {counted(len(left) - MOST_NAMED, 'more bin')}" if len(left) > MOST_NAMED else ""
