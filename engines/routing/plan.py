"""The answer to a routing problem: rounds, the stops left out with their reasons, and the totals."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

STOPPED_BY_CLOCK = "stopped by the clock"
ENDED_EARLY = "ended early on request"
MEANWHILE = " while the annealer is compiled"
WITHOUT_NUMBA = " without the annealer"
UNTIL_TIME_WAS_UP = " until its time was up"


class Why(StrEnum):
    """Why a stop is not served."""

    no_truck = "no_truck"
    no_truck_for_stream = "no_truck_for_stream"
    too_large = "too_large"
    shift_too_short = "shift_too_short"
    window_closed = "window_closed"
    fleet_full = "fleet_full"
    cheaper_to_skip = "cheaper_to_skip"
    no_way = "no_way"
    too_late_ready = "too_late_ready"


@dataclass(frozen=True)
class Leg:
    """One drive between two places."""

    from_id: str
    to_id: str
    metres: int
    seconds: int


@dataclass(frozen=True)
class Visit:
    """A stop or an unloading: `load_l`, `load_kg` on the truck after it (0 after unloading).

    `arrival_s` is when the truck gets there; a truck that must wait for what is released later waits where the trip
    begins, so the wait lies between the last `depart_s` and this leg. `is_dump` is true for a dump and for a reload
    at the depot.
    """

    stop_id: str
    arrival_s: int
    depart_s: int
    load_l: int
    load_kg: int
    metres: int
    seconds: int
    is_dump: bool = False


@dataclass(frozen=True)
class RestTaken:
    """The break: begun at `begin_s` after so many visits (0 = before leaving)."""

    after_visits: int
    begin_s: int
    end_s: int


@dataclass(frozen=True)
class TruckRound:
    """What one truck does: visits with dump trips among them, then `home` back to the depot.

    `metres`, `seconds` (from `leave_s` to returning), `volume_l` and `weight_kg` in all; `trips` is how often it
    unloads. `leave_s` is None for an idle truck.
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
    leave_s: int | None = None
    rest: RestTaken | None = None

    @property
    def stop_ids(self) -> tuple[str, ...]:
        """Stops in driving order, dumps left out."""
        return tuple(visit.stop_id for visit in self.visits if not visit.is_dump)


@dataclass(frozen=True)
class Unserved:
    """A stop left out: the reason's code, a sentence, and for a skip its prize and what the cheapest place found for it
    costs, which a better one may undercut."""

    stop_id: str
    why: Why
    text: str
    prize: int | None = None
    cost_milli: int | None = None


@dataclass(frozen=True)
class RoundPlan:
    """One round per truck (empty ones included), the unserved stops with reasons, and the totals.

    `objective` is milli-currency under the problem's goal, prizes of skipped stops added; `gap` the share above a
    proven bound, None where no bound is known. `core` names what found the plan; `verdicts` are sentences about what
    no plan of this problem can do.
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
    verdicts: tuple[str, ...] = ()

    @property
    def repeatable(self) -> bool:
        """Whether the same search gives it again: no person, clock, busy machine or missing part ended it."""
        unlike = (MEANWHILE, WITHOUT_NUMBA, UNTIL_TIME_WAS_UP)
        return self.core not in (STOPPED_BY_CLOCK, ENDED_EARLY) and not self.core.endswith(unlike)

    @property
    def served(self) -> tuple[str, ...]:
        """Every served stop."""
        return tuple(stop_id for each in self.rounds for stop_id in each.stop_ids)

    def round_of(self, stop_id: str) -> TruckRound | None:
        """The round that serves a stop."""
        return next((each for each in self.rounds if stop_id in each.stop_ids), None)
