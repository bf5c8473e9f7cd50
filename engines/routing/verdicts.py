"""What no plan of a problem can do, said in sentences, and quick reasons where exact ones would take too long."""

from __future__ import annotations

from dataclasses import replace

from engines.routing.plan import RoundPlan, Unserved, Why
from engines.routing.problem import Problem, Stop, Truck
from engines.routing.rounds import Failure, drive, with_dumps

MOST_NAMED = 3


def kinds_of(problem: Problem) -> list[Truck]:
    """One truck of each kind, names and locked beginnings aside."""
    return list({replace(truck, name="", locked=()): truck for truck in problem.trucks}.values())


def hindrance(problem: Problem, point: int, kinds: list[Truck]) -> Why | None:
    """Why no truck could serve a stop if it had nothing else to do; None when one could.

    With several trucks the reason is that of the one that comes nearest to serving it.
    """
    if not kinds:
        return Why.no_truck
    stop = problem.stop_at(point)
    if any(stop.id in truck.locked for truck in problem.trucks):
        return None
    found = []
    for truck in kinds:
        driven = drive(problem, truck, with_dumps(problem, truck, [point]))
        if not isinstance(driven, Failure):
            return None
        late = driven.why is Why.shift_too_short and stop.release_s > truck.shift_start_s
        found.append(Why.too_late_ready if late else driven.why)
    return max(found, key=NEARNESS.index)


NEARNESS = (
    Why.no_truck_for_stream, Why.too_large, Why.no_way, Why.fleet_full, Why.window_closed, Why.shift_too_short,
    Why.too_late_ready,
)  # fmt: skip
CANNOT = {
    Why.no_truck: "there is no truck",
    Why.no_truck_for_stream: "stream {stream}, no truck takes {stream}",
    Why.too_large: "more than any truck that takes it can carry",
    Why.no_way: "no way leads there and back",
    Why.shift_too_short: "too far for every shift",
    Why.window_closed: "the window is over before any truck can be there",
    Why.too_late_ready: "ready too late for every shift",
    Why.fleet_full: "no truck may unload often enough",
}


def verdicts(problem: Problem, hindered: dict[str, Why]) -> tuple[str, ...]:
    """Sentences about the stops that no truck can serve, and about must-serve stops in more number than fit."""
    if not problem.stops:
        return ("There is nothing to serve.",)
    by_id = {stop.id: stop for stop in problem.stops}
    groups: dict[str, list[Stop]] = {}
    for stop_id, why in hindered.items():
        groups.setdefault(CANNOT[why].format(stream=by_id[stop_id].stream), []).append(by_id[stop_id])
    said = [f"{_stops(stops)} cannot be served by any truck: {reason}." for reason, stops in groups.items()]
    return (*said, *_over(problem, hindered))


def _over(problem: Problem, hindered: dict[str, Why]) -> list[str]:
    """Whether all demand is more than the fleet carries in the trips that it may make."""
    once = not problem.dumps and not problem.reload_at_depot
    if not once or not problem.trucks:
        return []
    said = []
    for name, unit in (("volume_l", "l"), ("weight_kg", "kg")):
        needed = sum(int(getattr(stop, name)) for stop in problem.stops if stop.id not in hindered)
        room = sum(int(getattr(truck, "capacity_l" if unit == "l" else "capacity_kg")) for truck in problem.trucks)
        if needed > room:
            said.append(f"All stops together are {needed} {unit}, the trucks carry {room} {unit}: some stay behind.")
    return said


def quick_reasons(problem: Problem, plan: RoundPlan, hindered: dict[str, Why]) -> RoundPlan:
    """The plan with a code and a sentence for every unserved stop, without trying every place of every truck."""
    return replace(plan, unserved=tuple(_quick(problem, each, hindered) for each in plan.unserved))


def _quick(problem: Problem, each: Unserved, hindered: dict[str, Why]) -> Unserved:
    stop = next(stop for stop in problem.stops if stop.id == each.stop_id) if each.stop_id in hindered else None
    if stop is not None:
        why = hindered[each.stop_id]
        return Unserved(
            each.stop_id, why, f"no truck can serve it: {CANNOT[why].format(stream=stop.stream)}", each.prize
        )
    if each.prize is not None:
        text = "no place was found in the time given that costs less than a visit is worth"
        return Unserved(each.stop_id, Why.cheaper_to_skip, text, each.prize)
    return Unserved(each.stop_id, Why.fleet_full, "no room was found in the time given", None)


def _stops(stops: list[Stop]) -> str:
    names = ", ".join(stop.id for stop in stops[:MOST_NAMED]) + (", ..." if len(stops) > MOST_NAMED else "")
    return f"{len(stops)} {'stop' if len(stops) == 1 else 'stops'} ({names})"
