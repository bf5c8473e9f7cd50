"""Suite `conversations`: does the assistant make the right calls, ask, decline and reply, on cases of chapter-7 form.

Every turn is run by the product's own loop (assistant/answer.py: graph, limits, typed commands) on the loaded city, its
unfinished state kept in memory. Later turns are fed the expected calls of the earlier ones.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from assistant.answer import Limits, Loop, run_one
from assistant.compose import Composed, compose
from assistant.decide import Speaker
from assistant.graph import Ran, State
from assistant.memory import Past, PastTurn, step_of_word
from assistant.ports import Inquiry
from assistant.shown import StepEvent
from domain.typed_text import cleaned
from domain.values import Call
from evals.bench import Bench
from evals.cases_file import Case, CaseTurn
from evals.matching import Made, right
from evals.noise import gold_words, roughened
from evals.numbers_seen import unchecked, unsupported
from prompts.render import Step
from tools.context import Ctx
from tools.resolve import setting_of
from tools.words import reference

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver


@dataclass(frozen=True)
class Marked:
    """One turn as it went. `unsupported` figures were shown, `unchecked` ones said by the model before the check."""

    case: Case
    turn: CaseTurn
    made: Made
    right: bool
    seconds: tuple[float, ...]
    unsupported: tuple[str, ...]
    unchecked: tuple[str, ...] = ()

    @property
    def called(self) -> bool:
        """Whether a tool gave a result, or one was called and the answer is no question or refusal of code's."""
        return bool(self.made.ran) or (bool(self.made.calls) and self.made.kind == "reply")

    @property
    def wants_call(self) -> bool:
        """Whether a call is among the right answers."""
        return any(choice.expect for choice in self.turn.choices())

    @property
    def tool_right(self) -> bool:
        """Whether the names of the calls are right, whatever their parameters."""
        names = [c.name for c in self.made.calls]
        return any(names == [e.name for e in choice.expect] for choice in self.turn.choices() if choice.expect)


async def run_case(bench: Bench, speaker: Speaker, case: Case, noise: random.Random | None = None) -> list[Marked]:
    """All turns of a case; with `noise` each turn's surface is roughened first."""
    ctx = bench.ctx(case.city, case.role, case.now)
    gold = gold_words(case)
    past = Past("C-0001")
    marked = []
    for turn in case.turns:
        said = roughened(turn.user, gold, noise) if noise else turn.user
        here = replace(ctx, question=cleaned(said), thread=past.view(ctx.zone))
        state, seconds = await _run_turn(speaker, here, past)
        composed = compose(state, past)
        made = made_of(state, composed)
        ok = right(turn, made, setting_of(here))
        figures_seen = unsupported(composed, past), unchecked(state["word"], composed, past)
        marked.append(Marked(case, turn, made, ok, tuple(seconds), *figures_seen))
        past = Past("C-0001", (*past.turns, await _as_expected(turn, here, state["ran"] if ok else [])))
    return marked


async def _run_turn(speaker: Speaker, ctx: Ctx, past: Past) -> tuple[State, list[float]]:
    """The turn as the product runs it, and the seconds of each decision of the model."""
    seconds: list[float] = []
    began: list[float] = []

    def told(event: StepEvent | None) -> None:
        if began:
            seconds.append(time.perf_counter() - began.pop())
        if event and event.kind == "deciding":
            began.append(time.perf_counter())

    state = await Loop(speaker, _in_memory, Limits()).run(ctx, past, Inquiry(ctx.question, ctx.actor), told)
    told(None)
    return state, seconds


@asynccontextmanager
async def _in_memory() -> AsyncIterator[BaseCheckpointSaver[str]]:
    from langgraph.checkpoint.memory import InMemorySaver  # heavy: only where it is used

    yield InMemorySaver()


def made_of(state: State, composed: Composed) -> Made:
    """What is judged of a turn."""
    calls = tuple(Call.read(ran["call"]) for ran in state["ran"])
    ran = tuple(call for call, each in zip(calls, state["ran"], strict=True) if not each["problem_kind"])
    return Made(calls, "unanswered" if _unanswered(state) else kind_of(composed), ran)


def _unanswered(state: State) -> bool:
    """The model said nothing in time: what is shown then is code's own notice, no reply."""
    word = state["word"]
    nothing = {"name": "reply", "parameters": {"text": reference("unavailable")}}
    return not state["ran"] and (word is None or word == nothing)


def kind_of(composed: Composed) -> str:
    """The kind in the words of a case."""
    if composed.kind == "decline":
        return f"decline:{composed.reason}"
    return "clarify" if composed.kind == "clarify" else "reply"


async def _as_expected(turn: CaseTurn, ctx: Ctx, ran: Sequence[Ran]) -> PastTurn:
    """The turn as if it had gone as expected: what later turns lean on. Calls that did not run yet run now."""
    if turn.expect is None:
        said, _, reason = (turn.say or "reply").partition(":")
        parameters: dict[str, dict[str, JsonValue]] = {
            "clarify": {"question": reference("what")}, "decline": {"reason": reason},
            "reply": {"text": reference("thanks")},
        }  # fmt: skip
        return PastTurn(ctx.question, step_of_word(Call(said, parameters[said])))
    done = {each["call"]: each for each in ran}
    texts = [each.call().text() for each in turn.expect]
    results = [done.get(text) or await run_one(Call.read(text), ctx) for text in texts]
    return PastTurn(ctx.question, tuple(Step(text) for text in texts), tuple(r["result"] or {} for r in results))


@dataclass(frozen=True)
class Plan:
    """`runs` > 1: so many noisy runs of longer cases, for `multi_pass4`. `mistakes`: a file for the wrong turns."""

    runs: int = 4
    seed: int = 0
    mistakes: Path | None = None


async def measure(bench: Bench, speaker: Speaker, cases: Sequence[Case], plan: Plan) -> dict[str, JsonValue]:
    """All figures."""
    first = [await run_case(bench, speaker, case) for case in cases]
    if plan.mistakes:
        lines = [json.dumps(each, ensure_ascii=False) + "\n" for each in mistakes(first)]
        plan.mistakes.write_text("".join(lines), encoding="utf-8")
    return figures(first, await _every_run(bench, speaker, cases, plan) if plan.runs > 1 else None)


async def _every_run(bench: Bench, speaker: Speaker, cases: Sequence[Case], plan: Plan) -> list[bool]:
    """For each longer case whether all noisy runs went right in every turn; the first wrong run settles it."""
    passed = []
    for case in cases:
        if len(case.turns) > 1:
            passed.append(True)
            for run in range(plan.runs):
                turns = await run_case(bench, speaker, case, random.Random(f"{plan.seed}-{run}-{case.id}"))
                passed[-1] = all(turn.right for turn in turns)
                if not passed[-1]:
                    break
    return passed


def figures(marked: Sequence[Sequence[Marked]], every_run: Sequence[bool] | None = None) -> dict[str, JsonValue]:
    """Shares 0..1 over the turns they are about; None where no turn is."""
    single = [turns[0] for turns in marked if len(turns) == 1]
    longer = [turns for turns in marked if len(turns) > 1]
    flat = [turn for turns in marked for turn in turns]
    no_call = [t for t in flat if not t.wants_call]
    asking = [t for t in flat if t.turn.say == "clarify"]
    seconds = sorted(s for t in flat for s in t.seconds)
    with_calls = [t for t in single if t.wants_call]
    return {
        "single_exact": _share(t.right for t in single),
        "single_call_exact": _share(t.right for t in with_calls),
        "tool_right": _share(t.tool_right for t in with_calls),
        "multi_turn_exact": _share(t.right for turns in longer for t in turns),
        "multi_pass1": _share(all(t.right for t in turns) for turns in longer),
        "multi_pass4": _share(every_run) if every_run else None,
        "abstention": _share(not t.called for t in no_call if t.turn.say != "clarify"),
        "ask_back": _share(t.made.kind == "clarify" and not t.made.ran for t in asking),
        "tool_hallucination": _share(t.called for t in no_call),
        "unsupported_numbers": sum(len(t.unsupported) for t in flat),
        "unsupported_unchecked": sum(len(t.unsupported) + len(t.unchecked) for t in flat),
        "turn_p50_s": round(statistics.median(seconds), 3) if seconds else None,
        "turn_p95_s": round(seconds[int(len(seconds) * 0.95)], 3) if seconds else None,
        "by_tool": _grouped(flat, lambda t: [t.turn.expect[0].name] if t.turn.expect else [f"say {t.turn.say}"]),
        "by_kind": _grouped(flat, lambda t: [kind_wanted(t.turn)]),
        "by_tag": _grouped(flat, lambda t: t.case.tags),
    }


def kind_wanted(turn: CaseTurn) -> str:
    """What sort of turn it is: one call, several, or the word it wants."""
    if turn.expect is None:
        return turn.say or "reply"
    return "one call" if len(turn.expect) == 1 else f"{len(turn.expect)} calls"


def _share(values: Iterable[bool]) -> float | None:
    found = list(values)
    return round(sum(found) / len(found), 4) if found else None


def _grouped(turns: Sequence[Marked], keys: Callable[[Marked], Sequence[str]]) -> JsonValue:
    groups: dict[str, list[bool]] = defaultdict(list)
    for turn in turns:
        for key in keys(turn):
            groups[key].append(turn.right)
    return {k: {"right": round(sum(v) / len(v), 3), "turns": len(v)} for k, v in sorted(groups.items())}


def mistakes(marked: Sequence[Sequence[Marked]]) -> list[dict[str, JsonValue]]:
    """Every wrong turn with what was wanted and what came, for choosing on the dev half."""
    return [
        {
            "id": t.case.id,
            "user": t.turn.user,
            "wanted": t.turn.model_dump(exclude={"user", "any_of"}, exclude_none=True),
            "calls": [{"name": c.name, "parameters": c.parameters} for c in t.made.calls],
            "kind": t.made.kind,
        }
        for turns in marked
        for t in turns
        if not t.right
    ]
