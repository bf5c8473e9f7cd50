"""Members are weighed as they are asked in use: knowing what was known then, and by readings as they came."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from sensed import town

from engines.forecast.ensemble import Trained, held_out_from, train_ensemble
from engines.forecast.history import BinHistory
from engines.forecast.hour_of_week import HourOfWeek
from engines.forecast.member import Member
from engines.forecast.rates import fit_rates
from engines.forecast.records import BinRecords, history_of

SPIKE_PCT = 100.0
Learnt = list[Sequence[BinHistory]]


@pytest.fixture(scope="module")
def records() -> list[BinRecords]:
    """Bins that fill slowly, with a single-reading spike in every tenth reading of the last quarter, one of them the
    last reading before it."""
    made = []
    for each in town()[4:]:
        level = np.minimum(each.readings.copy(), 50.0)
        cut = np.datetime64(int(held_out_from([each]) * 3600), "s")
        last = int(np.searchsorted(each.read_at, cut, side="right")) - 1
        level[last::10] = SPIKE_PCT
        made.append(BinRecords(each.bin_id, each.stream, each.site_id, read_at=each.read_at, readings=level))
    return made


def trained(records: list[BinRecords], *, told: bool) -> tuple[Trained, Learnt]:
    """What comes of training, and what the one member was given to learn from, each time."""
    learnt: Learnt = []

    def fit(histories: Sequence[BinHistory], seed: int) -> Member:
        learnt.append(histories)
        return HourOfWeek(fit_rates(histories))

    end = max(each.read_at[-1] for each in records)
    cleaned = [history_of(each, end)[0] for each in records]
    return train_ensemble(cleaned, {"hour_of_week": fit}, 0, records if told else ()), learnt


def test_a_spike_that_shows_only_later_is_in_what_early_members_learn_from_and_in_no_later_lesson(
    records: list[BinRecords],
) -> None:
    early, whole = trained(records, told=True)[1]
    assert all(each.readings[-1] == SPIKE_PCT for each in early)
    assert not any(first.read_at[-1] in later.read_at for first, later in zip(early, whole, strict=True))


def test_members_are_judged_on_readings_as_they_came_spikes_included(records: list[BinRecords]) -> None:
    came, cleaned = (trained(records, told=told)[0].figures["mae"] for told in (True, False))
    assert came > cleaned + 3
