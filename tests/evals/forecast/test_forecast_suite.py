"""The suite forecast: what it refuses to read, what it scores, and that its figures mean what they say."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from domain.errors import BadData
from engines.forecast.columns import hours
from engines.forecast.ensemble import Ensemble
from engines.forecast.history import BinHistory, Floats, emptyings_from_readings
from engines.forecast.hour_of_week import HourOfWeek
from engines.forecast.member import MEDIAN
from engines.forecast.past_windows import Mask, Outcomes, Span, past_windows
from engines.forecast.rates import fit_rates
from engines.forecast.stack import Weights
from evals.forecast import naive
from evals.forecast.bands import moved_by_outcomes
from evals.forecast.readings import is_readings, read_readings
from evals.forecast.score import Said, coverage_by, figures_of, mae_gain, overflow_figures, reliability
from evals.forecast.suite import Asked, Watch, measure
from evals.options import read

START = np.datetime64("2024-01-01T00:00:00")


def filling(name: str, rate: float, *, every_h: int = 72, weeks: int = 12) -> BinHistory:
    """A bin read every three hours that gains `rate` points an hour and is emptied to nothing every so often."""
    hour = np.arange(0, weeks * 168, 3)
    level = np.minimum(np.round(rate * (hour % every_h)), 100.0)
    at = START + (hour * 3600).astype("timedelta64[s]")
    return BinHistory(name, "paper", name, *emptyings_from_readings(at, level), at, level, 0.0)


def write(path: Path, bins: list[BinHistory]) -> Path:
    lines = ["container,time_utc,fill_pct"]
    for each in bins:
        times = [str(at).replace("T", " ") for at in each.read_at]
        lines += [f"{each.bin_id},{at},{level:g}" for at, level in zip(times, each.readings, strict=True)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def later(bins: list[BinHistory]) -> Outcomes:
    return past_windows(bins, 24.0, Span(float(hours(np.array([START]))[0]) + 9 * 168))


# ---------------------------------------------------------------- what is read


@pytest.mark.parametrize(
    ("line", "told"),
    [("a,2024-01-01 00:00:00,full", "line 2"), ("a,yesterday,12", "yesterday"), ("a,2024-01-01,", "line 2")],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: str, told: str) -> None:
    file = tmp_path / "readings.csv"
    file.write_text(f"container,time_utc,fill_pct\n{line}\n", encoding="utf-8")
    with pytest.raises(BadData, match=told):
        read_readings(file)


def test_levels_that_cannot_be_are_left_out_and_counted(tmp_path: Path) -> None:
    file = write(tmp_path / "readings.csv", [filling("a", 1.0)])
    text = file.read_text(encoding="utf-8") + "a,2024-03-30 00:00:00,300\na,2024-03-30 01:00:00,-5\n"
    file.write_text(text + "a,2024-01-01 00:00:00,0\n", encoding="utf-8")
    found = read_readings(file)
    assert len(found.histories[0].readings) == len(filling("a", 1.0).readings)
    assert "3 readings left out" in found.notes[0]


def test_times_with_a_zone_are_put_on_one_clock(tmp_path: Path) -> None:
    file = tmp_path / "readings.csv"
    rows = [f"a,2024-01-0{1 + k // 24}T{k % 24:02}:30:00+02:00,{k % 50}" for k in range(72)]
    file.write_text("container,time_utc,fill_pct\n" + "\n".join(rows) + "\n", encoding="utf-8")
    assert read_readings(file).histories[0].read_at[0] == np.datetime64("2023-12-31T22:30:00")


def test_readings_are_put_on_the_clock_of_the_zone(tmp_path: Path) -> None:
    file = write(tmp_path / "readings.csv", [filling("a", 1.0, weeks=14)])
    utc, prague = read_readings(file).histories[0], read_readings(file, ZoneInfo("Europe/Prague")).histories[0]
    assert prague.read_at[0] - utc.read_at[0] == np.timedelta64(1, "h")
    assert prague.read_at[-1] - utc.read_at[-1] == np.timedelta64(2, "h")
    assert prague.emptied_at[0] - utc.emptied_at[0] == np.timedelta64(1, "h")
    with pytest.raises(SystemExit):
        read(["forecast", "--data", str(file), "--zone", "Middle/Earth"])


def test_emptyings_are_not_taken_for_readings(tmp_path: Path) -> None:
    file = tmp_path / "emptyings.csv"
    file.write_text("bin_id,emptied_at,fill_pct\n", encoding="utf-8")
    assert not is_readings(file)


# ---------------------------------------------------------------- what is scored


def test_every_reading_with_one_a_day_later_is_a_window_and_its_collections_are_the_plan() -> None:
    found = later([filling("a", 1.0)])
    assert len(found) == 3 * 56 - 7  # 21 hours later stands for a day
    assert found.emptied.mean() == pytest.approx(1 / 3, abs=0.05)
    alone = found.where(~found.emptied)
    assert alone.found == pytest.approx(alone.level + 24, abs=3)


def test_an_overflow_is_two_readings_in_a_row() -> None:
    bin_ = filling("a", 0.5)
    spiked = replace(bin_, readings=np.where(np.arange(len(bin_.readings)) % 9 == 0, 100.0, bin_.readings))
    assert not later([bin_]).overflows.any()
    assert not later([spiked]).overflows.any()
    assert later([filling("b", 1.3)]).overflows.any()


def test_a_perfect_answer_has_no_error_and_a_useless_one_no_overflow() -> None:
    found = later([filling("a", 1.3)])
    perfect = Said(found.found, found.found, found.overflows, np.tile(found.found[:, None], 7))
    figures = figures_of(perfect, found, intervals=True)
    assert figures["within10_all"] == figures["overflow_f1"] == figures["coverage80"] == 1
    assert figures["mae_all"] == 0
    assert overflow_figures(np.zeros(len(found), dtype=np.bool_), found)["overflow_f1"] == 0


def test_a_gain_is_told_with_an_interval_of_the_same_draws_and_of_windows_without_a_collection_alone() -> None:
    found = later([filling("a", 1.3), filling("b", 0.9)])
    sign = np.where(np.arange(len(found)) % 2 == 0, 1.0, -1.0)
    off = np.where(found.emptied, 70.0, 8.0 + found.bin) * sign
    other = Said(found.found + off, found.found, found.overflows)
    ours = Said(found.found + off / 2, found.found, found.overflows)
    assert mae_gain(ours, other, found) == {"mae_gain_over_hour_of_week": 0.5, "mae_gain_ci95": [0.5, 0.5]}
    told = mae_gain(replace(ours, level=found.found + 4.0), other, found)
    low, high = told["mae_gain_ci95"]  # type: ignore[misc]
    assert low < told["mae_gain_over_hour_of_week"] < high  # type: ignore[operator]
    perfect = Said(found.found, found.found, found.overflows)
    assert mae_gain(ours, perfect, found)["mae_gain_over_hour_of_week"] is None


def test_coverage_is_told_by_fill_band_stream_and_collection() -> None:
    found = later([filling("a", 1.3)])
    levels = np.tile([0.0, 0, 0, 30, 60, 100, 100], (len(found), 1))
    cells = coverage_by(levels, found)
    assert set(cells["band"]) == {"0 to 20", "20 to 40", "40 to 60", "60 to 80", "80 to 100"}
    assert set(cells["band"].values()) == {1.0}
    assert cells["stream"] == {"paper": 1.0}


def test_the_reliability_of_a_calibrated_forecast_lies_on_the_diagonal() -> None:
    rng = np.random.default_rng(0)
    found = later([filling("a", 0.5), filling("b", 0.4)])
    truth = rng.uniform(20, 80, len(found))
    levels = np.tile(20 + 60 * np.array([0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95]), (len(found), 1))
    for told, held in reliability(levels, replace(found, found=truth)):
        assert held == pytest.approx(told, abs=0.07)


def test_the_naive_answers_are_right_about_a_bin_that_fills_evenly() -> None:
    bins = [filling("a", 1.0), filling("b", 0.5)]
    found = later(bins)
    table = naive.fit_hour_table([b.until(START + np.timedelta64(9 * 168, "h")) for b in bins])
    for said in (naive.line(found.windows), naive.hour_of_week(found.windows, table)):
        assert np.abs(said - found.found).mean() < 2
    assert np.abs(naive.last_value(found.windows.without_plan()) - found.found).mean() > 10


def test_the_hour_table_of_a_stream_answers_for_an_unseen_container() -> None:
    table = naive.fit_hour_table([filling("a", 1.0), filling("b", 0.5)])
    assert table.of(filling("new", 0.9)).mean() == pytest.approx(0.75, abs=0.02)


@pytest.mark.parametrize("late_h", [0.0, 4.0])
def test_bands_of_a_day_learn_from_what_had_come_by_its_beginning_and_from_nothing_else(late_h: float) -> None:
    scored = later([filling("a", 0.2, every_h=336), filling("b", 0.1, every_h=336)])
    scored = replace(scored, windows=replace(scored.windows, shift_h=np.full(len(scored), late_h)))
    ensemble = Ensemble((HourOfWeek(fit_rates([])),), Weights(("hour_of_week",), {}))
    median, day = moved_by_outcomes(ensemble, scored)[:, MEDIAN], np.floor(scored.windows.at / 24)
    begin, ends = np.unique(day)[9] * 24.0, scored.windows.ends[:, 0]

    def told(which: Mask, outcome: Floats) -> Floats:
        found = np.where(which, outcome, scored.found)
        levels: Floats = moved_by_outcomes(ensemble, replace(scored, found=found))
        return np.asarray(levels[day == begin / 24])

    to_come, just_come = ends > begin, (ends > begin - 3) & (ends <= begin)
    missed = np.full(len(scored), -999.0)
    assert np.array_equal(told(to_come, median), told(to_come, missed))
    assert not np.array_equal(told(just_come, median), told(just_come, missed))


# ---------------------------------------------------------------- the suite


def test_the_suite_measures_known_and_unseen_containers_beside_naive_answers(tmp_path: Path) -> None:
    bins = [filling(f"c{i}", 0.5 + 0.15 * i) for i in range(5)]
    file = write(tmp_path / "readings.csv", bins)
    asked = Asked(file, date(2024, 3, 1), frozenset({"c4"}), ablation=True, members=frozenset({"hour_of_week"}),
                  serving=False)  # fmt: skip
    found = measure(asked)
    for name in ("within10_no_collection", "mae_all", "coverage80", "unseen_within10_no_collection", "ci95", "members"):
        assert name in found.figures
    for name in ("last_value", "line", "hour_of_week"):
        rival = found.baselines[name]
        assert isinstance(rival, dict)
        assert "unseen_within10_no_collection" in rival
    assert found.figures["members"]["hour_of_week alone"] == found.figures["members"]["all together"]  # type: ignore[index, call-overload]
    assert found.figures["members"]["all together"]["pinball"] == found.figures["pinball"]  # type: ignore[index, call-overload]
    assert found.chart.startswith("<svg")
    assert found.cases == len(later_than(bins[:4], date(2024, 3, 1)))
    assert set(found.figures["cpu_s"]) == {  # type: ignore[arg-type]
        "fitting and weighing", "of it fitting hour_of_week, twice", "asking", "bands at other hours ahead", "reasons",
        "ablation",
    }  # fmt: skip
    day = found.figures["coverage80_by_ahead"]["24 h"]  # type: ignore[index, call-overload]
    assert {*day} == {"no_collection", "collection"}
    assert 0 <= day["no_collection"]["coverage80"] <= 1
    assert day["no_collection"]["windows"] > 100


def test_a_watch_adds_up_what_a_part_took_and_no_more() -> None:
    watch = Watch()
    for _ in range(2):
        with watch.over("adding"):
            sum(range(2_000_000))
    once = Watch()
    with once.over("adding"):
        sum(range(2_000_000))
    assert watch.spent["adding"] > 1.2 * once.spent["adding"] > 0


def later_than(bins: list[BinHistory], day: date) -> Outcomes:
    return past_windows(bins, 24.0, Span(float(hours(np.array([np.datetime64(day, "s")]))[0])))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"unseen": frozenset({"nobody"})}, "nobody"),
        ({"unseen": frozenset({"still"})}, "containers of --unseen have no reading"),
        ({"unseen": frozenset({"a", "b", "still"})}, "of a container that --unseen does not name"),
        ({"test_from": date(2020, 1, 1)}, "nothing to learn from"),
        ({"test_from": date(2030, 1, 1)}, "nothing to measure"),
        ({"members": frozenset({"oracle"})}, "oracle"),
    ],
)
def test_what_cannot_be_measured_is_one_clear_line(tmp_path: Path, change: dict[str, object], told: str) -> None:
    still = filling("still", 0.8)
    early = still.read_at < np.datetime64("2024-02-15")
    still = replace(still, read_at=still.read_at[early], readings=still.readings[early])
    file = write(tmp_path / "readings.csv", [filling("a", 1.0), filling("b", 0.6), still])
    asked = Asked(file, date(2024, 3, 1), members=frozenset({"hour_of_week"}), serving=False)
    with pytest.raises(BadData, match=told):
        measure(replace(asked, **change))  # type: ignore[arg-type]


def test_the_command_line_takes_the_date_and_the_containers() -> None:
    said = read(["forecast", "--data", "x.csv", "--test-from", "2025-03-01", "--unseen", "a, b"])
    assert said.test_from == date(2025, 3, 1)
    assert said.unseen == {"a", "b"}
