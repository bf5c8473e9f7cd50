"""GET /healthz (alive), /readyz (able to answer) and /metrics. They need no key and say nothing worth hiding."""

from __future__ import annotations

from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse

from assistant.surfaces.identity import parts_of
from assistant.surfaces.metrics import MEDIA_TYPE, Gauge, Metrics, Searches
from assistant.surfaces.parts import ApiParts
from domain.embedding_costs import CostBook
from domain.errors import NotNow

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Alive")
async def alive() -> dict[str, str]:
    """The process answers; says nothing about its parts."""
    return {"status": "alive"}


@router.get("/readyz", summary="Ready")
async def ready(request: Request) -> JSONResponse:
    """Every part by name; 503 when a needed one is out. What to do about it is said by `roundsman doctor`."""
    found = await run_sync(parts_of(request).health)
    able = all(part.ok for part in found if part.needed)
    parts: list[dict[str, Any]] = [{"name": part.name, "ok": part.ok, "needed": part.needed} for part in found]
    return JSONResponse({"ready": able, "parts": parts}, 200 if able else 503)


@router.get("/metrics", summary="Counters for Prometheus", response_class=PlainTextResponse)
async def metrics(request: Request) -> PlainTextResponse:
    """Requests, searches, how far the search is behind the records, and what embeddings have cost."""
    counters: Metrics = request.app.state.metrics
    parts = parts_of(request)
    gauges = [*await run_sync(_search_lag, parts), *await run_sync(_embedding_costs, parts)]
    searches = [] if parts.index is None else [Searches(parts.index.counted())]
    return PlainTextResponse(counters.text([*gauges, *searches]), media_type=MEDIA_TYPE)


def _search_lag(parts: ApiParts) -> list[Gauge]:
    """Nothing while the records cannot be read: a missing value is no zero."""
    if parts.index is None:
        return []
    try:
        waiting = parts.index.waiting()
    except NotNow:
        return []
    age_s = waiting.age_s(parts.wall())
    return [
        Gauge("roundsman_search_changes_waiting", waiting.changes, "Changes of the records that the search lacks."),
        Gauge("roundsman_search_lag_seconds", age_s, "Age of the oldest change that the search lacks."),
    ]


def _embedding_costs(parts: ApiParts) -> list[Gauge]:
    """Only where a paid service was ever asked."""
    spent = CostBook(parts.settings.home).spent()
    if spent is None:
        return []
    return [
        Gauge("roundsman_embedding_requests", spent.requests, "Requests to the paid embedding service, ever."),
        Gauge("roundsman_embedding_tokens", spent.tokens, "Tokens that the paid embedding service has counted, ever."),
        Gauge("roundsman_embedding_dollars", spent.dollars, "List price of these tokens in US dollars."),
    ]
