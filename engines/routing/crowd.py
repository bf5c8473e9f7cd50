"""More stops than one plan looks at: which of them it is made for, told before any distance is asked.

All distances between 50,000 stops are 2,500 million pairs, and no fleet serves them in one shift. So the plan is made
for stops that a truck can take, of each stream the most urgent first and the nearest to where such a truck begins first
among equals, about twice as many as the hours of the trucks that take them could hold. Every stop that is not planned
for is told with the bound that held: no truck takes it, the trucks' hours, or what one plan looks at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from engines.routing.problem import Place, Stop, Truck

MOST_PLANNED = 1_200  # a first plan of so many takes a second or two
FEWEST_PLANNED = 300  # however short the shifts: few stops leave nothing to choose from
SPARE = 2.0  # stops looked at for each that the hours could hold, so that the search has a choice
LEAST_SERVICE_S = 20  # of a stop whose service takes no time, with the way to it
DEGREE_M = 111_195.0  # one degree of latitude on a sphere of the Earth's mean radius
HOURS = "more urgent or nearer bins are enough for the hours of the trucks that take it"
LOOKS_AT = "one plan looks at {most:,} bins, and more urgent or nearer ones come first"
MUST_WAIT = "one plan looks at {most:,} bins, and more than that must be served"
NO_TRUCK = "there is no truck"
NO_STREAM = "no truck takes {stream}"
TOO_LARGE = "it is more than any truck that takes it can carry"


@dataclass(frozen=True)
class Fleet:
    """The trucks of a round, the depots that they count theirs in, and the bound on each one's seconds of work."""

    trucks: Sequence[Truck]
    depots: Sequence[Place]
    max_seconds: int | None = None

    def seconds(self, truck: Truck) -> int:
        """How long a truck may be out."""
        shift = truck.shift_end_s - truck.shift_start_s
        return shift if self.max_seconds is None else min(shift, self.max_seconds)


@dataclass(frozen=True)
class Chosen:
    """The ids to plan for, in the order in which they were offered; why each other one is not; both in sentences."""

    kept: tuple[str, ...]
    later: Mapping[str, str] = field(default_factory=dict)
    verdicts: tuple[str, ...] = ()


def within_reach(
    stops: Sequence[Stop], urgency: Callable[[Stop], float], fleet: Fleet, most: int = MOST_PLANNED
) -> Chosen:
    """The stops to plan for: all of them where they are no more than `most`, else those that come first.

    Stops that must be served come before all others, whatever their `urgency`.
    """
    if len(stops) <= most:
        return Chosen(tuple(stop.id for stop in stops))
    nobody = _nobody_takes(stops, fleet)
    offered = [stop for stop in stops if stop.id not in nobody]
    urgent = [urgency(stop) for stop in offered]
    later = _later(_in_turn(offered, urgent, fleet), fleet, most) if len(offered) > most else {}
    told = _Told(offered, len({u for u, stop in zip(urgent, offered, strict=True) if not stop.must_serve}) > 1, most)
    return Chosen(
        tuple(stop.id for stop in offered if stop.id not in later),
        {stop.id: why for stop in stops if (why := nobody.get(stop.id) or later.get(stop.id))},
        (*told.kept_and_later(len(stops), later), *_nobody_told(stops, nobody)),
    )


# ---------------------------------------------------------------- which


def _nobody_takes(stops: Sequence[Stop], fleet: Fleet) -> dict[str, str]:
    """Why no truck could take a stop even if it had nothing else to do; nothing where there is no truck at all."""
    takers = {stream: [t for t in fleet.trucks if t.takes(stream)] for stream in {stop.stream for stop in stops}}
    why = {}
    for stop in stops if fleet.trucks else ():
        if not takers[stop.stream]:
            why[stop.id] = NO_STREAM.format(stream=stop.stream)
        elif all(t.capacity_l < stop.volume_l or t.capacity_kg < stop.weight_kg for t in takers[stop.stream]):
            why[stop.id] = TOO_LARGE
    return why


def _in_turn(stops: Sequence[Stop], urgency: Sequence[float], fleet: Fleet) -> list[Stop]:
    """Those that must be served first, then by urgency, the nearest first among equals."""
    must = np.array([not stop.must_serve for stop in stops])
    order = np.lexsort((_metres(stops, fleet), -np.asarray(urgency, dtype=np.float64), must))
    return [stops[i] for i in order]


def _metres(stops: Sequence[Stop], fleet: Fleet) -> npt.NDArray[np.float64]:
    """Straight metres from each stop to the nearest depot of a truck that takes it (any depot where none does), on a
    flat map round the depot: good enough to sort a town by."""
    at = np.array([(stop.lat, stop.lon) for stop in stops])
    metres = np.empty(len(stops))
    for stream in {stop.stream for stop in stops}:
        begins = {t.depot for t in fleet.trucks if t.takes(stream)} or range(len(fleet.depots))
        mine = np.array([stop.stream == stream for stop in stops])
        ways = [_flat(at[mine], fleet.depots[i]) for i in begins]
        metres[mine] = np.min(ways, axis=0)
    return metres


def _flat(at: npt.NDArray[np.float64], depot: Place) -> npt.NDArray[np.float64]:
    north, east = at[:, 0] - depot.lat, (at[:, 1] - depot.lon) * np.cos(np.radians(depot.lat))
    return np.asarray(np.hypot(north, east) * DEGREE_M, dtype=np.float64)


def _later(in_turn: Sequence[Stop], fleet: Fleet, most: int) -> dict[str, str]:
    """Which stops are not planned for and why: each kind of truck gets its share of `most` first, then whoever comes
    first gets what another kind has left."""
    room = _room(in_turn, fleet)
    share = min(1.0, most / sum(room.values()))
    kept: set[str] = set()
    left = {streams: count * share for streams, count in room.items()}
    for stop in in_turn:
        kind = _kind(stop, left)
        if len(kept) < most and (stop.must_serve or kind is not None):
            kept.add(stop.id)
            if kind is not None:
                left[kind] -= 1
    left = {streams: left[streams] + count * (1 - share) for streams, count in room.items()}
    why: dict[str, str] = {}
    for stop in in_turn:
        kind = _kind(stop, left)
        if stop.id in kept:
            continue
        if kind is not None and len(kept) < most:
            kept.add(stop.id)
            left[kind] -= 1
        elif stop.must_serve:
            why[stop.id] = MUST_WAIT.format(most=most)
        else:
            why[stop.id] = (HOURS if fleet.trucks else NO_TRUCK) if kind is None else LOOKS_AT.format(most=most)
    return why


def _room(stops: Sequence[Stop], fleet: Fleet) -> dict[frozenset[str], float]:
    """By the streams that trucks take (none: all), how many stops the hours of those trucks are looked at for."""
    service = max(float(np.median([stop.service_s for stop in stops])), LEAST_SERVICE_S)
    room: dict[frozenset[str], float] = {}
    for truck in fleet.trucks:
        room[truck.streams] = room.get(truck.streams, 0.0) + SPARE * fleet.seconds(truck) / service
    if not room:
        return {frozenset(): float(FEWEST_PLANNED)}
    short = FEWEST_PLANNED - sum(room.values())
    return {streams: count + max(0.0, short) / len(room) for streams, count in room.items()}


def _kind(stop: Stop, left: Mapping[frozenset[str], float]) -> frozenset[str] | None:
    """The kind of truck with room for one more that takes the stop and the fewest other streams."""
    able = [streams for streams, room in left.items() if room >= 0.5 and (not streams or stop.stream in streams)]
    return min(able, key=lambda streams: (not streams, len(streams), sorted(streams)), default=None)


# ---------------------------------------------------------------- words


@dataclass(frozen=True)
class _Told:
    """What is said of the stops that trucks can take; `apart`: some are more urgent than others."""

    offered: Sequence[Stop]
    apart: bool
    most: int

    def kept_and_later(self, of: int, later: Mapping[str, str]) -> tuple[str, ...]:
        """How many are planned for and which, how many stay and by which bound, and how many of them must be served."""
        if not later:
            return ()
        kept = len(self.offered) - len(later)
        each = " of each stream" if len({stop.stream for stop in self.offered}) > 1 else ""
        first = f"{kept:,} most urgent{each} were planned for, the nearest first among equals"
        if not self.apart:
            first = f"{kept:,} nearest{each} to where the trucks begin were planned for"
        bounds = Counter(CLAUSES.get(why, PLAN_FULL) for why in later.values())
        stay = [f"{count:,} stay for later rounds, {clause}" for clause, count in bounds.items()]
        must = sum(stop.must_serve and stop.id in later for stop in self.offered)
        said = f"{of:,} bins are more than one plan looks at: the {first}; of the others {' and '.join(stay)}."
        if not must:
            return (said,)
        return (said, f"{must:,} bins that must be served are among those that stay: plan them area by area.")


CLAUSES = {HOURS: "as the trucks' hours hold no more", NO_TRUCK: "as there is no truck"}
PLAN_FULL = "as one plan looks at no more, not for want of hours: plan area by area to have them looked at"


def _nobody_told(stops: Sequence[Stop], nobody: Mapping[str, str]) -> list[str]:
    """A sentence for each reason why no truck can take stops, with those among them that must be served."""
    said = []
    for why, count in Counter(nobody.values()).items():
        must = sum(stop.must_serve and nobody.get(stop.id) == why for stop in stops)
        reason = "more than any truck that takes them can carry" if why == TOO_LARGE else why
        among = f", {must:,} of them to be served without fail" if must else ""
        said.append(f"{count:,} bins cannot be served by any truck of this round{among}: {reason}.")
    return said
