"""One row: a thread and the call that should come next. Training reads it, serving and measuring make its prompt.

A row is stored without any template, so one file of rows trains every style: the embedded model's and Llama 3.1's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prompts.render import END, Setting, Step, Turn, render


@dataclass(frozen=True)
class Row:
    """What the model is told and has to say: `call` is compact JSON, `kind` the sort of row it is."""

    setting: Setting
    turns: tuple[Turn, ...]
    call: str
    kind: str = ""

    def prompt(self, style: str) -> str:
        """The bytes before the completion."""
        return render(style, self.setting, self.turns)

    def completion(self, style: str) -> str:
        """The bytes that carry the loss, the end token included."""
        return self.call + END[style]

    @property
    def question(self) -> str:
        """The newest turn's words."""
        return self.turns[-1].question if self.turns else ""


def to_json(row: Row) -> str:
    """One line of a file of rows."""
    turns = [
        {"question": t.question, "marks": list(t.marks), "steps": [[s.call, s.outcome] for s in t.steps]}
        for t in row.turns
    ]
    setting = {
        "city": row.setting.city,
        "role": row.setting.role,
        "tools": row.setting.tools,
        "today": row.setting.today,
    }
    return json.dumps({"kind": row.kind, "setting": setting, "turns": turns, "call": row.call}, ensure_ascii=False)


def from_json(line: str) -> Row:
    """A row of a line. ValueError, KeyError or TypeError for anything else."""
    said: Mapping[str, Any] = json.loads(line)
    turns = tuple(_turn(turn) for turn in said["turns"])
    if not isinstance(said["call"], str):
        raise TypeError("a row's call is a text")
    return Row(Setting(**said["setting"]), turns, said["call"], str(said.get("kind", "")))


def _turn(said: Mapping[str, Any]) -> Turn:
    steps: Sequence[Sequence[str]] = said["steps"]
    if not all(isinstance(step, list) for step in steps):  # the keys of an object would pass for its values
        raise TypeError("a step is a list of a call and its outcome")
    return Turn(said["question"], tuple(Step(call, outcome) for call, outcome in steps), tuple(said["marks"]))
