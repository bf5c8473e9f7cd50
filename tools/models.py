"""model_status: which models answer, how good and how old they are."""

from __future__ import annotations

from domain.values import Facts, Result
from tools.arguments import ModelArg
from tools.context import Ctx
from tools.registry import Example, tool


class ModelFacts(Facts):
    """To be filled."""


@tool(
    budget_s=2,
    examples=[
        Example("how accurate is the fill model?", {"model": "fill"}),
    ],
)
def model_status(
    model: ModelArg | None = None,
    *,
    ctx: Ctx,
) -> Result[ModelFacts]:
    """Show which models are in use, their versions, and how good they are.

    Args:
        model: One of fill, overflow, vision, language, embeddings, or the user's word.
    """
    raise NotImplementedError
