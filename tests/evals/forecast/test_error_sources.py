"""Where the error of a day ahead comes from: each source is found where it was put and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.forecast.history import BinHistory, emptyings_from_readings
from engines.forecast.past_windows import Outcomes, Span, past_windows
from evals.forecast.errors import judged, level_around, main, told

START = np.datetime64("2024-01-01T00:00:00")
HOUR = np.arange(0, 8 * 168, 3)
AT = START + (HOUR * 3600).astype("timedelta64[s]")


def read(name: str, level: np.ndarray) -> BinHistory:
    return BinHistory(name, "glass", name, *emptyings_from_readings(AT, level), AT, level, 0.0)


def day_ahead(bins: list[BinHistory]) -> Outcomes:
    return past_windows(bins, 24.0, Span())


def line_of(lines: list[str], start: str) -> str:
    return next(line for line in lines if line.startswith(start))


def test_a_level_is_told_by_the_readings_around_it_of_the_same_cycle() -> None:
    level = np.minimum(0.5 * (HOUR % 168), 84.0)
    spiked = level.copy()
    spiked[30] = 99.0
    bin_ = read("a", spiked)
    moments = HOUR + float((START - np.datetime64(0, "s")) / np.timedelta64(1, "h"))
    around = level_around(bin_, moments)
    assert around[30] == pytest.approx(level[30], abs=1.5)
    assert around[55] == level[53]  # the last before an emptying: what came after it is another cycle
    assert around[56] == level[58]


def test_falls_that_are_no_emptyings_carry_the_error_that_they_make() -> None:
    level = np.minimum(20 + 0.0 * HOUR, 100.0)
    level[100:] = 2.0  # 18 points: no emptying
    scored = day_ahead([read("steady", np.full(len(HOUR), 40.0)), read("fell", level)])
    lines = told(judged(scored, scored.level))
    falls = line_of(lines, "ends more than 15 below")
    assert "100.0% of the error, 100.0% of the misses" in falls
    assert line_of(lines, "  of fell") == "  of fell: 100% of its error"
    assert not any("steady" in line for line in lines)


def test_a_flickering_reading_is_the_error_of_the_origin_and_an_oracle_takes_it_away() -> None:
    flicker = np.where(np.arange(len(HOUR)) % 5 == 0, 13.0, 0.0)
    scored = day_ahead([read("a", 30.0 + flicker)])
    calm = scored.where(scored.found == 30.0)
    lines = told(judged(calm, calm.level))
    assert f"within 10 {(calm.level == 30.0).mean():.1%}" in lines[0]
    assert (calm.level == 30.0).mean() < 0.8
    assert "within 10 100.0%, MAE 0.00" in line_of(lines, "from the median around the origin")
    assert "lies 0.00 points off" in line_of(lines, "the reading asked about")


def test_data_that_cannot_be_read_are_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--data", str(tmp_path / "none.csv"), "--test-from", "2024-02-01"])
    assert stopped.value.code == 2
    assert "none.csv" in capsys.readouterr().err
