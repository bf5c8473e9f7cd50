"""A language model that is not there: every decision says why, so that the rest of Roundsman still works."""

from __future__ import annotations

from pydantic import JsonValue

from domain.errors import ModelUnavailable
from domain.ports import ModelAnswer, ModelIdentity


class NoModel:
    """Stands where the weights are missing or were refused; `why` is shown with every answer."""

    def __init__(self, why: str) -> None:
        self.identity = ModelIdentity("none", engine="none")
        self.why = why

    async def decide(self, prompt: str, schema: dict[str, JsonValue], *, deadline_s: float) -> ModelAnswer:
        """Raises ModelUnavailable, always."""
        raise ModelUnavailable(self.why)
