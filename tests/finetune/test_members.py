"""The stage that trains members of the fill forecast: it scores what it fitted on windows it had not seen."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from domain.errors import BadData
from engines.forecast.history import BinHistory
from engines.forecast.member import SHARES_OUT, Windows
from engines.forecast.past_windows import Outcomes
from engines.forecast.patches import Patches
from engines.forecast.seasonal import Seasonal
from finetune.members import main, read_options, row_of

PRAGUE = Path(__file__).parents[1] / "engines" / "forecast" / "fixtures" / "prague_excerpt.csv"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return Path(shutil.copy(PRAGUE, tmp_path / "readings.csv"))


def test_members_are_fitted_scored_beside_the_rates_and_kept(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--data", str(data), "--train-to", "2024-10-20", "--score-to", "2024-11-10", "--steps", "3"]
    main([*words, "--unseen", "1785_3", "--out", str(tmp_path / "kept")])
    told = capsys.readouterr().out
    assert "24 hours ahead, known containers" in told
    assert "24 hours ahead, unseen containers" in told
    last = told[told.rindex("24 hours ahead, known") :].splitlines()[2:6]
    assert [line.split()[0] for line in last] == ["last_value", "hour_of_week", "patches", "prophet"]
    assert Patches.from_bytes((tmp_path / "kept" / "patches.safetensors").read_bytes()).name == "patches"
    assert Seasonal.from_json((tmp_path / "kept" / "seasonal.json").read_text("utf-8")).curves


def test_a_row_holds_the_figures_of_the_windows_it_is_asked_for() -> None:
    history = BinHistory("B", "paper", "s")
    windows = Windows([history] * 4, np.arange(4.0), np.array([24.0]))
    found, emptied = np.array([50.0, 20.0, 90.0, 0.0]), np.array([False, True, False, False])
    outcomes = Outcomes(windows, np.zeros(4, np.int64), found, found, found, emptied, emptied)
    levels = np.repeat(np.array([55.0, 40.0, 60.0, 99.0])[:, None], len(SHARES_OUT), axis=1)
    row = row_of(levels, outcomes, np.array([True, True, True, False]))
    assert (row.windows, row.near_alone, row.error_alone) == (3, 0.5, 17.5)
    assert (round(row.near_all, 4), row.error_all) == (0.3333, (5 + 20 + 30) / 3)
    assert row.coverage == 0
    assert row_of(levels[:, 0], outcomes, np.ones(4, np.bool_)).coverage is None


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--train-to", "soon", "--score-to", "2024-11-01"], "must be dates"),
        (["--train-to", "2024-10-01", "--score-to", "2024-11-01", "--only", "oracle"], "oracle is no member"),
    ],
)
def test_options_that_cannot_be_meant_are_refused_in_one_line(words: list[str], why: str) -> None:
    with pytest.raises(BadData, match=why):
        read_options(["--data", "x.csv", *words])
