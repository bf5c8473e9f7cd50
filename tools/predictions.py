"""Forecasts among the documents of the search: of when they are, and for how long they say something of now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tools.context import Ctx
from tools.fill_table import OLDEST_STANDING, FillTable

__all__ = ["StandingPredictions", "standing_predictions"]


@dataclass(frozen=True)
class StandingPredictions:
    """`of`: the moment that the forecasts in force were made for, in the city's zone; None when there are none.

    `current`: they may be told as what is expected now. `degraded` says how late they are.
    """

    of: datetime | None
    current: bool
    degraded: tuple[str, ...] = ()

    @property
    def age_told(self) -> str:
        """Of when they are, for an answer that shows them."""
        return f"the forecasts are those of {self.of:%Y-%m-%d %H:%M}" if self.of else "there are no forecasts"

    @property
    def refused(self) -> str:
        """Why they are not shown, in words that follow "There are no predictions"."""
        if self.of is None:
            return "a server makes them with its table of forecasts; ask for a forecast instead"
        hours = OLDEST_STANDING.total_seconds() / 3600
        return (
            f"the newest are those of {self.of:%Y-%m-%d %H:%M}, and after {hours:g} hours forecasts say nothing of"
            " now; ask for a forecast instead"
        )


def standing_predictions(ctx: Ctx) -> StandingPredictions:
    """What stands at the moment of the question. Raises StoreUnavailable.

    The rule is that of the table itself, so that a search tells no forecast that `forecast_fill` would not.
    """
    standing = FillTable(ctx.store, ctx.fill).standing(ctx.city, ctx.now)
    if standing.renewed is None or standing.age is None:
        return StandingPredictions(None, False)
    of = standing.renewed.astimezone(ctx.zone)
    return StandingPredictions(of, standing.age <= OLDEST_STANDING, standing.degraded)
