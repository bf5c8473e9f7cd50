"""From a file's own numbers to whole ones: how each family of benchmarks rounds, checked against published routes.

`round`: CVRPLIB, distances to the nearest integer. `dimacs`: the 12th DIMACS challenge, everything times ten and cut.
`exact`: everything times a thousand and rounded, for costs published from unrounded distances. A published solution
decides: the convention by which its routes cost what it says is the file's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from domain.errors import BadData
from evals.routing.best import Published
from evals.routing.check import cost_of
from evals.routing.instances import NO_LIMIT, Instance, Route, Vehicle, Whole

Reals = npt.NDArray[np.float64]
Rounding = Callable[[Reals], Whole]

ROUNDINGS: dict[str, tuple[float, Rounding]] = {
    "round": (1.0, lambda values: np.round(values).astype(np.int64)),
    "dimacs": (10.0, lambda values: (10 * values).astype(np.int64)),
    "exact": (1000.0, lambda values: np.round(1000 * values).astype(np.int64)),
}
CONVENTION_OF = {
    "vrptw": "dimacs", "pcvrptw": "dimacs", "mtvrptwr": "dimacs",
    "mdvrptw": "exact", "sdvrptw": "exact", "hfvrp": "exact",
}  # fmt: skip
"""As the PyVRP project's benchmarking page has them; any other kind is rounded."""
WHOLE_UNITS = {"vrptw"}  # kinds whose solution files give the cost before it is scaled
SPARE_SHARE, SPARE_VEHICLES = 1.3, 5
"""Vehicles of a fleet that the file leaves open: so many times what the demand needs, and so many more."""
UNROUNDED = 2e-5  # how far a sum of a thousand distances, each rounded at the third decimal, may be off

SAME = 0.01  # two costs in whole numbers, one of them written with a decimal point


@dataclass(frozen=True, eq=False)
class Raw:
    """An instance in its file's own numbers, one row a point, depots first; `edges` None means Euclidean.

    `latest` may hold infinity. A fleet that the file leaves open is empty, and its vehicles all take `capacity`.
    """

    name: str
    kind: str
    depots: int
    places: Reals = field(repr=False)
    demand: Reals = field(repr=False)
    service: Reals = field(repr=False)
    earliest: Reals = field(repr=False)
    latest: Reals = field(repr=False)
    release: Reals = field(repr=False)
    prize: Reals = field(repr=False)
    vehicles: tuple[RawVehicle, ...] = field(repr=False)
    edges: Reals | None = field(default=None, repr=False)
    capacity: float = math.inf


@dataclass(frozen=True)
class RawVehicle:
    """One vehicle in the file's own numbers; infinity for what is not limited."""

    capacity: float = math.inf
    depot: int = 0
    fixed_cost: float = 0.0
    cost_per_distance: int = 1
    max_duration: float = math.inf
    max_distance: float = math.inf
    allowed: frozenset[int] | None = None
    reloads_at: tuple[int, ...] = ()
    max_reloads: float = math.inf


def instance_of(raw: Raw, known: Published | None) -> Instance:
    """The instance in whole numbers, with its best-known cost in them.

    Raises BadData for numbers that overflow, and for published routes that cost something else by every convention.
    """
    first = "exact" if known is not None and known.exact else CONVENTION_OF.get(raw.kind, "round")
    made = _scaled(raw, first, len(known.routes) if known else 0)
    if known is None:
        return made
    if not known.routes:
        return replace(made, unit=_unit(raw.kind, first), best_known=round(known.cost * _unit(raw.kind, first)))
    for convention in dict.fromkeys((first, *ROUNDINGS)):
        tried = made if convention == first else _scaled(raw, convention, len(known.routes))
        cost = _cost_of_published(tried, known)
        for unit in (1.0, ROUNDINGS[convention][0]):
            if abs(cost - known.cost * unit) <= (UNROUNDED * cost if convention == "exact" else SAME):
                return replace(tried, unit=unit, best_known=round(known.cost * unit))
    raise BadData(
        f"{raw.name}: the published routes cost {_cost_of_published(made, known)}, the file says {known.cost:g}"
    )


def _unit(kind: str, convention: str) -> float:
    """What one unit of a cost that comes without routes is worth."""
    return ROUNDINGS[convention][0] if kind in WHOLE_UNITS or convention == "exact" else 1.0


def _cost_of_published(instance: Instance, known: Published) -> int:
    if any(not 0 <= point < len(instance.demand) for route in known.routes for point in route):
        raise BadData(f"{instance.name}: the published routes name points that the instance does not have")
    return cost_of(instance, published_routes(instance, known))


def published_routes(instance: Instance, known: Published) -> list[Route]:
    """The published solution; its routes stand in the order of the vehicles."""
    if len(known.routes) > len(instance.vehicles):
        raise BadData(f"{instance.name}: {len(known.routes)} published routes, {len(instance.vehicles)} vehicles")
    return [Route(vehicle, points) for vehicle, points in enumerate(known.routes)]


def _scaled(raw: Raw, convention: str, routes: int) -> Instance:
    rounding = ROUNDINGS[convention][1]
    loads = _loads(raw)
    distance = _distances(raw, rounding)
    demand = np.round(raw.demand * loads).astype(np.int64)
    earliest, latest = rounding(raw.earliest), _bounded(raw.latest, rounding)
    prize = rounding(raw.prize)
    vehicles = raw.vehicles or (RawVehicle(raw.capacity),) * max(_fleet(raw), routes)
    made = Instance(
        name=raw.name,
        kind=raw.kind,
        convention=convention,
        depots=raw.depots,
        dumps=0,
        distance=distance,
        duration=distance,
        places=raw.places,
        demand=demand,
        service=rounding(raw.service),
        earliest=earliest,
        latest=latest,
        release=rounding(raw.release),
        prize=prize,
        required=prize == 0,
        vehicles=tuple(_vehicle(each, (earliest, latest), rounding, loads) for each in vehicles),
        load_unit=loads,
    )
    return _checked(made)


def _loads(raw: Raw) -> int:
    """1 where all loads are whole numbers, else 1000: loads do not follow the convention of distances."""
    limits = [each.capacity for each in raw.vehicles if math.isfinite(each.capacity)]
    return 1 if all(float(load).is_integer() for load in [*raw.demand, *limits]) else 1000


def _fleet(raw: Raw) -> int:
    if math.isinf(raw.capacity) or raw.capacity <= 0:
        return 1
    return math.ceil(SPARE_SHARE * float(raw.demand.sum()) / raw.capacity) + SPARE_VEHICLES


def _bounded(values: Reals, rounding: Rounding) -> Whole:
    return np.where(np.isinf(values), NO_LIMIT, rounding(np.where(np.isinf(values), 0, values)))


def _distances(raw: Raw, rounding: Rounding) -> Whole:
    """Row by row, because a square of reals for 6,000 stops would take what the whole run may."""
    n = len(raw.places)
    made = np.empty((n, n), dtype=np.int64)
    for point in range(n):
        row = raw.edges[point] if raw.edges is not None else np.sqrt(((raw.places - raw.places[point]) ** 2).sum(1))
        made[point] = rounding(row)
    np.fill_diagonal(made, 0)
    made.setflags(write=False)
    return made


def _vehicle(each: RawVehicle, windows: tuple[Whole, Whole], rounding: Rounding, loads: int) -> Vehicle:
    def limit(value: float) -> int:
        return NO_LIMIT if math.isinf(value) else int(rounding(np.array(value, dtype=np.float64)))

    reloads = each.max_reloads if each.reloads_at else 0
    return Vehicle(
        capacity=NO_LIMIT if math.isinf(each.capacity) else round(each.capacity * loads),
        start=each.depot,
        end=each.depot,
        earliest=int(windows[0][each.depot]),
        latest=int(windows[1][each.depot]),
        fixed_cost=limit(each.fixed_cost),
        cost_per_distance=each.cost_per_distance,
        max_duration=limit(each.max_duration),
        max_distance=limit(each.max_distance),
        allowed=each.allowed,
        unloads_at=each.reloads_at,
        max_trips=None if math.isinf(reloads) else int(reloads) + 1,
    )


def _checked(instance: Instance) -> Instance:
    largest = int(instance.distance.max(initial=0))
    if largest > NO_LIMIT or int(instance.distance.min(initial=0)) < 0:
        raise BadData(f"{instance.name}: a distance of {largest} is negative or too large to plan with")
    if (bad := np.flatnonzero(instance.earliest > instance.latest)).size:
        raise BadData(f"{instance.name}: the window of point {bad[0] + 1} ends before it begins")
    if (bad := np.flatnonzero((instance.demand < 0) | (instance.service < 0) | (instance.prize < 0))).size:
        raise BadData(f"{instance.name}: point {bad[0] + 1} has a negative demand, service time or prize")
    return instance


def column(values: Sequence[float]) -> Reals:
    """A list of reals as an array."""
    return np.array(values, dtype=np.float64)
