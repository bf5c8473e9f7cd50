"""Claims about distances from road servers and files: exact blocks, named sources, and great circles when they fail."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from map_double import Roads, road_server

from domain.errors import BadData
from domain.ports import NO_WAY
from engines.routing.distances import HaversineMatrix
from engines.routing.problem import LONGEST
from feeds.map_servers import SERVERS, Osrm, Refused, Valhalla
from feeds.maps import RoadMatrix, Waiting, distances_of, read_given

AIR = HaversineMatrix()
TOWN = [(37.87 + 0.001 * (n % 5), -122.26 + 0.001 * (n // 5)) for n in range(23)]
KINDS = pytest.mark.parametrize("kind", ["osrm", "valhalla"])


@pytest.fixture
def roads() -> Iterator[Roads]:
    with road_server(Roads()) as served:
        yield served


def provider(roads: Roads, kind: str, folder: Path, **waiting: float) -> RoadMatrix:
    """The provider of a served town."""
    return RoadMatrix(SERVERS[kind](), roads.url, folder, AIR, Waiting(**{"deadline_s": 3.0, **waiting}))


def expected(roads: Roads, points: list[tuple[float, float]]) -> tuple[Any, Any]:
    """The town's own metres and seconds."""
    ways = [[roads.way(a, b) or (NO_WAY, NO_WAY) for b in points] for a in points]
    return np.rint([[m for m, _ in row] for row in ways]), np.rint([[s for _, s in row] for row in ways])


@KINDS
def test_the_matrix_is_the_server_s_and_the_plan_can_name_it(roads: Roads, kind: str, tmp_path: Path) -> None:
    found = provider(roads, kind, tmp_path).travel(TOWN)
    metres, seconds = expected(roads, TOWN)
    assert np.abs(found.metres - metres).max() <= 1
    assert np.abs(found.seconds - seconds).max() <= 1
    assert (found.seconds != found.seconds.T).any()
    assert found.metres.dtype == np.int64
    assert (found.roads, found.degraded) == (True, None)
    assert found.source == f"road distances by {SERVERS[kind]().name} at 127.0.0.1"


@KINDS
@pytest.mark.parametrize("most_pairs", [1, 7, 100])
def test_a_server_that_takes_fewer_points_gets_smaller_blocks(
    roads: Roads, kind: str, most_pairs: int, tmp_path: Path
) -> None:
    roads.most_pairs = most_pairs
    points = TOWN[:9] if most_pairs == 1 else TOWN
    found = provider(roads, kind, tmp_path).travel(points)
    assert np.abs(found.metres - expected(roads, points)[0]).max() <= 1
    assert found.degraded is None
    assert roads.asked[0] == (len(points), len(points))


def test_more_points_than_one_request_takes_go_in_blocks(roads: Roads, tmp_path: Path) -> None:
    found = RoadMatrix(Osrm(side=10), roads.url, tmp_path, AIR).travel(TOWN)
    assert np.abs(found.metres - expected(roads, TOWN)[0]).max() <= 1
    assert sorted(roads.asked) == sorted((a, b) for a in (10, 10, 3) for b in (10, 10, 3))


@KINDS
def test_a_place_without_a_way_has_none(roads: Roads, kind: str, tmp_path: Path) -> None:
    roads.islands.add(TOWN[2])
    found = provider(roads, kind, tmp_path).travel(TOWN[:4])
    assert NO_WAY == LONGEST
    assert found.metres[2].tolist() == [NO_WAY, NO_WAY, 0, NO_WAY]
    assert found.seconds[:, 2].tolist() == [NO_WAY, NO_WAY, 0, NO_WAY]
    assert found.metres[0, 1] < NO_WAY


def test_bins_of_one_place_are_asked_once(roads: Roads, tmp_path: Path) -> None:
    found = provider(roads, "osrm", tmp_path).travel([TOWN[0], TOWN[1], TOWN[0], TOWN[0]])
    assert roads.asked == [(2, 2)]
    assert found.metres.tolist()[0] == found.metres.tolist()[2] == [0, 100, 0, 0]


# ---------------------------------------------------------------- the folder


def test_what_was_asked_once_is_kept_even_when_the_server_is_gone(roads: Roads, tmp_path: Path) -> None:
    first = provider(roads, "osrm", tmp_path).travel(TOWN)
    roads.garbage = "gone"
    again = provider(roads, "osrm", tmp_path).travel(TOWN)
    assert np.array_equal(first.metres, again.metres)
    assert np.array_equal(first.seconds, again.seconds)
    assert (again.source, len(roads.asked)) == (first.source, 1)


def test_another_server_or_another_place_is_another_matrix(roads: Roads, tmp_path: Path) -> None:
    provider(roads, "osrm", tmp_path).travel(TOWN)
    provider(roads, "valhalla", tmp_path).travel(TOWN)
    provider(roads, "osrm", tmp_path).travel(TOWN[1:])
    assert len(roads.asked) == 3


def test_a_broken_file_is_asked_anew_and_a_fallback_is_not_kept(roads: Roads, tmp_path: Path) -> None:
    roads.faults = [500] * 2
    assert provider(roads, "osrm", tmp_path).travel(TOWN).degraded
    assert list(tmp_path.iterdir()) == []
    provider(roads, "osrm", tmp_path).travel(TOWN)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    assert provider(roads, "osrm", tmp_path).travel(TOWN).degraded is None
    assert len(roads.asked) == 2


def test_the_oldest_matrices_go(roads: Roads, tmp_path: Path) -> None:
    keeping_two = RoadMatrix(Osrm(), roads.url, tmp_path, AIR, most_kept=2)
    for number, part in enumerate((TOWN[:2], TOWN[:3], TOWN[:4])):
        keeping_two.travel(part)
        newest = max(tmp_path.iterdir(), key=lambda file: file.stat().st_mtime)
        os.utime(newest, (number, number))
    assert len(list(tmp_path.iterdir())) == 2
    keeping_two.travel(TOWN[:4])
    keeping_two.travel(TOWN[:3])
    assert len(roads.asked) == 3


# ---------------------------------------------------------------- what goes wrong


@KINDS
def test_a_passing_fault_is_tried_once_more(roads: Roads, kind: str, tmp_path: Path) -> None:
    roads.faults = [503]
    assert provider(roads, kind, tmp_path).travel(TOWN).degraded is None
    assert len(roads.paths) == 2


@KINDS
@pytest.mark.parametrize(
    ("garbage", "why"),
    [
        ("<html>", "no JSON"),
        ("[]", "answered"),
        ('{"code": "NoSegment"}', "answered"),
        ('{"error_code": 171, "error": "No suitable edges near location"}', "answered"),
        ('{"code": "Ok", "distances": [[1]], "sources_to_targets": [[{"distance": 1}]]}', "shape"),
        ('{"code": "Ok", "distances": "far", "sources_to_targets": [["far"]]}', "not a number|shape"),
    ],
)
def test_an_answer_that_is_no_matrix_gives_great_circles_and_says_so(
    roads: Roads, kind: str, garbage: str, why: str, tmp_path: Path
) -> None:
    roads.garbage = garbage
    found = provider(roads, kind, tmp_path).travel(TOWN)
    assert np.array_equal(found.metres, AIR.travel(TOWN).metres)
    assert (found.source, found.roads) == (AIR.name, False)
    assert found.degraded is not None
    assert found.degraded.startswith(SERVERS[kind]().name)
    assert AIR.name in found.degraded


def test_negative_or_endless_values_are_refused() -> None:
    for bad in (-1.0, float("inf")):
        with pytest.raises(Refused):
            Osrm().read({"code": "Ok", "distances": [[bad]], "durations": [[0.0]]}, (1, 1))
    in_miles = {"units": "miles", "sources_to_targets": [[{"distance": 1.0, "time": 60}]]}
    assert Valhalla().read(in_miles, (1, 1))[0].tolist() == [[1609]]


def test_a_server_that_hangs_or_is_not_there_costs_no_more_than_the_deadline_and_is_left_alone_for_a_while(
    roads: Roads, tmp_path: Path
) -> None:
    roads.wait_s = 3.0
    slow = provider(roads, "osrm", tmp_path, deadline_s=0.3)
    began = time.monotonic()
    first, second = slow.travel(TOWN), slow.travel(TOWN)
    assert time.monotonic() - began < 2.0
    assert "in time" in (first.degraded or "")
    assert "a moment ago" in (second.degraded or "")
    absent = RoadMatrix(Osrm(), "http://127.0.0.1:9", tmp_path, AIR)
    assert "connection failed" in (absent.travel(TOWN).degraded or "")


def test_the_source_of_an_earlier_plan_is_kept_to(roads: Roads, tmp_path: Path) -> None:
    found = provider(roads, "osrm", tmp_path).travel(TOWN, AIR.name)
    assert (found.source, found.degraded, roads.asked) == (AIR.name, None, [])


@pytest.mark.parametrize("point", [(91.0, 0.0), (0.0, 181.0), (float("nan"), 0.0)])
def test_points_that_are_no_coordinates_are_refused(roads: Roads, point: tuple[float, float], tmp_path: Path) -> None:
    with pytest.raises(BadData):
        provider(roads, "osrm", tmp_path).travel([TOWN[0], point])


def test_no_point_and_one_point_need_no_server(roads: Roads, tmp_path: Path) -> None:
    assert provider(roads, "osrm", tmp_path).travel([]).metres.shape == (0, 0)
    assert provider(roads, "osrm", tmp_path).travel(TOWN[:1]).metres.tolist() == [[0]]
    assert roads.asked == []


# ---------------------------------------------------------------- given files and settings

CSV = "from_lat,from_lon,to_lat,to_lon,metres,seconds\n1.0,2.0,1.1,2.0,500,60\n1.1,2.0,1.0,2.0,,\n"


def given(folder: Path, text: str) -> Path:
    """A csv file."""
    file = folder / "measured.csv"
    file.write_text(text)
    return file


def test_a_given_file_is_used_whole_or_not_at_all(tmp_path: Path) -> None:
    table = read_given(given(tmp_path, CSV), AIR)
    found = table.travel([(1.0, 2.0), (1.1, 2.0), (1.0, 2.0)])
    assert found.metres.tolist() == [[0, 500, 0], [NO_WAY, 0, NO_WAY], [0, 500, 0]]
    assert found.seconds[0].tolist() == [0, 60, 0]
    assert found.source == "given distances of measured.csv"
    partly = table.travel([(1.0, 2.0), (1.1, 2.0), (1.2, 2.0)])
    assert "4 distances are missing" in (partly.degraded or "")
    assert partly.source == AIR.name


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("from_lat,to_lat\n1,2\n", "no column"),
        (CSV.replace("500", "-1"), "line 2: metres"),
        (CSV.replace("60", "soon"), "line 2: seconds"),
        (CSV.replace("1.1,2.0,500", "north,2.0,500"), "line 2: a coordinate"),
    ],
)
def test_a_given_file_that_cannot_be_read_says_where(tmp_path: Path, text: str, where: str) -> None:
    with pytest.raises(BadData, match=where):
        read_given(given(tmp_path, text), AIR)


def test_the_settings_name_the_provider_or_say_what_is_missing(tmp_path: Path) -> None:
    assert distances_of("great-circle", None, tmp_path, AIR) is AIR
    named = distances_of("osrm", "http://ana:secret@maps.example:5000/", tmp_path, AIR)
    assert named.name == "road distances by OSRM (driving) at maps.example"
    assert distances_of("given", str(given(tmp_path, CSV)), tmp_path, AIR).name.endswith("measured.csv")
    for kind, url in (("osrm", None), ("osrm", "maps.example"), ("valhalla", "ftp://x"), ("given", None)):
        with pytest.raises(BadData, match="ROUNDSMAN_MATRIX"):
            distances_of(kind, url, tmp_path, AIR)
