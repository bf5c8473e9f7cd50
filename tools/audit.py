"""audit_trail: what was decided, on what evidence, and whether the record is whole."""

from __future__ import annotations

from typing import Literal

from domain.values import Facts, Result
from tools.arguments import RefArg, words
from tools.context import Ctx
from tools.registry import READERS_OF_THE_LEDGER, Example, tool


class AuditFacts(Facts):
    """To be filled."""


@tool(
    budget_s=10,
    examples=[
        Example("replay D-0012", {"decision": "D-0012", "check": "replay"}),
    ],
    roles=READERS_OF_THE_LEDGER,
)
def audit_trail(
    decision: RefArg = words("last"),
    check: Literal["show", "verify", "replay"] = "show",
    *,
    ctx: Ctx,
) -> Result[AuditFacts]:
    """Show, verify or replay a recorded decision.

    For managers and auditors.

    Args:
        decision: Id of the decision; the one before this turn when not named.
        check: Show the record, verify the whole chain, or run the decision's tools again and compare.
    """
    raise NotImplementedError
