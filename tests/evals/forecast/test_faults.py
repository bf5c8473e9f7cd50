"""The report on sensor faults: real sentences, planted spikes found again, one line for a file that is none."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from engines.forecast.history import BinHistory
from evals.forecast.faults import by_hour, main, plant
from evals.forecast.readings import read_readings

PRAGUE = Path(__file__).parents[2] / "engines" / "forecast" / "fixtures" / "prague_excerpt.csv"


def test_the_report_tells_real_faults_and_how_many_planted_ones_were_found(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--data", str(PRAGUE)])
    told = capsys.readouterr().out
    assert "303 readings of 3523_5 ignored: the sensor stood at 100 %" in told
    assert "2021 readings of 4 containers" in told
    assert re.search(r"spikes planted in all containers: \d+, recall 0\.\d+, precision", told)


def test_in_a_real_plastic_container_nearly_all_planted_spikes_are_found_and_no_other_reading() -> None:
    history = next(h for h in read_readings(PRAGUE).histories if h.bin_id == "1785_3")
    planted = [plant(history, seed) for seed in range(10)]
    assert sum(each.found for each in planted) >= 0.85 * sum(each.planted for each in planted)
    assert sum(each.wrong for each in planted) <= 2


def test_a_sensor_without_faults_gets_back_what_was_planted_in_it_and_no_more() -> None:
    at = np.datetime64("2025-01-01", "s") + np.arange(600) * np.timedelta64(3, "h")
    history = BinHistory("B", "glass", "s", at[:0], np.empty(0), at, np.arange(600) * 0.15, step_pct=0)
    planted = plant(history, 1)
    assert planted.planted >= 4
    assert (planted.found, planted.wrong) == (planted.planted, 0)


def test_hours_of_the_day_are_shares() -> None:
    at = np.array(["2025-01-01T05:59", "2025-01-02T05:01", "2025-01-02T23:00"], dtype="datetime64[s]")
    shares = by_hour(at)
    assert (shares[5], shares[23], shares.sum()) == (2 / 3, 1 / 3, 1.0)


def test_a_file_that_holds_no_readings_ends_with_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["--data", str(tmp_path / "x.csv")])
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
