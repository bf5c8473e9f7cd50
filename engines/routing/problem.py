"""The routing problem and its answer: frozen values, integer metres and seconds, litres, kilograms.

Points of the matrices stand in this order: depots, dumps, stops. Money is milli-currency (1/1000 of the city's
currency) wherever it is compared with a prize, and plain currency in what a person reads.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cached_property

import numpy as np
import numpy.typing as npt

from domain.errors import BadData

IntMatrix = npt.NDArray[np.int64]
LOOKS_PER_SECOND, LOOKS_TIMES_STOPS2 = 266_000, 4e9  # measured: 266,000 /s at 95 and 123 stops, 80,000 /s at 235
FEWEST_LOOKS = 1_000
BRAKE_S, BRAKE_TIMES = 3.0, 3.0  # the clock's part: a machine four times as slow still finishes by its looks
LONGEST = 1_000_000_000  # metres or seconds of one leg; above it sums could overflow the solver's integers


class Goal(StrEnum):
    """What a plan makes small: money, hours, emissions, or money and the longest round together."""

    cost = "cost"
    time = "time"
    emissions = "emissions"
    balanced = "balanced"


class Why(StrEnum):
    """Why a stop is not served."""

    no_truck = "no_truck"
    no_truck_for_stream = "no_truck_for_stream"
    too_large = "too_large"
    shift_too_short = "shift_too_short"
    window_closed = "window_closed"
    fleet_full = "fleet_full"
    cheaper_to_skip = "cheaper_to_skip"


@dataclass(frozen=True)
class Stop:
    """One visit of a site: one or several bins of one stream emptied together.

    `prize` is what serving is worth in milli-currency; None means worth it whenever it fits. `window` is
    (earliest, latest) start of service in seconds of the day.
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


@dataclass(frozen=True)
class Place:
    """A depot (service_s unused) or a dump, where emptying the truck takes `service_s`."""

    id: str
    lat: float
    lon: float
    service_s: int = 0


@dataclass(frozen=True)
class Truck:
    """A truck of one shift; `streams` empty means it takes every stream."""

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

    def takes(self, stream: str) -> bool:
        """Whether the truck may carry the stream."""
        return not self.streams or stream in self.streams


@dataclass(frozen=True, eq=False)
class Problem:
    """Stops, trucks, depots, dumps and travel between them; raises BadData for what cannot be planned.

    `metres` and `seconds`: shape (n, n) with n = len(depots) + len(dumps) + len(stops). Without dumps a truck makes
    one trip and unloads at its depot.
    """

    stops: tuple[Stop, ...]
    trucks: tuple[Truck, ...]
    depots: tuple[Place, ...]
    dumps: tuple[Place, ...]
    metres: IntMatrix = field(repr=False)
    seconds: IntMatrix = field(repr=False)
    goal: Goal = Goal.balanced
    max_seconds: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "metres", _whole(self.metres, self.size, "metres"))
        object.__setattr__(self, "seconds", _whole(self.seconds, self.size, "seconds"))
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
        """Whether a point is a dump."""
        return self.first_dump <= point < self.first_stop

    def stop_at(self, point: int) -> Stop:
        """The stop of a point."""
        return self.stops[point - self.first_stop]

    def shift_end(self, truck: Truck) -> int:
        """When the truck must be back: its shift's end, or earlier when `max_seconds` says so."""
        if self.max_seconds is None:
            return truck.shift_end_s
        return min(truck.shift_end_s, truck.shift_start_s + self.max_seconds)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of everything that the plan depends on."""
        words = {
            "stops": [asdict(stop) for stop in self.stops],
            "trucks": [asdict(truck) | {"streams": sorted(truck.streams)} for truck in self.trucks],
            "places": [asdict(place) for place in (*self.depots, *self.dumps)],
            "goal": self.goal,
            "max_seconds": self.max_seconds,
        }
        digest = hashlib.sha256(json.dumps(words, sort_keys=True).encode())
        digest.update(self.metres.tobytes())
        digest.update(self.seconds.tobytes())
        return digest.hexdigest()


def _whole(matrix: npt.ArrayLike, size: int, name: str) -> IntMatrix:
    """The matrix as integers, or BadData that says what is wrong with it."""
    try:
        values = np.asarray(matrix, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadData(f"the {name} matrix holds something that is not a number") from error
    if values.shape != (size, size):
        raise BadData(f"the {name} matrix has shape {values.shape}; {size} depots, dumps and stops need {(size, size)}")
    if not np.isfinite(values).all() or (values < 0).any() or (values > LONGEST).any():
        raise BadData(f"the {name} matrix holds a value that is missing, negative or above {LONGEST}")
    whole = np.rint(values).astype(np.int64)
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
    for stop in problem.stops:
        _refuse_stop(stop)
    for truck in problem.trucks:
        _refuse_truck(truck, len(problem.depots))
    if any(not 0 <= dump.service_s <= LONGEST for dump in problem.dumps):
        raise BadData("a dump's service time must be a number from 0")
    if problem.max_seconds is not None and problem.max_seconds < 0:
        raise BadData("max_seconds must not be negative")


def _refuse_stop(stop: Stop) -> None:
    if not all(0 <= number <= LONGEST for number in (stop.volume_l, stop.weight_kg, stop.service_s)):
        raise BadData(f"stop {stop.id}: volume, weight and service time must be numbers from 0")
    if stop.prize is not None and not 0 <= stop.prize <= LONGEST:
        raise BadData(f"stop {stop.id}: the prize must be from 0 to {LONGEST} milli-currency")
    if stop.window is not None and not 0 <= stop.window[0] <= stop.window[1]:
        raise BadData(f"stop {stop.id}: the window ends before it begins")


def _refuse_truck(truck: Truck, depots: int) -> None:
    if not 0 <= truck.depot < depots:
        raise BadData(f"truck {truck.name}: there is no depot number {truck.depot}")
    numbers = (truck.capacity_l, truck.capacity_kg, truck.cost_per_km, truck.cost_per_hour, truck.g_co2e_per_km)
    if not all(0 <= number <= LONGEST for number in numbers):
        raise BadData(f"truck {truck.name}: capacities and rates must be numbers from 0")
    if not 0 <= truck.shift_start_s <= truck.shift_end_s <= LONGEST:
        raise BadData(f"truck {truck.name}: the shift ends before it begins")


# ---------------------------------------------------------------- the answer


@dataclass(frozen=True)
class Leg:
    """One drive between two places."""

    from_id: str
    to_id: str
    metres: int
    seconds: int


@dataclass(frozen=True)
class Visit:
    """A stop or a dump trip: `load_l`, `load_kg` on the truck after it (0 after a dump)."""

    stop_id: str
    arrival_s: int
    depart_s: int
    load_l: int
    load_kg: int
    metres: int
    seconds: int
    is_dump: bool = False


@dataclass(frozen=True)
class TruckRound:
    """What one truck does: visits with dump trips among them, then `home` back to the depot.

    `metres`, `seconds` (leaving to returning), `volume_l` and `weight_kg` in all; `trips` is how often it unloads.
    """

    truck: str
    visits: tuple[Visit, ...]
    home: Leg | None
    metres: int
    seconds: int
    volume_l: int
    weight_kg: int
    trips: int
    cost: float
    g_co2e: float

    @property
    def stop_ids(self) -> tuple[str, ...]:
        """Stops in driving order, dumps left out."""
        return tuple(visit.stop_id for visit in self.visits if not visit.is_dump)


@dataclass(frozen=True)
class Unserved:
    """A stop left out: the reason's code, a sentence, and for a skip its prize and what serving costs at least."""

    stop_id: str
    why: Why
    text: str
    prize: int | None = None
    cost_milli: int | None = None


@dataclass(frozen=True)
class RoundPlan:
    """One round per truck (empty ones included), the unserved stops with reasons, and the totals.

    `objective` is milli-currency under the problem's goal, prizes of skipped stops added; `gap` the share above a
    proven bound, None where no bound is known. `core` names what found the plan.
    """

    rounds: tuple[TruckRound, ...]
    unserved: tuple[Unserved, ...]
    metres: int
    seconds: int
    cost: float
    g_co2e: float
    objective: int
    gap: float | None
    core: str
    seed: int
    problem_hash: str

    @property
    def served(self) -> tuple[str, ...]:
        """Every served stop."""
        return tuple(stop_id for each in self.rounds for stop_id in each.stop_ids)

    def round_of(self, stop_id: str) -> TruckRound | None:
        """The round that serves a stop."""
        return next((each for each in self.rounds if stop_id in each.stop_ids), None)


@dataclass(frozen=True)
class StopRule:
    """When to stop looking: wall seconds, improved-and-accepted solutions or looks, whichever comes first.

    A look is one time that the search asks whether to go on, about once for each change of the plan it tries. A run
    that ends by `max_solutions` or `max_looks` is the same on every machine; one that ends by the clock need not be.
    """

    max_seconds: float = 5.0
    max_solutions: int = 200
    max_looks: int | None = None

    @classmethod
    def of_work(cls, stops: int, quiet_s: float) -> StopRule:
        """As many looks as a quiet core does in about `quiet_s` seconds; the clock is only the emergency brake."""
        looks = max(FEWEST_LOOKS, round(quiet_s * min(LOOKS_PER_SECOND, LOOKS_TIMES_STOPS2 / max(stops, 1) ** 2)))
        return cls(max_seconds=BRAKE_S + BRAKE_TIMES * quiet_s if quiet_s > 0 else 0.0, max_looks=looks)
