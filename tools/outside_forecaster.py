"""A foundation forecaster beside the model of a city: by how much it counts, and what is said when it fails."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from domain.ports import Forecaster, Foretold
from engines.forecast.ensemble import Ensemble
from engines.forecast.member import Member
from engines.forecast.outside import Outside
from engines.forecast.stack import Weights

WITHOUT = "the forecast is made without it"


class Outsider:
    """A forecaster and its stated share of the weight. `trouble` is why its last answer was none, None after one."""

    def __init__(self, forecaster: Forecaster, share: float) -> None:
        self._forecaster, self._share = forecaster, share
        self.trouble: str | None = None

    @property
    def name(self) -> str:
        """What stands in the version of forecasts that it took part in."""
        return f"{self._forecaster.name} {self._share:g}"

    def foretell(self, series: Sequence[npt.NDArray[np.float64]], hours: int) -> Foretold:
        """The forecaster's answer; what it says of a failure is remembered."""
        answer = self._forecaster.foretell(series, hours)
        self.trouble = answer.degraded
        return answer

    def beside(self, member: Member) -> Ensemble:
        """The model of a moment with the forecaster beside it."""
        own = member if isinstance(member, Ensemble) else Ensemble((member,), Weights((member.name,), {}))
        return own.beside(Outside(self), self._share)
