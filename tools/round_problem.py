"""From a resolved wish to a routing problem: what a round should be, its bins as they are seen, its trucks, places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

import numpy as np

from domain.errors import AskAgain
from domain.operation import BinInfo, TruckInfo
from domain.ports import NO_WAY, Travel
from domain.values import BinSet, Moment, Place, TruckSet
from engines.routing.crowd import Fleet
from engines.routing.problem import Goal, Problem, Stop, Truck
from engines.routing.problem import Place as RoutingPlace
from tools.context import Ctx
from tools.loads import load_share

DAY_S = 86_400
UNKNOWN_LEVEL_PCT = 75.0  # assumed when a bin must be planned and nothing is known; stated in the answer


@dataclass(frozen=True)
class Outlook:
    """A bin as the planner sees it at the round: level when reached, and the chance to be full before the next one."""

    info: BinInfo
    level_pct: float
    chance: float
    known: bool


@dataclass(frozen=True)
class Begun:
    """What is done of a round that is on its way when a change of it sets in at `leaves_at`.

    `rounds`: truck -> (second of the day at which it left, the stops that stay its, in driving order); `served`: truck
    that drives no more -> the stops that it had served. `outlooks` of the stops that stay, as the trucks met them.
    """

    leaves_at: datetime
    rounds: Mapping[str, tuple[int, tuple[str, ...]]]
    served: Mapping[str, tuple[str, ...]]
    outlooks: Mapping[str, Outlook]

    @property
    def stops(self) -> tuple[str, ...]:
        """All stops that stay with their trucks."""
        return tuple(stop_id for _, stops in self.rounds.values() for stop_id in stops)


@dataclass(frozen=True)
class Wish:
    """What a round should be, resolved. None means not said."""

    when: Moment
    serve: str = "overflow_risk"
    goal: str = "balanced"
    trucks: TruckSet | None = None
    truck_count: int | None = None
    near: Place | None = None
    within_m: int | None = None
    stream: str | None = None
    min_fill_pct: int | None = None
    skip: BinSet | None = None
    must_serve: BinSet | None = None
    max_hours: int | None = None
    leaves_s: int = 0
    """Second of the round's day before which no truck leaves: where the shift has begun, when crews can set out."""
    begun: Begun | None = None

    def leaving(self, starts_at: datetime) -> Wish:
        """The wish for a round that starts then, with what is begun of it as bins that must be served."""
        wish = replace(self, leaves_s=second_of_day(starts_at))
        if self.begun is None:
            return wish
        must = self.must_serve or BinSet((), ())
        stops = tuple(dict.fromkeys([*must.bin_ids, *self.begun.stops]))
        return replace(wish, must_serve=BinSet(stops, must.names))


@dataclass(frozen=True)
class Built:
    """A problem and where its distances come from."""

    problem: Problem
    travel: Travel


def full_milli(ctx: Ctx) -> float:
    """What a full bin costs in a day, in milli-currency."""
    return ctx.city.assumed("overflow_cost_per_bin_day", 20.0) * 1000


def build_problem(
    ctx: Ctx,
    wish: Wish,
    stops: Sequence[tuple[Outlook, int | None]],
    trucks: Sequence[TruckInfo],
    source: str | None = None,
) -> Built:
    """Depots, dumps, stops and distances (of `source` if it can be); shift times in seconds of the round's day."""
    must = set(wish.must_serve.bin_ids) if wish.must_serve else set()
    fleet = fleet_of(ctx, wish, trucks)
    dump_s = round(ctx.city.assumed("dump_s", 900.0))
    dumps = [
        RoutingPlace(f"dump {d['name']}", float(cast(float, d["lat"])), float(cast(float, d["lon"])), dump_s)
        for d in ctx.city.dumps()
    ]
    made = [stop_of(ctx, seen, prize, seen.info.bin_id in must) for seen, prize in stops]
    places = [(place.lat, place.lon) for place in (*fleet.depots, *dumps)]
    travel = _sound(ctx.distances.travel([*places, *((stop.lat, stop.lon) for stop in made)], source))
    problem = Problem(
        stops=tuple(made),
        trucks=tuple(fleet.trucks),
        depots=tuple(fleet.depots),
        dumps=tuple(dumps),
        metres=travel.metres,
        seconds=travel.seconds,
        goal=Goal(wish.goal),
        max_seconds=fleet.max_seconds,
    )
    return Built(problem, travel)


def _sound(travel: Travel) -> Travel:
    """The distances, with no way in place of those that cannot be: negative, missing or endless ones."""
    both = [np.asarray(each, dtype=np.float64) for each in (travel.metres, travel.seconds)]
    with np.errstate(invalid="ignore"):
        wrong = ~np.logical_and.reduce([(each >= 0) & (each <= NO_WAY) for each in both])
    if not wrong.any():
        return travel
    metres, seconds = (np.where(wrong, NO_WAY, each).astype(np.int64) for each in both)
    told = f"{int(wrong.sum()):,} distances of {travel.source} are negative or missing and count as no way"
    degraded = told if travel.degraded is None else f"{travel.degraded}; {told}"
    return replace(travel, metres=metres, seconds=seconds, degraded=degraded)


def fleet_of(ctx: Ctx, wish: Wish, trucks: Sequence[TruckInfo]) -> Fleet:
    """The trucks as the solver knows them, where they begin, and how long each may be out."""
    depots = list(dict.fromkeys((t.depot, t.depot_lat, t.depot_lon) for t in trucks)) or [_any_depot(ctx)]
    hours = wish.max_hours if wish.max_hours is not None else ctx.city.assumed("max_hours", 8.0)
    share = load_share(ctx)
    return Fleet(
        [_truck(t, depots, share, wish) for t in trucks],
        [RoutingPlace(*depot) for depot in depots],
        round(hours * 3600),
    )


def _any_depot(ctx: Ctx) -> tuple[str, float, float]:
    first = next(iter(ctx.city.trucks.values()), None)
    if first is None:
        raise AskAgain(f"{ctx.city.title} has no trucks in its records, so there is nothing to plan with.")
    return first.depot, first.depot_lat, first.depot_lon


def stop_of(ctx: Ctx, seen: Outlook, prize: int | None, must: bool) -> Stop:
    """A bin as one stop: its expected litres and kilos, and what serving it is worth."""
    litres = max(1, round(seen.info.capacity_l * seen.level_pct / 100))
    return Stop(
        id=seen.info.bin_id,
        lat=seen.info.lat,
        lon=seen.info.lon,
        volume_l=litres,
        weight_kg=max(1, round(litres * ctx.city.kg_per_l(seen.info.stream))),
        service_s=round(ctx.city.assumed("service_s_per_bin", 120.0)),
        stream=seen.info.stream,
        must_serve=must,
        prize=prize,
    )


def _truck(info: TruckInfo, depots: Sequence[tuple[str, float, float]], share: float, wish: Wish) -> Truck:
    """The truck planned to a share of its load; it leaves when it may, or has left with what it has begun."""
    start, end = _seconds(info.shift_start), _seconds(info.shift_end)
    end = end if end > start else end + DAY_S
    begun = wish.begun.rounds.get(info.name) if wish.begun else None
    leave, locked = begun or (max(start, wish.leaves_s), ())
    return Truck(
        name=info.name,
        capacity_l=round(share * info.capacity_l * info.compaction_ratio),
        capacity_kg=round(share * info.capacity_kg),
        streams=info.streams,
        shift_start_s=min(leave, end),
        shift_end_s=end,
        cost_per_km=info.cost_per_km,
        cost_per_hour=info.cost_per_hour,
        g_co2e_per_km=info.g_co2e_per_km,
        depot=depots.index((info.depot, info.depot_lat, info.depot_lon)),
        locked=locked,
    )


def second_of_day(local: datetime) -> int:
    """The wall clock of a local moment in seconds."""
    return local.hour * 3600 + local.minute * 60 + local.second


def _seconds(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60
