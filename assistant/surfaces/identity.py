"""Who is calling: a key from the directory, or on this very machine the demo's manager. Asked on every request.

Cookies are never looked at, so a page of another site cannot speak with somebody's session. Without a key the caller
must be on loopback, speak to a loopback name (a rebound DNS name is none), come through no proxy, and be no page of
another origin.
"""

from __future__ import annotations

import ipaddress
from typing import Annotated
from urllib.parse import urlsplit

from anyio.to_thread import run_sync
from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from assistant.surfaces.directory import actor_of_key, owner_of_thread
from assistant.surfaces.parts import ApiParts
from assistant.surfaces.problems import Problem
from domain.errors import NotPermitted
from domain.values import Actor, Role

DEMO = Actor("demo manager", Role.manager)
PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
LONGEST_KEY = 512


def parts_of(request: HTTPConnection) -> ApiParts:
    """The parts that make_api was given."""
    parts = request.app.state.parts
    assert isinstance(parts, ApiParts)
    return parts


async def current_actor(request: Request) -> Actor:
    """The caller. Raises Problem 401."""
    parts = parts_of(request)
    key = _bearer(request)
    if key is not None:
        found = await run_sync(actor_of_key, parts.store, key) if len(key) <= LONGEST_KEY else None
        if found is None:
            raise _who_are_you("The key is not known here, or no longer.")
        return found
    if parts.settings.open_demo and on_this_machine(request):
        return DEMO
    raise _who_are_you("Send your key: Authorization: Bearer KEY. `roundsman people add` makes one.")


CurrentActor = Annotated[Actor, Depends(current_actor)]


def require_scope(actor: Actor, scope: str) -> None:
    """Programs need the scope by name; people have it by their role. Raises NotPermitted."""
    if actor.role is Role.api and scope not in actor.scopes:
        raise NotPermitted(f"This key lacks the scope “{scope}”.")


async def require_own_thread(request: Request, actor: Actor, thread: str | None) -> None:
    """A conversation is gone on with by who began it. Raises Problem 404. The demo's manager sits at the machine."""
    if thread is None or actor is DEMO:
        return
    owner = await run_sync(owner_of_thread, parts_of(request).store, thread)
    if owner not in {None, actor.name}:
        raise Problem(404, "There is no conversation of yours under that id.")


def on_this_machine(connection: HTTPConnection) -> bool:
    """Whether the caller is certainly a program or page of this machine, and not something sent through it."""
    client = connection.client
    if client is None or not is_loopback(client.host):
        return False
    if any(name in connection.headers for name in PROXY_HEADERS):
        return False
    return is_loopback(_name(f"//{connection.headers.get('host', '')}")) and same_origin(connection)


def same_origin(connection: HTTPConnection) -> bool:
    """Whether a browser's page, if it is one, is our own."""
    origin = connection.headers.get("origin")
    return origin is None or urlsplit(origin).netloc.casefold() == connection.headers.get("host", "").casefold()


def is_loopback(host: str) -> bool:
    """127.0.0.0/8, ::1 and the name localhost."""
    if host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _name(netloc: str) -> str:
    try:
        return urlsplit(netloc).hostname or ""
    except ValueError:
        return ""


def _bearer(request: Request) -> str | None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if not scheme:
        return None
    if scheme.casefold() != "bearer" or not key.strip():
        raise _who_are_you("Only Authorization: Bearer KEY is understood.")
    return key.strip()


def _who_are_you(detail: str) -> Problem:
    return Problem(401, detail, WWW_Authenticate="Bearer")
