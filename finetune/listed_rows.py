"""Rows with tools that stand in the prompt as signatures: how the model learns to use a tool it was never trained on.

Two sources: invented tools of many trades (frames/listed/*.txt), and the registry's own tools under other names. The
header says whether the listed tools are the only ones or come beside the registry's.
"""

from __future__ import annotations

import functools
import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import JsonValue

from finetune.authors import Author, Gold, word
from finetune.frames import Frame, Said, arguments_of, words_of
from finetune.surface_noise import roughen
from prompts.render import ALSO_LISTED, ONLY_LISTED, Setting, Turn
from prompts.row import Row
from tools.listed import ListedTool
from tools.listed_order import ToolOrder
from tools.registry import TOOLS

SIGNATURE = re.compile(r"(?P<name>\w+)\((?P<parameters>.*)\) - (?P<about>.+)")
FAMILY = "# family: "
AMONG_KIN = 0.7
"""Share of the calls of a tool with a family at which some of its neighbours are listed too."""
DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class ListedFrames:
    """One invented tool: its signature line, what its slots may hold, its frames, requests it cannot serve, its family,
    and its descriptions: of each parameter by name, and under "" its own in other words.

    Tools of a family are neighbours of one trade, between which words must decide.
    """

    signature: str
    values: dict[str, tuple[str, ...]]
    frames: tuple[Frame, ...]
    misfits: tuple[str, ...]
    family: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The tool's name."""
        return self.signature.partition("(")[0]

    def types(self) -> dict[str, str]:
        """The type, or the enum's values, of each parameter."""
        found = SIGNATURE.fullmatch(self.signature)
        parts = found["parameters"].split(", ") if found and found["parameters"] else []
        return {part.partition(":")[0].rstrip("?"): part.partition(": ")[2] for part in parts}


@functools.cache
def other_names() -> dict[str, tuple[str, ...]]:
    """For tools and parameters of the registry: what somebody else might have called them."""
    found: dict[str, tuple[str, ...]] = json.loads((DATA / "other_names.json").read_text(encoding="utf-8"))
    return found


def read_listed(folder: Path) -> list[ListedFrames]:
    """All files of a folder. ValueError for a file whose first line is no signature."""
    return [_read(file) for file in sorted(folder.glob("*.txt"))]


def _read(file: Path) -> ListedFrames:
    lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not SIGNATURE.fullmatch(lines[0]):
        raise ValueError(f"{file}: the first line must be `name(param: type, other?: type) - What it does.`")
    values: dict[str, tuple[str, ...]] = {}
    texts: dict[str, str] = {}
    frames, misfits, family = [], [], ""
    for line in lines[1:]:
        given = re.fullmatch(r"(\w+) = (.+;.+)", line)
        if described := re.fullmatch(r"\? (\w*): (.+)", line):
            texts[described[1]] = described[2]
        elif line.startswith(FAMILY):
            family = line.removeprefix(FAMILY)
        elif given:
            values[given[1]] = tuple(value.strip() for value in given[2].split(";") if value.strip())
        elif line.startswith("! "):
            misfits.append(line.removeprefix("! "))
        elif not line.startswith("#"):
            frames.append(Frame(line, file.stem))
    return ListedFrames(lines[0], values, tuple(frames), tuple(misfits), family, texts)


def listed_row(author: Author, listed: Sequence[ListedFrames], role: str) -> Row | None:
    """A question, a block of signatures, and the call of the one that fits, or what to say when none does."""
    chance = author.chance
    if not listed:
        return None
    kind, header = chance.random(), ONLY_LISTED if chance.random() < 0.7 else ALSO_LISTED
    if kind < 0.48:
        tool = chance.choice(list(listed))
        said = said_by(tool, chance)
        if said is None:
            return None
        return _row(author, role, _block(header, [*_beside(tool, listed, chance), tool.signature], chance), said)
    others = [each.signature for each in chance.sample(list(listed), min(chance.randrange(0, 4), len(listed)))]
    if kind < 0.72:
        gold = author.single()
        other, call = renamed(gold, chance)
        return _row(author, role, _block(header, [*others, other.signature()], chance), call)
    if kind < 0.82:
        return _none_of_its_kin(author, listed, role)
    signatures = others or [chance.choice(list(listed)).signature]
    if header == ALSO_LISTED:
        return _row(author, role, _block(header, signatures, chance), author.single())
    refused = word("decline:out_of_scope")
    shown = {signature.partition("(")[0] for signature in signatures}
    alien = [m for each in listed if each.name not in shown for m in each.misfits] if chance.random() < 0.4 else []
    near = [m for each in listed if each.name in shown for m in each.misfits]
    question = chance.choice(near) if near and chance.random() < 0.5 else chance.choice(alien) if alien else ""
    return _row(author, role, _block(header, signatures, chance), Gold(question or author.single().question, *refused))


def kin_of(tool: ListedFrames, listed: Sequence[ListedFrames]) -> list[ListedFrames]:
    """Its neighbours: the others of its family."""
    return [each for each in listed if each.family and each.family == tool.family and each is not tool]


def _beside(tool: ListedFrames, listed: Sequence[ListedFrames], chance: random.Random) -> list[str]:
    """Signatures to choose between: often some of the tool's own family, and up to three others."""
    kin = kin_of(tool, listed)
    near = chance.sample(kin, min(len(kin), chance.randrange(1, 5))) if kin and chance.random() < AMONG_KIN else []
    far = [each for each in listed if each is not tool and each not in kin]
    return [each.signature for each in [*near, *chance.sample(far, min(len(far), chance.randrange(0, 4)))]]


def _none_of_its_kin(author: Author, listed: Sequence[ListedFrames], role: str) -> Row | None:
    """A request for a tool that is not there, only its neighbours: none of them is the next best thing."""
    chance = author.chance
    tool = chance.choice([each for each in listed if kin_of(each, listed)] or list(listed))
    kin, said = kin_of(tool, listed), said_by(tool, chance)
    if not kin or said is None:
        return None
    shown = [each.signature for each in chance.sample(kin, chance.randrange(1, len(kin) + 1))]
    return _row(author, role, _block(ONLY_LISTED, shown, chance), Gold(said.question, *word("decline:out_of_scope")))


def nearest_first(row: Row, order: ToolOrder) -> Row:
    """The row with its tools in the order in which they are served."""
    header, *lines = row.setting.tools.split("\n")
    tools = {line: ListedTool.of_signature(line) for line in lines}
    by_name = {tool.name: line for line, tool in tools.items()}
    sorted_tools = order.nearest_first(row.turns[-1].question, list(tools.values()))
    block = "\n".join([header, *(by_name[tool.name] for tool in sorted_tools)])
    return replace(row, setting=replace(row.setting, tools=block))


def _row(author: Author, role: str, tools: str, gold: Gold) -> Row:
    setting = Setting(author.city.name, role, tools, f"{author.world.now:%Y-%m-%d}" if author.world else "")
    return Row(setting, (Turn(gold.question, (), author.marks(gold.question)),), gold.call, "listed")


def _block(header: str, signatures: Sequence[str], chance: random.Random) -> str:
    lines = list(dict.fromkeys(signatures))
    chance.shuffle(lines)
    return "\n".join([header, *lines])


def said_by(tool: ListedFrames, chance: random.Random) -> Gold | None:
    """A frame of an invented tool, with values of its own lists."""
    types = tool.types()

    def fill(slot: str, _variant: str | None, drawn: random.Random) -> tuple[str, JsonValue]:
        words = drawn.choice(tool.values.get(slot) or (types[slot].split("/")))
        return words, None if types[slot] == "string" else _value(words, types[slot])

    said: Said = chance.choice(tool.frames).expand(fill, chance)
    said.segments = roughen(said.segments, chance)
    parameters = {name: _value(value, types[name]) for name, value in arguments_of(said).items()}
    ordered = {name: parameters[name] for name in types if name in parameters}
    question = words_of(said)
    texts = [v for value in ordered.values() for v in (value if isinstance(value, list) else [value])]
    free = [
        t
        for t in texts
        if isinstance(t, str) and not any("/" in kind and t in kind.split("/") for kind in types.values())
    ]
    return Gold(question, tool.name, ordered) if all(text in question for text in free) else None


def _value(value: JsonValue, kind: str) -> JsonValue:
    """A value in its declared type."""
    if not isinstance(value, str):
        return value
    if kind == "integer":
        return int(value)
    if kind == "number":
        return float(value) if "." in value else int(value)
    if kind == "boolean":
        return value == "true"
    if kind == "list":
        return [part for part in re.split(r", | and ", value) if part]
    return value.lower() if "/" in kind and value.lower() in kind.split("/") else value


def renamed(gold: Gold, chance: random.Random) -> tuple[ListedTool, Gold]:
    """A registry tool under other names, and the call in those names."""
    declared = TOOLS[gold.name]
    new = {
        name: chance.choice(other_names().get(name, (name,)))
        for name in [gold.name, *(a.name for a in declared.arguments)]
    }
    if chance.random() < 0.3:
        new[gold.name] = f"{chance.choice(['fn', 'op', 'tool', 'task', 'svc'])}_{chance.randrange(1, 99)}"
    properties: dict[str, JsonValue] = {
        new[a.name]: {**a.schema, "description": a.description} for a in declared.arguments
    }
    required: list[JsonValue] = [new[a.name] for a in declared.arguments if a.required]
    tool = ListedTool(
        new[gold.name], declared.summary, {"type": "object", "properties": properties, "required": required}
    )
    parameters = {new[name]: value for name, value in gold.parameters.items()}
    return tool, Gold(gold.question, new[gold.name], parameters)


__all__ = ["ListedFrames", "kin_of", "listed_row", "nearest_first", "read_listed", "renamed", "said_by"]
