"""One call, from the model's words to a result: permit, resolve, run, restate."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.errors import AskAgain, NotPermitted, UnknownName
from domain.values import Actor, Call, Effect, Result, Role
from tools.context import Ctx
from tools.registry import TOOLS, Tool
from tools.resolve import resolve, setting_of
from tools.similar_places import with_choices


@dataclass(frozen=True)
class Used:
    """A call that ran: its result (with `understood` filled in) and how long it took."""

    call: Call
    result: Result[Any]
    ms: float


def _may(actor: Actor, declared: Tool) -> bool:
    """Whether the role may; an API client also needs the tool's name, `read` or `propose` among its scopes."""
    if actor.role not in declared.roles:
        return False
    return actor.role is not Role.api or bool(actor.scopes & {declared.name, declared.effect.value})


def require_permission(actor: Actor, declared: Tool) -> None:
    """Raise NotPermitted with who may, when the actor may not use the tool."""
    if not _may(actor, declared):
        may = ", ".join(sorted(role.value for role in declared.roles))
        doing = "propose" if declared.effect is Effect.propose else "use"
        raise NotPermitted(f"As {actor.role.value} you may not {doing} “{declared.name}”; that takes one of: {may}.")


def use(call: Call, ctx: Ctx, tools: Mapping[str, Tool] = TOOLS) -> Used:
    """Run one call for `ctx.actor`. Raises AskAgain, NotPermitted, NotNow; anything else is a bug."""
    declared = tools.get(call.name)
    if declared is None:
        raise AskAgain("There is no such tool. What would you like to know or do?")
    require_permission(ctx.actor, declared)
    began = time.perf_counter()
    try:
        resolved = resolve(call, setting_of(ctx), tools)
    except UnknownName as unknown:
        raise with_choices(unknown, ctx) from unknown
    result = declared.run(**resolved.values, ctx=ctx)
    told = {**resolved.understood, **result.understood}
    return Used(call, result.model_copy(update={"understood": told}), (time.perf_counter() - began) * 1000)
