"""Model folders for tests: real ones, made of the small city's own rates."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import numpy as np

from engines.forecast.conformal import Offsets
from engines.forecast.ensemble import Ensemble
from engines.forecast.hour_of_week import HourOfWeek
from engines.forecast.model_files import Label, to_files
from engines.forecast.rates import Rates
from engines.forecast.stack import Weights


def a_model(
    rates: Rates, folder: Path, until: datetime, wider: float, beside: Mapping[str, bytes] | None = None
) -> None:
    """A folder named by its version: the rates alone, their 80 % band made wider by some points; files `beside`."""
    whole = {(band, "", -1, -1): np.array([0.0, wider, wider]) for band in range(5)}
    ensemble = Ensemble((HourOfWeek(rates),), Weights(("hour_of_week",), {(0, ""): np.ones(1)}), Offsets(whole))
    folder.mkdir(parents=True)
    label = Label(folder.name, until, metrics={"mae": 4.5, "baseline_mae": 6.0})
    for name, data in to_files(ensemble, label, beside).items():
        (folder / name).write_bytes(data)
