"""One question, start to finish: thread, graph, grounding, ledger, answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, cast

from pydantic import JsonValue

from assistant.compose import Composed, compose, proposals_in
from assistant.decide import Speaker
from assistant.following import followed
from assistant.graph import RECURSION_LIMIT, Ran, State, build_graph, fresh_state
from assistant.memory import Past, PastTurn
from assistant.parts import read
from assistant.ports import Follower, Inquiry, ToolRun
from assistant.question import refusal
from assistant.recording import Recorder
from assistant.shown import Answer, Kind, OnStep, ProposalCard, StepEvent, no_steps
from domain.errors import AskAgain, DeadlineExceeded, LedgerUnavailable, ModelUnavailable, NotNow, NotPermitted
from domain.typed_text import cleaned
from domain.values import Actor, Call
from prompts.render import Step
from tools.commands import command
from tools.context import Ctx, ThreadView
from tools.mentions import Mention
from tools.registry import TOOLS
from tools.unused import not_used
from tools.use import Used, use
from tools.words import reference

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import BaseCheckpointSaver

    Checkpoints = Callable[[], AbstractAsyncContextManager[BaseCheckpointSaver[str]]]

UNKNOWN_TOOL_S = 5.0
Problem = AskAgain | NotPermitted | NotNow
LEDGER_DOWN = "this answer could not be recorded in the ledger, so nothing can be proposed or done from it"


@dataclass(frozen=True)
class Limits:
    """Bounds of one question."""

    max_steps: int = 8
    question_s: float = 60.0


@dataclass(frozen=True)
class Loop:
    """From a question to the calls and the word that answer it: by whom, where unfinished ones are kept, how long."""

    speaker: Speaker
    checkpoints: Checkpoints
    limits: Limits

    async def run(self, ctx: Ctx, past: Past, inquiry: Inquiry, on_step: OnStep = no_steps) -> State:
        """The final state of the graph, or what there is when the question's deadline passes."""
        until = asyncio.get_running_loop().time() + self.limits.question_s
        question = inquiry.question
        spelt_out = command(question)
        asked = await read(self.speaker, ctx, past) if spelt_out is None else None
        degraded: list[str] = []
        latest = fresh_state(question)

        async def choose(state: State) -> tuple[Call, str]:
            latest.update(state)
            if asked is None:
                return spelt_out if spelt_out and not state["ran"] else _word("results"), question
            on_step(StepEvent("deciding"))
            try:
                return await asked.decided(state["ran"])
            except ModelUnavailable as error:
                degraded.append(str(error))
                return _word("results" if state["ran"] else "unavailable"), question

        def goes_on(state: State) -> bool:
            return asked is not None and asked.has_more(state["ran"])

        async def run(call: Call, state: State) -> Ran:
            on_step(StepEvent("calling", call.name, dict(call.parameters)))
            with followed(
                as_of(ctx, past, state), lambda now: on_step(StepEvent("progress", call.name, now)), inquiry.ended
            ) as watched:
                ran = await run_one(call, watched)
            on_step(
                StepEvent(
                    "problem" if ran["problem_kind"] else "called",
                    call.name,
                    {"ms": ran["ms"], "understood": dict(ran["understood"])},
                )
            )
            latest["ran"] = [*state["ran"], ran]
            return ran

        async with self.checkpoints() as saver:
            graph = build_graph(choose, run, goes_on, self.limits.max_steps, saver)
            turn = f"{past.thread_id}/{len(past.turns) + 1}/{ctx.actor.role.value}/{ctx.actor.name}"
            config: RunnableConfig = {"configurable": {"thread_id": turn}, "recursion_limit": RECURSION_LIMIT}
            try:
                async with asyncio.timeout_at(until):
                    unfinished = await graph.aget_state(config)
                    resumes = bool(unfinished.next) and unfinished.values.get("question") == question
                    found = await graph.ainvoke(None if resumes else fresh_state(question), config)
                    latest.update(cast(State, found))
            except TimeoutError:
                degraded.append("the question took too long; this is what was ready")
            await saver.adelete_thread(turn)
        if asked is not None:
            named = list(map(Mention.read, asked.whole.marks))
            degraded = [*_unseen(asked.unseen), *_left_over(named, latest), *asked.limits(), *degraded]
        latest["degraded"] = degraded
        return latest


class Assistant:
    """Answers questions about one city. `surroundings` gives what tools need for an actor at a moment."""

    def __init__(
        self,
        speaker: Speaker,
        surroundings: Callable[[Actor, datetime | None], Ctx],
        recorder: Recorder,
        checkpoints: Checkpoints,
        limits: Limits,
    ) -> None:
        self._surroundings, self._recorder = surroundings, recorder
        self._loop = Loop(speaker, checkpoints, limits)

    async def ask(self, inquiry: Inquiry, on_step: OnStep = no_steps) -> Answer:
        """One question, start to finish. Never raises for what a user can do wrong."""
        began = time.perf_counter()
        ctx = self._surroundings(inquiry.actor, inquiry.now)
        question = cleaned(inquiry.question)
        refused = refusal(question)
        memory = self._recorder.memory
        try:
            thread = await asyncio.to_thread(memory.open, inquiry.thread, ctx.city.name, inquiry.actor, ctx.now)
        except AskAgain as elsewhere:  # a thread of another city: the refusal begins a thread of its own
            refused = str(elsewhere)
            thread = await asyncio.to_thread(memory.open, None, ctx.city.name, inquiry.actor, ctx.now)
        past = await asyncio.to_thread(memory.past, thread)
        tuning = replace(ctx.tuning, surface=inquiry.surface)
        ctx = replace(ctx, question=question, thread=past.view(ctx.zone), tuning=tuning)
        if refused:
            state, composed = fresh_state(question[:200]), Composed(refused, "clarify", ())
        else:
            state = await self._loop.run(ctx, past, replace(inquiry, question=question), on_step)
            composed = compose(state, past)
        on_step(StepEvent("answering"))
        answer = await asyncio.to_thread(self._close, ctx, state, composed)
        return replace(answer, ms=(time.perf_counter() - began) * 1000)

    async def run_tool(self, call: Call, actor: Actor, follower: Follower | None = None) -> ToolRun:
        """One tool for a program: same rights, same record, of failures too. Raises AskAgain, NotPermitted, NotNow."""
        ctx = self._surroundings(actor, None)
        thread = await asyncio.to_thread(self._recorder.memory.open, None, ctx.city.name, actor, ctx.now)
        ctx = replace(ctx, thread=ThreadView(thread), tuning=replace(ctx.tuning, surface="api"))
        began = time.perf_counter()
        with followed(ctx, *((follower.told, follower.ended) if follower else (_untold,))) as watched:
            found = await _in_time(call, watched)
        state = fresh_state(call.text())
        state["ran"] = [_ran(call, found, (time.perf_counter() - began) * 1000)]
        answer = await asyncio.to_thread(self._close, ctx, state, compose(state, Past(thread)))
        if not isinstance(found, Used):
            raise found
        return ToolRun(found, answer.decision_id, answer.proposal)

    # ------------------------------------------------------------ the record

    def _close(self, ctx: Ctx, state: State, composed: Composed) -> Answer:
        """Record the decision, remember the turn, attach the open proposals."""
        try:
            decision_id: str | None = self._recorder.decision(ctx, state, composed)
        except LedgerUnavailable:
            decision_id = None
            composed = self._unrecorded(composed)
        try:
            self._recorder.turn(ctx, state, composed, decision_id)
        except NotNow as error:
            composed = replace(composed, degraded=(*composed.degraded, f"this turn will not be remembered: {error}"))
        cards = self._cards(ctx, composed)
        return Answer(
            text=composed.text,
            kind=composed.kind,
            thread=ctx.thread.thread_id,
            decision_id=decision_id,
            calls=composed.calls,
            choices=composed.choices,
            reason=composed.reason,
            proposals=cards,
            grounded=composed.grounded,
            degraded=composed.degraded,
        )

    def _unrecorded(self, composed: Composed) -> Composed:
        """The answer without a record (law 4): what it proposed is withdrawn, and it says so."""
        said = [LEDGER_DOWN]
        for proposal_id in proposals_in(composed.calls):
            try:
                self._recorder.approvals.withdraw(proposal_id)
            except NotNow:
                said.append(f"{proposal_id} could not be withdrawn either: do not approve it")
        kind: Kind = "answer" if composed.kind == "proposal" else composed.kind
        return replace(composed, kind=kind, wants_card=False, degraded=(*composed.degraded, *said))

    def _cards(self, ctx: Ctx, composed: Composed) -> tuple[ProposalCard, ...]:
        """As of Answer."""
        if not composed.wants_card:
            return ()
        open_ones = self._recorder.approvals.open_cards(ctx.thread.thread_id, ctx.now)
        made = proposals_in(composed.calls)
        return tuple(card for card in reversed(open_ones) if not made or card.proposal_id in made)


async def run_one(call: Call, ctx: Ctx) -> Ran:
    """One call within its tool's budget. What a user or the outside can mend becomes a problem; a bug propagates."""
    began = time.perf_counter()
    found = await _in_time(call, ctx)
    return _ran(call, found, (time.perf_counter() - began) * 1000)


async def _in_time(call: Call, ctx: Ctx) -> Used | Problem:
    """The call's result, or what a user or the outside can mend. A bug propagates."""
    budget = TOOLS[call.name].budget_s if call.name in TOOLS else UNKNOWN_TOOL_S
    try:
        async with asyncio.timeout(budget):
            return await asyncio.to_thread(use, call, ctx)
    except TimeoutError:
        return DeadlineExceeded(
            f"“{call.name}” took longer than {budget:g} seconds and was left; try a smaller request."
        )
    except (AskAgain, NotPermitted, NotNow) as problem:
        return problem


def _word(name: str) -> Call:
    """The reply by that reference alone."""
    return Call("reply", {"text": reference(name)})


def _unseen(turns: int) -> list[str]:
    """The sentence on earlier turns that the model was not shown, if any."""
    told = "1 earlier turn is" if turns == 1 else f"{turns} earlier turns are"
    return [f"{told} too long ago for the model to see"] if turns else []


def _left_over(named: Sequence[Mention], state: State) -> list[str]:
    """The sentence on what the question names and no call took, where what is shown could be taken for an answer to
    the whole question."""
    word = state["word"] or {"name": "reply"}
    answered = state["ran"] and not any(each["problem_kind"] for each in state["ran"]) and word["name"] == "reply"
    words = not_used(named, [Call.read(ran["call"]) for ran in state["ran"]]) if answered else ()
    told = " and ".join(f"“{each}”" for each in words)
    return [f"of the question, {told} was not used"] if words else []


def _untold(_now: dict[str, JsonValue]) -> None:
    """For callers that do not follow a search."""


def as_of(ctx: Ctx, past: Past, state: State) -> Ctx:
    """What the next call of a turn sees: `last` may be what an earlier call of the same turn made."""
    steps = tuple(Step(ran["call"], ran["outcome"]) for ran in state["ran"])
    so_far = PastTurn(state["question"], steps, tuple(ran["result"] or {} for ran in state["ran"]))
    return replace(ctx, thread=Past(past.thread_id, (*past.turns, so_far)).view(ctx.zone))


def _ran(call: Call, found: Used | Problem, ms: float) -> Ran:
    said = call.text()
    if isinstance(found, Used):
        result = found.result
        return Ran(
            call=said, outcome="ok", result=result.model_dump(mode="json"), understood=result.understood, problem=None,
            problem_kind=None, choices=[], ms=ms,
        )  # fmt: skip
    kinds = {AskAgain: ("ask", "asked"), NotPermitted: ("not_permitted", "refused"), NotNow: ("not_now", "failed")}
    kind, outcome = next(names for cls, names in kinds.items() if isinstance(found, cls))
    choices = list(found.choices) if isinstance(found, AskAgain) else []
    return Ran(
        call=said, outcome=outcome, result=None, understood={}, problem=str(found), problem_kind=kind,
        choices=choices, ms=ms,
    )  # fmt: skip
