"""Answers a POST once for each Idempotency-Key, over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Header, Request
from fastapi.responses import JSONResponse

from assistant.surfaces.idempotency import (
    Attempt,
    KeyReused,
    StillRunning,
    Stored,
    begin,
    body_hash,
    finish,
    give_back,
    is_key,
)
from assistant.surfaces.identity import parts_of
from assistant.surfaces.problems import MEDIA_TYPE, Problem, problem_of
from domain.values import Actor

KEPT_STATUSES = {409, 422}
"""Refusals that stay true when the same request comes again; others free the key."""

MayRepeat = Annotated[
    str | None,
    Header(alias="Idempotency-Key", description="1 to 255 characters. The same key again gets the same answer."),
]

Work = Callable[[], Awaitable[dict[str, Any]]]


async def once(
    request: Request, actor: Actor, work: Work, *, required: bool = False, status: int = 200
) -> JSONResponse:
    """Does `work` the first time a key comes and gives its answer again afterwards. Raises Problem.

    `status` is the one of success; a body with `href` gets it as its Location.
    """
    key = request.headers.get("idempotency-key")
    if key is None and not required:
        return _response(Stored(status, await work()))
    if key is None or not is_key(key):
        raise Problem(400, "This needs a header Idempotency-Key: 1 to 255 printable characters, new for each decision.")
    store = parts_of(request).store
    hashed = body_hash(request.method, request.url.path, await request.body())
    attempt = Attempt(actor.name, key, hashed, parts_of(request).wall())
    earlier = await _begun(request, attempt)
    if earlier is not None:
        return _response(earlier, {"Idempotency-Replayed": "true"})
    try:
        body = await work()
    except Exception as error:
        problem = problem_of(error, getattr(request.state, "sent", None))
        if problem.status in KEPT_STATUSES:
            await run_sync(finish, store, attempt, Stored(problem.status, problem.as_json()))
        else:
            await run_sync(give_back, store, attempt)
        raise
    await run_sync(finish, store, attempt, Stored(status, body))
    return _response(Stored(status, body))


def _response(stored: Stored, headers: dict[str, str] | None = None) -> JSONResponse:
    located = {"Location": str(stored.body["href"])} if "href" in stored.body else {}
    media = MEDIA_TYPE if stored.status >= 400 else None
    return JSONResponse(stored.body, stored.status, {**located, **(headers or {})}, media_type=media)


async def _begun(request: Request, attempt: Attempt) -> Stored | None:
    try:
        return await run_sync(begin, parts_of(request).store, attempt)
    except KeyReused:
        raise Problem(422, "This Idempotency-Key stands for another request. Use a new one.") from None
    except StillRunning:
        detail = "The first request with this Idempotency-Key has not ended. Ask again in a moment."
        raise Problem(409, detail, Retry_After="2") from None
