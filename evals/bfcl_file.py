"""Files of the Berkeley Function Calling Leaderboard: questions with the tools they may use and the right answers.

A folder as the leaderboard's repository lays it out: `BFCL_v4_simple_python.json`, `BFCL_v4_multiple.json`,
`BFCL_v4_irrelevance.json` and their `live_` variants (v3 names too), JSON lines, the right answers under
`possible_answer/`. Java and JavaScript files are left out: their values are literals of those languages. Earlier user
messages of a question are earlier turns; system and assistant texts are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from pydantic import JsonValue

from domain.errors import BadData
from evals.listed_tools import Asked
from tools.listed import ListedTool
from tools.registry import JsonSchema

Read = TypeVar("Read")
KINDS = {
    "simple": "simple", "simple_python": "simple", "live_simple": "simple",
    "multiple": "multiple", "live_multiple": "multiple",
    "irrelevance": "irrelevance", "live_irrelevance": "irrelevance",
}  # fmt: skip
"""The kind of figure that each category of the leaderboard goes into."""
FILE = re.compile(r"BFCL_v(\d+)_([a-z_]+)\.json")
TYPES = {"dict": "object", "float": "number", "tuple": "array", "any": "string", "hashmap": "object"}
"""The leaderboard's names of types that JSON schema calls otherwise."""


@dataclass(frozen=True)
class Question:
    """One question of the leaderboard. `possible` are the right values by parameter for `name`; None: call nothing."""

    id: str
    category: str
    asked: Asked
    name: str | None = None
    possible: dict[str, list[JsonValue]] | None = None

    @property
    def kind(self) -> str:
        """The figure that it counts for."""
        return KINDS[self.category]


def read_bfcl(folder: Path, limit: int | None = None) -> list[Question]:
    """All questions of a folder, at most `limit` of each file, evenly spread. Raises BadData naming file and line."""
    files = _files(folder)
    if not files:
        raise BadData(f"{folder} holds no file like BFCL_v4_simple_python.json, BFCL_v4_multiple.json, ...")
    found: list[Question] = []
    for category, file in files.items():
        questions = list(_questions(category, file))
        step = max(1, -(-len(questions) // limit)) if limit else 1
        found += questions[::step]
    return found


def _files(folder: Path) -> dict[str, Path]:
    """The newest file of each category, by name. Raises BadData when there is no such folder."""
    if not folder.is_dir():
        raise BadData(f"{folder} is no folder")
    newest: dict[str, tuple[int, Path]] = {}
    for file in sorted(folder.glob("BFCL_v*.json")):
        named = FILE.fullmatch(file.name)
        if named and named[2] in KINDS:
            newest[named[2]] = max(newest.get(named[2], (0, file)), (int(named[1]), file))
    return {category: newest[category][1] for category in KINDS if category in newest}


def _questions(category: str, file: Path) -> Iterator[Question]:
    answers: dict[str, JsonValue] = {}
    if KINDS[category] != "irrelevance":
        answers = dict(
            _lines(file.parent / "possible_answer" / file.name, lambda said: (_id(said), said["ground_truth"]))
        )

    def read(said: dict[str, JsonValue]) -> Question:
        asked = Asked(tuple(_messages(said["question"])), tuple(_tools(said["function"])))
        if KINDS[category] == "irrelevance":
            return Question(_id(said), category, asked)
        name, possible = _possible(answers[_id(said)], asked)
        return Question(_id(said), category, asked, name, possible)

    yield from _lines(file, read)


def _lines(file: Path, read: Callable[[dict[str, JsonValue]], Read]) -> list[Read]:
    """What `read` makes of each line. Raises BadData naming file, line and fault."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(f"{file} cannot be read as text: {error}") from error
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            said = json.loads(line)
            if not isinstance(said, dict):
                raise BadData("the line is no JSON object")
            found.append(read(said))
        except KeyError as missing:
            raise BadData(f"{file}, line {number}: {missing} is missing") from missing
        except (ValueError, TypeError, AttributeError, RecursionError, BadData) as error:
            raise BadData(f"{file}, line {number}: {error}") from error
    if not found:
        raise BadData(f"{file} holds no questions")
    return found


def _id(said: dict[str, JsonValue]) -> str:
    return str(said["id"])


def _messages(question: JsonValue) -> list[str]:
    """The user's texts of a question, whose only turn is a list of messages."""
    turns = question if isinstance(question, list) else []
    messages = turns[0] if len(turns) == 1 and isinstance(turns[0], list) else []
    said = [m["content"] for m in messages if isinstance(m, dict) and m.get("role") == "user"]
    texts = [text for text in said if isinstance(text, str)]
    if not texts or len(texts) != len(said):
        raise BadData("the question is not one turn with a user's text")
    return texts


def _tools(functions: JsonValue) -> Iterator[ListedTool]:
    if not isinstance(functions, list):
        raise BadData("function is no list")
    for said in functions:
        if not isinstance(said, dict):
            raise BadData("a function is no JSON object")
        yield ListedTool.read({**said, "parameters": json_schema_of(said.get("parameters"))})


def json_schema_of(said: JsonValue) -> JsonValue:
    """A parameter in the leaderboard's words as JSON schema; choices of a list are choices of its items."""
    if not isinstance(said, dict):
        return said
    kind = said.get("type")
    made: JsonSchema = {key: said[key] for key in ("description", "enum", "required") if key in said}
    if isinstance(kind, str):
        made["type"] = TYPES.get(kind.lower(), kind.lower())
    if isinstance(properties := said.get("properties"), dict):
        made["properties"] = {name: json_schema_of(each) for name, each in properties.items()}
    if "items" in said:
        made["items"] = json_schema_of(said["items"])
    values = made.get("enum")
    if made.get("type") == "array" and isinstance(values, list) and not any(isinstance(v, list) for v in values):
        made["items"] = {**_object(made.get("items")), "enum": values}
        del made["enum"]
    return made


def _possible(truth: JsonValue, asked: Asked) -> tuple[str, dict[str, list[JsonValue]]]:
    """(name, possible values by parameter) of the one right call."""
    one = truth[0] if isinstance(truth, list) and len(truth) == 1 else None
    if not isinstance(one, dict) or len(one) != 1:
        raise BadData("the right answer is not one call")
    name, values = next(iter(one.items()))
    if name not in {tool.name for tool in asked.tools}:
        raise BadData(f"the right answer calls {name}, which is not among the functions")
    if not isinstance(values, dict) or not all(isinstance(each, list) for each in values.values()):
        raise BadData(f"the possible values of {name} are not lists by parameter")
    return name, cast(dict[str, list[JsonValue]], values)


def _object(value: JsonValue) -> JsonSchema:
    return value if isinstance(value, dict) else {}
