"""The level that a crew will find when it comes, where emptyings are all that is known of a bin.

It is another question than "how full if nobody comes": a bin that has given no alert by then is emptier than others
that were left as long, and the model of levels found has learnt that from what crews really found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from domain.operation import BinInfo
from domain.values import Evidence, Reason
from engines.forecast.found import next_visits
from engines.forecast.history import BinHistory, local_moment
from engines.forecast.visits import FLEET_DAYS
from tools.context import Ctx
from tools.fill import last_emptied

SURE = 0.8
FLEET_BACK = np.timedelta64(max(FLEET_DAYS) + 2, "D")


@dataclass(frozen=True)
class Find:
    """What a crew that comes `at` will find: the middle step in percent, and the steps that hold 80 % of the chance.

    `learnt_from`: how many emptyings the model has learnt from.
    """

    at: datetime
    level_pct: int
    low_pct: int
    high_pct: int
    learnt_from: int


def crew_finds(ctx: Ctx, visits: Mapping[str, datetime]) -> dict[str, Find]:
    """Bin id -> what a crew finds at its visit; without bins that have readings, empty without a trained model."""
    model = ctx.fill.forecaster(ctx.city, ctx.now).found
    if model is None or not visits:
        return {}
    fleet = _known(ctx, visits)
    which = [i for i, h in enumerate(fleet) if h.bin_id in visits and len(h.emptied_at) and not len(h.readings)]
    at = [local_moment(visits[fleet[i].bin_id].astimezone(ctx.zone)) for i in which]
    levels = model.levels(fleet, next_visits(fleet, at, which=which))
    low, high = levels.interval(SURE)
    found = np.stack([levels.median, low, high], axis=1).round().astype(np.int64).tolist()
    return {
        fleet[i].bin_id: Find(visits[fleet[i].bin_id], level, least, most, model.visits)
        for i, (level, least, most) in zip(which, found, strict=True)
    }


def _known(ctx: Ctx, visits: Mapping[str, datetime]) -> list[BinHistory]:
    """What is known now: the whole past of the bins visited, the last weeks of others of their streams and sites."""
    now = local_moment(ctx.now.astimezone(ctx.zone))
    asked = [info for bin_id in visits if (info := ctx.city.bins.get(bin_id)) is not None]
    streams, sites = {info.stream for info in asked}, {info.site_id for info in asked}
    found = []
    for history in ctx.fill.histories(ctx.city).values():
        if history.bin_id in visits:
            found.append(history.until(now))
        elif history.stream in streams or history.site_id in sites:
            begin, end = np.searchsorted(history.emptied_at, [now - FLEET_BACK, now], side="right")
            at, level = history.emptied_at[begin:end], history.levels[begin:end]
            found.append(
                BinHistory(history.bin_id, history.stream, history.site_id, at, level, step_pct=history.step_pct)
            )
    return found


def finds_reason(ctx: Ctx, info: BinInfo, find: Find) -> Reason:
    """What is found, how sure that is and from what it is told."""
    text = (
        f"{info.label}: a crew that comes at {find.at.astimezone(ctx.zone):%Y-%m-%d %H:%M} will likely find "
        f"{find.level_pct} % ({find.low_pct} to {find.high_pct} % in eight of ten cases), told from what crews found "
        f"at {find.learnt_from} emptyings; a bin without an alert by then is emptier than the level if nobody comes."
    )
    last = last_emptied(ctx, info.bin_id)
    evidence = [
        Evidence(label="last emptying", ref=f"records:emptyings/{info.bin_id}@{last}"),
        Evidence(label="model of levels found", ref="models:fill"),
    ]
    return Reason(text=text, evidence=evidence)
