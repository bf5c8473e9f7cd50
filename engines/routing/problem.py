"""The routing problem: frozen values, integer metres and seconds, litres, kilograms.

Points of the matrices stand in this order: depots, dumps, stops. Money is milli-currency (1/1000 of the city's
currency) wherever it is compared with a prize, and plain currency in what a person reads. A matrix value of LONGEST
says that there is no way.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from functools import cached_property
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt

from domain.errors import BadData
from engines.routing.plan import Leg, RestTaken, RoundPlan, TruckRound, Unserved, Visit, Why
from engines.routing.stopping import Progress, StopRule

__all__ = [
    "LONGEST", "MOST_POINTS", "OLDER_TRUCK", "Goal", "IntMatrix", "Leg", "Place", "Problem", "Progress", "Rest",
    "RestTaken", "RoundPlan", "Stop", "StopRule", "Truck", "TruckRound", "Unserved", "Visit", "Weights", "Why",
]  # fmt: skip

IntMatrix = npt.NDArray[np.int64]
LONGEST = 1_000_000_000  # metres or seconds of one leg; above it sums could overflow; exactly it means no way
MOST_POINTS = 15_000  # two matrices of this size take 3.6 GB; larger towns are planned district by district


class Goal(StrEnum):
    """What a plan makes small: money, hours, emissions, or money and the longest round together."""

    cost = "cost"
    time = "time"
    emissions = "emissions"
    balanced = "balanced"


@dataclass(frozen=True)
class Weights:
    """Milli-currency per metre, per second, per gram CO2e, and per second of the longest round; fixed costs added."""

    per_metre: float = 0.0
    per_second: float = 0.0
    per_g_co2e: float = 0.0
    per_longest_s: float = 0.0


@dataclass(frozen=True)
class Stop:
    """One visit of a site: one or several bins of one stream emptied together.

    `prize` is what serving is worth in milli-currency; None means worth it whenever it fits. `window` is
    (earliest, latest) start of service in seconds of the day. The trip that serves the stop may not leave its depot
    or dump before `release_s`. `bins` names the containers of a cluster.
    """

    id: str
    lat: float
    lon: float
    volume_l: int
    weight_kg: int
    service_s: int
    stream: str
    must_serve: bool = False
    prize: int | None = None
    window: tuple[int, int] | None = None
    release_s: int = 0
    bins: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """A depot or a dump, where emptying the truck takes `service_s` (at a depot only for a reload there)."""

    id: str
    lat: float
    lon: float
    service_s: int = 0


@dataclass(frozen=True)
class Rest:
    """A break between two visits: begun from `earliest_s` to `latest_s`; a truck home by `latest_s` needs none."""

    earliest_s: int
    latest_s: int
    duration_s: int


@dataclass(frozen=True)
class Truck:
    """A truck of one shift; `streams` empty means it takes every stream.

    It leaves at `shift_start_s` and its seconds count from then; with `late_start` it leaves as late as its visits
    allow, and its seconds count from leaving. `max_duration_s` bounds those seconds, `max_drive_s` the driving in
    them, `max_metres` the way, `max_trips` how often it may unload (1 = no dump or reload on the way; None = as often
    as fits). `end_depot` None means `depot`. For a round already begun: `locked` stops are served first and in this
    order, windows forgiven, from point `start_at` with `load_l` and `load_kg` on board.
    """

    name: str
    capacity_l: int
    capacity_kg: int
    streams: frozenset[str] = frozenset()
    shift_start_s: int = 0
    shift_end_s: int = 8 * 3600
    cost_per_km: float = 1.0
    cost_per_hour: float = 30.0
    g_co2e_per_km: float = 1000.0
    depot: int = 0
    fixed_cost: float = 0.0
    rest: Rest | None = None
    end_depot: int | None = None
    max_trips: int | None = None
    max_metres: int | None = None
    max_drive_s: int | None = None
    max_duration_s: int | None = None
    late_start: bool = False
    locked: tuple[str, ...] = ()
    load_l: int = 0
    load_kg: int = 0
    start_at: int | None = None

    def takes(self, stream: str) -> bool:
        """Whether the truck may carry the stream."""
        return not self.streams or stream in self.streams

    @property
    def start_point(self) -> int:
        """The point where its round begins."""
        return self.depot if self.start_at is None else self.start_at

    @property
    def end_point(self) -> int:
        """The depot where its round ends."""
        return self.depot if self.end_depot is None else self.end_depot


@dataclass(frozen=True, eq=False)
class Problem:
    """Stops, trucks, depots, dumps and travel between them; raises BadData for what cannot be planned.

    `metres` and `seconds`: shape (n, n) with n = len(depots) + len(dumps) + len(stops). Without dumps a truck makes
    one trip and unloads at its depot; with `reload_at_depot` it may return there and go out again. With dumps its
    last trip ends at one. `weights` override `goal`.
    """

    stops: tuple[Stop, ...]
    trucks: tuple[Truck, ...]
    depots: tuple[Place, ...]
    dumps: tuple[Place, ...]
    metres: IntMatrix = field(repr=False)
    seconds: IntMatrix = field(repr=False)
    goal: Goal = Goal.balanced
    max_seconds: int | None = None
    weights: Weights | None = None
    reload_at_depot: bool = False

    def __post_init__(self) -> None:
        if self.size > MOST_POINTS:
            raise BadData(
                f"{len(self.stops)} stops are more than one plan holds ({MOST_POINTS}); plan them district by district"
            )
        same = self.seconds is self.metres
        object.__setattr__(self, "metres", _whole(self.metres, self.size, "metres"))
        object.__setattr__(self, "seconds", self.metres if same else _whole(self.seconds, self.size, "seconds"))
        _refuse_impossible(self)

    @property
    def size(self) -> int:
        """Number of points."""
        return len(self.depots) + len(self.dumps) + len(self.stops)

    @cached_property
    def first_dump(self) -> int:
        """Point of the first dump."""
        return len(self.depots)

    @cached_property
    def first_stop(self) -> int:
        """Point of the first stop."""
        return len(self.depots) + len(self.dumps)

    def is_dump(self, point: int) -> bool:
        """Whether a point of an order is an unloading: a dump, or a depot where the truck reloads."""
        return point < self.first_stop

    def stop_at(self, point: int) -> Stop:
        """The stop of a point."""
        return self.stops[point - self.first_stop]

    def index_of(self, stop_id: str) -> int:
        """Which of `stops` has the name. Raises BadData where none has."""
        for index, stop in enumerate(self.stops):
            if stop.id == stop_id:
                return index
        raise BadData(f"the problem has no stop {stop_id}")

    def place_at(self, point: int) -> Place:
        """The depot or dump of a point."""
        return self.depots[point] if point < self.first_dump else self.dumps[point - self.first_dump]

    def id_at(self, point: int) -> str:
        """The name of any point."""
        return self.place_at(point).id if self.is_dump(point) else self.stop_at(point).id

    def shift_end(self, truck: Truck) -> int:
        """When the truck must be back: its shift's end, or earlier when `max_seconds` says so."""
        if self.max_seconds is None:
            return truck.shift_end_s
        return min(truck.shift_end_s, truck.shift_start_s + self.max_seconds)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of everything that the plan depends on; fields left at their default do not change it."""
        words: dict[str, Any] = {
            "stops": [_said(stop, NEWER_STOP) for stop in self.stops],
            "trucks": [_said(truck, NEWER_TRUCK) | {"streams": sorted(truck.streams)} for truck in self.trucks],
            "places": [asdict(place) for place in (*self.depots, *self.dumps)],
            "goal": self.goal,
            "max_seconds": self.max_seconds,
        }
        if self.weights is not None or self.reload_at_depot:
            words["weights"] = None if self.weights is None else asdict(self.weights)
            words["reload_at_depot"] = self.reload_at_depot
        digest = hashlib.sha256(json.dumps(words, sort_keys=True).encode())
        digest.update(self.metres.tobytes())
        digest.update(self.seconds.tobytes())
        return digest.hexdigest()


NEWER_STOP = frozenset({"release_s", "bins"})
OLDER_TRUCK = frozenset({
    "name", "capacity_l", "capacity_kg", "streams", "shift_start_s", "shift_end_s",
    "cost_per_km", "cost_per_hour", "g_co2e_per_km", "depot",
})  # fmt: skip
NEWER_TRUCK = frozenset(each.name for each in fields(Truck)) - OLDER_TRUCK


def _said(value: Stop | Truck, newer: frozenset[str]) -> dict[str, Any]:
    """The fields as JSON takes them; newer ones only where they are not at their default, so old hashes stay."""
    default = {each.name: each.default for each in fields(value)}
    said = asdict(value)
    return {name: each for name, each in said.items() if name not in newer or getattr(value, name) != default[name]}


def _whole(matrix: npt.ArrayLike, size: int, name: str) -> IntMatrix:
    """The matrix as integers, or BadData that says what is wrong with it."""
    try:
        values = np.asarray(matrix)
        if values.dtype != np.int64:
            values = np.asarray(matrix, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadData(f"the {name} matrix holds something that is not a number") from error
    if values.shape != (size, size):
        raise BadData(f"the {name} matrix has shape {values.shape}; {size} depots, dumps and stops need {(size, size)}")
    if values.size and not (np.isfinite(values.min()) and values.min() >= 0 and values.max() <= LONGEST):
        raise BadData(f"the {name} matrix holds a value that is missing, negative or above {LONGEST}")
    if values.dtype == np.int64 and not values.flags.writeable and not np.diagonal(values).any():
        return np.ascontiguousarray(values)
    whole = np.array(values if values.dtype == np.int64 else np.rint(values), dtype=np.int64, order="C")
    np.fill_diagonal(whole, 0)
    whole.setflags(write=False)
    return whole


def _refuse_impossible(problem: Problem) -> None:
    """BadData for a problem that contradicts itself; what merely cannot be served becomes a reason in the plan."""
    if not problem.depots:
        raise BadData("a routing problem needs at least one depot")
    for kind, names in {
        "stop": [stop.id for stop in problem.stops],
        "truck": [truck.name for truck in problem.trucks],
        "depot or dump": [place.id for place in (*problem.depots, *problem.dumps)],
    }.items():
        if len(set(names)) != len(names):
            raise BadData(f"two entries share one {kind} name")
    both = {stop.id for stop in problem.stops} & {place.id for place in (*problem.depots, *problem.dumps)}
    if both:
        raise BadData(f"a stop has the name of a depot or dump: {', '.join(sorted(both))}")
    for stop in problem.stops:
        _refuse_stop(stop)
    for truck in problem.trucks:
        _refuse_truck(truck, problem)
    _refuse_locks(problem)
    if any(not 0 <= place.service_s <= LONGEST for place in (*problem.depots, *problem.dumps)):
        raise BadData("a dump's service time must be a number from 0")
    if problem.max_seconds is not None and problem.max_seconds < 0:
        raise BadData("max_seconds must not be negative")
    if problem.weights and not all(0 <= weight <= LONGEST for weight in asdict(problem.weights).values()):
        raise BadData("weights must be numbers from 0")


FROM_0 = f" from 0 to {LONGEST}"


def _all_whole(*numbers: int) -> bool:
    return all(isinstance(number, Integral) and 0 <= number <= LONGEST for number in numbers)


def _refuse_stop(stop: Stop) -> None:
    if not _all_whole(stop.volume_l, stop.weight_kg, stop.service_s, stop.release_s):
        raise BadData(f"stop {stop.id}: volume, weight, service and release time must be whole numbers{FROM_0}")
    if stop.prize is not None and not 0 <= stop.prize <= LONGEST:
        raise BadData(f"stop {stop.id}: the prize must be from 0 to {LONGEST} milli-currency")
    if stop.window is not None and not _all_whole(*stop.window):
        raise BadData(f"stop {stop.id}: the window must be two whole numbers{FROM_0}")
    if stop.window is not None and stop.window[0] > stop.window[1]:
        raise BadData(f"stop {stop.id}: the window ends before it begins")


def _refuse_truck(truck: Truck, problem: Problem) -> None:
    for depot in (truck.depot, truck.end_point):
        if not 0 <= depot < len(problem.depots):
            raise BadData(f"truck {truck.name}: there is no depot number {depot}")
    if not 0 <= truck.start_point < problem.size:
        raise BadData(f"truck {truck.name}: there is no point number {truck.start_point}")
    rates = (truck.cost_per_km, truck.cost_per_hour, truck.g_co2e_per_km, truck.fixed_cost)
    if not all(0 <= rate <= LONGEST for rate in rates):
        raise BadData(f"truck {truck.name}: rates must be numbers{FROM_0}")
    if not _all_whole(truck.capacity_l, truck.capacity_kg, truck.load_l, truck.load_kg):
        raise BadData(f"truck {truck.name}: capacities and loads must be whole numbers{FROM_0}")
    if not 0 <= truck.shift_start_s <= truck.shift_end_s <= LONGEST:
        raise BadData(f"truck {truck.name}: the shift ends before it begins")
    limits = (truck.max_trips, truck.max_metres, truck.max_drive_s, truck.max_duration_s)
    if not _all_whole(*(limit for limit in limits if limit is not None)) or truck.max_trips == 0:
        raise BadData(f"truck {truck.name}: its limits must be whole numbers{FROM_0}, its trips from 1")
    rest = truck.rest
    if rest and not _all_whole(rest.earliest_s, rest.latest_s, rest.duration_s):
        raise BadData(f"truck {truck.name}: the break's times must be whole numbers{FROM_0}")
    if rest and rest.earliest_s > rest.latest_s:
        raise BadData(f"truck {truck.name}: the break ends before it begins")


def _refuse_locks(problem: Problem) -> None:
    locked = [stop_id for truck in problem.trucks for stop_id in truck.locked]
    if locked:
        unknown = sorted(set(locked) - {stop.id for stop in problem.stops})
        if unknown:
            raise BadData(f"locked stops that the problem does not have: {', '.join(unknown)}")
        if len(set(locked)) != len(locked):
            raise BadData("one stop is locked to two trucks")
