"""The suite judges each run by the instance alone, keeps its figures' keys, and says what it cannot measure."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from pydantic import JsonValue

from domain.errors import BadData
from evals.routing.ablation import ARMS, compare, interval, table
from evals.routing.ablation import figures as ablation
from evals.routing.formats import read_instance
from evals.routing.instances import NO_LIMIT, Instance, Route, as_problem, point_of
from evals.routing.ours import first_stops, params_of
from evals.routing.suite import Asked, baselines, figures, first_proved_s, found_in, judge, mean_gaps, summary
from evals.routing.worker import OURS, Job, Outcome, run_apart

FILES = Path(__file__).parent / "fixtures"
BEST = (Route(0, (1, 2)), Route(1, (3, 4)))


def read(name: str) -> Instance:
    """A fixture's instance."""
    return read_instance(FILES / name)


# ---------------------------------------------------------------- judging


def test_a_run_is_judged_by_its_routes_and_not_by_its_claim() -> None:
    boasting = Outcome((Route(0, (2, 1)), Route(1, (3,)), Route(2, (4,))), trace=((0.2, 20),), cpu_s=1.0)
    judged = judge(read("four-stops.vrp"), boasting)
    assert (judged.cost, judged.gap_pct) == (24, 4.3478)  # 20 + 2 + 2 against 23
    assert judged.feasible


def test_an_infeasible_answer_has_no_gap_and_no_first_feasible_moment() -> None:
    judged = judge(read("four-stops.vrp"), Outcome((Route(0, (1, 2)),), trace=((0.2, 20),)))
    assert (judged.gap_pct, judged.first_feasible_s, judged.feasible) == (None, None, False)


def test_a_failed_run_says_why() -> None:
    judged = judge(read("four-stops.vrp"), Outcome(failure="out of memory"))
    assert (judged.faults, judged.gap_pct, judged.cost) == (("out of memory",), None, None)


def test_the_gap_on_the_way_is_that_of_the_best_answer_so_far() -> None:
    judged = judge(read("four-stops.vrp"), Outcome(BEST, trace=((0.1, 46), (5.0, 23)), cpu_s=20.0))
    assert judged.at_s == {1: 100.0, 10: 0.0}
    assert judged.first_feasible_s == 0.1


def test_seeds_are_summed_up_by_mean_gap_and_worst_moment() -> None:
    instance = read("four-stops.vrp")
    slow = replace(Outcome(BEST, trace=((0.9, 23),), cpu_s=2.0), peak_mb=90.0)
    runs = [
        judge(instance, slow),
        judge(instance, Outcome((Route(0, (2, 1)), Route(1, (3,)), Route(2, (4,))), cpu_s=1.0)),
    ]
    found = summary(runs)
    assert found["gap_pct"] == pytest.approx(4.3478 / 2, abs=1e-4)
    assert (found["feasible"], found["first_feasible_s"], found["peak_mb"]) == (True, 1.0, 90.0)
    assert summary([*runs, judge(instance, Outcome())])["feasible"] is False


def test_gaps_are_averaged_by_kind_over_the_instances_that_have_one() -> None:
    rows = [{"kind": "cvrp", "gap_pct": 1.0}, {"kind": "cvrp", "gap_pct": 2.0}, {"kind": "waste", "gap_pct": None}]
    assert mean_gaps(rows) == {"cvrp": 1.5}


# ---------------------------------------------------------------- as a problem of the engine


def test_a_problem_has_the_instance_in_the_engines_words() -> None:
    problem = as_problem(read("trips.vrp"))
    assert (problem.reload_at_depot, problem.trucks[0].max_trips, problem.stops[1].release_s) == (True, None, 300)
    assert (problem.stops[0].window, problem.stops[0].must_serve) == ((50, 200), True)
    waste = as_problem(read("waste/street.containers.txt"))
    assert (waste.dumps[0].service_s, waste.depots[0].service_s, waste.stops[0].prize) == (1200, 0, 100_000)
    assert not waste.reload_at_depot


def test_which_vehicle_may_serve_a_stop_becomes_a_stream() -> None:
    problem = as_problem(read("sites.vrp"))
    taken = [[truck.takes(stop.stream) for stop in problem.stops] for truck in problem.trucks]
    assert taken == [[True, False], [True, True]]
    assert {(truck.max_duration_s, truck.late_start) for truck in problem.trucks} == {(20_000, True)}


def test_money_of_the_engine_is_the_cost_of_the_instance() -> None:
    trucks = as_problem(read("mixed.vrp")).trucks
    assert [(truck.fixed_cost * 1000, truck.cost_per_km, truck.cost_per_hour) for truck in trucks] == [
        (1000, 1, 0),
        (2000, 5, 0),
    ]
    assert [truck.shift_end_s for truck in trucks] == [NO_LIMIT, NO_LIMIT]


def test_names_lead_back_to_points() -> None:
    problem = as_problem(read("waste/street.containers.txt"))
    assert [point_of(problem.id_at(point)) for point in range(problem.size)] == [0, 1, 2, 3]


def test_a_piece_of_an_instance_is_an_instance() -> None:
    piece = first_stops(read("sites.vrp"), 1)
    assert (len(piece.stops), piece.distance.tolist()) == (1, [[0, 5000], [5000, 0]])
    assert [vehicle.allowed for vehicle in piece.vehicles] == [frozenset({1}), frozenset({1})]


# ---------------------------------------------------------------- processes


def test_a_peer_runs_in_a_process_of_its_own_within_its_cpu_seconds() -> None:
    outcome = run_apart(Job(str(FILES / "four-stops.vrp"), "pyvrp", 0.5))
    judged = judge(read("four-stops.vrp"), outcome)
    assert (judged.gap_pct, judged.faults) == (0.0, ())
    assert 0.5 <= outcome.cpu_s < 1.0
    assert outcome.peak_mb >= outcome.before_mb > 10
    assert outcome.trace[-1][1] == 23


def test_the_first_feasible_moment_is_proved_by_a_run_that_ends_there() -> None:
    instance, job = read("four-stops.vrp"), Job(str(FILES / "four-stops.vrp"), "pyvrp", 5.0)
    whole = judge(instance, Outcome(BEST, trace=((0.2, 23),), cpu_s=5.0))
    proved = first_proved_s(instance, job, whole)
    assert proved is not None
    assert 0.2 <= proved < 1.0
    assert first_proved_s(instance, job, judge(instance, Outcome())) is None


def test_a_run_that_breaks_is_a_failure_with_its_last_words() -> None:
    outcome = run_apart(Job(str(FILES / "no-such-file.vrp"), "pyvrp", 0.5))
    assert "no-such-file.vrp" in outcome.failure


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_suite_prints_and_gives_a_row_per_instance(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("four-stops.vrp", "four-stops.sol", "sites.vrp", "sites.sol"):
        shutil.copy(FILES / name, tmp_path)
    found = figures(Asked(tmp_path, seconds=0.5, seeds=1, peers=True))
    instances = found["instances"]
    assert isinstance(instances, dict)
    row = instances["sites"]
    assert isinstance(row, dict)
    assert (row["feasible"], row["gap_pct"], found["mean_gap_pct"]) == (True, 0.0, {"cvrp": 0.0, "sdvrptw": 0.0})
    assert {"first_feasible_s", "first_claimed_s", "peak_mb", "at_s", "peers", "kind", "best_known"} <= set(row)
    assert isinstance(row["peers"], dict)
    assert "skipped" in (row["peers"]["vroom"] or {})
    assert baselines(found)["pyvrp"] == {"mean_gap_pct": {"cvrp": 0.0, "sdvrptw": 0.0}}
    assert json.loads(json.dumps(found)) == found
    printed = capsys.readouterr().out
    assert "duration" in printed or "not installed" in printed
    assert sum(line.startswith(("four-stops", "sites")) for line in printed.splitlines()) == 2


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Asked(None), "needs --data"),
        (Asked(FILES, seconds=0.0), "--seconds above 0"),
        (Asked(FILES, seeds=0), "--seeds of at least 1"),
        (Asked(FILES / "nowhere"), "no file or folder"),
    ],
)
def test_what_cannot_be_measured_is_refused(asked: Asked, message: str) -> None:
    with pytest.raises(BadData, match=message):
        found_in(asked)


def test_one_bad_file_is_told_before_anything_runs(tmp_path: Path) -> None:
    shutil.copy(FILES / "four-stops.vrp", tmp_path)
    (tmp_path / "z-broken.vrp").write_text("NAME : z\nDIMENSION : many\n")
    with pytest.raises(BadData, match=r"z-broken.vrp:2: not a number: many"):
        figures(Asked(tmp_path, seconds=0.5))


@pytest.mark.parametrize("settings", [{"core": "magic"}, {"speed": 3}])
def test_a_setting_that_the_engine_does_not_have_is_refused(settings: dict[str, JsonValue]) -> None:
    with pytest.raises(BadData, match="no such setting"):
        params_of(settings)


def test_a_job_survives_the_way_into_its_process() -> None:
    job = Job("x.vrp", OURS, 2.0, 3, {"core": "annealer"})
    assert Job(**json.loads(json.dumps(asdict(job)))) == job


# ---------------------------------------------------------------- ablation


def test_arms_are_compared_instance_by_instance_over_the_runs_that_all_arms_finished() -> None:
    gaps = {
        "sa": {("a", 1): 1.0, ("a", 2): 2.0, ("b", 1): 3.0, ("b", 2): None},
        "sqa": {("a", 1): 1.5, ("a", 2): 2.5, ("b", 1): 2.75, ("b", 2): 1.0},
    }
    found = compare(gaps)["sqa"]
    assert isinstance(found, dict)
    assert (found["mean_gap_pct"], found["difference_points"], found["better"]) == (2.375, 0.125, 1)
    assert (found["instances"], found["runs"], found["infeasible"]) == (2, 3, 0)
    assert "0.125" in table(compare(gaps)).splitlines()[2]


def test_seeds_of_one_instance_alone_prove_nothing() -> None:
    gaps = {"sa": {("a", 1): 1.0, ("a", 2): 1.1}, "sqa": {("a", 1): 2.0, ("a", 2): 2.1}}
    found = compare(gaps)["sqa"]
    assert isinstance(found, dict)
    assert found["ci95"] is None


def test_an_interval_of_two_is_as_wide_as_students_t_makes_it() -> None:
    assert interval([1.0]) is None
    assert interval([0.0, 2.0]) == [-11.7062, 13.7062]  # 1 -+ 12.7062 x 1.4142 / 1.4142


def test_every_ablation_runs_its_first_arm_twice_to_show_chance() -> None:
    for arms in ARMS.values():
        first, again, *others = arms.values()
        assert first == again
        assert all(first != other for other in others)


def test_an_unknown_ablation_is_refused() -> None:
    with pytest.raises(BadData, match="there is no ablation magic; there are sqa"):
        ablation(Asked(FILES), "magic")
