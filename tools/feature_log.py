"""What the forecasts of a day were computed from, kept in `feature_store` and held against what is computed later.

Written by the day's first renewal, by the very function that trains and serves (`engines/forecast/features.py`): a row
of figures a bin, for a day ahead if nobody comes. A value is true from the moment of its forecast and known from the
renewal on, so a reader as of an earlier moment does not see it. `features_repeat` computes them again, as training
does, from the records of now as of that moment: records that came late, or code that sees more than it did, show.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from pydantic import JsonValue

from domain.operation import Operation
from domain.repositories.features import FeatureRow, add_features, features_as_of, newest_event, thin_features
from domain.store import Store
from engines.forecast.boosted import Boosted
from engines.forecast.columns import hours
from engines.forecast.ensemble import Ensemble
from engines.forecast.features import FEATURES_VERSION, NAMES, features
from engines.forecast.history import BinHistory, Times, local_moment
from engines.forecast.horizons import origins
from engines.forecast.member import Windows
from engines.forecast.stories import stories_of
from tools.fill_models import FillModels, Forecaster
from tools.generations import moment_of

FEATURE = "fill"
RATES_VERSION = "rates-1"
AHEAD_H = 24.0
BINS_A_PART = 500
MOST_COMPARED = 200
KEPT = timedelta(days=35)


def log_features(store: Store, models: FillModels, city: Operation, moment: datetime) -> int:
    """Keeps the features of all bins, once a day and version; how many bins. Raises StoreUnavailable."""
    forecaster = models.forecaster(city, moment)
    version = version_of(forecaster)
    with store.read() as session:
        newest = newest_event(session, city.name, (FEATURE, version))
    if newest is not None and newest.astimezone(city.zone).date() >= moment.astimezone(city.zone).date():
        return 0
    histories = models.believed(city, moment).histories(city.bins)
    logged = 0
    for first in range(0, len(histories), BINS_A_PART):
        rows = feature_rows(forecaster, histories[first : first + BINS_A_PART], city, moment)
        with store.write() as session:
            add_features(session, city.name, rows)
        logged += len(rows)
    with store.write() as session:
        thin_features(session, city.name, moment - KEPT)
    return logged


def features_repeat(store: Store, models: FillModels, city: Operation, now: datetime) -> tuple[int, int]:
    """(bins whose newest features known at `now` are kept, how many of them are the same when computed again).

    Only bins of the newest generation of features are compared, at most `MOST_COMPARED`. Raises StoreUnavailable.
    """
    version = version_of(models.forecaster(city, now))
    with store.read() as session:
        kept = features_as_of(session, city.name, (FEATURE, version), now, [*city.bins])
    if not kept:
        return 0, 0
    known_at = max(row.known_at for row in kept.values())
    bins = [bin_id for bin_id, row in sorted(kept.items()) if row.known_at == known_at][:MOST_COMPARED]
    histories = models.believed(city, known_at).histories(bins)
    again = feature_rows(models.forecaster(city, known_at), histories, city, known_at)
    made = {row.entity: (row.version, row.value) for row in again}
    return len(bins), sum(made.get(bin_id) == (version, kept[bin_id].value) for bin_id in bins)


def version_of(forecaster: Forecaster) -> str:
    """The version of the features that a model looks at."""
    return FEATURES_VERSION if _trees(forecaster) is not None else RATES_VERSION


def feature_rows(
    forecaster: Forecaster, histories: Sequence[BinHistory], city: Operation, moment: datetime
) -> list[FeatureRow]:
    """One row a bin that can be forecast, known from `moment` on."""
    at = origins(histories, local_moment(moment.astimezone(city.zone)))
    trees, version = _trees(forecaster), version_of(forecaster)
    values = _of_rates(forecaster, histories, at) if trees is None else _of_trees(trees, histories, at)
    return [
        FeatureRow(history.bin_id, FEATURE, version, moment_of(float(made), city.zone), moment, value)
        for history, made, value in zip(histories, hours(at), values, strict=True)
        if value is not None
    ]


def _trees(forecaster: Forecaster) -> Boosted | None:
    """The trees of an ensemble; None for a model without any."""
    return forecaster.member.trees if isinstance(forecaster.member, Ensemble) else None


def _of_trees(trees: Boosted, histories: Sequence[BinHistory], at: Times) -> list[JsonValue]:
    table = features(Windows(histories, hours(at), np.array([AHEAD_H])), trees.weeks, trees.reach_h)
    return [
        {name: _number(value) for name, value in zip(NAMES, row, strict=True)} if able else None
        for row, able in zip(table.rows, table.able, strict=True)
    ]


def _of_rates(forecaster: Forecaster, histories: Sequence[BinHistory], at: Times) -> list[JsonValue]:
    made = hours(at)
    stories = stories_of(histories, at, forecaster.rates, " ".join(forecaster.identity.model))
    return [
        None
        if story.starts_at is None
        else {"age_h": _number(when - story.starts_at), "rate_pct_per_hour": story.rate_pct_per_hour}
        for story, when in zip(stories, made, strict=True)
    ]


def _number(value: float) -> float | None:
    """JSON holds no NaN."""
    return round(float(value), 6) if math.isfinite(value) else None
