"""Suite `new_tools`: tools that the model was never trained on, listed beside a question of the operation's own kind.

One JSON object a line: `id`, `tools` (each with `name`, `description` and the JSON schema of its `parameters`),
`user`, and `expect` (the one call) or `say` (`clarify`, `decline:out_of_scope`, ...), with `any_of` for choices that
are as good. A call is right when its name and parameters are equal, case and white space of texts aside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue, ValidationError

from assistant.decide import Speaker
from domain.errors import BadData, ModelUnavailable
from domain.values import Call
from evals.cases_file import CaseTurn, Expectation, check_calls, fault_of
from evals.listed_tools import Asked, choose, first_tool, nearest_tool, share
from evals.matching import content_words
from tools.listed import ListedTool
from tools.listed_reader import ListedReader
from tools.words import WORDS

Marks = Callable[[str], tuple[str, ...]]
"""What code recognises in a question, as the prompt shows it."""


class Case(CaseTurn):
    """One question with its own tools."""

    id: str
    tools: list[dict[str, JsonValue]]


@dataclass(frozen=True)
class NewToolCase:
    """A case, its tools read."""

    id: str
    turn: CaseTurn
    tools: tuple[ListedTool, ...]

    @property
    def wants_call(self) -> bool:
        """Whether a call is among the right answers."""
        return any(choice.expect for choice in self.turn.choices())

    @property
    def kind(self) -> str:
        """`call`, or what is to be said: `clarify`, `decline`, `reply`."""
        return "call" if self.turn.expect else (self.turn.say or "reply").partition(":")[0]


@dataclass(frozen=True)
class Marked:
    """A case with what was called; None when the model gave no legal call in time."""

    case: NewToolCase
    call: Call | None

    @property
    def right(self) -> bool:
        """Whether any right choice fits exactly."""
        return self._any(_same)

    @property
    def words_right(self) -> bool:
        """Whether any right choice fits when texts need only share their content words ("the landfill", "landfill")."""
        return self._any(_same_words)

    @property
    def name_right(self) -> bool:
        """Whether the right tool was called, whatever its parameters."""
        return self._any(lambda _mine, _wanted: True)

    def _any(self, same: Callable[[JsonValue, JsonValue], bool]) -> bool:
        return self.call is not None and any(_fits(c, self.call, same) for c in self.case.turn.choices())


def read_new_tools(path: Path) -> list[NewToolCase]:
    """All cases of a file. Raises BadData naming file, line and fault."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(f"{path} cannot be read as text: {error}") from error
    cases = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            said = Case.model_validate_json(line)
            tools = tuple(ListedTool.read(tool) for tool in said.tools)
            check_calls(said.calls(), {tool.name: tool.names() for tool in tools})
            cases.append(NewToolCase(said.id, said, tools))
        except ValidationError as error:
            raise BadData(f"{path}, line {number}: {fault_of(error)}") from error
        except BadData as error:
            raise BadData(f"{path}, line {number}: {error}") from error
    if not cases:
        raise BadData(f"{path} holds no cases")
    return cases


def asked(case: NewToolCase, marks: Marks | None = None) -> Asked:
    """The question as the model gets it."""
    return Asked((case.turn.user,), case.tools, marks(case.turn.user) if marks else ())


async def measure(
    speaker: Speaker, cases: Sequence[NewToolCase], marks: Marks | None = None, reader: ListedReader | None = None
) -> list[Marked]:
    """Each case with the speaker's call, asked one after the other."""
    marked = []
    for case in cases:
        try:
            call = await choose(speaker, asked(case, marks), reader)
        except ModelUnavailable:
            call = None
        marked.append(Marked(case, call))
    return marked


def figures(marked: Sequence[Marked]) -> dict[str, JsonValue]:
    """Shares 0..1: of all cases, of the calls, of the questions to ask back, of those to decline; by kind.

    `abstention` is of the cases where no tool fits, `tool_hallucination` of those that lack a piece as well.
    """
    calls = [m for m in marked if m.case.kind == "call"]
    others = [m for m in marked if not m.case.wants_call]
    fitless = [m for m in others if m.case.kind != "clarify"]
    by_kind: dict[str, JsonValue] = {}
    for kind in sorted({m.case.kind for m in marked}):
        of_kind = [m for m in marked if m.case.kind == kind]
        by_kind[kind] = {"right": share([m.right for m in of_kind]), "cases": len(of_kind)}
    return {
        "right": share([m.right for m in marked]),
        "call_exact": share([m.right for m in calls]),
        "call_words": share([m.words_right for m in calls]),
        "tool_right": share([m.name_right for m in calls]),
        "abstention": share([m.call is not None and m.call.name in WORDS for m in fitless]),
        "ask_back": share([m.right for m in marked if m.case.kind == "clarify"]),
        "tool_hallucination": share([m.call is not None and m.call.name not in WORDS for m in others]),
        "unanswered": sum(m.call is None for m in marked),
        "by_kind": by_kind,
    }


def baselines(cases: Sequence[NewToolCase]) -> dict[str, JsonValue]:
    """What the naive answers get: always the first tool, the nearest in meaning, or declining (`no_call`)."""
    nothing = Call("decline", {"reason": "out_of_scope"})
    return {
        "first_tool": figures([Marked(case, first_tool(asked(case))) for case in cases]),
        "nearest_tool": figures([Marked(case, nearest_tool(asked(case))) for case in cases]),
        "no_call": figures([Marked(case, nothing) for case in cases]),
    }


def mistakes(marked: Sequence[Marked]) -> list[dict[str, JsonValue]]:
    """The wrong ones, for a person to read."""
    return [
        {
            "id": m.case.id, "user": m.case.turn.user, "tools": [tool.name for tool in m.case.tools],
            "wanted": m.case.turn.model_dump(include={"expect", "say", "any_of"}, exclude_defaults=True),
            "called": {"name": m.call.name, "parameters": dict(m.call.parameters)} if m.call else None,
        }
        for m in marked
        if not m.right
    ]  # fmt: skip


# ---------------------------------------------------------------- when an answer is right


def _fits(choice: Expectation, call: Call, same: Callable[[JsonValue, JsonValue], bool]) -> bool:
    if choice.expect is not None:
        if len(choice.expect) != 1 or call.name != choice.expect[0].name:
            return False
        return same(dict(call.parameters), dict(choice.expect[0].parameters))
    said, _, reason = (choice.say or "").partition(":")
    return call.name == said and (not reason or call.parameters.get("reason") == reason)


def _same(mine: JsonValue, wanted: JsonValue) -> bool:
    """Equal, texts after casefold and with single spaces."""
    return _plain(mine) == _plain(wanted)


def _plain(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, bool):
        return f"is {value}"  # True is not 1
    return " ".join(value.casefold().split()) if isinstance(value, str) else value


def _same_words(mine: JsonValue, wanted: JsonValue) -> bool:
    """The same shape, and texts of the same content words."""
    if isinstance(mine, dict) and isinstance(wanted, dict):
        return mine.keys() == wanted.keys() and all(_same_words(mine[name], wanted[name]) for name in mine)
    if isinstance(mine, list) and isinstance(wanted, list):
        return len(mine) == len(wanted) and all(map(_same_words, mine, wanted))
    if isinstance(mine, str) and isinstance(wanted, str):
        return content_words(mine) == content_words(wanted)
    return _same(mine, wanted)
