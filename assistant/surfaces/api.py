"""The HTTP API: chat, tools, approvals, decisions, health, and the OpenAI-compatible endpoint."""

from __future__ import annotations

from fastapi import FastAPI

from assistant.surfaces import api_approvals, api_chat, api_health, api_jobs, api_openai, api_passages
from assistant.surfaces.api_tools import tool_routes
from assistant.surfaces.gate import Gate
from assistant.surfaces.guard import add_guard
from assistant.surfaces.metrics import Metrics
from assistant.surfaces.parts import ApiParts
from assistant.surfaces.problems import install_problems
from tools.registry import TOOLS

TITLE = "Roundsman"
ABOUT = (
    "A conversational operations assistant for waste-collection rounds. Send `Authorization: Bearer KEY`; on loopback "
    "the demo needs none. Errors are RFC 9457 problem documents. Nothing is dispatched without an approval."
)


def make_api(parts: ApiParts) -> FastAPI:
    """The API over these parts. No page of documentation is served: those load scripts from other hosts."""
    app = FastAPI(title=TITLE, description=ABOUT, version="1", docs_url=None, redoc_url=None)
    app.state.parts = parts
    app.state.metrics = Metrics()
    app.state.threads_by_talk = api_openai.ThreadsByTalk()
    app.state.gate = Gate(parts.limits.questions_at_once)
    app.state.jobs = api_jobs.Jobs(app.state.gate)
    routers = (api_chat, api_jobs, api_approvals, api_openai, api_passages, api_health)
    for router in (tool_routes(TOOLS), *(module.router for module in routers)):
        app.include_router(router)
    install_problems(app)
    add_guard(app, app.state.metrics, parts.limits.body_bytes)
    return app
