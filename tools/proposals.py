"""The three proposals: dispatch a round, open a ticket, start a watch. Nothing happens before a person approves."""

from __future__ import annotations

from typing import Literal

from domain.values import Effect, Facts, Result
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
from tools.context import Ctx
from tools.registry import PROPOSERS, Example, tool


class ProposalFacts(Facts):
    """To be filled."""


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
    raise NotImplementedError


@tool(
    budget_s=3,
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
    raise NotImplementedError


@tool(
    budget_s=3,
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
    raise NotImplementedError
