"""POST /api/tools/{name}, one route for each tool of the registry (law 6), and the four /api/ml addresses."""

from __future__ import annotations

import typing
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Generic, TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field, JsonValue

from assistant.ports import Follower, ToolRun
from assistant.surfaces.api_jobs import Jobs, wants_job
from assistant.surfaces.identity import CurrentActor, parts_of
from assistant.surfaces.once import MayRepeat, once
from assistant.surfaces.tool_parameters import checked, read_parameters
from domain.values import Actor, Call
from tools.registry import Tool
from tools.use import require_permission

R = TypeVar("R")
ALIASES: Mapping[str, str] = {
    "/api/ml/predict/route-optimization": "plan_round",
    "/api/ml/predict/bin-fullness": "forecast_fill",
    "/api/ml/analyze/operational-insights": "operations_report",
}
MODELS = "model_status"


class ToolReply(BaseModel, Generic[R]):
    """What a tool gave back: its result with reasons, and what code made of the words."""

    name: str
    parameters: dict[str, JsonValue]
    understood: dict[str, str]
    sentence: str = Field(description="The result's headline with its facts put in.")
    result: R
    decision_id: str | None
    proposal: dict[str, JsonValue] | None = Field(description="For the tools that propose: the stored proposal.")
    ms: float


def tool_routes(tools: Mapping[str, Tool]) -> APIRouter:
    """The routes of these tools."""
    router = APIRouter()
    for name, declared in tools.items():
        _add(router, f"/api/tools/{name}", declared, "tools")
    for path, name in ALIASES.items():
        if name in tools:
            _add(router, path, tools[name], "ml")
    if MODELS in tools:
        _add_models(router, tools[MODELS])
    return router


def _add(router: APIRouter, path: str, declared: Tool, tag: str) -> None:
    router.add_api_route(
        path, _endpoint(declared), methods=["POST"], tags=[tag], name=f"{tag} {declared.name}",
        operation_id=f"{tag}_{declared.name}", summary=declared.summary, description=declared.description,
        responses=_reply_model(declared), openapi_extra={"requestBody": _request_body(declared)},
    )  # fmt: skip


def _add_models(router: APIRouter, declared: Tool) -> None:
    async def status(request: Request, actor: CurrentActor, model: str | None = None) -> dict[str, Any]:
        asked = Call(declared.name, checked(declared, {} if model is None else {"model": model}))
        request.state.sent = asked.parameters
        return await _run(request, asked, actor)

    router.add_api_route(
        "/api/ml/models/status", status, methods=["GET"], tags=["ml"], operation_id="ml_models_status",
        summary=declared.summary, description=declared.description, responses=_reply_model(declared),
        response_model=None,
    )  # fmt: skip


def _endpoint(declared: Tool) -> Callable[..., Coroutine[Any, Any, Response]]:
    async def use_tool(request: Request, actor: CurrentActor, key: MayRepeat = None) -> Response:
        asked = Call(declared.name, read_parameters(declared, await request.body()))
        request.state.sent = asked.parameters

        async def work() -> dict[str, Any]:
            return await _run(request, asked, actor)

        async def start() -> dict[str, Any]:
            require_permission(actor, declared)
            jobs: Jobs = request.app.state.jobs
            return jobs.start(actor, lambda follower: _run(request, asked, actor, follower)).as_json()

        return await (once(request, actor, start, status=202) if wants_job(request) else once(request, actor, work))

    return use_tool


async def _run(request: Request, asked: Call, actor: Actor, follower: Follower | None = None) -> dict[str, Any]:
    return reply_json(await parts_of(request).run_tool(asked, actor, follower))


def reply_json(ran: ToolRun) -> dict[str, Any]:
    """A tool's reply as JSON, the shape of ToolReply."""
    result = ran.used.result.model_dump(mode="json")
    return {
        "name": ran.used.call.name,
        "parameters": ran.used.call.parameters,
        "understood": result["understood"],
        "sentence": ran.used.result.sentence(),
        "result": result,
        "decision_id": ran.decision_id,
        "proposal": ran.proposal.as_json() if ran.proposal else None,
        "ms": round(ran.used.ms, 1),
    }


def _request_body(declared: Tool) -> dict[str, Any]:
    examples = {
        f"example {n}": {"summary": e.question, "value": e.parameters} for n, e in enumerate(declared.examples, 1)
    }
    content = {"schema": declared.parameters_schema(), "examples": examples}
    required = any(argument.required for argument in declared.arguments)
    return {"required": required, "content": {"application/json": content}}


def _reply_model(declared: Tool) -> dict[int | str, dict[str, Any]]:
    result: Any = typing.get_type_hints(declared.run)["return"]
    accepted = {"description": "With `Prefer: respond-async`: a job, whose address is in Location."}
    return {
        202: accepted,
        200: {"model": ToolReply.__class_getitem__(result), "description": "The result, with its reasons."},
    }
