"""From a request for a round to a solved, stored plan: choose the bins, build the problem, solve, compare.

A bin is one stop. Under `overflow_risk` each visit has a worth (engines/routing/worth.py): the overflow that it
prevents until the round after this one, its share of a load, and the visit that it spares later. The solver decides
choice and order in one model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import cast

from pydantic import JsonValue, TypeAdapter

from domain.operation import BinInfo, TruckInfo
from domain.ports import Travel
from domain.repositories.service import last_before, rules
from engines.routing.baseline import fixed_schedule
from engines.routing.crowd import MOST_PLANNED, within_reach
from engines.routing.params import Params
from engines.routing.plan import ENDED_EARLY, MEANWHILE, STOPPED_BY_CLOCK, WITHOUT_NUMBA
from engines.routing.problem import Problem, RoundPlan, Stop, StopRule
from engines.routing.shared_clock import SharedClock
from engines.routing.solve import solve
from engines.routing.worth import FULL_PCT, NEXT_CHANCE_H, REACHED_H, Seen, Worth, with_prizes, worth_of_visits
from engines.routing.worth_when_full import may_stay
from tools.context import Ctx, Tuning
from tools.departure import round_start
from tools.fill import foresee, hours_ahead
from tools.fill_table import Foreseen, stays_true
from tools.lateness import asks_for_the_last, is_due
from tools.round_problem import (
    UNKNOWN_LEVEL_PCT,
    Built,
    Outlook,
    Wish,
    build_problem,
    fleet_of,
    full_milli,
    stop_of,
)
from tools.scope import bins_in_scope
from tools.unemptied import guessed_levels, left_unemptied

MOST_STOPS = MOST_PLANNED
COUNTED_AS = f"bins without a level in the records counted as {UNKNOWN_LEVEL_PCT:.0f} % full in that"
ROUND_BUDGET_S = 25.0  # of the tools that plan: who asked waits no longer
AFTERWARDS_S = 4.0  # of it for the reasons, the table, the map and storing
LONGEST_PLAN_S, LONGEST_BASELINE_S = 14.0, 6.0  # whatever `solve_seconds` says; less where less is left
LEAST_BASELINE_S = 1.0  # with less time left there is no fixed schedule's round
PLAN_SHARE, BASELINE_SHARE = 0.6, 0.2  # of `solve_seconds`: the rest is for levels, insertion and the checker
UNREPEATABLE = {
    ENDED_EARLY: "the search was ended early on request: this is the best round found by then",
    STOPPED_BY_CLOCK: "the machine was busy and the search was cut short: another try may find a better round",
    MEANWHILE: "the route engine's fast search is being compiled: another try in a minute may find a better round",
    WITHOUT_NUMBA: "the route engine's fast search cannot run here: another one found this round",
}
"""By what ended a search: the sentence of a plan that the same question need not give again."""
BASELINE_CUT = "the search for the fixed schedule's round was cut short: it may be shorter than shown"
NO_TIME_FOR_BASELINE = "the machine was busy: there was no time left for the fixed schedule's round"
REASONS_CUT = "the new searches behind this were ended early or cut short: another try may tell it otherwise"
ROUND_PLAN = TypeAdapter(RoundPlan)


@dataclass(frozen=True)
class Solved:
    """A problem, its plan, the fixed schedule beside it, and what was left out before solving.

    `looks` bounded the search: with the seed they make the plan repeatable. None when a person, a busy machine or a
    missing part had a share in it. `went_on`: the search began with the plan before it. `worths`: the parts of each
    prize.
    """

    starts_at: datetime
    problem: Problem
    travel: Travel
    looks: int | None
    plan: RoundPlan
    baseline: RoundPlan | None
    outlooks: Mapping[str, Outlook]
    left_out: Mapping[str, str]
    due: frozenset[str]
    serve: str
    degraded: tuple[str, ...] = ()
    trucks: tuple[str, ...] = field(default=())
    went_on: bool = False
    worths: Mapping[str, Worth] = field(default_factory=dict)

    @cached_property
    def may_stay(self) -> frozenset[str]:
        """The bins that a driver leaves whose truck is full before them."""
        return may_stay(self.problem, self.plan)


def make_round(
    wish: Wish,
    ctx: Ctx,
    trucks: list[TruckInfo],
    start: RoundPlan | None = None,
    budget_s: float = ROUND_BUDGET_S,
) -> Solved:
    """Choose, solve and compare; `trucks` are those chosen for the wish, `start` is a plan to go on from. Raises
    AskAgain for a round that cannot be meant.

    Levels and distances take what they take of `budget_s`; what they leave is the search's, and what that leaves the
    fixed schedule's, which is done without where nothing is left.
    """
    clock = SharedClock(StopRule(max_seconds=max(0.0, budget_s - AFTERWARDS_S)))
    starts_at = wish.begun.leaves_at if wish.begun else round_start(wish.when, trucks, ctx)
    wish = wish.leaving(starts_at)
    scope = bins_in_scope(ctx, None, wish.near, wish.within_m, wish.stream)
    inside = {s.bin_id for s in scope}
    must = dict.fromkeys(wish.must_serve.bin_ids if wish.must_serve else ())
    scope += [ctx.city.bins[b] for b in must if b not in inside]
    foreseen = foresee(ctx, scope)
    outlooks = {o.info.bin_id: o for o in outlook(ctx, scope, foreseen, starts_at)}
    outlooks |= wish.begun.outlooks if wish.begun else {}
    serve, degraded = _serve(wish, outlooks)
    due = due_bins(ctx, scope, starts_at)
    wanted, left_out = _wanted(replace(wish, serve=serve), outlooks, due)
    wanted, later, crowded = _within_reach(ctx, replace(wish, serve=serve), (wanted, outlooks), trucks)
    left_out |= later
    built, worths = _priced(ctx, build_problem(ctx, wish, [(outlooks[b], None) for b in wanted], trucks), wanted)
    rule = StopRule.of_work(len(built.problem.stops), ctx.tuning.solve_seconds * PLAN_SHARE)
    rule = watched(ctx.tuning, within(rule, min(LONGEST_PLAN_S, clock.seconds_left)))
    start = as_start(start, built.problem)
    plan = solve(built.problem, rule, ctx.tuning.seed, Params(start=start))
    in_time = not due or clock.seconds_left >= LEAST_BASELINE_S
    given = (due, trucks, built.travel.source)
    baseline = _baseline(ctx, wish, outlooks, given, clock.seconds_left) if in_time else None
    looks = rule.max_looks if plan.repeatable else None
    told = (*degraded, *crowded, *foreseen.degraded, *_reduced(built, plan, baseline, outlooks))
    told += () if in_time else (NO_TIME_FOR_BASELINE,)
    told += tuple(guessed_levels(ctx, left_unemptied(ctx, [b for b in scope if b.in_service]), plan.served))
    return Solved(
        starts_at, built.problem, built.travel, looks, plan, baseline, outlooks, left_out, due, serve,
        told, tuple(t.name for t in trucks), start is not None, worths,
    )  # fmt: skip


def as_start(plan: RoundPlan | None, problem: Problem) -> RoundPlan | None:
    """The plan to go on from; none for the very same problem, whose search then finds the very same plan again."""
    return None if plan is None or plan.problem_hash == problem.hash else plan


def within(rule: StopRule, seconds: float) -> StopRule:
    """The rule with a clock of at most so many seconds."""
    return replace(rule, max_seconds=min(rule.wall_seconds, seconds))


def repeats(degraded: Sequence[str]) -> bool:
    """Whether the same call gives the same bytes again: no person, busy machine or missing part had a share in it."""
    ended = {*UNREPEATABLE.values(), BASELINE_CUT, NO_TIME_FOR_BASELINE, REASONS_CUT}
    return not {*degraded} & ended and all(stays_true(told) for told in degraded)


def watched(tuning: Tuning, rule: StopRule) -> StopRule:
    """The rule, told of to whoever follows the search, who may end it early."""
    watching = tuning.watching
    return rule if watching is None else replace(rule, progress=watching.progress, cancelled=watching.ended)


def _reduced(built: Built, plan: RoundPlan, baseline: RoundPlan | None, outlooks: Mapping[str, Outlook]) -> list[str]:
    """What makes the plan less than it could be, in sentences."""
    told = [*([built.travel.degraded] if built.travel.degraded else []), *plan.verdicts]
    told += [BASELINE_CUT] if baseline is not None and not baseline.repeatable else []
    told += [sentence for ending, sentence in UNREPEATABLE.items() if plan.core.endswith(ending)]
    unknown = [b for b in plan.served if not outlooks[b].known]
    if unknown:
        told.append(f"{len(unknown)} served bins have no level in the records; 75 % was assumed for the load")
    return told


# ---------------------------------------------------------------- which bins


def outlook(ctx: Ctx, bins: Sequence[BinInfo], foreseen: Foreseen, starts_at: datetime) -> list[Outlook]:
    """Level when the round comes by, and chance to be full before the next day's round can, as foreseen of the bins."""
    ahead = hours_ahead(ctx, starts_at)
    hours = (ahead + REACHED_H, ahead + NEXT_CHANCE_H)
    found = []
    told = foreseen.forecasts(ctx.now.astimezone(ctx.zone), hours, FULL_PCT)
    for info, forecast in zip(bins, told, strict=True):
        if forecast.by:
            level, chance = round(forecast.by[0].p50, 2), round(forecast.by[1].chance, 4)  # as they are stored
            found.append(Outlook(info, level, chance, known=True))
        else:
            found.append(Outlook(info, UNKNOWN_LEVEL_PCT, 0.0, known=False))
    return found


def due_bins(ctx: Ctx, bins: Sequence[BinInfo], starts_at: datetime) -> frozenset[str]:
    """Bins that the fixed schedule visits on the round's day."""
    day = starts_at.astimezone(ctx.zone)
    with ctx.store.read() as session:
        schedule = rules(session, ctx.city.name)
        asked = any(asks_for_the_last(rule) for rule in schedule.values())
        last = last_before(session, ctx.city.name, ctx.now) if asked else {}
    return frozenset(
        b.bin_id for b in bins if b.in_service and (r := schedule.get(b.bin_id)) and is_due(r, last.get(b.bin_id), day)
    )


def _serve(wish: Wish, outlooks: Mapping[str, Outlook]) -> tuple[str, tuple[str, ...]]:
    """The way of choosing in force: `min_fill_pct` implies its own, and without any level the schedule must do."""
    if wish.min_fill_pct is not None:
        return "min_fill", ()
    if wish.serve == "overflow_risk" and outlooks and not any(o.known for o in outlooks.values()):
        return "scheduled", ("no level of these bins is in the records: the fixed schedule decides which are served",)
    return wish.serve, ()


def _wanted(
    wish: Wish, outlooks: Mapping[str, Outlook], due: frozenset[str]
) -> tuple[dict[str, Seen | None], dict[str, str]]:
    """Bins to consider, with what their worth is told from (None: served whenever it fits), and why others are out."""
    skip = set(wish.skip.bin_ids) if wish.skip else set()
    must = set(wish.must_serve.bin_ids) if wish.must_serve else set()
    served = {bin_id: truck for truck, stops in (wish.begun.served if wish.begun else {}).items() for bin_id in stops}
    wanted: dict[str, Seen | None] = {}
    left_out: dict[str, str] = {}
    for bin_id, seen in outlooks.items():
        if bin_id in must:
            wanted[bin_id] = None
        elif bin_id in served:
            left_out[bin_id] = f"{served[bin_id]} has served it"
        elif bin_id in skip:
            left_out[bin_id] = "it was to be skipped"
        elif not seen.info.in_service:
            left_out[bin_id] = f"it is not in service ({seen.info.status})"
        elif wish.serve == "all" or (wish.serve == "scheduled" and bin_id in due):
            wanted[bin_id] = None
        elif wish.serve == "scheduled":
            left_out[bin_id] = "the fixed schedule does not visit it that day"
        elif not seen.known:
            left_out[bin_id] = "its level cannot be told from the records"
        elif wish.serve == "min_fill" and seen.level_pct >= (wish.min_fill_pct or 0):
            wanted[bin_id] = None
        elif wish.serve == "min_fill":
            left_out[bin_id] = f"its expected level of {seen.level_pct:.0f} % is under {wish.min_fill_pct} %"
        else:
            wanted[bin_id] = Seen(seen.level_pct, seen.chance)
    return wanted, left_out


def _within_reach(
    ctx: Ctx, wish: Wish, seen: tuple[dict[str, Seen | None], Mapping[str, Outlook]], trucks: Sequence[TruckInfo]
) -> tuple[dict[str, Seen | None], dict[str, str], tuple[str, ...]]:
    """The bins to plan for where those wanted are too many for one plan, why each other one waits, and sentences."""
    wanted, outlooks = seen
    must = set(wish.must_serve.bin_ids) if wish.must_serve else set()
    if len(wanted) <= MOST_STOPS:
        return wanted, {}, ()

    def urgency(stop: Stop) -> float:
        """The chance, and where none tells bins apart the level; by level alone where every bin is to be served."""
        of = outlooks[stop.id]
        level = round(of.level_pct / 100, 1)
        return round(of.chance, 2) + level / 1000 if wish.serve == "overflow_risk" else level

    offered = [stop_of(ctx, outlooks[bin_id], None, bin_id in must) for bin_id in wanted]
    chosen = within_reach(offered, urgency, fleet_of(ctx, wish, trucks))
    guessed = not all(outlooks[bin_id].known for bin_id in wanted)
    verdicts = (*chosen.verdicts, *([COUNTED_AS] if guessed else []))
    return {bin_id: wanted[bin_id] for bin_id in chosen.kept}, dict(chosen.later), verdicts


def _priced(ctx: Ctx, built: Built, wanted: Mapping[str, Seen | None]) -> tuple[Built, dict[str, Worth]]:
    """The problem with the prizes of the bins whose worth decides, and their parts."""
    seen = {bin_id: each for bin_id, each in wanted.items() if each is not None}
    if not seen:
        return built, {}
    worths = worth_of_visits(built.problem, seen, full_milli(ctx))
    return replace(built, problem=with_prizes(built.problem, worths)), worths


def _baseline(
    ctx: Ctx,
    wish: Wish,
    outlooks: Mapping[str, Outlook],
    given: tuple[frozenset[str], list[TruckInfo], str],
    seconds_left: float,
) -> RoundPlan | None:
    """The fixed schedule's bins of the same scope, routed by the same engine over distances of the same source.

    None when it visits none that day, when a part of the round is done, or when its distances come from elsewhere: the
    two could not be compared.
    """
    due, trucks, source = given
    stops = [(outlooks[b], None) for b in sorted(due)]
    if not stops or len(stops) > MOST_STOPS or not trucks or wish.begun:
        return None
    built = build_problem(ctx, replace(wish, must_serve=None, max_hours=None), stops, trucks, source)
    if built.travel.source != source:
        return None
    rule = StopRule.of_work(len(stops), ctx.tuning.solve_seconds * BASELINE_SHARE)
    rule = within(rule, min(LONGEST_BASELINE_S, seconds_left))
    rule = replace(rule, cancelled=ctx.tuning.watching.ended) if ctx.tuning.watching else rule
    return fixed_schedule(built.problem, due, rule, ctx.tuning.seed)


def plan_as_json(plan: RoundPlan) -> dict[str, JsonValue]:
    """A plan for storing: plain JSON."""
    return cast(dict[str, JsonValue], ROUND_PLAN.dump_python(plan, mode="json"))


def plan_from_json(stored: Mapping[str, JsonValue]) -> RoundPlan:
    """The stored plan again."""
    return ROUND_PLAN.validate_python(dict(stored))
