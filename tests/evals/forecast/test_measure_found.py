"""Emptyings files of any make are read, and the level found is scored beside naive answers that saw as much."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from domain.errors import BadData
from evals.forecast.emptyings import Emptied, read_emptyings
from evals.forecast.found import measure_found

BERKELEY = Path(__file__).parents[3] / "cities" / "berkeley"
VENDOR = """serial,site,stream,reason,fullness_at_collection,collected_at
7,U04,Waste,Fullness,60%,2023-01-03 06:31:00
7,U04,Waste,Alert, Alert - Unknown Fullness,2023-01-05 06:31:00
7,U04,Waste,Not Ready,0%,2023-01-04 06:31:00
8,U04,Glass,Age,20%,2023-01-04 06:31:00
"""


def test_a_vendors_export_is_read_with_its_alerts_in_time_order(tmp_path: Path) -> None:
    file = tmp_path / "export.csv"
    file.write_text(VENDOR, "utf-8")
    data = read_emptyings(file)
    assert [(h.bin_id, h.stream, h.site_id, h.step_pct) for h in data.histories] == [
        ("7", "Waste", "U04", 20.0), ("8", "Glass", "U04", 20.0),
    ]  # fmt: skip
    np.testing.assert_array_equal(data.histories[0].levels, [60, 0, np.nan])
    np.testing.assert_array_equal(data.alerted[0], [1, 0, np.nan])


def test_a_city_folders_gzipped_emptyings_are_read(tmp_path: Path) -> None:
    file = tmp_path / "emptyings.csv.gz"
    file.write_bytes(gzip.compress(b"bin_id,emptied_at,fill_pct,reason\nA,2023-01-03T06:31:00,37,\n"))
    data = read_emptyings(file)
    assert data.histories[0].step_pct == 0
    assert np.isnan(data.alerted[0]).all()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("container,time_utc,fill_pct\nA,2023-01-01,5\n", "none of the columns emptied_at"),
        ("bin_id,emptied_at,fill_pct\n", "holds no emptyings"),
        ("bin_id,emptied_at,fill_pct\nA,some day,5\n", "a time of A cannot be read"),
    ],
)
def test_a_file_that_holds_no_emptyings_is_refused_with_one_line(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "x.csv"
    file.write_text(text, "utf-8")
    with pytest.raises(BadData, match=why):
        read_emptyings(file)


@pytest.fixture(scope="module")
def berkeley() -> Emptied:
    """The real bins to the autumn of 2024."""
    return read_emptyings(BERKELEY).until(np.datetime64("2024-10-01"))


def test_on_real_emptyings_the_level_found_is_told_better_than_by_any_naive_answer(berkeley: Emptied) -> None:
    figures, baselines, cases = measure_found(berkeley, np.datetime64("2024-08-01"))
    assert cases > 500
    assert {*baselines} == {"bin_mean", "recent_mean", "last_value", "mean_rate", "hour_of_week"}
    gain = figures["within20_gain"]
    assert isinstance(gain, float)
    assert gain >= 0.06
    inside = figures["coverage80_inside_steps"]
    assert isinstance(inside, float)
    assert 0.74 <= inside <= 0.86


def test_bins_never_seen_in_training_are_told_apart(berkeley: Emptied) -> None:
    small = Emptied(berkeley.histories[:30], berkeley.alerted[:30])
    unseen = frozenset({small.histories[0].bin_id, small.histories[7].bin_id})
    figures, baselines, cases = measure_found(small, np.datetime64("2024-08-01"), unseen)
    assert isinstance(figures["unseen"], dict)
    assert isinstance(baselines["unseen"], dict)
    assert figures["unseen"]["cases"] > 0
    assert figures["cases"] == cases
