"""Conversation cases as data: the format of one line, read with the line's number in every complaint."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator, model_validator

from domain.errors import BadData
from domain.values import Call, Role
from tools.registry import TOOLS
from tools.words import DECLINE_REASONS

SAID = re.compile(rf"reply|clarify|decline(:({'|'.join(DECLINE_REASONS)}))?")


class ExpectedCall(BaseModel):
    """A call that is right."""

    model_config = ConfigDict(extra="forbid")
    name: str
    parameters: dict[str, JsonValue] = Field(default_factory=dict)

    def call(self) -> Call:
        """As a call."""
        return Call(self.name, self.parameters)


class Expectation(BaseModel):
    """Either the calls of a turn in order, or the kind of its final answer."""

    model_config = ConfigDict(extra="forbid")
    expect: list[ExpectedCall] | None = Field(default=None, min_length=1)
    say: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Expectation:
        if (self.expect is None) == (self.say is None):
            raise ValueError("either `expect` or `say` tells what is right")
        if self.say is not None and not SAID.fullmatch(self.say):
            raise ValueError(f"`say` is reply, clarify or decline:REASON, not {self.say}")
        return self


class CaseTurn(Expectation):
    """One user turn with its first choice and, in `any_of`, all choices that are as good."""

    user: str
    any_of: list[Expectation] = Field(default_factory=list)

    def choices(self) -> list[Expectation]:
        """All right answers, the first choice first."""
        return [Expectation(expect=self.expect, say=self.say), *self.any_of]

    def calls(self) -> Iterable[Call]:
        """All calls of its right answers."""
        return (each.call() for choice in self.choices() for each in choice.expect or ())


class Case(BaseModel):
    """One conversation: where, when, who, and its turns."""

    model_config = ConfigDict(extra="forbid")
    id: str
    city: str
    now: str
    role: str
    tags: list[str] = Field(default_factory=list)
    turns: list[CaseTurn] = Field(min_length=1)

    @field_validator("now")
    @classmethod
    def _local_time(cls, now: str) -> str:
        if datetime.fromisoformat(now).tzinfo is not None:
            raise ValueError("the city's own local time, without an offset")
        return now

    @field_validator("role")
    @classmethod
    def _known_role(cls, role: str) -> str:
        return Role(role).value


def fault_of(error: ValidationError) -> str:
    """Where the first fault of a line is, and which."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where or 'the line'}: {first['msg'].removeprefix('Value error, ')}"


def check_calls(calls: Iterable[Call], known: Mapping[str, Collection[str]]) -> None:
    """Raise BadData for a call of no `known` tool (name: its parameters' names), or with a parameter that it lacks."""
    for call in calls:
        if call.name not in known:
            raise BadData(f"there is no tool {call.name}")
        if strangers := [name for name in call.parameters if name not in known[call.name]]:
            raise BadData(f"{call.name} has no parameter {strangers[0]}")


def read_cases(path: Path) -> list[Case]:
    """All cases of a JSON-lines file. Raises BadData naming file, line and fault."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(f"{path} cannot be read as text: {error}") from error
    known = {tool.name: {argument.name for argument in tool.arguments} for tool in TOOLS.values()}
    cases = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            case = Case.model_validate_json(line)
            check_calls((call for turn in case.turns for call in turn.calls()), known)
            cases.append(case)
        except BadData as error:
            raise BadData(f"{path}, line {number}: {error}") from error
        except ValidationError as error:
            raise BadData(f"{path}, line {number}: {fault_of(error)}") from error
    if not cases:
        raise BadData(f"{path} holds no cases")
    return cases
