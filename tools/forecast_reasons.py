"""Why a bin's forecast says what it says: what drove it, how fast the bin filled lately, and days that were like it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from domain.operation import BinInfo
from domain.values import Evidence, Reason
from engines.forecast.ensemble import Ensemble
from engines.forecast.history import BinHistory, local_moment
from engines.forecast.member import Windows
from engines.forecast.reasons import Why, reasons_of, why_found
from tools.context import Ctx


def why_filled(ctx: Ctx, bins: Sequence[BinInfo], ahead_h: float) -> list[Reason]:
    """A reason a bin that more can be told of than where it starts and how fast it usually fills, in order.

    Where the bin has a sensor and the model has trees, what they add to the level; else what earlier crews found.
    """
    member = ctx.fill.forecaster(ctx.city, ctx.now).member
    now = ctx.now.astimezone(ctx.zone)
    histories = [each.until(now) for each in ctx.fill.believed(ctx.city, ctx.now).histories([b.bin_id for b in bins])]
    whys: dict[int, Why | None] = {}
    sensed = [place for place, history in enumerate(histories) if len(history.readings)]
    if sensed and isinstance(member, Ensemble) and member.trees is not None:
        asked = Windows.of([histories[place] for place in sensed], local_moment(now), (ahead_h,))
        whys = dict(zip(sensed, reasons_of(member, asked), strict=True))
    found = []
    for place, (info, history) in enumerate(zip(bins, histories, strict=True)):
        reason = _of_trees(info, whys.get(place)) or _of_emptyings(ctx, info, history, ahead_h)
        if reason is not None:
            found.append(reason)
    return found


def _of_trees(info: BinInfo, why: Why | None) -> Reason | None:
    if why is None or not why.sentences():
        return None
    days = [
        Evidence(label=f"reading of {str(day.at)[:10]}", ref=f"records:readings/{info.bin_id}@{_minute(day.at)}")
        for day in why.like_days
    ]
    model = Evidence(label="what the trees of the fill model add to the level told", ref="models:fill")
    return Reason(text=f"{info.label}: {'; '.join(why.sentences())}.", evidence=[model, *days])


def _of_emptyings(ctx: Ctx, info: BinInfo, history: BinHistory, ahead_h: float) -> Reason | None:
    now = ctx.now.astimezone(ctx.zone)
    why = why_found(history, local_moment(now), local_moment(now + timedelta(hours=ahead_h)))
    if not why.sentences():
        return None
    visits = [
        Evidence(label=f"emptying of {str(each.at)[:10]}", ref=f"records:emptyings/{info.bin_id}@{_minute(each.at)}")
        for each in why.like_visits
    ]
    model = Evidence(label="fill model", ref="models:fill")
    return Reason(text=f"{info.label}: {'; '.join(why.sentences())}.", evidence=[*visits, model])


def _minute(at: np.datetime64) -> str:
    """A moment as the records are referred to: 2025-08-30 05:19."""
    return str(at.astype("datetime64[m]")).replace("T", " ")
