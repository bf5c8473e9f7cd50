"""Who says the training questions: draws frames, fills them with a city's names, and keeps the call they mean.

Words and call are made together, so a row is right by construction; what the registry or the calendar cannot read is
dropped.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from pydantic import JsonValue

import tools  # noqa: F401  # declares them
from domain.errors import AmbiguousName, AskAgain, UnclearTime, UnknownName
from domain.operation import Operation
from domain.trucks import users_words
from domain.values import Call
from finetune.carriers import COMMANDS, QUESTION_WORDS
from finetune.fillers import CityWords, Fillers
from finetune.frames import Frame, Said, Segment, arguments_of, words_of
from finetune.surface_noise import roughen
from prompts.render import Step, Turn
from tools.follow_up import LEVELS, crossed
from tools.mentions import marks_of
from tools.registry import TOOLS, check_parameters
from tools.resolve import Setting, resolve
from tools.words import reference

WEIGHT = {"find_bins": 1.4, "forecast_fill": 1.6, "plan_round": 1.8, "search_records": 1.4, "service_history": 1.4,
          "operations_report": 1.5, "what_if": 0.9, "explain": 0.8, "propose_ticket": 1.3, "propose_watch": 1.3,
          "model_status": 0.7, "fleet_status": 0.8, "inspect_image": 0.7}  # fmt: skip
TAILED = 0.28
"""Share of single requests that get one or two more arguments behind them."""
LONGEST_TAILED = 22
"""Words of a request that can have more arguments behind it: behind a story nobody adds any."""
CARRIED = 0.10
"""Share of single requests that get an opening of finetune/data/carriers.txt."""
EXCLUDED = {"near": {"bins", "bin"}, "bins": {"near", "bin"}, "trucks": {"truck_count"}, "truck_count": {"trucks"},
            "min_fill_pct": {"serve", "max_fill_pct"}, "serve": {"min_fill_pct"}, "max_fill_pct": {"min_fill_pct"},
            "schedule": {"since"}, "until": {"compare_to"}}  # fmt: skip
"""An argument that is not added where one of the others is set."""


@dataclass(frozen=True)
class Gold:
    """One user turn and the call it should lead to."""

    question: str
    name: str
    parameters: dict[str, JsonValue]

    @property
    def call(self) -> str:
        """The call as the model must write it."""
        return Call(self.name, self.parameters).text()

    def step(self, outcome: str = "ok") -> Turn:
        """The turn as a later prompt shows it."""
        return Turn(self.question, (Step(self.call, outcome),))


@dataclass(frozen=True)
class Lines:
    """What an author draws from: frames by file, and openings by the kind of request they stand before."""

    frames: dict[str, list[Frame]]
    carriers: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class World:
    """The loaded city that marks questions and reads calls, and its clock."""

    operation: Operation
    now: datetime

    @classmethod
    def of(cls, operation: Operation) -> World:
        """At the moment that the city is shown at, on its own clock."""
        return cls(operation, operation.demo_now.astimezone(operation.zone))

    def marks(self, question: str) -> tuple[str, ...]:
        """What serving would show beside the question."""
        return marks_of(question, self.operation, self.now)

    def readable(self, name: str, parameters: dict[str, JsonValue], question: str) -> bool:
        """Whether the product can read the call: names may be unknown (it asks), times and numbers may not."""
        try:
            resolve(Call(name, parameters), Setting(self.operation, self.now, question))
        except (UnknownName, AmbiguousName):
            return True
        except UnclearTime as unclear:
            return unclear.hour_in_doubt
        except AskAgain:
            return False
        return True


class Author:
    """Draws turns for one city from a part of the frames."""

    def __init__(self, city: CityWords, lines: Lines, chance: random.Random, world: World | None = None) -> None:
        self.city, self.frames, self.chance, self.world = city, lines.frames, chance, world
        self.carriers = lines.carriers
        self.filler = Fillers(city)

    def marks(self, question: str) -> tuple[str, ...]:
        """The question's marks; none without a loaded city."""
        return self.world.marks(question) if self.world else ()

    def single(self, name: str | None = None) -> Gold:
        """A turn that stands alone (or, for `what_if` and its like, after a plan)."""
        names = list(TOOLS)
        name = name or self.chance.choices(names, [WEIGHT.get(n, 1.0) for n in names])[0]
        while True:
            gold = self.say(self.chance.choice(self.frames[name]), name)
            if gold:
                return gold

    def say(self, frame: Frame, name: str) -> Gold | None:
        """Expand, roughen and check one frame; None when the call breaks the registry's schema."""
        said = frame.expand(self.filler.fill, self.chance)
        if self.chance.random() < TAILED and len(words_of(said).split()) <= LONGEST_TAILED:
            self.add_tails(said, name)
        if self.chance.random() < CARRIED:
            self.open(said)
        said.segments = roughen(said.segments, self.chance)
        question = words_of(said)
        try:
            parameters = typed(name, arguments_of(said))
            check_parameters(TOOLS[name], parameters)
        except (TypeError, KeyError, ValueError):
            return None
        gold = Gold(question, name, parameters)
        return gold if copied(question, parameters) and self.legal(gold) else None

    def legal(self, gold: Gold) -> bool:
        """Whether the loaded city reads the call."""
        return self.world is None or self.world.readable(gold.name, gold.parameters, gold.question)

    def open(self, said: Said) -> None:
        """Put an opening before a request that begins with a question word or a command."""
        first = words_of(said).split(" ", 1)[0].strip(",.?!").lower()
        kind = "question" if first in QUESTION_WORDS else "command" if first in COMMANDS else ""
        openings = self.carriers.get(kind, [])
        if openings and not said.segments[0].slots:
            head = said.segments[0]
            said.segments[0] = replace(head, text=head.text[:1].lower() + head.text[1:])
            said.segments.insert(0, Segment(f"{self.chance.choice(openings)} "))

    def add_tails(self, said: Said, name: str) -> None:
        """One or two more arguments behind the request, of those that the frame left out."""
        for _ in range(self.chance.choices([1, 2], [0.75, 0.25])[0]):
            set_already = set(arguments_of(said))
            free = {a.name for a in TOOLS[name].arguments} - set_already
            free -= {w for w, others in EXCLUDED.items() if others & set_already}
            if "near" not in set_already:
                free.discard("within_m")
            tails = [f for f in self.frames["tails"] if f.head in free]
            if not tails:
                return
            argument = self.chance.choice(sorted({t.head for t in tails}))
            tail = self.chance.choice([t for t in tails if t.head == argument])
            _trim_end(said)
            more = tail.expand(self.filler.fill, self.chance)
            said.segments += more.segments
            said.fixed |= more.fixed

    def follow(self, before: Gold) -> Gold | None:
        """A turn that leans on `before`: one thing changed, the rest carried over."""
        fitting = [f for f in self.frames["followups"] if before.name in _froms(f)]
        if not fitting:
            return None
        frame = self.chance.choice(fitting)
        target, fresh = _target(frame, before.name)
        said = frame.expand(self.filler.fill, self.chance)
        said.segments = roughen(said.segments, self.chance)
        question = words_of(said)
        if target not in TOOLS:
            return Gold(question, *word(target))
        allowed = {a.name: a for a in TOOLS[target].arguments}
        try:
            new = typed(target, {k: v for k, v in arguments_of(said).items() if k in allowed})
        except (TypeError, ValueError):
            return None
        carried = {} if fresh else _carried(before.parameters)
        kept = {k: v for k, v in carried.items() if k in allowed and _fits(allowed[k].schema, v)}
        parameters = typed(target, displace(kept, new) | new)
        if target == "propose_ticket" and not fresh and parameters.keys().isdisjoint(("bin", "near", "truck")):
            return None  # about nothing
        try:
            check_parameters(TOOLS[target], parameters)
        except TypeError:
            return None
        gold = Gold(question, target, parameters)
        return gold if copied(question, new) and self.legal(gold) else None

    def asked(self) -> tuple[list[Turn], Gold] | None:
        """A request with a piece missing, the question back, and the piece: one call of both turns' words."""
        frame = self.chance.choice(self.frames["asked"])
        name, missing = frame.head.split()
        halves = [
            Frame(part.strip(), frame.author).expand(self.filler.fill, self.chance) for part in frame.text.split("=>")
        ]
        for half in halves:
            half.segments = roughen(half.segments, self.chance)
        first, second = (words_of(half) for half in halves)
        begun = typed(name, arguments_of(halves[0]))
        question = Gold(first, *word(f"clarify:{missing}"))
        if self.chance.random() < 0.25:
            return [], question
        try:
            whole = typed(name, {**begun, **arguments_of(halves[1])})
            check_parameters(TOOLS[name], whole)
        except TypeError:
            return None
        step = Step(question.call) if self.chance.random() < 0.5 else Step(Call(name, begun).text(), "asked")
        gold = Gold(second, name, whole)
        return ([Turn(first, (step,))], gold) if self.legal(gold) else None

    def headed(self, file: str) -> tuple[str, str]:
        """(label, words) of a clarify, decline or reply frame."""
        frame = self.chance.choice(self.frames[file])
        said = frame.expand(self.filler.fill, self.chance)
        said.segments = roughen(said.segments, self.chance)
        return frame.head, words_of(said)


def _trim_end(said: Said) -> None:
    """Take the closing mark away so that more can follow."""
    if said.segments and not said.segments[-1].slots:
        last = said.segments[-1]
        said.segments[-1] = replace(last, text=last.text.rstrip(" ?.!"))


def _froms(frame: Frame) -> set[str]:
    return {n.strip() for n in frame.head.split("->")[0].split(",")}


def _target(frame: Frame, current: str) -> tuple[str, bool]:
    target = frame.head.split("->")[1].strip()
    fresh = target.endswith("(fresh)")
    target = target.removesuffix("(fresh)").strip()
    return (current if target == "same" else target), fresh


def _carried(parameters: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """What a follow-up can go on with: the one bin of a list also as a bin, and the other way round."""
    bins, one = parameters.get("bins"), parameters.get("bin")
    if isinstance(bins, list) and len(bins) == 1:
        return {"bin": bins[0], **parameters}
    return {"bins": [one], **parameters} if one is not None else parameters


def _fits(schema: dict[str, JsonValue], value: JsonValue) -> bool:
    return (schema["type"] == "array") == isinstance(value, list) and ("enum" not in schema or value in schema["enum"])  # type: ignore[operator]


def displace(kept: dict[str, JsonValue], new: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """What stays of an earlier turn: a new place displaces named bins and their like, a new period its old end."""
    gone: set[str] = set()
    if "near" in new:
        gone |= {"bins", "bin"} | ({"within_m"} if "within_m" not in new else set())
    if "bins" in new:
        gone |= {"near", "within_m"}
    if "since" in new:
        gone |= {"until"}
    if "trucks" in new:
        gone |= {"truck_count"}
    if "truck_count" in new:
        gone |= {"trucks"}
    if "min_fill_pct" in new:
        gone |= {"serve"}
    if "serve" in new:
        gone |= {"min_fill_pct"}
    if crossed({**kept, **new}):
        gone |= set(LEVELS) - set(new)
    return {k: v for k, v in kept.items() if k not in gone}


def typed(name: str, parameters: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Numbers of fixed arguments become numbers, lists become lists; arguments in the registry's order.

    What was said stays even where it is the default: the model copies, code knows defaults. A word of ours (an enum,
    `last`) that is the default is left out.
    """
    fixed: dict[str, JsonValue] = {}
    for argument in TOOLS[name].arguments:
        value = parameters.get(argument.name)
        if value is None:
            continue
        if argument.schema["type"] == "integer" and isinstance(value, str):
            value = int(value)
        if argument.schema["type"] == "array" and isinstance(value, str):
            value = [value]
        own = "enum" in argument.schema or (argument.words is not None and argument.words.kind == "ref")
        if not (own and value == argument.default):
            fixed[argument.name] = value
    unknown = set(parameters) - {a.name for a in TOOLS[name].arguments}
    if unknown:
        raise KeyError(f"{name} has no {sorted(unknown)}")
    return fixed


def copied(question: str, parameters: dict[str, JsonValue]) -> bool:
    """Every free value is literally in the question (law 5), but for our own word before trucks that are left out."""
    words = [v for value in parameters.values() for v in (value if isinstance(value, list) else [value])]
    free = [w for w in words if isinstance(w, str) and "_" not in w and w not in _enum_words()]
    return all(users_words(w) in question for w in free)


@functools.cache
def _enum_words() -> frozenset[str]:
    """Words of ours that need not be said: enum values, and the words an argument takes besides."""
    own = [w for t in TOOLS.values() for a in t.arguments if a.words for w in a.words.also]
    enums = [str(v) for t in TOOLS.values() for a in t.arguments for v in (a.schema.get("enum") or [])]  # type: ignore[union-attr]
    return frozenset(own + enums)


def word(label: str) -> tuple[str, dict[str, JsonValue]]:
    """`reply:help` -> the word and its parameters as the embedded model writes them."""
    said, _, detail = label.partition(":")
    if said == "decline":
        return "decline", {"reason": detail}
    return said, {"question" if said == "clarify" else "text": reference(detail)}


Maker = Callable[[Author], tuple[list[Turn], Gold] | None]
