"""GET /healthz (alive), /readyz (able to answer) and /metrics. They need no key and say nothing worth hiding."""

from __future__ import annotations

from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse

from assistant.surfaces.identity import parts_of
from assistant.surfaces.metrics import MEDIA_TYPE, Metrics

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
    """Requests, seconds and refusals."""
    counters: Metrics = request.app.state.metrics
    return PlainTextResponse(counters.text(), media_type=MEDIA_TYPE)
