"""Long work: `Prefer: respond-async` on a tool answers 202 with a job; GET /api/jobs/{id} tells or streams how it is,
DELETE ends its search with the best found so far.

RFC 7240 (Prefer). Jobs live in this process, the newest few hundred; what they made is in the records and the ledger.
"""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse, Response
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from pydantic import JsonValue

from assistant.ports import Follower
from assistant.surfaces.gate import Gate
from assistant.surfaces.identity import CurrentActor, parts_of
from assistant.surfaces.problems import Problem, problem_of
from domain.values import Actor

router = APIRouter(tags=["jobs"])
ASKED_FOR = "respond-async"
EVENTS = "text/event-stream"
MOST_JOBS = 500
JobId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


@dataclass
class Job:
    """Work that goes on after its request. `outcome` is the tool's reply, or a problem document when it failed.

    `progress` is how far a search is; `ending` is set when it shall take the best so far; `news` when anything changed,
    and is then another one.
    """

    owner: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    state: Literal["running", "done", "failed"] = "running"
    outcome: dict[str, Any] | None = None
    progress: dict[str, JsonValue] | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    ending: threading.Event = field(default_factory=threading.Event)

    def as_json(self) -> dict[str, Any]:
        """The job as it stands."""
        told: dict[str, Any] = {"job": self.id, "href": f"/api/jobs/{self.id}", "state": self.state}
        if self.ending.is_set():
            told["ended_early"] = True
        if self.progress is not None and not self.over.is_set():
            told["progress"] = self.progress
        return told if self.outcome is None else {**told, "outcome": self.outcome}

    def changed(self) -> None:
        """Wakes whoever waits for news."""
        self.news.set()
        self.news = asyncio.Event()

    def tell(self, progress: dict[str, JsonValue]) -> None:
        """The search is so far."""
        self.progress = progress
        self.changed()


class Jobs:
    """The jobs of this process, oldest forgotten first. Belongs to one event loop."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, actor: Actor, work: Callable[[Follower], Awaitable[dict[str, Any]]]) -> Job:
        """Begins. Raises Problem 503 when the server has enough to do."""
        self._gate.look()
        job = Job(actor.name)
        loop = asyncio.get_running_loop()
        follower = Follower(lambda now: _on(loop, job, now), job.ending.is_set)
        self._jobs[job.id] = job
        while len(self._jobs) > MOST_JOBS:
            self._jobs.popitem(last=False)
        task = asyncio.create_task(self._run(job, lambda: work(follower)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    def of(self, actor: Actor, job_id: str) -> Job:
        """The actor's own job. Raises Problem 404, for somebody else's too."""
        job = self._jobs.get(job_id)
        if job is None or job.owner != actor.name:
            raise Problem(404, "There is no such job of yours here. Jobs end with the server that runs them.")
        return job

    async def _run(self, job: Job, work: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        try:
            with self._gate.enter():
                job.outcome = await work()
            job.state = "done"
        except Exception as error:  # noqa: BLE001  # nobody else hears of it; the job tells it
            job.outcome, job.state = problem_of(error).as_json(), "failed"
        finally:
            job.over.set()
            job.changed()


def _on(loop: asyncio.AbstractEventLoop, job: Job, progress: dict[str, JsonValue]) -> None:
    """From the searching thread to the job's loop; a loop that is closed has nobody to tell."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(job.tell, progress)


def wants_job(request: Request) -> bool:
    """Whether the caller would rather not wait."""
    return ASKED_FOR in request.headers.get("prefer", "").casefold()


@router.get("/api/jobs/{job_id}", summary="How a job is", response_model=None)
async def job_state(request: Request, actor: CurrentActor, job_id: JobId) -> Response:
    """The job now, or with `Accept: text/event-stream` its states until it is over."""
    jobs: Jobs = request.app.state.jobs
    job = jobs.of(actor, job_id)
    if EVENTS in request.headers.get("accept", ""):
        return EventSourceResponse(_states(job, parts_of(request).limits.keep_alive_s))
    return JSONResponse(job.as_json())


@router.delete("/api/jobs/{job_id}", summary="End a job's search", response_model=None)
async def end_job(request: Request, actor: CurrentActor, job_id: JobId) -> Response:
    """A search ends with the best it has, which is the job's outcome; 202 until then, 200 when it is over already.

    Work that does not search goes on to its end, which is never far.
    """
    jobs: Jobs = request.app.state.jobs
    job = jobs.of(actor, job_id)
    if job.over.is_set():
        return JSONResponse(job.as_json())
    job.ending.set()
    job.changed()
    return JSONResponse(job.as_json(), status_code=202)


async def _states(job: Job, keep_alive_s: float) -> AsyncIterator[bytes]:
    """The state, how far a search is whenever it says so, and the last state."""
    number, shown = 1, None
    while not job.over.is_set():
        news, told = job.news, job.as_json()
        if told != shown:
            kind = "state" if shown is None else "progress"
            yield format_sse_event(event=kind, data_str=json.dumps(told), id=str(number))
            number, shown = number + 1, told
        try:
            await asyncio.wait_for(news.wait(), keep_alive_s)
        except TimeoutError:
            yield KEEPALIVE_COMMENT
    yield format_sse_event(event="state", data_str=json.dumps(job.as_json()), id=str(number))
