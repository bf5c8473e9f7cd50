"""What an operation is to the simulator: bins with capacities and positions, trucks, and the ways between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import numpy.typing as npt

from engines.forecast.history import BinHistory
from engines.routing.problem import IntMatrix, Place, Truck

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
WEEK_H = 168
DAY_H = 24
MONDAY_SHIFT_H = 72  # 1970-01-01 was a Thursday
FULL_PCT = 100.0


@dataclass(frozen=True, eq=False)
class Town:
    """Bins in the order of the matrices, which hold depots, dumps and bins (metres, seconds).

    `bins` are the bins' ids; `capacity_l`, `kg_per_l` and `positions` (lat, lon) have one row per bin. `step_pct` is
    the step of the sensors' reports (0: exact), `service_s` the time at a bin. Trucks leave every day.
    """

    name: str
    bins: tuple[str, ...]
    streams: tuple[str, ...]
    sites: tuple[str, ...]
    capacity_l: Floats
    kg_per_l: Floats
    positions: Floats
    trucks: tuple[Truck, ...]
    depots: tuple[Place, ...]
    dumps: tuple[Place, ...]
    metres: IntMatrix = field(repr=False)
    seconds: IntMatrix = field(repr=False)
    service_s: int
    step_pct: float
    currency: str = ""
    notes: tuple[str, ...] = ()

    @property
    def first_bin(self) -> int:
        """Point of the first bin in the matrices."""
        return len(self.depots) + len(self.dumps)

    @property
    def leave_h(self) -> float:
        """Hour of the day at which the first truck leaves and the plan is made."""
        return min(truck.shift_start_s for truck in self.trucks) / 3600

    @property
    def haul_m_per_l(self) -> Floats:
        """Metres to a bin from the dump (or depot) and back, over the litres of the largest truck: shape (n,).

        Summed over what is collected it bounds the way of all loads from below (Haimovich and Rinnooy Kan 1985).
        """
        ends = range(len(self.depots), self.first_bin) if self.dumps else range(len(self.depots))
        first = self.first_bin
        way = np.min([self.metres[end, first:] + self.metres[first:, end] for end in ends], axis=0)
        return np.asarray(way / max(truck.capacity_l for truck in self.trucks))

    @property
    def between_m(self) -> Floats:
        """Metres between bins, shape (n, n), the mean of both directions."""
        between = self.metres[self.first_bin :, self.first_bin :].astype(np.float64)
        return np.asarray((between + between.T) / 2)


@dataclass(frozen=True, eq=False)
class Records:
    """A town, and what is recorded of each of its bins, in the town's order; hours count from 1970-01-01 local."""

    town: Town
    histories: tuple[BinHistory, ...]
    first_h: float
    last_h: float


def monday_before(hour: float) -> int:
    """The Monday midnight at or before an hour."""
    return int((hour + MONDAY_SHIFT_H) // WEEK_H * WEEK_H - MONDAY_SHIFT_H)


def hour_of(moment: datetime) -> float:
    """Hours since 1970-01-01 of a local wall-clock time."""
    return (moment - datetime(1970, 1, 1)).total_seconds() / 3600  # noqa: DTZ001 - wall clocks have no zone


def moment_of(hour: float) -> np.datetime64:
    """The wall-clock time of an hour."""
    return np.datetime64(round(hour * 3600), "s")


def moments_of(hours: Floats | Ints) -> npt.NDArray[np.datetime64]:
    """The wall-clock times of hours."""
    return np.rint(np.asarray(hours, dtype=np.float64) * 3600).astype(np.int64).astype("datetime64[s]")


def day_of(hour: float) -> str:
    """The date of an hour, as people write it."""
    return str(moment_of(hour))[:10]
