"""From what the graph did to the answer a person sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from assistant.graph import Ran, State, remembered
from assistant.grounding import REFERENCE, Grounded, ground, has_figure, render_results
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
    """What was found, then what stays open; of what kind it is says the word, or what waits for an answer.

    Else the word decides, else the results speak for themselves. What was proposed shows its card.
    """
    calls = tuple(_shown(ran) for ran in state["ran"])
    results = [call.result for call in calls if call.result is not None]
    outages = [ran["problem"] or "" for ran in state["ran"] if ran["problem_kind"] == "not_now"]
    limited = [*state["degraded"], *(words for result in results for words in result.degraded), *outages]
    proposes = bool(proposals_in(calls))
    kind: Kind = "proposal" if proposes else "answer"
    so_far = Composed("", kind, calls, degraded=tuple(dict.fromkeys(limited)), wants_card=proposes)
    problems = [ran for ran in remembered(state["ran"]) if ran["problem_kind"]]
    open_ones = list(dict.fromkeys(ran["problem"] or "" for ran in state["ran"] if ran["problem_kind"]))
    nothing = "results" if state["ran"] else "unavailable"
    word = state["word"] or {"name": "reply", "parameters": {"text": reference(nothing)}}
    said = word.get("parameters")
    parameters = said if isinstance(said, dict) else {}
    if word["name"] == "clarify":
        question = _own_words(str(parameters.get("question", "")), QUESTIONS, QUESTIONS["what"])
        told, choices = _told(results, [*open_ones, question]), _choices(parameters.get("choices"))
        return replace(so_far, text=told, kind="clarify", choices=choices or _asked(problems))
    if word["name"] == "decline":
        reason = str(parameters.get("reason"))
        reason = reason if reason in DECLINES else "out_of_scope"
        refusal = _own_words(str(parameters.get("text", "")), {}, DECLINES[reason])
        return replace(so_far, text=_told(results, [*open_ones, refusal]), kind="decline", reason=reason)
    text = str(parameters.get("text", ""))
    asked = any(found.group(1) in {"approval", "withdraw"} for found in REFERENCE.finditer(text))
    shown = _beside(text, results) if problems else ground(text, results or last_results(past))
    answer = replace(so_far, text=shown.text, grounded=shown.kept, wants_card=proposes or asked)
    return _open(problems[-1], open_ones, answer) if problems else answer


def _open(last: Ran, told: Sequence[str], answer: Composed) -> Composed:
    """An answer with calls that did not run: with questions, refusals, or what is left with the outage said."""
    answer = replace(answer, text="\n\n".join(filter(None, [answer.text, *told])))
    if last["problem_kind"] == "ask":
        return replace(answer, kind="clarify", choices=tuple(last["choices"]))
    if last["problem_kind"] == "not_permitted":
        return replace(answer, kind="decline", reason="not_permitted")
    return replace(answer, kind="answer")


def _asked(problems: Sequence[Ran]) -> tuple[str, ...]:
    """The choices of the newest call that asked back."""
    return next((tuple(ran["choices"]) for ran in reversed(problems) if ran["problem_kind"] == "ask"), ())


def _beside(text: str, results: Sequence[Result[Any]]) -> Grounded:
    """A reply beside what is open: of no results it tells nothing."""
    own = text if results else text.replace(reference("results"), "").strip()
    shown = ground(own, results) if own else Grounded("", kept=True)
    return shown if results or shown.kept else replace(shown, text="")


def _told(results: Sequence[Result[Any]], sentences: Sequence[str]) -> str:
    """What was found, and the sentences below it."""
    return "\n\n".join([*([render_results(results)] if results else []), *sentences])


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
