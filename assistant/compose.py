"""From what the graph did to the answer a person sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from assistant.graph import Ran, State
from assistant.grounding import REFERENCE, ground, has_figure, render_results
from assistant.memory import Past
from assistant.shown import Kind, ShownCall
from domain.values import Call, Effect, Result
from tools.registry import TOOLS
from tools.words import DECLINES, QUESTIONS, reference

JsonDict = dict[str, Any]


@dataclass(frozen=True)
class Composed:
    """The answer before it is recorded. `grounded` is False when the model's own words had to be replaced."""

    text: str
    kind: Kind
    calls: tuple[ShownCall, ...]
    reason: str | None = None
    choices: tuple[str, ...] = ()
    grounded: bool = True
    degraded: tuple[str, ...] = ()
    wants_card: bool = False


def compose(state: State, past: Past) -> Composed:
    """The last problem decides; else the word; else the results speak for themselves.

    Whatever is said last, what was found before it is told above it, and what was proposed shows its card.
    """
    calls = tuple(_shown(ran) for ran in state["ran"])
    results = [call.result for call in calls if call.result is not None]
    limited = [*state["degraded"], *(words for result in results for words in result.degraded)]
    proposes = bool(proposals_in(calls))
    kind: Kind = "proposal" if proposes else "answer"
    so_far = Composed("", kind, calls, degraded=tuple(dict.fromkeys(limited)), wants_card=proposes)
    last = state["ran"][-1] if state["ran"] else None
    if last and last["problem_kind"]:
        return _problem(last, _above(results), so_far)
    nothing = "results" if state["ran"] else "unavailable"
    word = state["word"] or {"name": "reply", "parameters": {"text": reference(nothing)}}
    said = word.get("parameters")
    parameters = said if isinstance(said, dict) else {}
    if word["name"] == "clarify":
        question = _above(results) + _own_words(str(parameters.get("question", "")), QUESTIONS, QUESTIONS["what"])
        return replace(so_far, text=question, kind="clarify", choices=_choices(parameters.get("choices")))
    if word["name"] == "decline":
        reason = str(parameters.get("reason"))
        reason = reason if reason in DECLINES else "out_of_scope"
        refusal = _above(results) + _own_words(str(parameters.get("text", "")), {}, DECLINES[reason])
        return replace(so_far, text=refusal, kind="decline", reason=reason)
    text = str(parameters.get("text", ""))
    shown = ground(text, results or last_results(past))
    asked = any(found.group(1) in {"approval", "withdraw"} for found in REFERENCE.finditer(text))
    return replace(so_far, text=shown.text, grounded=shown.kept, wants_card=proposes or asked)


def _problem(last: Ran, above: str, so_far: Composed) -> Composed:
    """A call that did not run: a question, a refusal, or what is left with the outage said."""
    problem = last["problem"] or ""
    told = replace(so_far, text=above + problem)
    if last["problem_kind"] == "ask":
        return replace(told, kind="clarify", choices=tuple(last["choices"]))
    if last["problem_kind"] == "not_permitted":
        return replace(told, kind="decline", reason="not_permitted")
    return replace(told, kind="answer", degraded=(*so_far.degraded, problem))


def _above(results: Sequence[Result[Any]]) -> str:
    """What was found before a question or a refusal."""
    return render_results(results) + "\n\n" if results else ""


def _own_words(text: str, owned: dict[str, str], instead: str) -> str:
    """A reference's text, or the model's own words when they hold no figure, or `instead`."""
    found = REFERENCE.fullmatch(text.strip())
    if found:
        return owned.get(found.group(1), instead)
    return text if text.strip() and not has_figure(text) and not REFERENCE.search(text) else instead


def _choices(given: object) -> tuple[str, ...]:
    return tuple(str(c) for c in given if not has_figure(str(c))) if isinstance(given, list) else ()


def proposals_in(calls: Sequence[ShownCall]) -> list[str]:
    """The proposals that the calls stored, oldest first."""
    proposing = (c.result for c in calls if c.result is not None and TOOLS[c.name].effect is Effect.propose)
    return [str(result.facts.model_dump()["proposal_id"]) for result in proposing]


def _shown(ran: Ran) -> ShownCall:
    call = Call.read(ran["call"])
    result = result_of(call.name, ran["result"])
    return ShownCall(call.name, call.parameters, ran["understood"], result, ran["ms"], ran["problem"])


def result_of(tool: str, stored: JsonDict | None) -> Result[Any] | None:
    """A result again from its JSON; None when there was none or its tool is gone."""
    if not stored or tool not in TOOLS:
        return None
    return TOOLS[tool].result_type.model_validate(stored)


def last_results(past: Past) -> list[Result[Any]]:
    """The results of the newest turn that had any: what "how many was that again?" is about."""
    for turn in reversed(past.turns):
        pairs = zip(turn.steps, turn.results, strict=False)
        found = [r for step, stored in pairs if (r := result_of(Call.read(step.call).name, stored))]
        if found:
            return found
    return []
