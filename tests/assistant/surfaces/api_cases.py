"""Callers of the HTTP API for tests, over the ASGI application itself, and how its answers are read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI
from surface_cases import Tools

from assistant.surfaces.api import make_api
from assistant.surfaces.parts import ApiParts

LOCAL = ("127.0.0.1", 50_000)
STRANGER = ("203.0.113.7", 50_000)
PROBLEM = "application/problem+json"


@asynccontextmanager
async def caller(
    parts: ApiParts, client: tuple[str, int] = LOCAL, key: str | None = None, host: str = "localhost:8000"
) -> AsyncIterator[httpx.AsyncClient]:
    """A program that calls an API of its own from an address, with a key."""
    async with caller_of(make_api(parts), client, key, host) as made:
        yield made


@asynccontextmanager
async def caller_of(
    app: FastAPI, client: tuple[str, int] = LOCAL, key: str | None = None, host: str = "localhost:8000"
) -> AsyncIterator[httpx.AsyncClient]:
    """A program that calls this API."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=client)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}", headers=headers) as made:
        yield made


def require_problem(response: httpx.Response, status: int) -> dict[str, object]:
    """The response is a problem document of that status."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    found = response.json()
    assert found["status"] == status
    assert {"type", "title", "detail", "request_id"} <= set(found)
    return dict(found)


def tools_of(parts: ApiParts) -> Tools:
    """The double behind the parts."""
    assert isinstance(parts.run_tool, Tools)
    return parts.run_tool


def read_events(text: str) -> list[tuple[str, str, dict[str, object]]]:
    """(id, event, data) of a stream, as a client of the specification reads it."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if fields:
            found.append((fields["id"], fields["event"], json.loads(fields["data"])))
    return found
