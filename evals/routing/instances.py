"""A routing benchmark as plain arrays, and the same as a problem of the route engine.

Points stand in this order: depots, dumps, stops. Distances, times and costs are whole numbers in the unit that the
benchmark's own convention gives them; a cost is distance times each vehicle's rate, fixed costs of the vehicles that
leave, and the prizes of the stops left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from engines.routing.problem import Goal, Place, Problem, Stop, Truck

__all__ = ["NO_LIMIT", "Instance", "Route", "Vehicle", "Whole", "alike", "as_problem", "point_of"]

Whole = npt.NDArray[np.int64]
NO_LIMIT = 1_000_000_000
"""Stands for no limit: longer than any day, larger than any load."""
ANYTHING, NOTHING = "anything", "nothing"
VERY_LARGE = 2000  # stops above which a kind is reported apart


@dataclass(frozen=True)
class Vehicle:
    """One vehicle. `allowed`: the stops it may serve, None for all. `unloads_at`: points where it may unload between
    two trips; `max_trips` None for as many as fit. `max_duration` runs from leaving to returning; it may leave late.
    """

    capacity: int
    start: int = 0
    end: int = 0
    earliest: int = 0
    latest: int = NO_LIMIT
    fixed_cost: int = 0
    cost_per_distance: int = 1
    max_duration: int = NO_LIMIT
    max_distance: int = NO_LIMIT
    allowed: frozenset[int] | None = None
    unloads_at: tuple[int, ...] = ()
    max_trips: int | None = 1
    ends_empty: bool = False


@dataclass(frozen=True, eq=False)
class Instance:
    """A benchmark instance; arrays have one entry a point, matrices one row a point.

    `prize` is lost when a stop that is not `required` is left out. `release`: no trip that serves the stop may leave
    its depot before. `unit` is what one published unit of cost is in these numbers, `load_unit` one of load.
    `best_known` is None where nobody published one. `notes` say what was added to the file to make it a whole problem.
    """

    name: str
    kind: str
    convention: str
    depots: int
    dumps: int
    distance: Whole = field(repr=False)
    duration: Whole = field(repr=False)
    places: npt.NDArray[np.float64] = field(repr=False)
    demand: Whole = field(repr=False)
    service: Whole = field(repr=False)
    earliest: Whole = field(repr=False)
    latest: Whole = field(repr=False)
    release: Whole = field(repr=False)
    prize: Whole = field(repr=False)
    required: npt.NDArray[np.bool_] = field(repr=False)
    vehicles: tuple[Vehicle, ...] = field(repr=False)
    unit: float = 1.0
    load_unit: int = 1
    best_known: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def first_stop(self) -> int:
        """Point of the first stop."""
        return self.depots + self.dumps

    @property
    def stops(self) -> range:
        """The points that are stops."""
        return range(self.first_stop, len(self.demand))

    @property
    def group(self) -> str:
        """The kind under which its gap is averaged."""
        return f"{self.kind}_xxl" if len(self.stops) > VERY_LARGE else self.kind


@dataclass(frozen=True)
class Route:
    """What one vehicle does: `points` in order, its start and end left out, unloading between trips among them."""

    vehicle: int
    points: tuple[int, ...]


def alike(vehicles: Sequence[Vehicle]) -> dict[Vehicle, list[int]]:
    """The vehicles' indices by type, in the order of their first."""
    types: dict[Vehicle, list[int]] = {}
    for index, vehicle in enumerate(vehicles):
        types.setdefault(vehicle, []).append(index)
    return types


# ---------------------------------------------------------------- as a problem of the engine


def as_problem(instance: Instance) -> Problem:
    """The instance for the route engine: one metre is one milli-currency, so that its objective is the cost.

    Which vehicle may serve which stop becomes a stream: stops that the same vehicles may serve share one.
    """
    streams = _streams(instance)
    reloads = any(vehicle.max_trips != 1 for vehicle in instance.vehicles)
    return Problem(
        stops=tuple(_stop(instance, point, streams[point]) for point in instance.stops),
        trucks=tuple(_truck(index, vehicle, streams) for index, vehicle in enumerate(instance.vehicles)),
        depots=tuple(_place(instance, point) for point in range(instance.depots)),
        dumps=tuple(_place(instance, point) for point in range(instance.depots, instance.first_stop)),
        metres=instance.distance,
        seconds=instance.duration,
        goal=Goal.cost,
        reload_at_depot=reloads and not instance.dumps,
    )


def point_of(name: str) -> int:
    """The point that a depot, dump or stop of `as_problem` stands for."""
    return int(name[1:])


def _streams(instance: Instance) -> dict[int, str]:
    """The stream of each stop: which of the different sets of stops hold it."""
    sets = list(dict.fromkeys(each.allowed for each in instance.vehicles if each.allowed is not None))
    if not sets:
        return dict.fromkeys(instance.stops, ANYTHING)
    named = {stop: "+".join(str(i) for i, held in enumerate(sets) if stop in held) for stop in instance.stops}
    return {stop: f"sets {name}" if name else ANYTHING for stop, name in named.items()}


def _stop(instance: Instance, point: int, stream: str) -> Stop:
    earliest, latest = int(instance.earliest[point]), int(instance.latest[point])
    x, y = instance.places[point]
    required = bool(instance.required[point])
    return Stop(
        id=f"s{point}",
        lat=float(y),
        lon=float(x),
        volume_l=int(instance.demand[point]),
        weight_kg=0,
        service_s=int(instance.service[point]),
        stream=stream,
        must_serve=required,
        prize=None if required else int(instance.prize[point]),
        window=None if (earliest, latest) == (0, NO_LIMIT) else (earliest, latest),
        release_s=int(instance.release[point]),
    )


def _truck(index: int, vehicle: Vehicle, streams: dict[int, str]) -> Truck:
    taken = frozenset[str]()
    if vehicle.allowed is not None:
        taken = frozenset(streams[stop] for stop in vehicle.allowed) or frozenset({NOTHING})
    return Truck(
        name=f"t{index}",
        capacity_l=vehicle.capacity,
        capacity_kg=1,
        streams=taken,
        shift_start_s=vehicle.earliest,
        shift_end_s=vehicle.latest,
        cost_per_km=float(vehicle.cost_per_distance),
        cost_per_hour=0.0,
        g_co2e_per_km=0.0,
        depot=vehicle.start,
        end_depot=None if vehicle.end == vehicle.start else vehicle.end,
        fixed_cost=vehicle.fixed_cost / 1000,
        max_trips=vehicle.max_trips,
        max_metres=None if vehicle.max_distance >= NO_LIMIT else vehicle.max_distance,
        max_duration_s=None if vehicle.max_duration >= NO_LIMIT else vehicle.max_duration,
        late_start=True,
    )


def _place(instance: Instance, point: int) -> Place:
    x, y = instance.places[point]
    return Place(f"p{point}", float(y), float(x), int(instance.service[point]) if point >= instance.depots else 0)
