"""Suite `toolcalling`: generic tools that are not ours, on files of the Berkeley Function Calling Leaderboard.

A call is right by the leaderboard's own rule (Patil et al., "The Berkeley Function Calling Leaderboard", ICML 2025,
AST evaluation): equal name, all required parameters, no unknown ones, each value of the declared type and among the
possible ones, and whatever is left out marked as optional. A question of kind `irrelevance` is right when nothing is
called.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from pydantic import JsonValue

from assistant.decide import Speaker
from domain.errors import ModelUnavailable
from domain.values import Call
from evals.bfcl_file import Question
from evals.listed_tools import choose, first_tool, share
from tools.listed_reader import ListedReader
from tools.registry import JsonSchema
from tools.words import WORDS

IGNORED = str.maketrans("", "", " ,./-_*^")
"""Characters that do not count when texts are compared."""


# ---------------------------------------------------------------- when a call is right


def right(question: Question, call: Call) -> bool:
    """Whether the call, or one of the three words, is what the question wants."""
    if question.possible is None:
        return call.name in WORDS
    tool = next((t for t in question.asked.tools if t.name == call.name == question.name), None)
    if tool is None:
        return False
    return _parameters_right(tool.parameters, question.possible, call.parameters)


def _parameters_right(schema: JsonSchema, possible: dict[str, list[JsonValue]], said: dict[str, JsonValue]) -> bool:
    declared = _object(schema.get("properties"))
    required = schema.get("required")
    if any(name not in said for name in (required if isinstance(required, list) else [])):
        return False
    if any("" not in values for name, values in possible.items() if name not in said):
        return False
    return all(
        name in declared and name in possible and _value_right(_object(declared[name]), possible[name], value)
        for name, value in said.items()
    )


def _value_right(schema: JsonSchema, possible: Sequence[JsonValue], value: JsonValue) -> bool:
    """Of the declared type, or of the type of the possible values (the leaderboard's variables), and among these."""
    typed = _is(str(schema.get("type", "string")), value) or any(
        type(value) is type(each) for each in possible if each != ""
    )
    return typed and any(_same(value, each) for each in possible)


def _is(kind: str, value: JsonValue) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    python = {"string": str, "integer": int, "number": (int, float), "array": list, "object": dict}
    return isinstance(value, cast(type, python.get(kind, str)))


def _same(value: JsonValue, wanted: JsonValue) -> bool:
    """Equal but for case and light punctuation of texts; an object's wanted values are lists of possible ones."""
    if isinstance(value, str) and isinstance(wanted, str):
        return _bare(value) == _bare(wanted)
    if isinstance(value, list) and isinstance(wanted, list):
        return len(value) == len(wanted) and all(map(_same, value, wanted))
    if isinstance(value, dict) and isinstance(wanted, dict):
        choices = {name: each if isinstance(each, list) else [each] for name, each in wanted.items()}
        told = all(name in choices and any(_same(v, c) for c in choices[name]) for name, v in value.items())
        return told and all(name in value or "" in choices[name] for name in choices)
    return isinstance(value, bool) == isinstance(wanted, bool) and value == wanted


def _bare(text: str) -> str:
    return text.translate(IGNORED).lower().replace("'", '"')


def _object(value: JsonValue) -> JsonSchema:
    return value if isinstance(value, dict) else {}


# ---------------------------------------------------------------- measuring


@dataclass(frozen=True)
class Marked:
    """A question with what was called; None when the model gave no legal call in time."""

    question: Question
    call: Call | None

    @property
    def right(self) -> bool:
        """By the leaderboard's rule; no answer is not right."""
        return self.call is not None and right(self.question, self.call)

    @property
    def name_right(self) -> bool:
        """Whether the right tool was called, or rightly none."""
        if self.call is None:
            return False
        return (self.call.name in WORDS) if self.question.name is None else self.call.name == self.question.name


async def measure(
    speaker: Speaker, questions: Sequence[Question], reader: ListedReader | None = None
) -> dict[str, JsonValue]:
    """The figures of a speaker over the questions, asked one after the other."""
    marked = []
    for question in questions:
        try:
            call = await choose(speaker, question.asked, reader)
        except ModelUnavailable:
            call = None
        marked.append(Marked(question, call))
    return figures(marked)


def figures(marked: Sequence[Marked]) -> dict[str, JsonValue]:
    """Shares 0..1: by kind, the name alone, and by file; None for a kind without questions."""
    kinds: dict[str, list[Marked]] = {"simple": [], "multiple": [], "irrelevance": []}
    files: dict[str, list[Marked]] = defaultdict(list)
    for each in marked:
        kinds[each.question.kind].append(each)
        files[each.question.category].append(each)
    named = [each for each in marked if each.question.name is not None]
    by_file: dict[str, JsonValue] = {
        name: {"right": share([m.right for m in found]), "cases": len(found)} for name, found in files.items()
    }
    return {
        **{kind: share([m.right for m in found]) for kind, found in kinds.items()},
        "tool_right": share([m.name_right for m in named]),
        "unanswered": sum(m.call is None for m in marked),
        "by_file": by_file,
    }


def baselines(questions: Sequence[Question]) -> dict[str, JsonValue]:
    """What the naive answers get: always the first tool (`first_tool`), and never any (`no_call`)."""
    nothing = Call("decline", {"reason": "out_of_scope"})
    return {
        "first_tool": figures([Marked(q, first_tool(q.asked)) for q in questions]),
        "no_call": figures([Marked(q, nothing) for q in questions]),
    }
