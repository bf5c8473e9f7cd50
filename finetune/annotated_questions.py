"""People's annotated questions as questions to declared tools: what somebody's desk or app would take from them.

A label becomes one of several choices, a yes, or a tool of its own beside its neighbours; a slot becomes a parameter.
So choices are learned in people's own words, and stretches with the edges that annotators gave them.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import cache

from pydantic import JsonValue

from finetune.annotated import Annotated, businesses, read_annotated
from finetune.listed_questions import DESCRIBED, ListedQuestion, declared
from finetune.listed_rows import ListedFrames
from tools.listed import ListedTool
from tools.listed_values import numbers_at

AS_TOOLS, AS_TRUTHS, AWAY = 0.3, 0.4, 0.2
"""How often a question's one label is a tool of its own, how often several are each a matter of yes or no, and how
often the tool that serves is not there."""
UNSAID, NEEDED = 0.25, 0.3
"""How often a slot stands in the declaration that is not said, and how often one that is said is required."""
FEWEST_BESIDE, MOST_BESIDE = 2, 7
"""Labels beside the right one."""
NAMES = ("topic", "about", "matter", "reason", "kind", "subject", "what", "category", "concern")
ABOUT = ("What it is about.", "The matter at hand.", "What the user wants.", "Which of these it is.", "")
"""Of a choice among labels."""
Declared = dict[str, JsonValue]
"""Schemas by parameter."""


def annotated_question(listed: Sequence[ListedFrames], chance: random.Random) -> ListedQuestion:
    """One of people's questions; some of the `listed` tools stand beside the one that serves it, or alone."""
    asked, away = chance.choice(read_annotated()), chance.random() < AWAY
    beside = tuple(declared(each, chance) for each in chance.sample(list(listed), chance.randrange(1, 3)))
    if len(asked.labels) == 1 and asked.labels[0] in labels_of(asked.business) and chance.random() < AS_TOOLS:
        first, *others = (tool_of(asked.business, label) for label in _among(asked, asked.labels, chance))
        tools = others if away else [first, *others]
        return ListedQuestion(asked.question, (*tools, *beside), None if away else {})
    if away:
        return ListedQuestion(asked.question, beside, None)
    tool, parameters = _to_business(asked, chance)
    return ListedQuestion(asked.question, (tool, *beside[1:]), parameters)


@cache
def labels_of(business: str) -> Mapping[str, tuple[str, str]]:
    """What a business' labels are called, and what asks for them ("" where the name says it)."""
    labels = {label for each in read_annotated() if each.business == business for label in each.labels}
    return businesses()[business].labels or {label: (label, "") for label in sorted(labels)}


def _among(asked: Annotated, right: Sequence[str], chance: random.Random) -> list[str]:
    """The labels that are `right`, and behind them some of the same business that the question has not."""
    others = [label for label in labels_of(asked.business) if label not in asked.labels]
    return [*right, *chance.sample(others, min(len(others), chance.randrange(FEWEST_BESIDE, MOST_BESIDE + 1)))]


def tool_of(business: str, label: str) -> ListedTool:
    """A label as a tool without parameters."""
    name, about = labels_of(business)[label]
    return ListedTool(name, about or f"{_spaced(name)}.", {})


def _to_business(asked: Annotated, chance: random.Random) -> tuple[ListedTool, Declared]:
    """The tool that takes all questions of such a business, and what it is called with."""
    business = businesses()[asked.business]
    shown = _of_slots(asked, chance)
    has = [label for label in asked.labels if label in labels_of(asked.business)]
    if business.labels and chance.random() < AS_TRUTHS:
        shown |= _of_truths(asked, has, chance)
    elif labels_of(asked.business):
        shown |= _of_choice(asked, has, chance)
    names = list(shown)
    chance.shuffle(names)
    said = {name: shown[name][1] for name in names if shown[name][1] is not None}
    parameters: Declared = {
        "type": "object",
        "properties": {name: shown[name][0] for name in names},
        "required": [name for name in said if chance.random() < NEEDED],
    }
    return ListedTool(chance.choice(business.names), chance.choice(business.about), parameters), said


def _of_slots(asked: Annotated, chance: random.Random) -> dict[str, tuple[Declared, JsonValue]]:
    """By name the schema of the slots that are said, with their values, and of some that are not (None). A number that
    is not said as one ("my son") is not asked for either."""
    shown, described = {}, chance.random() < DESCRIBED
    for slot, (name, about, kind) in businesses()[asked.business].slots.items():
        value = _value(asked.slots[slot], kind) if slot in asked.slots else None
        if value is not None or (slot not in asked.slots and chance.random() < UNSAID):
            schema: Declared = {"type": kind, "description": about} if described else {"type": kind}
            shown[name] = (schema, value)
    return shown


def _of_truths(asked: Annotated, has: Sequence[str], chance: random.Random) -> dict[str, tuple[Declared, JsonValue]]:
    """Some labels, each a matter of yes or no; nothing is said of one that the question has not."""
    labels, right = labels_of(asked.business), chance.sample(has, min(len(has), chance.randrange(1, 3)))
    return {
        labels[label][0]: ({"type": "boolean", "description": labels[label][1]}, True if label in right else None)
        for label in _among(asked, right, chance)[:4]
    }


def _of_choice(asked: Annotated, has: Sequence[str], chance: random.Random) -> dict[str, tuple[Declared, JsonValue]]:
    """One label of the question among others that it has not, or these alone when it has none."""
    right = chance.sample(has, min(len(has), 1))
    write = chance.choice((str, _spaced))
    choices: list[JsonValue] = [write(labels_of(asked.business)[label][0]) for label in _among(asked, right, chance)]
    value = choices[0] if right else None
    chance.shuffle(choices)
    schema: Declared = {"type": "string", "enum": choices, "description": chance.choice(ABOUT)}
    return {chance.choice(NAMES): (schema, value)}


def _spaced(label: str) -> str:
    return label.replace("_", " ")


def _value(text: str, kind: str) -> JsonValue:
    """A stretch in its declared type; None for a number that does not stand in it."""
    if kind == "string":
        return text
    numbers = {each.value for each in numbers_at(text, fractions=False)}
    return numbers.pop() if len(numbers) == 1 else None
