"""A stored plan made whole again: its problem, its plan, and what was known when it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import cast

from pydantic import JsonValue

from domain.errors import NotNow
from domain.values import Call
from domain.work_records import StoredPlan
from engines.routing.problem import Problem, RoundPlan
from engines.routing.worth import Worth
from tools.begun import begun_from_json
from tools.context import Ctx
from tools.planning import plan_from_json
from tools.resolve import Setting, resolve
from tools.round_problem import Outlook, Wish, build_problem, full_milli

OTHERWISE = "Plan {plan_id} was made with other records or distances; plan again to have it explained."


@dataclass(frozen=True)
class Replanned:
    """A stored plan with its problem rebuilt from the stored inputs. `overflow_milli`: worth of a sure overflow."""

    plan_id: str
    problem: Problem
    plan: RoundPlan
    outlooks: Mapping[str, Outlook]
    left_out: Mapping[str, str]
    serve: str
    where: str
    overflow_milli: float
    worths: Mapping[str, Worth] = field(default_factory=dict)

    def chance_of(self, bin_id: str, milli: int) -> int | None:
        """The chance in percent at which a visit is worth `milli`, the other parts of its worth as they are.

        None when not even a sure overflow would be worth that much.
        """
        chance = self.worths.get(bin_id, Worth()).chance_at(milli, self.overflow_milli)
        return None if chance is None else round(100 * chance)


def again(ctx: Ctx, stored: StoredPlan) -> Replanned:
    """Rebuild; raises NotNow when the records or distances of today are not those the plan was made with."""
    inputs = stored.problem
    plan = _plan_of(stored)
    seen_bins, trucks_then = cast(dict[str, JsonValue], inputs["outlooks"]), [each.truck for each in plan.rounds]
    if not (seen_bins.keys() <= ctx.city.bins.keys() and ctx.city.trucks.keys() >= {*trucks_then}):
        raise NotNow(OTHERWISE.format(plan_id=stored.id))
    outlooks = {
        bin_id: Outlook(ctx.city.bins[bin_id], seen["level_pct"], seen["chance"], bool(seen["known"]))
        for bin_id, seen in cast(dict[str, dict[str, float]], inputs["outlooks"]).items()
    }
    wish = Wish(**resolve(Call("plan_round", stored.request), Setting(ctx.city, _made_at(inputs))).values)
    wish = replace(wish, begun=begun_from_json(stored, outlooks))
    wish = wish.leaving(datetime.fromisoformat(str(stored.plan["starts_at"])))
    prizes = cast(dict[str, int | None], inputs["prizes"])
    stops = [(outlooks[bin_id], prizes[bin_id]) for bin_id in cast(list[str], inputs["bins"])]
    trucks = [ctx.city.trucks[name] for name in trucks_then]
    problem = build_problem(ctx, wish, stops, trucks, str(inputs["distances"])).problem
    if problem.hash != stored.problem_hash:
        raise NotNow(OTHERWISE.format(plan_id=stored.id))
    return Replanned(
        stored.id, problem, plan, outlooks, cast(dict[str, str], inputs["left_out"]), str(inputs["serve"]),
        str(inputs["where"]), full_milli(ctx), _worths(inputs),
    )  # fmt: skip


def _plan_of(stored: StoredPlan) -> RoundPlan:
    return plan_from_json({k: v for k, v in stored.plan.items() if k != "starts_at"})


def _worths(inputs: Mapping[str, JsonValue]) -> dict[str, Worth]:
    """The parts of each prize; none in plans that were stored before prizes had parts."""
    stored = cast(dict[str, list[int]], inputs.get("worths") or {})
    return {bin_id: Worth(*parts) for bin_id, parts in stored.items()}


def _made_at(inputs: Mapping[str, JsonValue]) -> datetime:
    return datetime.fromisoformat(str(inputs["now"]))
