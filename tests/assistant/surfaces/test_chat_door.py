"""Claims about what reaches Chainlit from the network, made with a stand-in for Chainlit."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send
from surface_cases import parts_over

from assistant.surfaces.api import make_api
from assistant.surfaces.chat import open_to_this_machine
from assistant.surfaces.chat_door import ChatDoor
from assistant.surfaces.chat_files import chat_secret, config, prepare
from domain.settings import Settings
from domain.store import Store

HTML = """<html><head><title>Roundsman</title>
<meta property="og:image" content="https://elsewhere.example/banner.png">
<link rel="preconnect" href="https://fonts.example.com" />
<link
  href="https://cdn.example.com/style.css"
  rel="stylesheet"
/>
<link rel="icon" href="/favicon" />
<script>const global = globalThis;</script>
<script type="module" src="/assets/index.js"></script></head></html>"""
LOCAL, STRANGER = ("127.0.0.1", 5), ("203.0.113.7", 5)


async def reached(scope: Scope, receive: Receive, send: Send) -> None:
    """Stands for Chainlit: says that the request came through."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
    else:
        await PlainTextResponse("reached")(scope, receive, send)


@asynccontextmanager
async def visitor(
    store: Store, home: Path, demo: bool = True, client: tuple[str, int] = LOCAL
) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who visits the server at localhost:8000 from an address."""
    app = make_api(parts_over(store, home))
    app.mount("/", ChatDoor(reached, lambda: HTML, app.router, demo))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=client)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as made:
        yield made


async def handshake(
    path: str = "/ws/socket.io/", demo: bool = True, client: tuple[str, int] = LOCAL, **headers: str
) -> str:
    """What a websocket gets: websocket.accept or websocket.close."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    given = {"host": "localhost:8000", **headers}
    scope = {
        "type": "websocket",
        "path": path,
        "headers": [(k.encode(), v.encode()) for k, v in given.items()],
        "client": client,
    }
    await ChatDoor(reached, lambda: HTML, make_router(), demo)(scope, receive, send)
    return str(sent[0]["type"])


def make_router():  # type: ignore[no-untyped-def]
    """A router without routes."""
    from starlette.routing import Router

    return Router()


async def test_the_page_loads_nothing_from_other_hosts_and_is_told_so(store: Store, tmp_path: Path) -> None:
    async with visitor(store, tmp_path) as web:
        response = await web.get("/")
    assert re.findall(r"https?://", response.text) == []
    assert '<link rel="icon" href="/favicon" />' in response.text
    policy = response.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert re.search(r"script-src 'self' 'sha256-[\w+/]{43}='$", policy)
    assert "unsafe-eval" not in policy
    assert response.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/assets/index.js"),
        ("GET", "/project/settings"),
        ("POST", "/project/action"),
        ("GET", "/project/file/abc"),
    ],
)
async def test_what_the_page_needs_reaches_chainlit(store: Store, tmp_path: Path, method: str, path: str) -> None:
    async with visitor(store, tmp_path) as web:
        assert (await web.request(method, path)).text == "reached"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/mcp", 404),
        ("POST", "/project/file", 404),
        ("PUT", "/project/element", 404),
        ("POST", "/auth/header", 404),
        ("GET", "/auth/oauth/github", 404),
        ("GET", "/chat/anything", 404),
        ("GET", "/health", 404),
        ("GET", "/ws/socket.io/", 404),
        ("GET", "/api/none", 404),
        ("GET", "/api/chat", 405),
        ("PUT", "/api/approvals/A-0001/approve", 405),
    ],
)
async def test_everything_else_is_a_problem_and_never_the_page(
    store: Store, tmp_path: Path, method: str, path: str, status: int
) -> None:
    async with visitor(store, tmp_path) as web:
        response = await web.request(method, path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


async def test_the_api_answers_beside_the_page(store: Store, tmp_path: Path) -> None:
    async with visitor(store, tmp_path) as web:
        assert (await web.get("/healthz")).json() == {"status": "alive"}


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"X-Forwarded-For": "1.2.3.4"}]
)
async def test_a_page_of_another_origin_presses_no_button_here(
    store: Store, tmp_path: Path, headers: dict[str, str]
) -> None:
    async with visitor(store, tmp_path) as web:
        assert (await web.post("/project/action", headers=headers)).status_code == 403


async def test_the_open_demo_is_for_this_machine_only(store: Store, tmp_path: Path) -> None:
    async with visitor(store, tmp_path, client=STRANGER) as web:
        assert (await web.get("/")).status_code == 403
    async with visitor(store, tmp_path, demo=False, client=STRANGER) as web:
        assert (await web.get("/")).status_code == 200


async def test_a_websocket_is_opened_by_our_own_page_only() -> None:
    ours = "http://localhost:8000"
    assert await handshake(origin=ours) == "websocket.accept"
    assert await handshake(origin="http://evil.example") == "websocket.close"
    assert await handshake() == "websocket.close"
    assert await handshake(origin="http://rebound.example:8000", host="rebound.example:8000") == "websocket.close"
    assert await handshake("/other", origin=ours) == "websocket.close"
    assert await handshake(origin=ours, client=STRANGER) == "websocket.close"
    assert await handshake(origin=ours, client=STRANGER, demo=False) == "websocket.accept"
    assert await handshake(origin="http://evil.example", demo=False) == "websocket.close"


def test_nobody_logs_in_only_where_nobody_else_can_come() -> None:
    assert open_to_this_machine(Settings())
    assert not open_to_this_machine(Settings(host="0.0.0.0"))
    assert not open_to_this_machine(Settings(open_demo=False))


def test_chainlit_s_files_are_under_home_and_closed_to_uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHAINLIT_APP_ROOT", "CHAINLIT_ENV_FILE", "CHAINLIT_AUTH_SECRET"):
        monkeypatch.setenv(name, "")  # so that it is as before after the test
    settings = Settings(home=tmp_path / "home", port=8123)
    folder = prepare(settings)
    assert folder == (tmp_path / "home" / "chat").resolve()
    assert (folder / "public" / "favicon.svg").exists()
    written = config(settings)
    assert 'allow_origins = ["http://127.0.0.1:8123", "http://localhost:8123"]' in written
    assert "[features.spontaneous_file_upload]\nenabled = false" in written
    assert 'cot = "tool_call"' in written


def test_the_secret_of_sessions_is_made_once_and_kept_private(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    first = chat_secret(settings)
    assert len(first) >= 32
    assert chat_secret(settings) == first
    assert (tmp_path / "keys" / "chat").stat().st_mode & 0o077 == 0
