"""How a plan is shown: its reasons, its stops as a table, its rounds on the map, and what changed between two."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from pydantic import JsonValue

from domain.values import Evidence, Reason, Table, counted
from engines.routing.contrast import Contrast, Figures
from engines.routing.duties import CHOOSING, choice_of
from engines.routing.problem import Goal, TruckRound
from tools.context import Ctx
from tools.fill import point
from tools.loads import IF_FULL, load_reason
from tools.planning import MOST_STOPS, NO_TIME_FOR_BASELINE, Solved
from tools.round_problem import Wish
from tools.scope import restate_near

Row = list[str | int | float | None]
MOST_NAMED = 12  # bins by name in one sentence or cell
CHOICE = {
    "overflow_risk": "A bin is served when what a visit prevents until the next day's round, its chance to overflow, "
    "with what it saves later, its share of a load and of the next visit, is worth more than the way to it costs",
    "min_fill": "Every bin whose expected level reaches the asked fill is served if it fits",
    "scheduled": "Every bin that the fixed schedule visits on that weekday is served if it fits",
    "all": "Every bin in service is served if it fits",
}


def round_reasons(ctx: Ctx, solved: Solved, plan_id: str) -> list[Reason]:
    """Why these bins, why these distances, what each truck does, and why some bins are left."""
    plan = Evidence(label=f"plan {plan_id}", ref=f"plans:{plan_id}")
    stated = Evidence(label="stated assumptions of the city", ref="assumptions:operation")
    cost = ctx.city.assumed("overflow_cost_per_bin_day", 20.0)
    worth = (
        f" (an overflowing bin counts {cost:g} {ctx.city.currency} a day)" if solved.serve == "overflow_risk" else ""
    )
    reasons = [
        Reason(text=f"{CHOICE[solved.serve]}{worth}.{_goal_words(solved)}", evidence=[plan, stated]),
        Reason(text=_distance_words(solved), evidence=[stated]),
    ]
    reasons += [Reason(text=_truck_words(each, ctx), evidence=[plan]) for each in solved.plan.rounds if each.stop_ids]
    reasons += [load_reason(ctx, solved.problem, solved.plan, [plan, stated])] if solved.plan.served else []
    reasons += [_left_reason(solved, plan)] if solved.plan.unserved or solved.left_out else []
    if solved.baseline is None:
        reasons.append(Reason(text=f"No baseline: {_no_baseline(solved)}.", evidence=[stated]))
    return reasons


def _goal_words(solved: Solved) -> str:
    """What a goal in hours or grams decides where bins are chosen in money; nothing else needs to be said."""
    if choice_of(solved.problem) is solved.problem:
        return ""
    least = "in the fewest hours" if solved.problem.goal is Goal.time else "with the least CO₂e"
    return f" The goal “{solved.problem.goal}” changes no bin: those that “{CHOOSING}” serves are driven to {least}."


def _no_baseline(solved: Solved) -> str:
    """Why the fixed schedule's round does not stand beside the plan."""
    due = counted(len(solved.due), "bin")
    if not solved.due:
        return "the fixed schedule visits none of these bins that day"
    if not solved.trucks:
        return f"there is no truck for the fixed schedule's {due}"
    if NO_TIME_FOR_BASELINE in solved.degraded:
        return f"there was no time left to plan the fixed schedule's {due}"
    if len(solved.due) > MOST_STOPS:
        return f"the fixed schedule's {due} are more than one round is planned for"
    return f"the fixed schedule's {due} could not be planned over the same distances"


def _distance_words(solved: Solved) -> str:
    source = solved.travel.source
    return f"Distances are {source}." if solved.travel.roads else f"Distances are {source}, not road distances."


def _truck_words(each: TruckRound, ctx: Ctx) -> str:
    return (
        f"{each.truck}: {counted(len(each.stop_ids), 'bin')}, {each.metres / 1000:.1f} km, "
        f"{each.seconds / 3600:.1f} h, {each.volume_l:,} l in {each.trips} loads, {each.cost:.2f} {ctx.city.currency}."
    )


def _left_reason(solved: Solved, plan: Evidence) -> Reason:
    """The commonest reasons for not serving a bin, counted."""
    counts: dict[str, int] = {}
    for each in solved.plan.unserved:
        counts[each.why.value.replace("_", " ")] = counts.get(each.why.value.replace("_", " "), 0) + 1
    for why in solved.left_out.values():
        key = "expected level under the asked fill" if why.startswith("its expected level") else why
        counts[key] = counts.get(key, 0) + 1
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:4]
    text = "Not served: " + "; ".join(f"{count} because {why}" for why, count in most) + "."
    return Reason(text=text, evidence=[plan])


def understood_round(ctx: Ctx, wish: Wish, solved: Solved) -> dict[str, str]:
    """When, where and with what, as it was understood."""
    begins = min((ctx.city.trucks[name].shift_start for name in solved.trucks), default="")
    begun = f"{solved.starts_at:%H:%M}" > begins != ""
    what = "what is left of the shifts" if begun else "shifts"
    told = {"when": f"the round of {solved.starts_at:%a %Y-%m-%d}, {what} from {solved.starts_at:%H:%M}"}
    without = f" (without {', '.join(wish.trucks.without)})" if wish.trucks and wish.trucks.without else ""
    told["trucks"] = (", ".join(solved.trucks) or "none") + without
    told["near"] = restate_near(wish.near, wish.within_m) if wish.near else f"all of {ctx.city.title}"
    return told


def stop_table(ctx: Ctx, solved: Solved) -> Table:
    """Every visit in driving order, dump trips among them; IF_FULL says whether a full truck comes back for the bin."""
    columns = ["truck", "order", "arrival", "bin", "site", "stream", "level_pct", "chance_pct", "load_l", IF_FULL]
    midnight = solved.starts_at.replace(hour=0, minute=0)
    rows: list[Row] = []
    for each in solved.plan.rounds:
        for number, visit in enumerate(each.visits, 1):
            at = (midnight + timedelta(seconds=visit.arrival_s)).strftime("%H:%M")
            if visit.is_dump:
                rows.append([each.truck, number, at, visit.stop_id, None, None, None, None, visit.load_l, None])
                continue
            seen = solved.outlooks[visit.stop_id]
            rows.append([
                each.truck, number, at, visit.stop_id, seen.info.site, seen.info.stream, round(seen.level_pct),
                round(seen.chance * 100), visit.load_l, "leave" if visit.stop_id in solved.may_stay else "come back",
            ])  # fmt: skip
    return Table(columns=columns, rows=rows)


def round_map(ctx: Ctx, solved: Solved) -> dict[str, JsonValue]:
    """GeoJSON: a line per truck in driving order, its stops, and the bins that stay."""
    features: list[JsonValue] = []
    where = {p.id: [p.lon, p.lat] for p in (*solved.problem.depots, *solved.problem.dumps)}
    where |= {s.id: [s.lon, s.lat] for s in solved.problem.stops}
    for each in solved.plan.rounds:
        if not each.visits:
            continue
        depot = solved.problem.trucks[[t.name for t in solved.problem.trucks].index(each.truck)].depot
        home = where[solved.problem.depots[depot].id]
        line = [home, *(where[v.stop_id] for v in each.visits), home]
        properties: JsonValue = {"truck": each.truck, "label": each.truck, "kind": "round"}
        geometry: JsonValue = {"type": "LineString", "coordinates": [[lon, lat] for lon, lat in line]}
        features.append({"type": "Feature", "geometry": geometry, "properties": properties})
    served = set(solved.plan.served)
    for seen in solved.outlooks.values():
        kind = "served" if seen.info.bin_id in served else "left"
        features.append(point(seen.info, kind, round(seen.level_pct) if seen.known else None))
    return {"type": "FeatureCollection", "features": features}


def change_reasons(ctx: Ctx, changed: Contrast, ids: tuple[str, str]) -> list[Reason]:
    """What the change does, truck by truck, and which bins change hands."""
    evidence = [Evidence(label=f"plan {plan_id}", ref=f"plans:{plan_id}") for plan_id in ids]
    moved = [t for t in changed.trucks if t.gained or t.lost or t.reordered or t.change.metres]
    words = "; ".join(
        f"{t.truck} {t.change.metres / 1000:+z.1f} km, {t.change.seconds / 3600:+z.1f} h, "
        f"{counted(len(t.gained), 'bin')} more, {len(t.lost)} fewer"
        for t in moved
    )
    text = f"Solved again with the change: {words}." if words else "The change makes no difference to any truck."
    reasons = [Reason(text=text, evidence=evidence)]
    hands = [move for move in changed.moves if move.from_truck and move.to_truck]
    if hands:
        told = ", ".join(f"{m.stop_id} from {m.from_truck} to {m.to_truck}" for m in hands[:MOST_NAMED])
        more = f" and {len(hands) - MOST_NAMED} more" if len(hands) > MOST_NAMED else ""
        reasons.append(Reason(text=f"Bins that change trucks: {told}{more}.", evidence=evidence))
    return reasons


CHANGE_COLUMNS = [
    "truck", "bins_before", "bins_after", "km_before", "km_after", "hours_before", "hours_after", "cost_before",
    "cost_after", "emissions_kg_before", "emissions_kg_after", "load_l_before", "load_l_after", "bins_got", "bins_gave",
]  # fmt: skip


def change_table(changed: Contrast, served: Collection[str] = ()) -> Table:
    """Per truck and in all: before and after, the bins that it got and from whom, and those it gave and to whom.

    `served` are bins that a truck had served before it was taken out: they are not left.
    """
    old = {move.stop_id: move.from_truck for move in changed.moves}
    new = {move.stop_id: move.to_truck for move in changed.moves}

    def left(stop: str) -> str:
        return "served before" if stop in served else "left"

    rows: list[Row] = [
        [
            each.truck, *_before_and_after(each.before, each.after),
            _named(each.gained, {stop: f"from {who}" if who else "new" for stop, who in old.items()}),
            _named(each.lost, {stop: f"to {who}" if who else left(stop) for stop, who in new.items()}),
        ]
        for each in changed.trucks
    ]  # fmt: skip
    lost = {stop: left(stop) for stop in changed.lost}
    total = [_named(changed.gained, {stop: "new" for stop in changed.gained}), _named(changed.lost, lost)]
    rows.append(["in all", *_before_and_after(changed.before, changed.after), *total])
    return Table(columns=CHANGE_COLUMNS, rows=rows)


def _before_and_after(before: Figures, after: Figures) -> Row:
    pairs = [
        (each.stops, round(each.metres / 1000, 1), round(each.seconds / 3600, 1), round(each.cost, 2),
         round(each.g_co2e / 1000, 1), each.volume_l)
        for each in (before, after)
    ]  # fmt: skip
    return [value for pair in zip(*pairs, strict=True) for value in pair]


def _named(stops: Sequence[str], told: Mapping[str, str]) -> str:
    named = ", ".join(f"{stop} ({told[stop]})" for stop in stops[:MOST_NAMED])
    return f"{named} and {len(stops) - MOST_NAMED} more" if len(stops) > MOST_NAMED else named
