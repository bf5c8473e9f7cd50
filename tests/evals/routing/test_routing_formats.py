"""Each format is read as its own convention says; what cannot be read says where it is wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from domain.errors import BadData
from evals.routing.best import published
from evals.routing.check import cost_of, faults_of
from evals.routing.conventions import published_routes
from evals.routing.formats import find, read_instance
from evals.routing.instances import NO_LIMIT

FILES = Path(__file__).parent / "fixtures"


@pytest.mark.parametrize(
    ("name", "kind", "convention", "best_known", "unit"),
    [
        ("four-stops", "cvrp", "round", 23, 1),  # 5 + 5 + 10 and 1 + 1 + 1.41
        ("windows", "vrptw", "dimacs", 56, 10),  # 14 + 14 + 28: 1.41 and 2.82 cut to one decimal
        ("prizes", "pcvrptw", "dimacs", 86, 1),  # 28 + 28, and 3 left out
        ("trips", "mtvrptwr", "dimacs", 84, 1),  # 14 + 14 + 28 + 28
        ("sites", "sdvrptw", "exact", 13162, 1),  # 5 + 3.162 + 5
        ("depots", "mdvrptw", "exact", 4000, 1),  # 1 + 1 from each depot
        ("mixed", "hfvrp", "exact", 25000, 1),  # 1 + 2 x 1, and 2 + 4 x 5
    ],
)
def test_a_published_solution_is_feasible_and_costs_what_it_says(
    name: str, kind: str, convention: str, best_known: int, unit: float
) -> None:
    file = FILES / f"{name}.vrp"
    instance, known = read_instance(file), published(file)
    assert known is not None
    routes = published_routes(instance, known)
    assert (instance.kind, instance.convention, instance.unit) == (kind, convention, unit)
    assert (instance.best_known, cost_of(instance, routes), faults_of(instance, routes)) == (best_known, best_known, [])


def test_a_published_solution_decides_how_distances_are_rounded(tmp_path: Path) -> None:
    shutil.copy(FILES / "four-stops.vrp", tmp_path)
    (tmp_path / "four-stops.sol").write_text("Route #1: 1 2\nRoute #2: 3 4\nCost 23.41421\n")
    instance = read_instance(tmp_path / "four-stops.vrp")
    assert (instance.convention, instance.best_known, instance.distance[0, 4]) == ("exact", 23414, 1414)


def test_published_routes_that_cost_something_else_are_refused(tmp_path: Path) -> None:
    shutil.copy(FILES / "four-stops.vrp", tmp_path)
    (tmp_path / "four-stops.sol").write_text("Route #1: 1 2\nRoute #2: 3 4\nCost 22\n")
    with pytest.raises(BadData, match="published routes cost 23, the file says 22"):
        read_instance(tmp_path / "four-stops.vrp")


def test_an_open_fleet_is_what_the_demand_needs_and_some() -> None:
    assert len(read_instance(FILES / "four-stops.vrp").vehicles) == 8  # 20 / 10 x 1.3, and 5


def test_explicit_distances_are_symmetric_from_a_lower_triangle() -> None:
    instance = read_instance(FILES / "explicit.vrp")
    assert instance.distance.tolist() == [[0, 7, 9], [7, 0, 3], [9, 3, 0]]
    assert instance.best_known is None


def test_times_are_scaled_with_distances_and_loads_are_not() -> None:
    instance = read_instance(FILES / "windows.vrp")
    assert instance.earliest.tolist() == [0, 50, 300]
    assert instance.service.tolist() == [0, 100, 100]
    assert instance.demand.tolist() == [0, 6, 6]
    assert (instance.vehicles[0].capacity, instance.vehicles[0].latest) == (20, 1000)


def test_a_stop_without_a_prize_must_be_served() -> None:
    instance = read_instance(FILES / "prizes.vrp")
    assert instance.required.tolist()[1:] == [False, True]
    assert instance.prize.tolist() == [0, 30, 0]


def test_vehicles_of_the_extensions_carry_their_own_limits() -> None:
    sites = read_instance(FILES / "sites.vrp").vehicles
    assert [each.allowed for each in sites] == [frozenset({1}), frozenset({1, 2})]
    assert [each.max_duration for each in sites] == [20_000, 20_000]
    trips = read_instance(FILES / "trips.vrp").vehicles[0]
    assert (trips.unloads_at, trips.max_trips) == ((0,), None)
    mixed = read_instance(FILES / "mixed.vrp").vehicles
    assert [(each.capacity, each.fixed_cost, each.cost_per_distance) for each in mixed] == [(3, 1000, 1), (10, 2000, 5)]
    assert [each.start for each in read_instance(FILES / "depots.vrp").vehicles] == [0, 1]


def test_solomon_is_unrounded_where_its_list_is_and_cut_otherwise(tmp_path: Path) -> None:
    instance = read_instance(FILES / "solomon" / "C001.txt")
    assert (instance.convention, instance.best_known, instance.distance[0, 1]) == ("exact", 5660, 1414)
    assert instance.earliest.tolist() == [0, 5000, 30000]
    shutil.copy(FILES / "solomon" / "C001.txt", tmp_path)
    (tmp_path / "bks.csv").write_text("name,cost\nC001,5.6\n")
    instance = read_instance(tmp_path / "C001.txt")
    assert (instance.convention, instance.best_known, instance.distance[0, 1]) == ("dimacs", 56, 14)


def test_waste_files_give_seconds_dumps_and_closed_holes() -> None:
    instance = read_instance(FILES / "waste" / "street.containers.txt")
    assert (instance.depots, instance.dumps, instance.kind) == (1, 1, "waste")
    assert instance.duration[0].tolist() == [0, 360, 120, 150]
    assert instance.duration[3, 0] == 210  # not in the file: 1.5 minutes to 11, 2 from there
    assert instance.service.tolist() == [0, 1200, 120, 90]
    assert instance.latest.tolist() == [NO_LIMIT, NO_LIMIT, 7200, 7200]
    truck = instance.vehicles[0]
    assert (truck.earliest, truck.latest, truck.unloads_at, truck.ends_empty) == (3000, 24000, (1,), True)
    assert "1 of 12 times are not in the file: 1 by the shortest way" in instance.notes[0]


def test_waste_files_without_a_matrix_are_driven_in_straight_lines(tmp_path: Path) -> None:
    for file in (FILES / "waste").glob("street.*"):
        if "dmatrix" not in file.name:
            shutil.copy(file, tmp_path)
    instance = read_instance(tmp_path / "street.containers.txt")
    east = (56.150 - 56.130) * np.cos(np.radians(34.8875)) * 111.19
    assert instance.duration[0, 2] == pytest.approx(east * 2.21 * 60, abs=2)
    assert "12 by straight line" in instance.notes[0]


# ---------------------------------------------------------------- folders


def test_a_folder_gives_every_instance_below_it_and_says_what_it_leaves() -> None:
    found = find(FILES)
    assert set(found.files) == {
        "C001", "depots", "explicit", "fleet", "four-stops", "mixed", "prizes", "sites", "street", "trips", "windows",
    }  # fmt: skip
    assert found.unread == {}


def test_two_instances_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copy(FILES / "windows.vrp", tmp_path / folder)
    assert set(find(tmp_path).files) == {"a/windows", "b/windows"}


def test_arc_routing_is_named_as_not_read(tmp_path: Path) -> None:
    shutil.copy(FILES / "windows.vrp", tmp_path)
    (tmp_path / "town.txt").write_text("NAME : town\nREQ_EDGES : 1\nLIST_REQ_EDGES :\n(1,2) serv_cost 3\n")
    found = find(tmp_path)
    assert [(file.name, reason[:11]) for file, reason in found.unread.items()] == [("town.txt", "arc routing")]


@pytest.mark.parametrize("what", ["nothing.vrp", "."])
def test_a_place_without_instances_is_refused(tmp_path: Path, what: str) -> None:
    (tmp_path / "README.md").write_text("no instance")
    with pytest.raises(BadData, match=r"no file or folder|no routing instance"):
        find(tmp_path / what)


# ---------------------------------------------------------------- broken files


def swap(old: str, new: str) -> Callable[[str], str]:
    """A change of a file's text that must find something to change."""

    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return change


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("windows.vrp", swap("2\t1\t1", "2\t1\tnorth"), r"windows.vrp:10: not a number: north"),
        ("windows.vrp", swap("2\t1\t1", "2\t1\tnan"), r"windows.vrp:10: .*nan"),
        ("windows.vrp", swap("2\t1\t1", "4\t1\t1"), r"windows.vrp:10: .*rows 1 to 3 in this order"),
        ("windows.vrp", swap("3\t2\t2\n", ""), r"windows.vrp:8: NODE_COORD_SECTION has 2 rows, 3 are needed"),
        ("windows.vrp", swap("2\t5\t20", "2\t5"), r"windows.vrp:\d+: TIME_WINDOW_SECTION needs 3 numbers"),
        ("windows.vrp", swap("2\t5\t20", "2\t50\t20"), r"window of point 2 ends before it begins"),
        ("windows.vrp", swap("2\t6", "2\t-6"), r"point 2 has a negative demand"),
        ("windows.vrp", swap("DIMENSION: 3", "DIMENSION: 1"), r"windows.vrp:3: .*at least one stop"),
        ("windows.vrp", swap("DIMENSION: 3", "COMMENT: x"), r"windows.vrp: the line `DIMENSION : NUMBER` is missing"),
        ("windows.vrp", swap("VEHICLES: 2", "VEHICLES: 0"), r"windows.vrp:4: .*at least one vehicle"),
        ("windows.vrp", swap("EUC_2D", "GEO"), r"windows.vrp:\d+: distances as GEO"),
        ("windows.vrp", swap("DEMAND_SECTION", "BACKHAUL_SECTION"), r"windows.vrp:\d+: BACKHAUL means a kind"),
        ("windows.vrp", swap("NAME: windows", "a line of prose"), r"windows.vrp:1: neither"),
        ("depots.vrp", swap("2\t2\nDEPOT", "2\t3\nDEPOT"), r"depots.vrp: a vehicle starts at no depot"),
        ("sites.vrp", swap("2\t2\t3\n", "2\t2\t4\n"), r"sites.vrp:\d+: VEHICLES_ALLOWED_CLIENTS_SECTION, vehicle 2"),
        ("explicit.vrp", swap("9 3", "9"), r"explicit.vrp:7: 2 distances, LOWER_ROW of 3 points has 3"),
        ("explicit.vrp", swap("9 3", "9 -3"), r"distance of 9 is negative or too large"),
        ("solomon/C001.txt", swap("2          10\n", "2\n"), r"C001.txt:\d+: a row must be"),
        ("solomon/C001.txt", swap("20          10", "20"), r"C001.txt:11: a row must be"),
        ("waste/street.containers.txt", swap("600", "full"), r"containers.txt:1: column 6 must be a number"),
        ("waste/street.vehicles.txt", swap("7\t1\t2", "7\t1\t9"), r"vehicles.txt:2: no place 9"),
        ("waste/street.dmatrix-time.txt", swap("2.5", "-2.5"), r"dmatrix-time.txt:2: .*not be negative"),
        ("waste/street.otherlocs.txt", lambda text: "", r"otherlocs.txt: it has no rows"),
    ],
)  # fmt: skip
def test_a_broken_file_says_what_is_wrong_and_in_which_line(
    tmp_path: Path, name: str, change: Callable[[str], str], message: str
) -> None:
    file = tmp_path / Path(name).name
    for each in (FILES / name).parent.glob(f"{file.name.partition('.')[0]}.*"):
        if each.suffix != ".sol":
            shutil.copy(each, tmp_path)
    file.write_text(change(file.read_text("utf-8")), encoding="utf-8")
    with pytest.raises(BadData, match=message):
        read_instance(next(iter(find(tmp_path).files.values())))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Route #1: 1 two\nCost 3\n", r"windows.sol:1: a route must be a list"),
        ("Route #1: 1 2\nCost e\n", r"windows.sol:2: the cost is no number"),
        ("Route #1: 1 2\n", r"windows.sol: it has routes but no line"),
        ("Route #1: 1 7\nCost 5.6\n", r"points that the instance does not have"),
        ("Route #1: 1\nRoute #2: 2\nRoute #3:\nCost 8.4\n", r"3 published routes, 2 vehicles"),
    ],
)
def test_a_broken_solution_file_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    shutil.copy(FILES / "windows.vrp", tmp_path)
    (tmp_path / "windows.sol").write_text(text)
    with pytest.raises(BadData, match=message):
        read_instance(tmp_path / "windows.vrp")
