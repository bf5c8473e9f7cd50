"""The suite compares policies at one overflow rate, gives the same figures for the same seed, and refuses bad data."""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from domain.errors import BadData
from evals.__main__ import main
from evals.operations.compare import KPIS, RATE, Curve, Saving, saving
from evals.operations.data import read_records
from evals.operations.foresight import Belief, Filter
from evals.operations.policies import STRATEGIES
from evals.operations.rounds import Effort, Planner, Wish
from evals.operations.stage import Scene, stage_of, world_of
from evals.operations.suite import OURS, PEERS, Asked, baselines, figures, with_trucks
from evals.operations.town import WEEK_H

FILTER = Scene(belief=Belief.filter)
BERKELEY = Path(__file__).parents[3] / "cities" / "berkeley"


@pytest.fixture(scope="module")
def readings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty weeks of readings of four containers that fill at different pace and are emptied when full."""
    file = tmp_path_factory.mktemp("readings") / "town_readings.csv.gz"
    rng = np.random.default_rng(5)
    with gzip.open(file, "wt", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["container", "time_utc", "fill_pct"])
        for index in range(4):
            level, pace = 0.0, 0.4 + 0.3 * index
            for step in range(20 * 7 * 8):
                at = datetime(2024, 1, 1) + timedelta(hours=3 * step)  # noqa: DTZ001 - the file's clock has no zone
                level = 0.0 if level > 85 else level + rng.gamma(2.0, 1.5 * pace)
                rows.writerow([f"c{index}", at.isoformat(sep=" "), f"{min(level, 100):.0f}"])
    return file


def asked(file: Path, **changes: object) -> Asked:
    """A very small measurement."""
    small = {"weeks": 1, "seeds": 2, "looks": 50, "target": 40.0, "belief": Belief.filter}
    return Asked(file, **{**small, **changes})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def report(readings: Path) -> dict[str, object]:
    """What the command line writes of a very small measurement; the chart lies beside it."""
    out = readings.with_name("out.json")
    words = ["--weeks", "1", "--seeds", "2", "--looks", "50", "--target", "40", "--belief", "filter"]
    assert main(["operations", "--data", str(readings), *words, "--json", str(out)]) == 0
    return dict(json.loads(out.read_text("utf-8")))


@pytest.fixture(scope="module")
def found(report: dict[str, object]) -> dict[str, object]:
    """The report's figures."""
    figures = report["figures"]
    assert isinstance(figures, dict)
    return figures


# ---------------------------------------------------------------- figures


def test_the_report_names_the_suite_its_peers_and_its_worlds(report: dict[str, object]) -> None:
    assert (report["suite"], report["cases"]) == ("operations", 2)
    assert isinstance(report["baselines"], dict)
    assert set(report["baselines"]) == set(PEERS)


def test_every_policy_has_every_figure_at_the_rate_compared_at(found: dict[str, object]) -> None:
    policies = found["policies"]
    assert isinstance(policies, dict)
    assert set(policies) == set(STRATEGIES)
    assert all(set(each) == set(KPIS) for each in policies.values())
    assert set(baselines(found)) == set(PEERS) == {"fixed_tuned", "threshold_tuned", "oracle"}  # type: ignore[arg-type]


def test_each_saving_comes_with_an_interval_that_holds_it(found: dict[str, object]) -> None:
    savings, intervals = found["km_saving_pct"], found["ci95"]
    assert isinstance(savings, dict)
    assert isinstance(intervals, dict)
    assert set(savings) == set(PEERS)
    assert all(intervals[peer][0] <= savings[peer] <= intervals[peer][1] for peer in PEERS)


def test_the_same_seed_gives_the_same_figures(readings: Path, found: dict[str, object]) -> None:
    assert figures(asked(readings)) == found


def test_what_was_made_up_is_said(found: dict[str, object]) -> None:
    notes = str(found["notes"])
    assert "positions, trucks and costs are invented" in notes
    assert "2 seeds make a rough interval" in notes


def test_the_chart_lies_beside_the_figures_with_a_line_for_each_policy(
    readings: Path, found: dict[str, object]
) -> None:
    drawn = ElementTree.parse(readings.with_name("out.svg")).getroot()
    assert len(drawn.findall("{http://www.w3.org/2000/svg}polyline")) == len(STRATEGIES)


# ---------------------------------------------------------------- comparing


def curve(*points: tuple[float, float]) -> Curve:
    """A curve of (overflow rate, km), two seeds alike."""
    rates, way = (np.array([[p[i]] * 2 for p in points]) for i in range(2))
    return Curve(tuple(range(len(points))), {RATE: rates, "km": way})


def test_policies_are_compared_at_equal_overflow_rate_and_not_at_equal_knobs() -> None:
    mine, other = curve((10, 100), (30, 60)), curve((20, 100), (40, 90))
    assert mine.mean_at(20, "km") == 80
    assert saving(mine, other, 20).pct == 20.0  # 80 against 100


def test_a_setting_that_another_beats_in_both_is_not_used() -> None:
    assert curve((10, 100), (20, 120), (30, 80)).mean_at(20, "km") == 90


def test_the_distance_to_the_oracle_is_a_share_of_the_oracle_s_way_and_what_it_saves_a_share_of_ours() -> None:
    mine, best = curve((10, 125), (30, 125)), curve((10, 100), (30, 100))
    assert saving(mine, best, 20).more == Saving(25.0, (25.0, 25.0))  # 125 over 100, less one
    assert saving(best, mine, 20).pct == 20.0  # 100 against 125


def test_the_figures_tell_the_distance_to_the_oracle_both_ways(found: dict[str, object]) -> None:
    policies, over, saved = found["policies"], found["km_over_oracle_pct"], found["oracle_saves_pct"]
    assert isinstance(policies, dict)
    assert isinstance(over, float)
    assert isinstance(saved, float)
    times = policies["ours"]["km"] / policies["oracle"]["km"]
    assert over == pytest.approx(100 * (times - 1), abs=0.02)
    assert saved == pytest.approx(100 * (1 - 1 / times), abs=0.02)


def test_the_interval_pairs_the_seeds() -> None:
    """Both policies are half as far in the first world: the saving is the same in each, so the interval is a point."""
    rates, way = np.full((1, 2), 20.0), np.array([[50.0, 100.0]])
    mine, other = Curve((1,), {RATE: rates, "km": way * 0.8}), Curve((1,), {RATE: rates, "km": way})
    assert saving(mine, other, 20).ci95 == (20.0, 20.0)


# ---------------------------------------------------------------- the cut in time


def test_nothing_after_the_cut_is_learned_from(readings: Path) -> None:
    stage = stage_of(read_records(readings), scene=FILTER)
    assert stage.train.first_h + stage.train.hours == stage.test.first_h
    assert isinstance(stage.known.foresight, Filter)
    until = stage.known.foresight.rates.fitted_until
    assert until is not None
    assert until < np.datetime64(stage.cut)


@pytest.mark.parametrize("folder", [True, False])
def test_a_future_that_changes_changes_nothing_that_was_learned(readings: Path, folder: bool) -> None:
    """All levels after the cut become full ones: schedules, rates and training worlds know nothing of it."""
    records = read_records(BERKELEY if folder else readings)
    stage = stage_of(records, scene=FILTER)
    cut = np.datetime64(stage.cut)
    other = stage_of(
        replace(
            records,
            histories=tuple(
                replace(
                    each,
                    levels=np.where(each.emptied_at >= cut, 100.0, each.levels),
                    readings=np.where(each.read_at >= cut, 100.0, each.readings),
                )
                for each in records.histories
            ),
        ),
        scene=FILTER,
    )
    assert other.town.bins == stage.town.bins
    assert not np.array_equal(other.pieces.high, stage.pieces.high)
    assert np.array_equal(other.profile, stage.profile)
    assert np.array_equal(other.known.grown, stage.known.grown)
    assert np.array_equal(other.known.pace, stage.known.pace)
    assert isinstance(other.known.foresight, Filter)
    assert isinstance(stage.known.foresight, Filter)
    assert other.known.foresight.rates.bin_rate == stage.known.foresight.rates.bin_rate
    assert np.array_equal(world_of(other, 1, 1, train=True).grown, world_of(stage, 1, 1, train=True).grown)
    assert (stage.known.grown[:, -1] > stage.known.grown[:, -WEEK_H]).mean() > 0.9, "the last week is not left empty"


def test_two_policies_of_a_seed_meet_the_same_world_and_two_seeds_another(readings: Path) -> None:
    stage = stage_of(read_records(readings), scene=FILTER)
    first, again, other = (world_of(stage, seed, 1) for seed in (1, 1, 2))
    assert np.array_equal(first.grown, again.grown)
    assert np.array_equal(first.sensors.noise, again.sensors.noise)
    assert np.array_equal(first.sensors.arrives, again.sensors.arrives)
    assert not np.array_equal(first.grown, other.grown)


def test_trucks_made_larger_are_named_in_the_notes(readings: Path) -> None:
    records = read_records(readings)
    larger = with_trucks(records, 2)
    assert larger.town.trucks[0].capacity_l == 2 * records.town.trucks[0].capacity_l
    assert "trucks hold 2 times" in larger.town.notes[0]


def test_containers_of_each_stream_have_a_truck_of_their_own_that_takes_no_other(
    readings: Path, tmp_path: Path
) -> None:
    file = tmp_path / "town_readings.csv.gz"
    file.write_bytes(readings.read_bytes())
    alone = read_records(file).town
    assert [truck.streams for truck in alone.trucks] == [frozenset({"all"})]
    assert any("one stream" in note for note in alone.notes)
    streams = "container,stream\nc0,paper\nc1,glass\nc2,paper\nc3,glass\n"
    (tmp_path / "town_containers.csv").write_text(streams, encoding="utf-8")
    town = read_records(file).town
    assert town.streams == ("paper", "glass", "paper", "glass")
    assert [truck.streams for truck in town.trucks] == [frozenset({"glass"}), frozenset({"paper"})]
    assert any("UTC" in note for note in town.notes)


def test_each_truck_of_an_invented_town_serves_its_own_stream_in_the_simulation(readings: Path, tmp_path: Path) -> None:
    file = tmp_path / "town_readings.csv.gz"
    file.write_bytes(readings.read_bytes())
    streams = "container,stream\nc0,paper\nc1,glass\nc2,paper\nc3,glass\n"
    (tmp_path / "town_containers.csv").write_text(streams, encoding="utf-8")
    town = read_records(file).town
    sheet = Planner(town, Effort(looks=100)).sheet([Wish(i, 500) for i in range(4)])
    first = town.first_bin
    served = [{town.bins[point - first] for point in tour if point >= first} for tour in sheet.tours]
    assert served == [{"c1", "c3"}, {"c0", "c2"}]


def test_a_city_folder_brings_its_own_trucks_and_positions() -> None:
    town = read_records(BERKELEY).town
    assert len(town.bins) > 200
    assert [truck.name for truck in town.trucks] == ["Truck 1", "Truck 2", "Truck 3"]
    assert not any("invented" in note for note in town.notes)


# ---------------------------------------------------------------- bad data


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must name the columns"),
        ("container,time_utc\nc1,2024-01-01\n", "fill_pct is missing"),
        ("container,time_utc,fill_pct\nc1,yesterday,5\n", "line 2: no time or no number"),
        ("container,time_utc,fill_pct\nc1,2024-01-01,nan\n", "not within 0 to 100"),
        ("container,time_utc,fill_pct\nc1,2024-01-01,500\n", "not within 0 to 100"),
        ("container,time_utc,fill_pct\nc1,2024-01-01,50\n", "no container with 10 readings"),
    ],
)
def test_bad_readings_are_refused_in_one_clear_line(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "readings.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadData, match=says) as refused:
        figures(Asked(file))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("path", ["nowhere", ".", "broken.csv.gz"])
def test_what_is_no_city_and_no_csv_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "broken.csv.gz").write_bytes(b"\x1f\x8bnot packed at all")
    with pytest.raises(BadData):
        figures(Asked(tmp_path / path))


def test_no_data_and_impossible_sizes_are_refused(readings: Path) -> None:
    with pytest.raises(BadData, match="needs --data"):
        Asked(None)
    with pytest.raises(BadData, match="1 to 52 weeks"):
        Asked(readings, weeks=0)


def test_a_cut_that_leaves_nothing_to_play_is_refused(readings: Path) -> None:
    with pytest.raises(BadData, match="weeks to learn from"):
        figures(asked(readings, test_from=date(2024, 5, 18)))


def test_ours_is_a_policy_like_the_others() -> None:
    assert OURS in STRATEGIES
    assert [name for name, policy in STRATEGIES.items() if policy.sees_truth] == ["oracle"]
