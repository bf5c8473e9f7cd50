"""explain: why a plan, a forecast or a decision is as it is."""

from __future__ import annotations

from typing import Literal

from domain.values import Facts, Result
from tools.arguments import BinArg, RefArg, TruckArg, words
from tools.context import Ctx
from tools.registry import Example, tool


class ExplanationFacts(Facts):
    """To be filled."""


@tool(
    budget_s=10,
    examples=[
        Example("why is Sather Gate not on the round?", {"bin": "Sather Gate", "question": "why_not"}),
        Example("explain P-0003", {"subject": "P-0003"}),
    ],
)
def explain(
    subject: RefArg = words("last"),
    bin: BinArg | None = None,
    truck: TruckArg | None = None,
    question: Literal["why", "why_not", "what_would_change_it"] = "why",
    *,
    ctx: Ctx,
) -> Result[ExplanationFacts]:
    """Explain a plan, forecast or decision, or the part of one bin or truck in it.

    Reasons are computed by inserting, removing and re-solving.

    Args:
        subject: Id of a plan, forecast or decision; the newest one when not named.
        bin: The bin or site in question.
        truck: The truck in question.
        question: Why it is so, why something is not so, or what would change it.
    """
    raise NotImplementedError
