"""Validation rows as cases: how much better the model is on derived questions than on those that people wrote.

The rows are of frames and names that are never trained on; they are measured as the human-written cases are, so the
difference is what the words of people cost.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from pydantic import JsonValue

from domain.errors import BadData
from evals.cases_file import Case, CaseTurn, ExpectedCall
from prompts.row import Row, from_json
from tools.words import WORDS

COMPARED = "single_call_exact"
"""The figure that is compared: whole calls of one-turn questions that want one."""
MOST = 200
"""Rows that are measured: the first ones, which were drawn at random."""


def read_synthetic(path: Path, now_of: Callable[[str], str]) -> list[Case]:
    """The file's first one-turn rows with the registry's tools, as cases; `now_of` gives a city's local time.

    Raises BadData for a file without any.
    """
    try:
        rows = [from_json(line) for line in path.read_text(encoding="utf-8").splitlines()]
        alone = [row for row in rows if len(row.turns) == 1 and not row.turns[0].steps and not row.setting.tools]
        single = [row for row in alone if row.kind != "two"][:MOST]
        cases = [_case(number, row, now_of) for number, row in enumerate(single, 1)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadData(f"{path} does not hold training rows: {error}") from error
    if not cases:
        raise BadData(f"{path} holds no one-turn rows")
    return cases


def minus(synthetic: JsonValue, human: JsonValue) -> float | None:
    """Points by which derived questions are done better, as a share; None where one was not measured."""
    both = isinstance(synthetic, float) and isinstance(human, float)
    return round(synthetic - human, 4) if both else None  # type: ignore[operator]  # both are floats


def _case(number: int, row: Row, now_of: Callable[[str], str]) -> Case:
    said = json.loads(row.call)
    name, parameters = said["name"], said["parameters"]
    turn = CaseTurn(user=row.question, expect=[ExpectedCall(name=name, parameters=parameters)])
    if name in WORDS:
        word = f"decline:{parameters['reason']}" if name == "decline" else name
        turn = CaseTurn(user=row.question, say=word)
    city = row.setting.city
    return Case(id=f"row-{number}", city=city, now=now_of(city), role=row.setting.role, tags=[row.kind], turns=[turn])
