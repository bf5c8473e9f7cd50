"""decide -> use tool -> ... -> end, as a LangGraph state graph, checkpointed after every node.

The graph holds only JSON in its state, so that a killed process can go on from its last checkpoint. What it decides
with and what it runs are arguments: `Decide` asks the model and tells on which words, `Use` runs one call.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypedDict

from pydantic import JsonValue

from domain.values import Call
from tools.words import WORDS

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

JsonObject = dict[str, JsonValue]
RECURSION_LIMIT = 40
"""LangGraph's own bound, far above two nodes a step; the step limit below ends a turn first."""


class Ran(TypedDict):
    """One call of this turn. `result` is the result's JSON, or None with the `problem` and who can repair it; `asked`
    the words that it was decided on, of a message with several requests one of them."""

    call: str
    outcome: str
    result: JsonObject | None
    understood: dict[str, str]
    problem: str | None
    problem_kind: str | None
    choices: list[str]
    ms: float
    asked: NotRequired[str]


def waits(ran: Ran) -> bool:
    """Whether the call did not run and somebody's word can mend that: it asked back, or was refused."""
    return ran["problem_kind"] in {"ask", "not_permitted"}


def remembered(made: Sequence[Ran]) -> list[Ran]:
    """The calls of a turn as the next one sees them: behind what ran outages, refusals, and what asks back, so that the
    answer is to that."""
    order = (None, "not_now", "not_permitted", "ask")
    return sorted(made, key=lambda ran: order.index(ran["problem_kind"]))


class State(TypedDict):
    """One question on its way: calls that ran, the word that ended it, and what is limited; `asked` as of Ran, of the
    next call."""

    question: str
    ran: list[Ran]
    next_call: JsonObject | None
    word: JsonObject | None
    degraded: list[str]
    asked: str


Decide = Callable[[State], Awaitable[tuple[Call, str]]]
Use = Callable[[Call, State], Awaitable[Ran]]
GoesOn = Callable[[State], bool]


def build_graph(
    decide: Decide, use: Use, goes_on: GoesOn, max_steps: int, checkpoints: BaseCheckpointSaver[str] | None = None
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """The compiled graph. A call that did not run ends the turn, but where it waits for somebody's word and `goes_on`
    says that more was asked."""
    from langgraph.graph import END, START, StateGraph

    async def choose(state: State) -> dict[str, Any]:
        call, asked = await decide(state)
        said: JsonObject = {"name": call.name, "parameters": call.parameters}
        return {"word": said, "next_call": None} if call.name in WORDS else {"next_call": said, "asked": asked}

    async def run_tool(state: State) -> dict[str, Any]:
        said = state["next_call"] or {}
        parameters = said.get("parameters")
        call = Call(str(said.get("name")), parameters if isinstance(parameters, dict) else {})
        ran = await use(call, state)
        return {"ran": [*state["ran"], {**ran, "asked": state.get("asked", "")}], "next_call": None}

    def after_choice(state: State) -> Literal["run_tool", "__end__"]:
        repeated = any(_same(ran, state["next_call"]) for ran in state["ran"])
        return "__end__" if state["word"] or not state["next_call"] or repeated else "run_tool"

    def after_tool(state: State) -> Literal["choose", "__end__"]:
        last = state["ran"][-1]
        if len(state["ran"]) >= max_steps:
            return "__end__"
        return "choose" if not last["problem_kind"] or (waits(last) and goes_on(state)) else "__end__"

    graph = StateGraph(State)
    graph.add_node("choose", choose)
    graph.add_node("run_tool", run_tool)
    graph.add_edge(START, "choose")
    graph.add_conditional_edges("choose", after_choice, {"run_tool": "run_tool", "__end__": END})
    graph.add_conditional_edges("run_tool", after_tool, {"choose": "choose", "__end__": END})
    return graph.compile(checkpointer=checkpoints)


def _same(ran: Ran, said: JsonObject | None) -> bool:
    """The very same call again: the turn ends with what there is."""
    return said is not None and json.loads(ran["call"]) == said


def fresh_state(question: str) -> State:
    """The state in which a question begins."""
    return State(question=question, ran=[], next_call=None, word=None, degraded=[], asked="")


def checkpoints_at(home: Path) -> AbstractAsyncContextManager[BaseCheckpointSaver[str]]:
    """The checkpoints of unfinished questions: one SQLite file under `home`."""
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    return AsyncSqliteSaver.from_conn_string(str(home / "checkpoints.db"))
