"""`roundsman serve`: the chat page and the API on one port, until it is told to stop."""

from __future__ import annotations

import errno
import signal
import socket
from collections.abc import Callable
from types import FrameType

from fastapi import FastAPI

from assistant.surfaces.api import make_api
from assistant.surfaces.directory import has_keys
from assistant.surfaces.identity import is_loopback
from assistant.surfaces.parts import ApiParts
from domain.errors import BadData, NotNow
from domain.settings import Settings

GRACE_S = 10
"""How long running questions may go on after a stop signal."""


def make_server(parts: ApiParts) -> FastAPI:
    """The API with the chat page at `/`. Imports Chainlit (seconds)."""
    from assistant.surfaces.chat import mount_chat

    app = make_api(parts)
    mount_chat(app, parts)
    return app


def serve(parts: ApiParts, say: Callable[[str], None]) -> None:
    """Serves until SIGINT or SIGTERM. Raises BadData for an address that would be unsafe, NotNow for a taken one."""
    import uvicorn

    settings = parts.settings
    refuse_open_door(parts)
    with listen(settings) as door:
        app = make_server(parts)
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, proxy_headers=False, server_header=False,
            timeout_graceful_shutdown=GRACE_S, ws="websockets-sansio",
        )  # fmt: skip
        name = "localhost" if is_loopback(settings.host) else settings.host
        say(f"Roundsman is at http://{name}:{settings.port} (chat) and /api (programs). Stop it with Ctrl+C.")
        signal.signal(signal.SIGTERM, _stopped)  # uvicorn raises the signal again when it has ended
        uvicorn.Server(config).run(sockets=[door])


def _stopped(number: int, frame: FrameType | None) -> None:
    """Unwinds, so that whoever built the parts can close them: the ledger signs its last checkpoint then."""
    raise SystemExit(0)


def refuse_open_door(parts: ApiParts) -> None:
    """Raises BadData when strangers could reach a server in which nobody has a key."""
    settings = parts.settings
    if is_loopback(settings.host) or not settings.open_demo or has_keys(parts.store):
        return
    raise BadData(
        f"Not serving on {settings.host}: other machines could reach it, and nobody in the directory has a key. Make "
        "one with `roundsman people add NAME --role manager`, or serve on 127.0.0.1."
    )


def listen(settings: Settings) -> socket.socket:
    """The listening socket, taken before anything slow is imported. Raises NotNow, BadData."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    door = socket.socket(family, socket.SOCK_STREAM)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind((settings.host, settings.port))
        door.listen(128)
    except OSError as error:
        door.close()
        raise _no_door(settings, error) from None
    return door


def _no_door(settings: Settings, error: OSError) -> BadData | NotNow:
    if error.errno == errno.EADDRINUSE:
        other = settings.port + 1 if settings.port < 65535 else 8000
        return NotNow(f"Port {settings.port} is in use. Stop what uses it, or choose another: --port {other}.")
    if error.errno == errno.EACCES:
        return NotNow(f"Port {settings.port} may not be used by this user. Choose one above 1023: --port 8000.")
    return BadData(f"Cannot listen on {settings.host}: {error.strerror or error}. Give an address of this machine.")
