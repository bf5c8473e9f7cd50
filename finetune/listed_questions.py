"""Questions to listed tools, as the reader of tools/listed_reader.py learns from: which tool serves, what fills it.

Invented tools of many trades with their frames and the descriptions of their parameters (frames/listed and
frames/declared), the registry's own under other names, and requests that none of the tools serves.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydantic import JsonValue

from finetune.listed_rows import ListedFrames, kin_of, said_by
from tools.listed import ListedTool
from tools.listed_parameters import properties_of, required_of

CALLED, RENAMED = 0.6, 0.15
"""Shares of the questions to invented tools, and of those to the registry's under other names; none serves the rest."""
DESCRIBED, ABOUT_DESCRIBED, SHUFFLED, FEWER, STAYS = 0.6, 0.6, 0.5, 0.35, 0.6
"""How often a declaration has its descriptions, of these how often the tool's own is another one too, how often the
parameters stand in another order, how often some that are not said are left out, and how often each one then stays."""
ELSEWHERE = 0.25
"""How often a text is one that another tool's parameter of the same name holds."""
MOST_BESIDE = 4
"""Tools that are listed beside the one that serves, or instead of one."""


@dataclass(frozen=True)
class Material:
    """What is drawn from: invented tools, questions of other people's business, questions to renamed tools, and by the
    name of a parameter the texts that any tool's holds."""

    listed: Sequence[ListedFrames]
    alien: Sequence[str]
    renamed: Sequence[tuple[str, ListedTool, Mapping[str, JsonValue]]]
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class ListedQuestion:
    """A question with the tools beside it; the first one serves it with these `parameters`, or none does (None)."""

    question: str
    tools: tuple[ListedTool, ...]
    parameters: Mapping[str, JsonValue] | None


def texts_of(listed: Sequence[ListedFrames]) -> dict[str, list[str]]:
    """By the name of a parameter all texts that a tool's of that name holds."""
    found: dict[str, list[str]] = {}
    for tool in listed:
        for name, kind in tool.types().items():
            if kind == "string":
                found.setdefault(name, []).extend(tool.values.get(name, ()))
    return found


def draw(material: Material, chance: random.Random) -> ListedQuestion:
    """A question in the shares above."""
    kind = chance.random()
    if kind < CALLED:
        return _called(material, chance)
    if kind < CALLED + RENAMED and material.renamed:
        question, tool, parameters = chance.choice(material.renamed)
        beside = chance.sample(list(material.listed), chance.randrange(0, 3))
        return ListedQuestion(question, (tool, *(declared(each, chance) for each in beside)), parameters)
    return _unserved(material, chance)


def _called(material: Material, chance: random.Random) -> ListedQuestion:
    tool = chance.choice(material.listed)
    while (said := said_by(_saying_others(tool, material.texts, chance), chance)) is None:
        tool = chance.choice(material.listed)
    kin = kin_of(tool, material.listed)
    near = chance.sample(kin, min(len(kin), chance.randrange(0, 3)))
    far = [each for each in chance.sample(list(material.listed), chance.randrange(0, 4)) if each is not tool]
    beside = [*near, *(each for each in far if each not in kin)][:MOST_BESIDE]
    tools = (declared(tool, chance, said.parameters), *(declared(each, chance) for each in beside))
    return ListedQuestion(said.question, tools, said.parameters)


def _saying_others(tool: ListedFrames, texts: Mapping[str, Sequence[str]], chance: random.Random) -> ListedFrames:
    """A tool whose texts now and then are other tools': seven a parameter would be known by heart."""
    types, values = tool.types(), dict(tool.values)
    for name in values:
        if types.get(name) == "string" and name in texts and chance.random() < ELSEWHERE:
            values[name] = tuple(texts[name])
    return replace(tool, values=values)


def _unserved(material: Material, chance: random.Random) -> ListedQuestion:
    """A request that no tool of the list serves: what its tools cannot do, other people's business, what another tool
    does, often one of the same family."""
    beside, kind = chance.sample(list(material.listed), chance.randrange(1, MOST_BESIDE + 1)), chance.random()
    misfits = [each for tool in beside for each in tool.misfits]
    if kind < 0.35 and misfits:
        question = chance.choice(misfits)
    elif kind < 0.5:
        question = chance.choice(material.alien)
    elif kind < 0.62 and material.renamed:
        question = chance.choice(material.renamed)[0]
    else:
        absent = chance.choice(material.listed)
        while (said := said_by(absent, chance)) is None:
            absent = chance.choice(material.listed)
        kin = kin_of(absent, material.listed)
        if kin and chance.random() < 0.6:
            beside = chance.sample(kin, min(len(kin), MOST_BESIDE))
        else:
            others = [each for each in material.listed if each is not absent and each not in kin]
            beside = chance.sample(others, len(beside))
        question = said.question
    return ListedQuestion(question, tuple(declared(each, chance) for each in beside), None)


def declared(tool: ListedFrames, chance: random.Random, said: Mapping[str, JsonValue] | None = None) -> ListedTool:
    """One way of declaring an invented tool; what is `said` of its parameters is always among them."""
    plain = ListedTool.of_signature(tool.signature)
    texts = tool.texts if chance.random() < DESCRIBED else {}
    about = texts.get("", plain.description) if chance.random() < ABOUT_DESCRIBED else plain.description
    properties, required = properties_of(plain.parameters), required_of(plain.parameters)
    names = list(properties)
    if chance.random() < SHUFFLED:
        chance.shuffle(names)
    if chance.random() < FEWER:
        needed = {*required, *(said or {})}
        names = [name for name in names if name in needed or chance.random() < STAYS]
    shown = {name: _described(properties[name], texts.get(name)) for name in names}
    parameters: dict[str, JsonValue] = {**plain.parameters, "properties": shown}
    return ListedTool(tool.name, about, parameters)


def _described(schema: JsonValue, text: str | None) -> JsonValue:
    return {**schema, "description": text} if isinstance(schema, dict) and text else schema
