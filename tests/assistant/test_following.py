"""Claims about long searches: told while they run, ended by who looks on, and never outliving who waits."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from desk import ANA, Desk, a_desk, call, reply
from doubles import ScriptedModel

from assistant.following import followed
from assistant.ports import Follower, Inquiry
from assistant.shown import StepEvent
from domain.store import Store
from domain.values import Call
from engines.routing.stopping import Progress
from tools.context import Tuning

PLAN = call("plan_round", when="tomorrow", serve="all")


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Desk:
    """A desk whose searches last a minute unless somebody ends them."""
    made = a_desk(store, tmp_path)
    return replace(made, ctx=replace(made.ctx, tuning=Tuning(solve_seconds=60.0)))


async def test_a_question_s_search_is_told_and_ends_with_the_best_so_far(desk: Desk) -> None:
    seen: list[StepEvent] = []
    inquiry = Inquiry("plan tomorrow", ANA, ended=lambda: any(step.kind == "progress" for step in seen))
    answer = await desk.assistant(ScriptedModel([PLAN, reply()])).ask(inquiry, seen.append)
    progress = next(step for step in seen if step.kind == "progress")
    assert progress.name == "plan_round"
    share = progress.detail["share"]
    assert isinstance(share, float)
    assert 0 < share < 1
    assert [step.kind for step in seen if step.kind != "progress"] == [
        "deciding", "calling", "called", "deciding", "answering",
    ]  # fmt: skip
    assert answer.calls[0].result is not None
    assert answer.calls[0].result.facts.model_dump()["bins_served"] > 0
    assert any("ended early on request" in sentence for sentence in answer.degraded)
    with_end = desk.ledger.find(answer.decision_id)[0].entry.calls[0]
    assert not with_end.deterministic


async def test_a_program_s_search_is_told_and_ended(desk: Desk) -> None:
    told: list[dict[str, Any]] = []
    follower = Follower(told.append, lambda: bool(told))
    ran = await desk.assistant(ScriptedModel([])).run_tool(Call("plan_round", {"when": "tomorrow"}), ANA, follower)
    assert told[0]["unserved"] >= 0
    assert any("ended early" in sentence for sentence in ran.used.result.degraded)


async def test_a_search_ends_when_who_asked_has_left(desk: Desk) -> None:
    begun = threading.Event()
    told: list[dict[str, Any]] = []

    def hear(now: dict[str, Any]) -> None:
        told.append(now)
        begun.set()

    follower = Follower(hear, lambda: False)
    asking = asyncio.create_task(
        desk.assistant(ScriptedModel([])).run_tool(Call("plan_round", {"when": "tomorrow"}), ANA, follower)
    )
    await asyncio.to_thread(begun.wait, 20)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    until = time.monotonic() + 10
    while searching() and time.monotonic() < until:
        await asyncio.sleep(0.05)
    assert not searching()
    assert told


def searching() -> bool:
    """Whether a thread of the pool is still in the route engine."""
    import sys

    frames = sys._current_frames().values()
    return any("engines/routing" in name for frame in frames for name in files_of(frame))


def files_of(frame: Any) -> list[str]:
    """The files of a frame and of all that called it."""
    found = []
    while frame is not None:
        found.append(frame.f_code.co_filename)
        frame = frame.f_back
    return found


def test_progress_is_told_four_times_a_second_at_most_and_not_after_the_end(desk: Desk) -> None:
    told: list[Any] = []
    with followed(desk.ctx, told.append) as ctx:
        watching = ctx.tuning.watching
        assert watching is not None
        began = time.monotonic()
        while time.monotonic() - began < 0.6:
            watching.progress(Progress(0.5, 1, 0, None, "test", 0.1))
        assert not watching.ended()
    assert len(told) == 2
    assert watching.ended()
    time.sleep(0.3)
    watching.progress(Progress(0.9, 1, 0, None, "test", 0.1))
    assert len(told) == 2
