"""Law 5: the model copies, code resolves. Words become places, times, bins and trucks here, or a question.

Each kind of `Words` has one resolver. A resolved value restates itself for the answer (`understood`) and for
comparing two calls (`canonical`).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

from pydantic import JsonValue

from domain.errors import AmbiguousName, AskAgain, MissingPiece, OutOfRange
from domain.operation import Operation
from domain.times import ONE_MINUTE, between, describe, moment, period
from domain.values import BinSet, Call, Moment, Period, Place, TruckSet
from tools.context import Ctx
from tools.json_words import in_words
from tools.mentions import mentions
from tools.neighbours import is_relative, neighbour_of
from tools.registry import NAMING, TOOLS, Argument, Tool, check_parameters
from tools.repairs import without_repairs

COUNTED_FROM = "counted from"
"""In `understood`: the time of the thread that "the day after" leaned on, local; a replay reads it again."""
SAID_BEFORE = "said before"
"""In `understood`: the words of an earlier turn ("since Monday") that tell how a carried time is read; a replay too."""
OPEN_START = r"(?:since|from|after|desde|seit|depuis|ab)\s+(?:the\s+)?"
NEWEST = {"last", "latest", "newest", "it", "this", "that", "the plan", "the last", "current"}


NO_NAMES = {
    "it",
    "its",
    "this",
    "that",
    "these",
    "those",
    "them",
    "there",
    "here",
    "one",
    "first",
    "why",
    "what",
    "which",
}
"""Words that point back and name nothing: an optional argument that holds one of them was not said."""


@dataclass(frozen=True)
class Setting:
    """What words are resolved against: the operation, the clock, the sentence they stand in, what was asked before.

    `said` are the thread's earlier questions, oldest first. `beside` is the period of the same call that a period is
    compared with.
    """

    operation: Operation
    now: datetime
    question: str = ""
    earlier_time: datetime | None = None
    said: tuple[str, ...] = ()
    beside: Period | None = None

    def next_to(self, argument: Argument, values: Mapping[str, object], call: Call) -> Setting:
        """The same for one argument of a call, of which `values` are resolved already.

        A period that has an end of its own beside it is the one that both name.
        """
        apart = argument.words.apart if argument.words and argument.words.kind == "period" else ()
        name = next((name for name in apart if isinstance(values.get(name), Period)), None)
        if name is None:
            return self
        beside, until = cast(Period, values[name]), values.get("until")
        if name == "since" and (whole := _joined(call, self)):
            beside = whole
        elif name == "since" and isinstance(until, Moment) and until.at > beside.since:
            ends = until.at + ONE_MINUTE if until.is_day else until.at
            beside = replace(beside, until=ends)
        return replace(self, beside=beside)


def setting_of(ctx: Ctx) -> Setting:
    """What a question's words are resolved against, as the model reads it: a program's JSON in words, and nothing that
    is taken back in the same breath."""
    question, *said = map(in_words, (ctx.question, *ctx.thread.said))
    meant = without_repairs(question, lambda: mentions(question, ctx.city, ctx.now))
    return Setting(ctx.city, ctx.now, meant, ctx.thread.earlier_time, tuple(said))


@dataclass(frozen=True)
class Resolved:
    """A call's values for the tool, and what was understood in words."""

    values: dict[str, Any] = field(default_factory=dict)
    understood: dict[str, str] = field(default_factory=dict)


def resolve(call: Call, setting: Setting, tools: Mapping[str, Tool] = TOOLS) -> Resolved:
    """Resolve a call's parameters and defaults. Raises AskAgain for what has no single meaning or is out of bounds."""
    declared = tools[call.name]
    _require(declared, call)
    _bound(declared, call)
    try:
        check_parameters(declared, call.parameters)
    except TypeError as error:
        raise AskAgain(f"I could not read that request ({error}). Please say it differently.") from error
    values: dict[str, Any] = {}
    understood: dict[str, str] = {}
    for argument in declared.arguments:
        said = call.parameters.get(argument.name, argument.default)
        here = setting.next_to(argument, values, call)
        value = _resolve_one(argument, said, here) if said is not None else None
        values[argument.name] = value
        if value is not None and argument.words:
            understood[argument.name] = restate(value, here)
            understood |= _leaning(argument.words.kind, str(said), here)
    end = _end(call, setting)
    if end is not None:
        values["until"], understood["until"] = end, restate(end, setting)
    return Resolved(values, understood)


def _leaning(kind: str, words: str, setting: Setting) -> dict[str, str]:
    """What of the thread a time was read by."""
    if kind in TIMES and setting.earlier_time and not setting.beside and is_relative(words):
        return {COUNTED_FROM: f"{setting.earlier_time.astimezone(setting.operation.zone):%Y-%m-%d %H:%M}"}
    opened = _opened(words, setting) if kind == "period" else None
    return {SAID_BEFORE: opened} if opened and opened not in setting.question else {}


def _joined(call: Call, setting: Setting) -> Period | None:
    """A named start and a named end read together, where they can be."""
    since, until = call.parameters.get("since"), call.parameters.get("until")
    if not (isinstance(since, str) and isinstance(until, str)):
        return None
    try:
        return between(since, until, setting.now)
    except AskAgain:
        return None


def _end(call: Call, setting: Setting) -> Moment | None:
    """A named end read together with its start, as the tools do: until "31 July" of "1 July" is this year's."""
    until, whole = str(call.parameters.get("until")), _joined(call, setting)
    if whole is None:
        return None
    try:
        is_day = moment(until, setting.now).is_day
    except AskAgain:
        return None
    return Moment(whole.until - ONE_MINUTE if is_day else whole.until, until, is_day)


def _require(declared: Tool, call: Call) -> None:
    for argument in declared.arguments:
        if argument.required and argument.name not in call.parameters:
            raise MissingPiece(argument.name, f"I need one more thing: {argument.description.lower().rstrip('.')}?")


def _bound(declared: Tool, call: Call) -> None:
    """Raises OutOfRange, in the user's words, for a number that is too small or too large."""
    for argument in declared.arguments:
        said = call.parameters.get(argument.name)
        if argument.number is None or not isinstance(said, int) or isinstance(said, bool):
            continue
        refused = argument.number.refusal(said)
        if refused:
            raise OutOfRange(f"{refused}{'' if argument.required else ' or leave it out'}.")


def resolved(kind: str, words: list[str], setting: Setting) -> Any:
    """What words of a kind stand for. Raises AskAgain for what has no single meaning."""
    return _BY_KIND[kind](words, setting)


def points_back(argument: Argument, words: Sequence[str]) -> bool:
    """Whether words of an optional name only point back ("it"): they were not said."""
    named = argument.words is not None and argument.words.kind in NAMING
    return named and not argument.required and all(word.casefold() in NO_NAMES for word in words)


def _resolve_one(argument: Argument, said: JsonValue, setting: Setting) -> Any:
    if argument.words is None:
        return said
    words = cast(list[str], said) if isinstance(said, list) else [str(said)]
    if points_back(argument, words):
        return None
    value = resolved(argument.words.kind, words, setting)
    if argument.words.one and isinstance(value, TruckSet) and (value.without or len(value.names) != 1):
        raise AmbiguousName("truck", " and ".join(words), value.names)
    return value


def _time(words: list[str], setting: Setting) -> Moment:
    return moment(words[0], _counted_from(words[0], setting))


def _until(words: list[str], setting: Setting) -> Moment:
    """The end of a span of the records, which hold the past: the coming "Friday" only where there is no past one."""
    coming = _time(words, setting)
    if coming.at <= setting.now:
        return coming
    try:
        past = period(words[0], _counted_from(words[0], setting))
    except AskAgain:
        return coming
    if past.until > setting.now or past.since >= setting.now:
        return coming
    if past.until == setting.now:  # an hour: as a period it is open
        return Moment(past.since, coming.words)
    return Moment(past.until - ONE_MINUTE if coming.is_day else past.until, coming.words, coming.is_day)


def _counted_from(words: str, setting: Setting) -> datetime:
    if not is_relative(words):
        return setting.now
    return setting.beside.since if setting.beside else setting.earlier_time or setting.now


def _period(words: list[str], setting: Setting) -> Period:
    """A period word means the whole period, unless its sentence says since or from: then it runs to now."""
    neighbour = neighbour_of(setting.beside, words[0], setting.now) if setting.beside else None
    if neighbour:
        return neighbour
    found = period(words[0], _counted_from(words[0], setting), setting.beside)
    if found.until < setting.now and _opened(words[0], setting):
        return Period(found.since, setting.now, f"since {words[0]}")
    return found


def _opened(words: str, setting: Setting) -> str | None:
    """ "since Monday" if the newest sentence with the words says so: follow-ups carry the words without it."""
    spoken = re.compile(rf"(?<!\w)({OPEN_START})?{re.escape(words)}(?!\w)", re.I)
    for sentence in (setting.question, *reversed(setting.said)):
        found = list(spoken.finditer(sentence))
        if found:
            return next((each[0] for each in found if each[1]), None)
    return None


_BY_KIND: dict[str, Callable[[list[str], Setting], Any]] = {
    "place": lambda words, setting: setting.operation.gazetteer.place(words[0]),
    "time": _time,
    "until": _until,
    "period": _period,
    "bin": lambda words, setting: setting.operation.gazetteer.bins(words),
    "truck": lambda words, setting: setting.operation.gazetteer.trucks(words),
    "stream": lambda words, setting: setting.operation.gazetteer.stream(words[0]),
    "text": lambda words, _setting: words[0].strip(),
    "schedule": lambda words, _setting: words[0].strip(),
    "ref": lambda words, _setting: "last" if words[0].strip().casefold() in NEWEST else words[0].strip().upper(),
    "image": lambda words, _setting: words[0].strip(),
}


TIMES = {"time", "until", "period"}
READ_KINDS = ("stream", "truck")
RESOLVED_KINDS = {"place", "bin", *READ_KINDS, *TIMES}
"""Kinds of words that stand for something in the records or the calendar."""
LONGEST_READ = 48


def readers(setting: Setting) -> dict[str, Callable[[str], bool]]:
    """For each of READ_KINDS, whether code can make something of a span: what the decoder may put there.

    Times are not among them: of "tomorrow at 6" code reads "tomorrow" and asks back about the whole, and the decoder
    must not drop the part that is to be asked about.
    """

    def can_read(kind: str) -> Callable[[str], bool]:
        @functools.cache
        def read(span: str) -> bool:
            if len(span) > LONGEST_READ:
                return False
            try:
                resolved(kind, [span], setting)
            except AskAgain:
                return False
            return True

        return read

    return {kind: can_read(kind) for kind in READ_KINDS}


def restate(value: object, setting: Setting) -> str:
    """What was understood, in words that a person can check."""
    if isinstance(value, Place):
        return value.name
    if isinstance(value, Moment):
        return describe(Moment(value.at.astimezone(setting.operation.zone), value.words, value.is_day))
    if isinstance(value, Period):
        return describe(value)
    if isinstance(value, BinSet):
        return (
            f"{', '.join(value.names)} ({len(value.bin_ids)} bins)"
            if len(value.bin_ids) > 1
            else ", ".join(value.names)
        )
    if isinstance(value, TruckSet):
        return ", ".join(value.names) + (f" (without {', '.join(value.without)})" if value.without else "")
    return str(value)


def canonical(call: Call, setting: Setting, tools: Mapping[str, Tool] = TOOLS) -> dict[str, JsonValue]:
    """A call after resolution and defaults, comparable by equality. Words that do not resolve stand for themselves."""
    declared = tools[call.name]
    made: dict[str, JsonValue] = {}
    values: dict[str, object] = {}
    for argument in declared.arguments:
        said = call.parameters.get(argument.name, argument.default)
        if said is None:
            continue
        try:
            values[argument.name] = _resolve_one(argument, said, setting.next_to(argument, values, call))
            made[argument.name] = _comparable(values[argument.name])
        except AskAgain:
            made[argument.name] = _plain(said)
    return _whole_periods(made | _span(call, setting))


def _span(call: Call, setting: Setting) -> dict[str, JsonValue]:
    """A start and an end that were both said, read together as the tools do: "31 August" is the end of "August"."""
    since, until = call.parameters.get("since"), call.parameters.get("until")
    if not (isinstance(since, str) and isinstance(until, str)):
        return {}
    try:
        whole, found = period(since, setting.now), between(since, until, setting.now)
    except AskAgain:
        return {}
    ends = whole.until if whole.since == found.since else found.until
    return {"since": [found.since.isoformat(), ends.isoformat()], "until": found.until.isoformat()}


def _comparable(value: object) -> JsonValue:
    if isinstance(value, Place):
        return sorted(value.site_ids) if value.site_ids else [round(value.lat, 5), round(value.lon, 5)]  # type: ignore[return-value]
    if isinstance(value, Moment):
        return value.at.isoformat()
    if isinstance(value, Period):
        return [value.since.isoformat(), value.until.isoformat()]
    if isinstance(value, BinSet):
        return sorted(value.bin_ids)  # type: ignore[return-value]
    if isinstance(value, TruckSet):
        return sorted(value.names)  # type: ignore[return-value]
    return _plain(cast(JsonValue, value))


def _plain(value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        return sorted((_plain(item) for item in value), key=str)
    return " ".join(value.casefold().split()).strip(" .,;:!?\"'") if isinstance(value, str) else value


def _whole_periods(made: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """A period given with its own end is the same call as the period alone; `min_fill_pct` implies its `serve`."""
    since, until = made.get("since"), made.get("until")
    if isinstance(since, list) and isinstance(until, str):
        ends = datetime.fromisoformat(str(since[1]))
        said = datetime.fromisoformat(until) if re.match(r"\d{4}-", until) else None
        if said is not None and abs((ends - said).total_seconds()) <= 86_400:
            del made["until"]
    if "min_fill_pct" in made and "serve" in made:
        made["serve"] = "min_fill"
    return made
