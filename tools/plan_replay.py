"""A stored plan solved again from what is stored of it alone, and compared byte for byte."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import JsonValue

from domain.errors import AskAgain, NotNow
from domain.repositories.plans import content_hash, get_plan
from domain.work_records import StoredPlan
from engines.routing.params import Params
from engines.routing.problem import Problem, RoundPlan, StopRule
from engines.routing.solve import solve
from tools.context import Ctx
from tools.planning import UNREPEATABLE, plan_as_json, plan_from_json, watched
from tools.replan import again
from tools.replay import CallVerdict, Outcome


@dataclass(frozen=True)
class PlanVerdict:
    """A stored plan beside the one found again; `found` is None where it could not be searched for."""

    stored: StoredPlan
    verdict: CallVerdict
    found: RoundPlan | None = None


def repeat_plan(plan_id: str, ctx: Ctx) -> PlanVerdict:
    """Solves a stored plan's problem again with its seed, its looks and the plan it went on from.

    Its problem is rebuilt from the stored request, levels, prizes and source of distances, and must have the stored
    hash. Raises UnknownName for a plan that is not stored.
    """
    with ctx.store.read() as session:
        stored = get_plan(session, ctx.city.name, plan_id)
    gone = _ended(stored.core, stored.problem["looks"])
    if gone:
        return PlanVerdict(stored, _verdict(stored, "gone", gone))
    try:
        problem = again(ctx, stored).problem
    except (AskAgain, NotNow) as error:
        return PlanVerdict(stored, _verdict(stored, "gone", str(error)))
    found = _searched(ctx, stored, problem)
    if not found.repeatable:
        return PlanVerdict(stored, _verdict(stored, "gone", _ended(found.core, None)))
    made = content_hash({**plan_as_json(found), "starts_at": stored.plan["starts_at"]})
    if made == stored.content_hash:
        return PlanVerdict(stored, _verdict(stored, "same", "the same bytes", made), found)
    why = "other bytes from the same problem: the route engine or a library of it is another one than then"
    return PlanVerdict(stored, _verdict(stored, "different", why, made), found)


def _searched(ctx: Ctx, stored: StoredPlan, problem: Problem) -> RoundPlan:
    """The search of a stored plan once more: as many looks, from the plan that it went on from."""
    looks = stored.problem["looks"]
    assert isinstance(looks, int)
    rule = watched(ctx.tuning, StopRule(max_looks=looks))
    return solve(problem, rule, stored.seed, Params(start=_went_on_from(ctx, stored)))


def _went_on_from(ctx: Ctx, stored: StoredPlan) -> RoundPlan | None:
    if not stored.problem.get("went_on") or stored.parent is None:
        return None
    with ctx.store.read() as session:
        before: dict[str, JsonValue] = get_plan(session, ctx.city.name, stored.parent).plan
    return plan_from_json(before)


def _ended(core: str, looks: object) -> str:
    """What had a share in a search beside its looks, as a sentence; empty where nothing had."""
    if looks is not None:
        return ""
    told = next((sentence for ending, sentence in UNREPEATABLE.items() if core.endswith(ending)), None)
    return told or "its search was not ended by a number of looks"


def _verdict(stored: StoredPlan, outcome: Outcome, why: str, made: str | None = None) -> CallVerdict:
    return CallVerdict(f"plan {stored.id}", outcome, why, stored.content_hash, made)
