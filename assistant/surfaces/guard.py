"""What every request passes first: an id, the limit of its size, its count and time, and safe headers."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.surfaces.metrics import Metrics
from assistant.surfaces.problems import PLAIN, Problem, problem_response

OURS = ("/api", "/v1", "/healthz", "/readyz", "/metrics", "/openapi.json")
"""What belongs to the API; everything else belongs to the chat page."""
REFUSALS = {401: "unknown_caller", 403: "not_permitted", 413: "too_large", 422: "unreadable", 503: "not_now"}
METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"}
SAFE_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "X-Frame-Options": "DENY"}


def is_ours(path: str) -> bool:
    """Whether an address belongs to the API."""
    return any(path == start or path.startswith(start + "/") for start in OURS)


class Guard:
    """ASGI middleware around the whole server. `body_bytes` holds for the API, whose bodies are read here at once."""

    def __init__(self, app: ASGIApp, metrics: Metrics, body_bytes: int) -> None:
        self._app, self._metrics, self._body_bytes = app, metrics, body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = scope["roundsman.request_id"] = uuid.uuid4().hex
        seen = _Seen(send, request_id)
        began = time.perf_counter()
        try:
            if is_ours(scope["path"]):
                await self._serve_api(scope, receive, seen)
            else:
                await self._app(scope, receive, seen)
        except Exception:
            seen.status = 500  # answered further out, after this has been counted
            raise
        finally:
            self._count(scope, seen.status, time.perf_counter() - began)

    async def _serve_api(self, scope: Scope, receive: Receive, send: _Seen) -> None:
        body = await _read_body(scope, receive, self._body_bytes)
        if body is None:
            detail = f"{PLAIN[413]} The limit is {self._body_bytes // 1024} KiB."
            await problem_response(Problem(413, detail), scope)(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.request(method, _route(scope), status, seconds)
        if status in REFUSALS:
            self._metrics.refuse(REFUSALS[status])


class _Seen:
    """Sends on, with our headers, and remembers the status; 499 is a caller who went away before it."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send, self.request_id, self.status = send, request_id, 499

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self.request_id
            for name, value in SAFE_HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)


async def _read_body(scope: Scope, receive: Receive, most: int) -> bytes | None:
    """The whole body, or None as soon as it is too large."""
    length = Headers(scope=scope).get("content-length", "0")
    if not length.isdecimal() or int(length) > most:
        return None
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > most:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def _route(scope: Scope) -> str:
    """The route's template, so that a label cannot hold what somebody typed."""
    if not is_ours(scope["path"]):
        return "chat"
    return str(getattr(scope.get("route"), "path", "unknown"))


def add_guard(app: FastAPI, metrics: Metrics, body_bytes: int) -> None:
    """Puts the guard around the app."""
    app.add_middleware(Guard, metrics=metrics, body_bytes=body_bytes)
