"""What stands between the network and Chainlit: the few addresses that the page needs, for our own page only.

A page of another site could otherwise open the websocket with the user's browser, and act as the user.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse
from starlette.routing import Match, Mount, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from assistant.surfaces.guard import is_ours
from assistant.surfaces.identity import on_this_machine, same_origin

PAGES = re.compile(r"/|/login|/login/callback")
READ = re.compile(
    r"/(assets|public|avatars)/.+|/favicon|/logo|/auth/config|/user|/project/(translations|settings)|/project/file/[^/]+"
)
SENT = re.compile(r"/set-session-cookie|/project/action|/login|/logout")
SOCKET = "/ws/socket.io"
EXTERNAL = re.compile(r"<link\b[^>]*https?://[^>]*>|<meta property=\"og:[^>]*>", re.S)
INLINE = re.compile(r"<script>(.*?)</script>", re.S)

POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data: blob:; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)


class ChatDoor:
    """ASGI app in front of Chainlit's. `demo` lets in this machine only, because nobody logs in."""

    def __init__(self, chat: ASGIApp, html: Callable[[], str], routes: Router, demo: bool) -> None:
        self._chat, self._html, self._routes, self._demo = chat, html, routes, demo

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the page, passes its own requests on, and refuses everything else."""
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        if is_ours(path):
            raise HTTPException(self._status_of_missing(scope))
        reads, is_page = method in {"GET", "HEAD"}, PAGES.fullmatch(path) is not None
        known = (reads and (is_page or READ.fullmatch(path))) or (method == "POST" and SENT.fullmatch(path))
        if not known:
            raise HTTPException(404)
        if not self._may(scope):
            raise HTTPException(403)
        if reads and is_page:
            await page(self._html())(scope, receive, send)
        else:
            await self._chat(scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        from_page = HTTPConnection(scope).headers.get("origin") is not None  # a browser always says it
        if scope["path"].startswith(SOCKET) and from_page and self._may(scope):
            await self._chat(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _may(self, scope: Scope) -> bool:
        connection = HTTPConnection(scope)
        return same_origin(connection) and (not self._demo or on_this_machine(connection))

    def _status_of_missing(self, scope: Scope) -> int:
        """405 where another method would be right, else 404."""
        matches = [route.matches(scope)[0] for route in self._routes.routes if not isinstance(route, Mount)]
        return 405 if Match.PARTIAL in matches else 404


def page(html: str) -> HTMLResponse:
    """Chainlit's page without its links to other hosts, under a policy that forbids any."""
    own = EXTERNAL.sub("", html)
    hashes = " ".join(f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in INLINE.findall(own))
    policy = f"{POLICY}; script-src 'self' {hashes}"
    return HTMLResponse(own, headers={"Content-Security-Policy": policy, "Cache-Control": "no-cache"})
