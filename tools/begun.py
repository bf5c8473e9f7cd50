"""A dispatched round that is on its way: what its trucks have begun stays theirs when the plan is changed.

Where the trucks are is told by the plan: nobody reports it. A truck that drives on keeps the stops that it reaches
before its crew can get another order; one that is taken out has served those that it had left by now.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from pydantic import JsonValue
from sqlalchemy.orm import Session

from domain.operation import TruckInfo
from domain.repositories.fleet import sent_rounds
from domain.repositories.plans import get_plan
from domain.values import Evidence, Reason, counted
from domain.work_records import StoredPlan
from engines.routing.plan import RoundPlan, TruckRound
from tools.context import Ctx
from tools.departure import round_start, soonest_leave
from tools.planning import plan_from_json
from tools.round_problem import Begun, Outlook, Wish, second_of_day


@dataclass(frozen=True)
class OnItsWay:
    """A round of which trucks are out: when they left, by now and by when crews can have another order."""

    plan: RoundPlan
    outlooks: Mapping[str, Outlook]
    out: frozenset[str]
    served: Mapping[str, tuple[str, ...]]
    now_s: int
    leaves_at: datetime

    def left_to(self, trucks: Collection[str]) -> Begun:
        """What is begun when these trucks drive on and the others do not."""
        leaves_s = second_of_day(self.leaves_at)
        out = [each for each in self.plan.rounds if each.truck in self.out and each.visits]
        kept = {
            each.truck: (int(each.leave_s or 0), _stops(each, reached_before=leaves_s))
            for each in out
            if each.truck in trucks
        }
        done = {each.truck: _stops(each, left_by=self.now_s) for each in out if each.truck not in trucks}
        named = {stop_id for _, stops in kept.values() for stop_id in stops}
        return Begun(
            self.leaves_at, kept, {**self.served, **done},
            {bin_id: seen for bin_id, seen in self.outlooks.items() if bin_id in named},
        )  # fmt: skip


def on_its_way(ctx: Ctx, stored: StoredPlan) -> OnItsWay | None:
    """The plan's round if a part of it is dispatched, has left, and is not over; or a change of such a round."""
    plan, begun = plan_from_json(stored.plan), begun_from_json(stored, {})
    starts_at = datetime.fromisoformat(str(stored.plan["starts_at"])).astimezone(ctx.zone)
    leaves_at = soonest_leave(ctx)
    if leaves_at.date() != starts_at.date():
        return None
    with ctx.store.read() as session:
        sent = {r.truck for r in sent_rounds(session, ctx.city.name, ctx.now) if r.plan_id == stored.id}
    out = frozenset(sent or (begun.rounds if begun else ()))
    now_s = second_of_day(ctx.now.astimezone(ctx.zone))
    hours = [(each.leave_s, each.leave_s + each.seconds) for each in plan.rounds if each.truck in out and each.leave_s]
    if not any(leave <= now_s < back for leave, back in hours):
        return None
    return OnItsWay(plan, _outlooks(ctx, stored), out, begun.served if begun else {}, now_s, leaves_at)


def served_so_far(ctx: Ctx, wish: Wish, trucks: Sequence[TruckInfo]) -> Begun | None:
    """What the rounds dispatched for today had served by now, for a round of these trucks in the shift that has begun.

    None for a round of another time, and where nothing was served. Raises as `round_start` does.
    """
    leaves_at = soonest_leave(ctx)
    if round_start(wish.when, list(trucks), ctx) != leaves_at:
        return None
    with ctx.store.read() as session:
        trucks_of = _sent_on(ctx, session, leaves_at)
        plans = [get_plan(session, ctx.city.name, plan_id) for plan_id in trucks_of]
    now_s = second_of_day(ctx.now.astimezone(ctx.zone))
    served: dict[str, tuple[str, ...]] = {}
    for stored in plans:
        before = begun_from_json(stored, {})
        rounds = [each for each in plan_from_json(stored.plan).rounds if each.truck in trucks_of[stored.id]]
        done = {each.truck: _stops(each, left_by=now_s) for each in rounds} | dict(before.served if before else {})
        for name, stops in done.items():
            served[name] = tuple(dict.fromkeys([*served.get(name, ()), *stops]))
    served = {truck: stops for truck, stops in served.items() if stops}
    return Begun(leaves_at, {}, served, {}) if served else None


def _sent_on(ctx: Ctx, session: Session, day: datetime) -> dict[str, set[str]]:
    """The trucks sent on a day's rounds by now, by plan."""
    trucks_of: dict[str, set[str]] = {}
    for each in sent_rounds(session, ctx.city.name, ctx.now):
        if each.starts_at.astimezone(ctx.zone).date() == day.date():
            trucks_of.setdefault(each.plan_id, set()).add(each.truck)
    return trucks_of


def _stops(each: TruckRound, reached_before: int | None = None, left_by: int | None = None) -> tuple[str, ...]:
    """The round's stops, dumps aside, that are reached before a second of the day, or left by one."""
    return tuple(
        visit.stop_id
        for visit in each.visits
        if not visit.is_dump
        and (reached_before is None or visit.arrival_s < reached_before)
        and (left_by is None or visit.depart_s <= left_by)
    )


def _outlooks(ctx: Ctx, stored: StoredPlan) -> dict[str, Outlook]:
    """Its bins as the plan saw them: what is on board is told by those levels, whatever is known of the bins since."""
    seen = cast(dict[str, dict[str, float]], stored.problem["outlooks"])
    return {
        bin_id: Outlook(ctx.city.bins[bin_id], each["level_pct"], each["chance"], bool(each["known"]))
        for bin_id, each in seen.items()
        if bin_id in ctx.city.bins
    }


def begun_reason(ctx: Ctx, begun: Begun, plan_id: str) -> Reason:
    """What the trucks that are out have begun, and what those that stop had served."""
    at = begun.leaves_at
    kept = [
        f"{truck} keeps the {counted(len(stops), 'bin')} that it reaches before {at:%H:%M}"
        for truck, (_, stops) in begun.rounds.items()
    ]
    done = [f"{truck} had served {counted(len(stops), 'bin')}" for truck, stops in begun.served.items()]
    load = "; what is on board of it stays there" if begun.served else ""
    text = f"The round is on its way: {', '.join([*kept, *done])}{load}. Told by the plan's times, not by the crews."
    return Reason(text=text, evidence=[Evidence(label=f"plan {plan_id}", ref=f"plans:{plan_id}")])


def served_reason(begun: Begun) -> Reason:
    """Which bins a new round leaves out because dispatched ones had served them, and how to change such a round."""
    done = " and ".join(f"{truck} had served {counted(len(stops), 'bin')}" for truck, stops in begun.served.items())
    text = (
        f"By now {done}, told by the times of today's dispatched rounds, not by the crews: they are left out here. "
        "What those trucks still have to do may be in this plan again: to change a round on its way, ask “what if …”."
    )
    return Reason(text=text, evidence=[Evidence(label="dispatched rounds", ref="records:dispatches")])


def begun_as_json(begun: Begun | None) -> JsonValue:
    """For storing with a plan; its levels are among the plan's."""
    if begun is None:
        return None
    return {
        "leaves_at": begun.leaves_at.isoformat(),
        "rounds": {truck: [leave, [*stops]] for truck, (leave, stops) in begun.rounds.items()},
        "served": {truck: [*stops] for truck, stops in begun.served.items()},
    }


def begun_from_json(stored: StoredPlan, outlooks: Mapping[str, Outlook]) -> Begun | None:
    """What was begun when a plan was made; None where nothing was, as in plans of older versions."""
    kept = cast(dict[str, JsonValue] | None, stored.problem.get("begun"))
    if kept is None:
        return None
    rounds = cast(dict[str, tuple[int, list[str]]], kept["rounds"])
    served = cast(dict[str, list[str]], kept["served"])
    return Begun(
        datetime.fromisoformat(str(kept["leaves_at"])),
        {truck: (leave, tuple(stops)) for truck, (leave, stops) in rounds.items()},
        {truck: tuple(stops) for truck, stops in served.items()},
        outlooks,
    )
