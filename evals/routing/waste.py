"""Reads the waste-collection files of Montevideo (woodbri/vehicle-routing-problems, MIT): real street containers.

NAME.containers.txt: id, longitude, latitude, opens, closes, demand, service, street. NAME.otherlocs.txt: depots and
dumps. NAME.vehicles.txt: id, start, dump, end, minutes at the dump, capacity, shift opens, closes.
NAME.dmatrix-time.txt: from, to, minutes; asymmetric and with holes. All times are minutes; here they become seconds.
The cost is seconds of driving, and much for a container left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from domain.errors import BadData
from evals.routing.instances import NO_LIMIT, Instance, Vehicle, Whole

CONTAINERS, MATRIX = ".containers.txt", ".dmatrix-time.txt"
MINUTE_S = 60
LEFT_OUT = 100_000
"""What a container left out costs, in seconds of driving: more than any day, so that serving it comes first."""
KM_PER_DEGREE = 111.19  # of a great circle
MINUTES_PER_KM = 2.21
"""Of straight line, where a file has no matrix at all: the median of the known pairs above 500 m of ch_du_rm_cl_05."""
FAR_KM = 0.5  # pairs nearer than this say more about one-way streets than about speed


@dataclass(frozen=True)
class Line:
    """The words of a line, and where it stands."""

    file: Path
    number: int
    words: tuple[str, ...]

    def real(self, index: int) -> float:
        """The number in a column."""
        try:
            value = float(self.words[index])
        except (ValueError, IndexError):
            raise self.wrong(f"column {index + 1} must be a number") from None
        if not np.isfinite(value):
            raise self.wrong(f"column {index + 1} must be a number that can be planned with")
        return value

    def seconds(self, index: int) -> int:
        """Minutes in a column as seconds."""
        return round(self.real(index) * MINUTE_S)

    def wrong(self, what: str) -> BadData:
        """The error to raise for this line."""
        return BadData(f"{self.file}:{self.number}: {what}")


def read_montevideo(containers: Path) -> Instance:
    """The instance of a `NAME.containers.txt`. Raises BadData with file and line for what is broken or missing."""
    name = containers.name.removesuffix(CONTAINERS)
    stops = _lines(containers, 7)
    others = {line.words[0]: line for line in _lines(containers.with_name(f"{name}.otherlocs.txt"), 5)}
    trucks = _lines(containers.with_name(f"{name}.vehicles.txt"), 8)
    depots = list(dict.fromkeys(line.words[i] for line in trucks for i in (1, 3)))
    dumps = list(dict.fromkeys(line.words[2] for line in trucks))
    for line in trucks:
        if missing := [line.words[i] for i in (1, 2, 3) if line.words[i] not in others]:
            raise line.wrong(f"no place {missing[0]} in {name}.otherlocs.txt")
    if len(dumps) > 1:
        raise trucks[0].wrong("vehicles with different dumps are not read here")
    points = [*(others[depot] for depot in depots), *(others[dump] for dump in dumps), *stops]
    place = {line.words[0]: index for index, line in enumerate(points)}
    if len(place) < len(points):
        raise BadData(f"{containers}: two places share one id")
    places = np.array([[line.real(1), line.real(2)] for line in points])
    duration, notes = _durations(containers.with_name(name + MATRIX), place, places)
    first = len(points) - len(stops)
    service = np.zeros(len(points), dtype=np.int64)
    service[first:] = [line.seconds(6) for line in stops]
    service[len(depots) : first] = _same_dump_service(trucks)
    return Instance(
        name=name,
        kind="waste",
        convention="minutes in seconds",
        depots=len(depots),
        dumps=len(dumps),
        distance=duration,
        duration=duration,
        places=places,
        demand=_column(first, [round(line.real(5)) for line in stops]),
        service=service,
        earliest=_column(first, [line.seconds(3) for line in stops]),
        latest=_column(first, [line.seconds(4) for line in stops], NO_LIMIT),
        release=np.zeros(len(points), dtype=np.int64),
        prize=_column(first, [LEFT_OUT] * len(stops)),
        required=np.zeros(len(points), dtype=np.bool_),
        vehicles=tuple(_vehicle(line, place) for line in trucks),
        notes=notes,
    )


def _lines(file: Path, width: int) -> list[Line]:
    """The lines of a file, comments left out; BadData when one is too short or there is none."""
    if not file.is_file():
        raise BadData(f"{file} is missing beside the containers")
    made = []
    for number, text in enumerate(file.read_text("utf-8", errors="replace").splitlines(), 1):
        words = tuple(text.split())
        if words and not words[0].startswith("#"):
            made.append(Line(file, number, words))
            if len(words) < width:
                raise made[-1].wrong(f"{width} columns are needed")
    if not made:
        raise BadData(f"{file}: it has no rows")
    return made


def _column(first: int, values: Sequence[int], before: int = 0) -> Whole:
    return np.array([before] * first + list(values), dtype=np.int64)


def _same_dump_service(trucks: Sequence[Line]) -> int:
    services = {line.seconds(4) for line in trucks}
    if len(services) > 1:
        raise trucks[0].wrong("vehicles that need different times at the dump are not read here")
    return services.pop()


def _vehicle(line: Line, place: dict[str, int]) -> Vehicle:
    return Vehicle(
        capacity=round(line.real(5)),
        start=place[line.words[1]],
        end=place[line.words[3]],
        earliest=line.seconds(6),
        latest=line.seconds(7),
        unloads_at=(place[line.words[2]],),
        max_trips=None,
        ends_empty=True,
    )


# ---------------------------------------------------------------- the matrix and its holes


def _durations(file: Path, place: dict[str, int], places: npt.NDArray[np.float64]) -> tuple[Whole, tuple[str, ...]]:
    """Seconds between all points, and what was put where the file says nothing."""
    straight = _straight_km(places)
    known = _known_minutes(file, place) if file.is_file() else np.full(straight.shape, np.inf)
    np.fill_diagonal(known, 0.0)
    holes = int(np.isinf(known).sum())
    through = _shortest(known)
    filled = np.where(np.isinf(known), through, known)
    left = np.isinf(filled)
    pace = _pace(known, straight)
    filled = np.where(left, straight * pace, filled)
    made = np.rint(filled * MINUTE_S).astype(np.int64)
    np.fill_diagonal(made, 0)
    made.setflags(write=False)
    if not holes:
        return made, ()
    guessed = int(left.sum())
    return made, (
        f"{holes} of {made.size - len(made)} times are not in the file: {holes - guessed} by the shortest way over "
        f"known ones, {guessed} by straight line at {pace:.2f} minutes a km",
    )


def _known_minutes(file: Path, place: dict[str, int]) -> npt.NDArray[np.float64]:
    known = np.full((len(place), len(place)), np.inf)
    for line in _lines(file, 3):
        a, b = place.get(line.words[0]), place.get(line.words[1])
        if (minutes := line.real(2)) < 0:
            raise line.wrong("a time must not be negative")
        if a is not None and b is not None:
            known[a, b] = minutes
    return known


def _shortest(known: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """All shortest ways (Floyd and Warshall); nothing to do where nothing is known."""
    ways = known.copy()
    if np.isfinite(known).sum() > len(known):
        for middle in range(len(ways)):
            np.minimum(ways, ways[:, middle, None] + ways[None, middle, :], out=ways)
    return ways


def _straight_km(places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Straight lines between (longitude, latitude) pairs, good to a per mille within a city."""
    east = places[:, 0] * np.cos(np.radians(places[:, 1].mean()))
    across = np.hypot(east[:, None] - east, places[:, 1, None] - places[:, 1])
    return np.asarray(across * KM_PER_DEGREE)


def _pace(known: npt.NDArray[np.float64], straight: npt.NDArray[np.float64]) -> float:
    """Minutes a km of straight line: the median of what is known, else MINUTES_PER_KM."""
    usable = np.isfinite(known) & (straight > FAR_KM)
    return float(np.median(known[usable] / straight[usable])) if usable.any() else MINUTES_PER_KM
