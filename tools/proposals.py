"""The three proposals: dispatch a round, open a ticket, start a watch. Nothing happens before a person approves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from pydantic import JsonValue

from domain.errors import AskAgain, DeadlineExceeded, MissingPiece
from domain.operation import BinInfo
from domain.repositories.fleet import sent_rounds
from domain.repositories.plans import get_plan
from domain.repositories.proposals import NewProposal, store_proposal
from domain.values import BinSet, Effect, Evidence, Facts, Place, Reason, Result, TruckSet, counted
from domain.work_records import StoredPlan
from engines.routing.plan import TruckRound
from tools.arguments import (
    BinArg,
    Count,
    MomentArg,
    Percent,
    PlaceArg,
    RefArg,
    ScheduleArg,
    StreamArg,
    TextArg,
    TruckArg,
    TrucksArg,
    words,
)
from tools.conditions import least_count
from tools.context import Ctx
from tools.fill import data_age
from tools.planning import plan_from_json
from tools.registry import PROPOSERS, Example, tool
from tools.round_changes import which_plan
from tools.scope import bins_in_scope, one_zone, zone_around
from tools.unemptied import left_unemptied, unemptied_reason

WHICH_BIN = "Which bin is it? Give its number, or its site and stream."


class ProposalFacts(Facts):
    """A stored proposal. `about` is what it would do, in words; approval is asked from a person, never given here."""

    proposal_id: str
    kind: str
    about: str
    expires: str


@tool(
    budget_s=5,
    examples=[
        Example("send it to the crews", {}),
        Example("dispatch P-0003 with truck 1 only", {"plan": "P-0003", "trucks": ["truck 1"]}),
    ],
    effect=Effect.propose,
    roles=PROPOSERS,
)
def propose_dispatch(
    plan: RefArg = words("last"),
    trucks: TrucksArg | None = None,
    *,
    ctx: Ctx,
) -> Result[ProposalFacts]:
    """Propose to send a stored plan to its crews.

    A person with the right role approves the exact plan before anything happens.

    Args:
        plan: The plan to send; the newest one when not named.
        trucks: Only these trucks of the plan.
    """
    plan_id = which_plan(ctx, plan)
    with ctx.store.read() as session:
        stored = get_plan(session, ctx.city.name, plan_id)
    content = dict(stored.plan)
    starts_at = _still_to_leave(ctx, plan_id, content.get("starts_at"))
    found = plan_from_json({k: v for k, v in content.items() if k != "starts_at"})
    chosen = [r for r in found.rounds if r.stop_ids and (trucks is None or r.truck in trucks.names)]
    if not chosen:
        raise AskAgain(f"Plan {plan_id} has no round for {', '.join(trucks.names) if trucks else 'any truck'} to send.")
    stay = frozenset(cast(list[str], stored.problem.get("may_stay") or []))  # not in plans of older versions
    rounds = [
        _sheet(r, stay) for r in cast(list[JsonValue], content["rounds"]) if _truck_of(r) in {c.truck for c in chosen}
    ]
    about = "; ".join(_in_short(each, stay) for each in chosen)
    said: dict[str, JsonValue] = {
        "plan_id": plan_id,
        "plan_hash": stored.content_hash,
        "starts_at": content.get("starts_at"),
        "trucks": [r.truck for r in chosen],
        "rounds": rounds,
        "about": f"Dispatch {plan_id}: {about}",
    }
    replaced = _replaced(ctx, stored)
    if replaced:
        said |= {"replaces": [*replaced], "about": f"{said['about']}; in place of {', '.join(replaced)}"}
    why = Reason(
        text=f"Plan {plan_id} as stored, hash {stored.content_hash[:12]}; a changed plan needs a new proposal.",
        evidence=[Evidence(label=f"plan {plan_id}", ref=f"plans:{plan_id}")],
    )
    result = _proposed(ctx, "dispatch", said, why, (plan_id, starts_at))
    return result.model_copy(update={"understood": {"plan": plan_id}})


def _replaced(ctx: Ctx, stored: StoredPlan) -> tuple[str, ...]:
    """The dispatches in force, of the same day, of plans that this one is a change of: crews would have two orders."""
    day = datetime.fromisoformat(str(stored.plan["starts_at"])).date()
    with ctx.store.read() as session:
        before, parent = set[str](), stored.parent
        while parent is not None and parent not in before:
            before.add(parent)
            parent = get_plan(session, ctx.city.name, parent).parent
        sent = [each for each in sent_rounds(session, ctx.city.name, ctx.now) if each.plan_id in before]
    same = [each.dispatch_id for each in sent if each.starts_at.astimezone(ctx.zone).date() == day]
    return tuple(dict.fromkeys(same))


def _still_to_leave(ctx: Ctx, plan_id: str, said: JsonValue) -> datetime | None:
    """The start of a plan's round, aware; None when the plan tells none. Raises AskAgain when that is over."""
    if not isinstance(said, str):
        return None
    starts_at = datetime.fromisoformat(said).astimezone(ctx.zone)
    if starts_at <= ctx.now:
        raise AskAgain(
            f"The round of {plan_id} was to leave on {starts_at:%Y-%m-%d %H:%M}, which is over. "
            "For which night or day shall I plan it again?"
        )
    return starts_at


def _sheet(each: JsonValue, stay: frozenset[str]) -> JsonValue:
    """A stored round as its crew gets it: with the bins, in driving order, that a truck which is full leaves."""
    if not isinstance(each, dict):
        return each
    visits = cast(list[dict[str, JsonValue]], each["visits"])
    return {**each, "may_stay": [visit["stop_id"] for visit in visits if visit["stop_id"] in stay]}


def _in_short(each: TruckRound, stay: frozenset[str]) -> str:
    """A round on the card: bins, kilometres, and how many bins may wait when the truck is full."""
    waiting = sum(stop_id in stay for stop_id in each.stop_ids)
    wait = f", {waiting} of which may stay if it is full by then" if waiting else ""
    return f"{each.truck}: {counted(len(each.stop_ids), 'bin')}, {each.metres / 1000:.1f} km{wait}"


def _truck_of(each: JsonValue) -> str:
    return str(each["truck"]) if isinstance(each, dict) else ""


@tool(
    budget_s=10,
    examples=[
        Example(
            "open a ticket for bin 1514008, the door is jammed",
            {"kind": "maintenance", "bin": "1514008", "note": "the door is jammed"},
        ),
    ],
    effect=Effect.propose,
    roles=PROPOSERS,
)
def propose_ticket(
    kind: Literal["maintenance", "recovery", "complaint"],
    note: TextArg,
    bin: BinArg | None = None,
    truck: TruckArg | None = None,
    near: PlaceArg | None = None,
    when: MomentArg | None = None,
    *,
    ctx: Ctx,
) -> Result[ProposalFacts]:
    """Propose a ticket: repair or clean a bin, make good a missed collection, or follow up a complaint.

    Args:
        kind: Repair or cleaning, recovery of a missed collection, or a complaint.
        note: What is wrong, the user's whole clause.
        bin: The one bin it is about.
        truck: The truck it is about or for.
        near: The place it is about.
        when: When it should be done.
    """
    about = _about(ctx, kind, bin, near, truck)
    point = about.bins[0] if about.bins else near
    said: dict[str, JsonValue] = {
        "kind": kind,
        "note": note,
        "bin_id": about.bins[0].bin_id if len(about.bins) == 1 else None,
        "truck": about.truck,
        "near": near.name if near else about.site,
        "zone": one_zone(ctx, about.bins) if about.bins else zone_around(ctx, near) if near else None,
        "lat": point.lat if point else None,
        "lon": point.lon if point else None,
        "due_at": when.at.isoformat() if when else None,
        "about": f"{kind.capitalize()} ticket for {about.target}: “{note}”",
    }
    return _proposed(ctx, "ticket", said, Reason(text="The note is quoted as it was said.", evidence=about.evidence()))


@dataclass(frozen=True)
class _About:
    """What a ticket is about: a bin or the bins of a site, a place, a truck; at least one of them."""

    bins: tuple[BinInfo, ...]
    site: str | None
    near: Place | None
    truck: str | None

    @property
    def target(self) -> str:
        """In words, for the card."""
        where = self.bins[0].label if len(self.bins) == 1 else self.site or (self.near.name if self.near else None)
        return ", ".join(part for part in (where, self.truck) if part)

    def evidence(self) -> list[Evidence]:
        """The records of what was named; of a bare point its coordinates (RFC 5870)."""
        found = [Evidence(label=each.label, ref=f"records:bins/{each.bin_id}") for each in self.bins]
        if self.near and self.near.kind == "point":
            found.append(Evidence(label=self.near.name, ref=f"geo:{self.near.lat},{self.near.lon}"))
        elif self.near:
            at = f"sites/{self.near.site_ids[0]}" if self.near.kind == "site" else f"places/{self.near.name}"
            found.append(Evidence(label=self.near.name, ref=f"records:{at}"))
        return found + ([Evidence(label=self.truck, ref=f"records:trucks/{self.truck}")] if self.truck else [])


def _about(ctx: Ctx, kind: str, bins: BinSet | None, near: Place | None, truck: TruckSet | None) -> _About:
    """Raises MissingPiece when nothing was named, AskAgain when maintenance is for one bin of several."""
    if bins is None and near is None and truck is None:
        raise MissingPiece("bin", WHICH_BIN if kind == "maintenance" else "Which bin, place or truck is it about?")
    if bins is None and near is not None and kind == "maintenance":
        raise MissingPiece("bin", WHICH_BIN)
    meant = tuple(ctx.city.bins[each] for each in bins.bin_ids) if bins else ()
    site = ", ".join(bins.names) if bins and len(meant) > 1 else None
    if site and kind == "maintenance":
        raise AskAgain(f"{site} stands for {len(meant)} bins. Which one is it?", [each.label for each in meant])
    return _About(meant, site, near, truck.names[0] if truck else None)


@tool(
    budget_s=10,
    examples=[
        Example(
            "tell me every morning at 6 if more than five bins near Bancroft Way pass 90 percent",
            {
                "condition": "more than five bins near Bancroft Way pass 90 percent",
                "schedule": "every morning at 6",
                "near": "Bancroft Way",
                "threshold_pct": 90,
                "min_count": 5,
            },
        ),
    ],
    effect=Effect.propose,
    roles=PROPOSERS,
)
def propose_watch(
    condition: TextArg,
    schedule: ScheduleArg | None = None,
    channel: TextArg | None = None,
    near: PlaceArg | None = None,
    stream: StreamArg | None = None,
    threshold_pct: Percent | None = None,
    min_count: Count | None = None,
    *,
    ctx: Ctx,
) -> Result[ProposalFacts]:
    """Propose an alert that fires when a condition on the bins comes true.

    Args:
        condition: The user's whole clause of what to watch for.
        schedule: When to check, in the user's words.
        channel: Where to tell it: Slack, mail, chat.
        near: Only this place or area.
        stream: Only this waste stream.
        threshold_pct: The fill level that counts.
        min_count: How many bins it takes.
    """
    threshold = threshold_pct if threshold_pct is not None else round(ctx.city.assumed("overflow_threshold_pct", 80.0))
    least = least_count(condition, min_count)
    limits = f"at least {counted(least, 'bin')} at or above {threshold} %"
    scope = f"{near.name if near else ctx.city.title}{f', {stream}' if stream else ''}"
    said: dict[str, JsonValue] = {
        "condition": condition,
        "schedule": schedule,
        "channel": channel,
        "near": near.name if near else None,
        "stream": stream,
        "threshold_pct": threshold,
        "min_count": least,
        "about": f"Watch {scope}: “{condition}” ({limits}), {schedule or 'with every refresh of the levels'}",
    }
    why = Reason(
        text=f"The condition is checked as: {limits}, in {scope}.",
        evidence=[Evidence(label="overflow threshold of the city", ref="assumptions:operation")],
    )
    watched = [b for b in bins_in_scope(ctx, near=near, stream=stream) if b.in_service]
    left = unemptied_reason(ctx, left_unemptied(ctx, watched))
    made = _proposed(ctx, "watch", said, why)
    return made.model_copy(update={"why": [*made.why, *left]})


def _proposed(
    ctx: Ctx,
    kind: str,
    content: dict[str, JsonValue],
    why: Reason,
    plan: tuple[str | None, datetime | None] = (None, None),
) -> Result[ProposalFacts]:
    """Store a proposal; `plan` is the id and the start of the plan that it would send."""
    new = NewProposal(
        city=ctx.city.name,
        kind=kind,
        content=content,
        made_by=ctx.actor.name,
        role=ctx.actor.role.value,
        thread=ctx.thread.thread_id,
        surface=ctx.tuning.surface,
        plan_id=plan[0],
        until=plan[1],
    )
    with ctx.store.write() as session:
        row = store_proposal(session, new, ctx.now)
        if ctx.abandoned:  # undoes the transaction: nobody would be told of the proposal
            raise DeadlineExceeded("Nobody waits for this proposal any more; nothing was stored.")
    facts = ProposalFacts(
        proposal_id=row.id,
        kind=kind,
        about=str(content["about"]),
        expires=row.expires_at.astimezone(ctx.zone).strftime("%Y-%m-%d %H:%M"),
    )
    return Result[ProposalFacts](
        headline="Proposal {proposal_id}, open until {expires}: {about}. Nothing happens before a person approves it.",
        facts=facts,
        why=[why],
        data_age=data_age(ctx),
    )
