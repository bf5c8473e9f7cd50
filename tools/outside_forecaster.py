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
    """A forecaster and its stated share of the weight."""

    def __init__(self, forecaster: Forecaster, share: float) -> None:
        self._forecaster, self._share = forecaster, share

    @property
    def name(self) -> str:
        """What stands in the version of forecasts that it took part in."""
        return f"{self._forecaster.name} {self._share:g}"

    @property
    def unheard(self) -> str:
        """What is said of forecasts of the table that it took no part in."""
        return f"{self._forecaster.name} was not heard when the table was made: {WITHOUT}"

    def beside(self, member: Member) -> Heard:
        """The model of a moment with the forecaster beside it, for one computation."""
        return Heard(self._forecaster, member, self._share)


class Heard:
    """A model with a forecaster beside it in one computation: `member`, and why the forecaster had no answer in
    `trouble`, None when it had or was not asked."""

    def __init__(self, forecaster: Forecaster, member: Member, share: float) -> None:
        own = member if isinstance(member, Ensemble) else Ensemble((member,), Weights((member.name,), {}))
        self._forecaster = forecaster
        self.member = own.beside(Outside(self), share)
        self.trouble: str | None = None

    @property
    def name(self) -> str:
        """The forecaster's own."""
        return self._forecaster.name

    def foretell(self, series: Sequence[npt.NDArray[np.float64]], hours: int) -> Foretold:
        """The forecaster's answer; what it says of a failure is kept."""
        answer = self._forecaster.foretell(series, hours)
        self.trouble = self.trouble or answer.degraded
        return answer
