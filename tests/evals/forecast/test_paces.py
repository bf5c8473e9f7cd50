"""The comparison of a bin's usual rate with its pace of late finds what is there, on data given by path."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evals.forecast.clusters import interval_of_mean
from evals.forecast.paces import main

FIRST = np.datetime64("2024-09-02T06:00:00")


def emptyings(folder: Path, slowed: bool) -> Path:
    """Six bins emptied every eighth day for a year, found at 80; half of the year later at 20 where they slowed."""
    lines = ["serial,site,stream,reason,fullness_at_collection,collected_at"]
    for bin_id in range(6):
        for number in range(46):
            at = FIRST + np.timedelta64(8 * number, "D") + np.timedelta64(bin_id, "h")
            level = 20 if slowed and number >= 30 else 80 - 20 * (number % 2)
            lines.append(f"{bin_id},S,Paper,Not Ready,{level}%,{str(at).replace('T', ' ')}")
    path = folder / "emptyings.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def told(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[float, float]:
    """Errors at the usual rate and at the pace of late, as printed of all emptyings."""
    main(["--data", str(path), "--from", "2025-05-19", "--until", "2025-07-14"])
    (line, *_) = [each for each in capsys.readouterr().out.splitlines() if "error of the middle level" in each]
    usual, late = line.split("level ")[1].split(" (")[0].split(" -> ")
    return float(usual), float(late)


def test_bins_that_have_slowed_down_are_told_better_at_their_pace_of_late(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    usual, late = told(emptyings(tmp_path, slowed=True), capsys)
    assert late < usual - 5


def test_bins_that_fill_as_ever_are_told_about_as_well_either_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    usual, late = told(emptyings(tmp_path, slowed=False), capsys)
    assert abs(late - usual) < 5


def test_a_span_without_emptyings_ends_with_one_line_and_code_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--data", str(emptyings(tmp_path, False)), "--from", "2031-01-01", "--until", "2031-02-01"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_interval_holds_the_mean_and_is_wide_where_groups_differ() -> None:
    groups = np.repeat(np.arange(20.0), 50)
    alike, apart = (
        interval_of_mean(np.tile([1.0, -1.0], 500), groups),
        interval_of_mean(np.where(groups < 10, 1.0, -1.0), groups),
    )
    assert alike == (0.0, 0.0)
    assert apart[0] < -0.2 < 0.2 < apart[1]
