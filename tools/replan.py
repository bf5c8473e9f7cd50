"""A stored plan made whole again: its problem, its plan, and what was known when it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from pydantic import JsonValue

from domain.errors import NotNow
from domain.repositories.plans import get_plan
from domain.values import Call
from domain.work_records import StoredPlan
from engines.routing.params import Params
from engines.routing.problem import Problem, RoundPlan, StopRule
from engines.routing.solve import solve
from tools.context import Ctx
from tools.planning import Outlook, Wish, build_problem, plan_from_json
from tools.resolve import Setting, resolve


@dataclass(frozen=True)
class Replanned:
    """A stored plan with its problem rebuilt from the stored inputs. `overflow_milli`: worth of a sure overflow.

    `looks` and `seed` bounded the search that found the plan, `start` is what it went on from.
    """

    plan_id: str
    problem: Problem
    plan: RoundPlan
    outlooks: Mapping[str, Outlook]
    left_out: Mapping[str, str]
    serve: str
    where: str
    overflow_milli: float
    looks: int | None
    seed: int
    start: RoundPlan | None = None

    def chance_of(self, milli: int) -> int | None:
        """The chance in percent whose worth is `milli`; None when not even a sure overflow is worth that much."""
        if milli > self.overflow_milli:
            return None
        return round(100 * milli / self.overflow_milli) if self.overflow_milli > 0 else 0


def again(ctx: Ctx, stored: StoredPlan) -> Replanned:
    """Rebuild; raises NotNow when the distances of today are not those the plan was made with."""
    inputs = stored.problem
    outlooks = {
        bin_id: Outlook(ctx.city.bins[bin_id], seen["level_pct"], seen["chance"], bool(seen["known"]))
        for bin_id, seen in cast(dict[str, dict[str, float]], inputs["outlooks"]).items()
    }
    wish = Wish(**resolve(Call("plan_round", stored.request), Setting(ctx.city, _made_at(inputs))).values)
    plan = _plan_of(stored)
    prizes = cast(dict[str, int | None], inputs["prizes"])
    stops = [(outlooks[bin_id], prizes[bin_id]) for bin_id in cast(list[str], inputs["bins"])]
    trucks = [ctx.city.trucks[each.truck] for each in plan.rounds]
    problem = build_problem(ctx, wish, stops, trucks, str(inputs["distances"])).problem
    if problem.hash != stored.problem_hash:
        raise NotNow(f"Plan {stored.id} was made with other records or distances; plan again to have it explained.")
    return Replanned(
        stored.id, problem, plan, outlooks, cast(dict[str, str], inputs["left_out"]), str(inputs["serve"]),
        str(inputs["where"]), ctx.city.assumed("overflow_cost_per_bin_day", 20.0) * 1000,
        cast(int | None, inputs.get("looks")), stored.seed, _before(ctx, stored),
    )  # fmt: skip


def solved_again(seen: Replanned) -> RoundPlan:
    """The plan searched for again from what was stored: the same bytes. Raises NotNow when that is too little."""
    if seen.looks is None:
        raise NotNow(f"Plan {seen.plan_id} was stored without the bound of its search, so it cannot be repeated.")
    return solve(seen.problem, StopRule(max_looks=seen.looks), seen.seed, Params(start=seen.start))


def _plan_of(stored: StoredPlan) -> RoundPlan:
    return plan_from_json({k: v for k, v in stored.plan.items() if k != "starts_at"})


def _before(ctx: Ctx, stored: StoredPlan) -> RoundPlan | None:
    """The plan that the search of this one went on from."""
    if not stored.problem.get("went_on") or stored.parent is None:
        return None
    with ctx.store.read() as session:
        return _plan_of(get_plan(session, ctx.city.name, stored.parent))


def _made_at(inputs: Mapping[str, JsonValue]) -> datetime:
    return datetime.fromisoformat(str(inputs["now"]))
