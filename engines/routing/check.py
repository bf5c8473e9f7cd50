"""The independent checker: recomputes a plan from the problem's numbers alone, sharing no code with the solver.

It trusts nothing in the plan but names and order: distances, times, loads and totals are all computed again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from engines.routing.problem import Goal, Problem, RoundPlan, Stop, Truck, TruckRound, Visit

SMALL = 1e-6
NO_WAY = 1_000_000_000


def check(problem: Problem, plan: RoundPlan) -> list[str]:
    """Every fault of a plan, in words; an empty list is a pass."""
    faults: list[str] = []
    if plan.problem_hash != problem.hash:
        faults.append("the plan belongs to another problem")
    if [each.truck for each in plan.rounds] != [truck.name for truck in problem.trucks]:
        return [*faults, "the plan's trucks are not the problem's trucks"]
    faults += _check_coverage(problem, plan)
    stops = {stop.id: (problem.first_stop + i, stop) for i, stop in enumerate(problem.stops)}
    if any(stop_id not in stops for stop_id in plan.served):
        return faults
    for truck, each in zip(problem.trucks, plan.rounds, strict=True):
        faults += [f"truck {truck.name}: {fault}" for fault in _check_round(problem, truck, each, stops)]
        faults += [f"truck {truck.name}: {fault}" for fault in _check_begun(problem, truck, each, stops)]
    return faults + _check_totals(problem, plan)


def _check_coverage(problem: Problem, plan: RoundPlan) -> list[str]:
    """Each stop exactly once: served, by the truck that has begun it if one has, or named as unserved."""
    seen = Counter(visit.stop_id for each in plan.rounds for visit in each.visits if not visit.is_dump)
    seen.update(each.stop_id for each in plan.unserved)
    known = {stop.id for stop in problem.stops}
    begun_by = {stop_id: truck.name for truck in problem.trucks for stop_id in truck.locked}
    faults = [f"stop {stop_id} is unknown" for stop_id in seen if stop_id not in known]
    for each in plan.rounds:
        others = [stop_id for stop_id in each.stop_ids if begun_by.get(stop_id, each.truck) != each.truck]
        faults += [f"truck {each.truck}: serves {stop_id}, which another has begun" for stop_id in others]
    faults += [f"stop {stop_id} appears {count} times" for stop_id, count in seen.items() if count > 1]
    return faults + [f"stop {stop_id} is neither served nor named as unserved" for stop_id in sorted(known - set(seen))]


def _check_round(problem: Problem, truck: Truck, each: TruckRound, stops: dict[str, tuple[int, Stop]]) -> list[str]:
    if not each.visits:
        idle = each.metres == each.seconds == each.volume_l == each.weight_kg == 0 and each.cost == each.g_co2e == 0
        return [] if idle else ["an idle truck has figures"]
    dumps = {dump.id: (len(problem.depots) + i, dump.service_s) for i, dump in enumerate(problem.dumps)}
    if problem.reload_at_depot:
        dumps[problem.depots[truck.depot].id] = (truck.depot, problem.depots[truck.depot].service_s)
    unknown = [visit.stop_id for visit in each.visits if visit.is_dump and visit.stop_id not in dumps]
    if unknown:
        return [f"{unknown[0]} is no dump"]
    leave = each.leave_s
    if leave is None or leave < truck.shift_start_s or (leave != truck.shift_start_s and not truck.late_start):
        return ["does not leave at its shift's start"]
    walk = _Walk(problem, truck, each, truck.depot if truck.start_at is None else truck.start_at, leave)
    walk.litres, walk.kilos = truck.load_l, truck.load_kg
    for index, visit in enumerate(each.visits):
        walk.now = _after_rest(each, index, walk.now, walk.faults)
        if index == 0 or each.visits[index - 1].is_dump:
            walk.now = max(walk.now, _ready(truck, each, index, stops))
        walk.to(visit, dumps[visit.stop_id][0] if visit.is_dump else stops[visit.stop_id][0])
        if visit.is_dump:
            walk.unload(dumps[visit.stop_id][1])
        else:
            walk.serve(stops[visit.stop_id][1])
        if (visit.depart_s, visit.load_l, visit.load_kg) != (walk.now, walk.litres, walk.kilos):
            walk.faults.append(f"time or load after {visit.stop_id} is wrong")
    walk.now = _after_rest(each, len(each.visits), walk.now, walk.faults)
    walk.faults += _check_return(problem, truck, each, (walk.place, walk.now))
    walk.faults += _check_rules(problem, truck, each, walk.unloaded)
    return walk.faults + walk.sums()


@dataclass
class _Walk:
    """A truck on its round, and everything it has done so far."""

    problem: Problem
    truck: Truck
    each: TruckRound
    place: int
    now: int
    litres: int = 0
    kilos: int = 0
    metres: int = 0
    driven_s: int = 0
    total_l: int = 0
    total_kg: int = 0
    unloaded: int = 0
    faults: list[str] = field(default_factory=list)

    def to(self, visit: Visit, target: int) -> None:
        """Drive to a visit."""
        leg_m, leg_s = int(self.problem.metres[self.place, target]), int(self.problem.seconds[self.place, target])
        if (visit.metres, visit.seconds) != (leg_m, leg_s) or visit.arrival_s != self.now + leg_s:
            self.faults.append(f"the leg to {visit.stop_id} is not the matrix's")
        if max(leg_m, leg_s) >= NO_WAY:
            self.faults.append(f"there is no way to {visit.stop_id}")
        self.place, self.now = target, self.now + leg_s
        self.metres, self.driven_s = self.metres + leg_m, self.driven_s + leg_s

    def unload(self, stay_s: int) -> None:
        """Empty the truck."""
        self.now, self.litres, self.kilos, self.unloaded = self.now + stay_s, 0, 0, self.unloaded + 1

    def serve(self, stop: Stop) -> None:
        """Empty a stop's bins into the truck."""
        self.litres, self.kilos = self.litres + stop.volume_l, self.kilos + stop.weight_kg
        self.total_l, self.total_kg = self.total_l + stop.volume_l, self.total_kg + stop.weight_kg
        self.faults += _check_stop(self.truck, stop, self.now, (self.litres, self.kilos))
        opens = stop.window[0] if stop.window and stop.id not in self.truck.locked else self.now
        self.now = max(self.now, opens) + stop.service_s

    def sums(self) -> list[str]:
        """Faults of what the round says in all."""
        faults, each, truck, dumps = [], self.each, self.truck, self.problem.dumps
        if dumps and (self.litres or self.kilos or not each.visits[-1].is_dump):
            faults.append("does not end empty: the last visit is no dump")
        trips = self.unloaded if dumps else self.unloaded + 1
        if (each.volume_l, each.weight_kg, each.trips) != (self.total_l, self.total_kg, trips):
            faults.append("collected volume, weight or trips are wrong")
        end = truck.depot if truck.end_depot is None else truck.end_depot
        metres = self.metres + int(self.problem.metres[self.place, end])
        if each.metres != metres:
            faults.append("metres are wrong")
        if truck.max_metres is not None and metres > truck.max_metres:
            faults.append("drives more metres than it may")
        if truck.max_drive_s is not None and self.driven_s + self.problem.seconds[self.place, end] > truck.max_drive_s:
            faults.append("drives longer than it may")
        return faults


def _after_rest(each: TruckRound, index: int, now: int, faults: list[str]) -> int:
    """The clock once a break planned here is over."""
    rest = each.rest
    if rest is None or rest.after_visits != index:
        return now
    if rest.begin_s < now:
        faults.append("the break begins before the truck is free")
    return max(now, rest.end_s)


def _ready(truck: Truck, each: TruckRound, index: int, stops: dict[str, tuple[int, Stop]]) -> int:
    """When everything of the trip beginning at a visit is released."""
    ready = 0
    for visit in each.visits[index:]:
        if visit.is_dump:
            break
        if visit.stop_id not in truck.locked:
            ready = max(ready, stops[visit.stop_id][1].release_s)
    return ready


def _check_rules(problem: Problem, truck: Truck, each: TruckRound, unloaded: int) -> list[str]:
    """Break, number of unloadings, and the beginning that is locked."""
    faults = []
    back = (each.leave_s or 0) + each.seconds
    if truck.rest is not None and each.rest is None and back > truck.rest.latest_s:
        faults.append("takes no break")
    if each.rest is not None:
        rest = truck.rest
        if rest is None or not rest.earliest_s <= each.rest.begin_s <= rest.latest_s:
            faults.append("breaks outside the hours for it")
        elif each.rest.end_s - each.rest.begin_s != rest.duration_s:
            faults.append("the break has the wrong length")
        if not 0 <= each.rest.after_visits <= len(each.visits):
            faults.append("the break is after more visits than there are")
    if truck.max_trips is not None and unloaded + (0 if problem.dumps else 1) > truck.max_trips:
        faults.append("makes more trips than it may")
    begun = [visit.stop_id for visit in each.visits if not visit.is_dump and visit.stop_id in truck.locked]
    if tuple(each.stop_ids[: len(begun)]) != truck.locked[: len(begun)]:
        faults.append("does not begin with the stops it has begun")
    return faults


def _check_begun(problem: Problem, truck: Truck, each: TruckRound, stops: dict[str, tuple[int, Stop]]) -> list[str]:
    """What the truck has begun stays out only from the first stop on with which its beginning cannot be driven."""
    kept = sum(stop_id in truck.locked for stop_id in each.stop_ids)
    if kept == len(truck.locked) or any(stop_id not in stops for stop_id in truck.locked):
        return []
    beginning = [stops[stop_id] for stop_id in truck.locked[: kept + 1]]
    starts = [truck.shift_start_s]
    if truck.rest is not None and max(truck.shift_start_s, truck.rest.earliest_s) <= truck.rest.latest_s:
        starts.append(max(truck.shift_start_s, truck.rest.earliest_s) + truck.rest.duration_s)
    unrested = None if truck.rest is None else truck.rest.latest_s - truck.shift_start_s
    if any(
        _Beginning(problem, truck, truck.start_point, start).drives(beginning, None if rested else unrested)
        for rested, start in enumerate(starts)
    ):
        return [f"leaves out {truck.locked[kept]}, which it has begun"]
    return []


@dataclass
class _Beginning:
    """A truck with what it has begun and nothing else; every unloading takes the longest way by a dump."""

    problem: Problem
    truck: Truck
    place: int
    now: int
    metres: int = 0
    driven_s: int = 0
    unloaded: int = 0

    def drives(self, beginning: list[tuple[int, Stop]], most_s: int | None) -> bool:
        """Whether it surely serves the stops, windows forgiven, and is back within `most_s` and its own limits."""
        truck, litres, kilos = self.truck, self.truck.load_l, self.truck.load_kg
        for index, (point, stop) in enumerate(beginning):
            full = litres + stop.volume_l > truck.capacity_l or kilos + stop.weight_kg > truck.capacity_kg
            alone = stop.volume_l > truck.capacity_l or stop.weight_kg > truck.capacity_kg
            if alone or (full and (index == 0 or not self.problem.dumps)) or not truck.takes(stop.stream):
                return False
            self._go(point, by_dump=full)
            litres, kilos = (0, 0) if full else (litres, kilos)
            litres, kilos, self.now = litres + stop.volume_l, kilos + stop.weight_kg, self.now + stop.service_s
        self._go(truck.depot if truck.end_depot is None else truck.end_depot, by_dump=bool(self.problem.dumps))
        return self._within(most_s)

    def _go(self, target: int, by_dump: bool) -> None:
        metres, seconds = self.problem.metres, self.problem.seconds
        if by_dump:
            dumps = slice(len(self.problem.depots), len(self.problem.depots) + len(self.problem.dumps))
            drives = seconds[self.place, dumps] + seconds[dumps, target]
            self.metres += int((metres[self.place, dumps] + metres[dumps, target]).max())
            self.driven_s += int(drives.max())
            self.now += int((drives + [dump.service_s for dump in self.problem.dumps]).max())
            self.unloaded += 1
        else:
            self.metres += int(metres[self.place, target])
            self.driven_s += int(seconds[self.place, target])
            self.now += int(seconds[self.place, target])
        self.place = target

    def _within(self, most_s: int | None) -> bool:
        truck, out_s = self.truck, self.now - self.truck.shift_start_s
        trips = self.unloaded + (0 if self.problem.dumps else 1)
        limits = (
            (trips, truck.max_trips), (self.metres, truck.max_metres), (self.driven_s, truck.max_drive_s),
            (out_s, truck.max_duration_s), (out_s, self.problem.max_seconds), (out_s, most_s),
            (self.now, truck.shift_end_s), (max(self.metres, self.driven_s), NO_WAY - 1),
        )  # fmt: skip
        return all(limit is None or value <= limit for value, limit in limits)


def _check_stop(truck: Truck, stop: Stop, arrival: int, load: tuple[int, int]) -> list[str]:
    faults = []
    if truck.streams and stop.stream not in truck.streams:
        faults.append(f"may not carry {stop.stream} ({stop.id})")
    if load[0] > truck.capacity_l or load[1] > truck.capacity_kg:
        faults.append(f"overloaded after {stop.id}: {load[0]} l, {load[1]} kg")
    if stop.window and stop.id not in truck.locked and arrival > stop.window[1]:
        faults.append(f"comes to {stop.id} after its window")
    return faults


def _check_return(problem: Problem, truck: Truck, each: TruckRound, end: tuple[int, int]) -> list[str]:
    place, now = end
    faults = []
    target = truck.depot if truck.end_depot is None else truck.end_depot
    back_m, back_s = problem.metres[place, target], problem.seconds[place, target]
    home = each.home
    if home is None or (home.metres, home.seconds, home.to_id) != (back_m, back_s, problem.depots[target].id):
        faults.append("does not return to its depot")
    if max(back_m, back_s) >= NO_WAY:
        faults.append("there is no way home")
    now += int(back_s)
    limit = truck.shift_end_s
    if problem.max_seconds is not None:
        limit = min(limit, truck.shift_start_s + problem.max_seconds)
    if now > limit:
        faults.append(f"returns {now - limit} s after its shift")
    if each.seconds != now - (each.leave_s or 0):
        faults.append("seconds are wrong")
    if truck.max_duration_s is not None and each.seconds > truck.max_duration_s:
        faults.append("is out longer than it may")
    return faults


def _check_totals(problem: Problem, plan: RoundPlan) -> list[str]:
    faults = []
    cost = gram = objective = 0.0
    for truck, each in zip(problem.trucks, plan.rounds, strict=True):
        fixed = truck.fixed_cost if each.visits else 0.0
        money = fixed + truck.cost_per_km * each.metres / 1000 + truck.cost_per_hour * each.seconds / 3600
        gas = truck.g_co2e_per_km * each.metres / 1000
        if abs(money - each.cost) > SMALL * max(1.0, money) or abs(gas - each.g_co2e) > SMALL * max(1.0, gas):
            faults.append(f"truck {truck.name}: cost or emissions are wrong")
        objective += _weighed(problem, truck, each, (money, gas, fixed))
        cost, gram = cost + money, gram + gas
    longest = max((each.seconds for each in plan.rounds), default=0)
    if problem.weights is not None:
        objective += problem.weights.per_longest_s * longest
    elif problem.goal is Goal.balanced and problem.trucks:
        hourly = sum(truck.cost_per_hour for truck in problem.trucks) / len(problem.trucks)
        objective += max(1, round(hourly / 3.6)) * longest
    left = {each.stop_id for each in plan.unserved}
    objective += sum(stop.prize or 0 for stop in problem.stops if stop.id in left)
    if abs(plan.cost - cost) > SMALL * max(1.0, cost) or abs(plan.g_co2e - gram) > SMALL * max(1.0, gram):
        faults.append("the plan's cost or emissions are not the sum of its rounds")
    metres, seconds = sum(each.metres for each in plan.rounds), sum(each.seconds for each in plan.rounds)
    if (plan.metres, plan.seconds) != (metres, seconds):
        faults.append("the plan's metres or seconds are not the sum of its rounds")
    if abs(plan.objective - objective) > len(problem.trucks) + 1:
        faults.append("the plan's objective is not what its rounds cost")
    return faults


def _weighed(problem: Problem, truck: Truck, each: TruckRound, figures: tuple[float, float, float]) -> float:
    """One round's milli-currency under the weights or the goal."""
    money, gas, fixed = figures
    if problem.weights is not None:
        w = problem.weights
        return 1000 * fixed + w.per_metre * each.metres + w.per_second * each.seconds + w.per_g_co2e * gas
    if problem.goal is Goal.time:
        hourly = sum(one.cost_per_hour for one in problem.trucks) / len(problem.trucks)
        return max(1, round(hourly / 3.6)) * each.seconds
    return gas if problem.goal is Goal.emissions else 1000 * money
