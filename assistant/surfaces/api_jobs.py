"""Long work: `Prefer: respond-async` on a tool answers 202 with a job; GET /api/jobs/{id} tells or streams how it is.

RFC 7240 (Prefer). Jobs live in this process, the newest few hundred; what they made is in the records and the ledger.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse, Response
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event

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
    """Work that goes on after its request. `outcome` is the tool's reply, or a problem document when it failed."""

    owner: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    state: Literal["running", "done", "failed"] = "running"
    outcome: dict[str, Any] | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def as_json(self) -> dict[str, Any]:
        """The job as it stands."""
        named = {"job": self.id, "href": f"/api/jobs/{self.id}", "state": self.state}
        return named if self.outcome is None else {**named, "outcome": self.outcome}


class Jobs:
    """The jobs of this process, oldest forgotten first. Belongs to one event loop."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, actor: Actor, work: Callable[[], Awaitable[dict[str, Any]]]) -> Job:
        """Begins. Raises Problem 503 when the server has enough to do."""
        self._gate.look()
        job = Job(actor.name)
        self._jobs[job.id] = job
        while len(self._jobs) > MOST_JOBS:
            self._jobs.popitem(last=False)
        task = asyncio.create_task(self._run(job, work))
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


async def _states(job: Job, keep_alive_s: float) -> AsyncIterator[bytes]:
    number = 1
    if not job.over.is_set():
        yield format_sse_event(event="state", data_str=json.dumps(job.as_json()), id="1")
        number = 2
    while not job.over.is_set():
        try:
            await asyncio.wait_for(job.over.wait(), keep_alive_s)
        except TimeoutError:
            yield KEEPALIVE_COMMENT
    yield format_sse_event(event="state", data_str=json.dumps(job.as_json()), id=str(number))
