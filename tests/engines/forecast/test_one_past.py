"""From records to a history: cleaned as could be known, emptyings read off falls, and the same for every cut."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines.forecast.history import BinHistory
from engines.forecast.records import BinRecords, history_of
from evals.forecast.readings import read_readings

START = np.datetime64("2024-03-04T00:00:00", "s")
HOUR = np.timedelta64(1, "h")
EXCERPT = Path(__file__).parent / "fixtures" / "prague_excerpt.csv"
COLUMNS = ("emptied_at", "levels", "read_at", "readings")


def rising(days: int = 30, cycle_h: int = 48) -> BinRecords:
    """A bin read every three hours that rises by 1.5 points an hour and is emptied every two days."""
    at = START + np.arange(0, days * 24, 3) * HOUR
    level = 1.5 * (np.arange(0, days * 24, 3) % cycle_h) + 5.0
    return BinRecords("7", "paper", "7", read_at=at, readings=level, step_pct=0.0)


def with_level(records: BinRecords, place: int, level: float) -> BinRecords:
    readings = records.readings.copy()
    readings[place] = level
    return replace(records, readings=readings)


def same(one: BinHistory, other: BinHistory) -> bool:
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in COLUMNS)


def test_emptyings_are_read_off_the_falls_where_none_is_recorded() -> None:
    history, notes = history_of(rising())
    falls = np.flatnonzero(np.diff(rising().readings) < 0) + 1
    assert history.emptied_at.tolist() == rising().read_at[falls].tolist()
    assert (history.seen, notes) == (len(falls), ())


def test_recorded_emptyings_stand_alone_from_the_first_one_on() -> None:
    first = START + 24 * 10 * HOUR + 7 * HOUR
    recorded = np.array([first, first + 24 * 9 * HOUR])
    history, _ = history_of(replace(rising(), emptied_at=recorded, levels=np.array([60.0, np.nan])))
    assert history.emptied_at[history.seen :].tolist() == recorded.tolist()
    assert 0 < history.seen == int((history.emptied_at < first).sum())


def test_classes_of_fill_tell_of_no_emptying() -> None:
    assert len(history_of(replace(rising(), in_percent=False))[0].emptied_at) == 0


def test_what_was_known_at_a_moment_is_what_its_records_said_then() -> None:
    """Also right after a fall, which counts only once a reading followed, and right after an echo that is none."""
    records = with_level(rising(), 108, 4.0)
    whole, _ = history_of(records)
    for at in records.read_at[90:130]:
        assert same(whole.until(at), history_of(records.until(at))[0]), at


def test_a_spike_before_the_midnight_is_ignored_and_told_and_one_after_it_stays() -> None:
    records = with_level(with_level(rising(), 100, 98.0), 200, 98.0)
    midnight = records.read_at[150]
    history, notes = history_of(records, midnight)
    gone = set(records.read_at.tolist()) - set(history.read_at.tolist())
    assert gone == {records.read_at[100].astype(object)}
    assert notes == ("1 reading of 7 ignored: a single-reading spike",)


def test_a_spike_that_could_not_be_told_at_midnight_stays() -> None:
    records = with_level(rising(), 100, 98.0)
    assert len(history_of(records, records.read_at[100])[0].readings) == len(records.readings)


def test_a_sensor_that_stands_still_is_ignored_until_it_moves() -> None:
    records = rising()
    readings = records.readings.copy()
    readings[100:180] = 43.0
    history, notes = history_of(replace(records, readings=readings), records.read_at[170])
    assert history.read_at[100].tolist() == records.read_at[100].tolist()
    assert history.read_at[101].tolist() == records.read_at[180].tolist()
    assert notes[0].startswith("70 readings of 7 ignored: the sensor stood at 43 %")


def test_faults_seen_on_arrival_go_whatever_the_moment() -> None:
    records = with_level(rising(), 50, 300.0)
    history, notes = history_of(records)
    assert len(history.readings) == len(records.readings) - 1
    assert notes == ("1 reading of 7 ignored: no level between 0 and 100 %",)


@pytest.mark.parametrize("day", ["2023-05-01", "2025-03-01"])
def test_training_is_given_the_history_that_an_answer_at_that_moment_is_given(day: str) -> None:
    """Of real readings: the part before a cut, and all of them cleaned as known at that midnight."""
    cut, data = np.datetime64(day, "s"), read_readings(EXCERPT)
    trained = {history.bin_id: history for history in data.until(cut).cleaned(cut).histories}
    assert trained
    for records in data.records:
        if records.bin_id in trained:
            asked, _ = history_of(records, cut)
            assert same(trained[records.bin_id], asked.until(cut))


def test_what_is_cut_for_a_measurement_keeps_its_spikes_as_the_truth_does() -> None:
    data = read_readings(EXCERPT)
    for cut, whole in zip(data.until(np.datetime64("2026-01-01")).histories, data.histories, strict=True):
        assert same(cut, whole)
    assert any(len(c.readings) < len(w.readings) for c, w in zip(data.cleaned().histories, data.histories, strict=True))
