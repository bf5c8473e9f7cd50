"""Conversation cases as data: the format of one line, read with the line's number in every complaint."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from domain.errors import BadData
from domain.values import Call


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
    expect: list[ExpectedCall] | None = None
    say: str | None = None


class CaseTurn(BaseModel):
    """One user turn with its first choice and, in `any_of`, all choices that are as good."""

    model_config = ConfigDict(extra="forbid")
    user: str
    expect: list[ExpectedCall] | None = None
    say: str | None = None
    any_of: list[Expectation] = Field(default_factory=list)

    def choices(self) -> list[Expectation]:
        """All right answers, the first choice first."""
        return [Expectation(expect=self.expect, say=self.say), *self.any_of]


class Case(BaseModel):
    """One conversation: where, when, who, and its turns."""

    model_config = ConfigDict(extra="forbid")
    id: str
    city: str
    now: str
    role: str
    tags: list[str] = Field(default_factory=list)
    turns: list[CaseTurn] = Field(min_length=1)


def read_cases(path: Path) -> list[Case]:
    """All cases of a JSON-lines file. Raises BadData naming file, line and fault."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(f"{path} cannot be read as text: {error}") from error
    cases = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            cases.append(Case.model_validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise BadData(f"{path}, line {number}: {where or 'the line'}: {first['msg']}") from error
    if not cases:
        raise BadData(f"{path} holds no cases")
    return cases
