"""One decision: render the thread, restrict the decoder to the tools and the user's words, read the call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from pydantic import JsonValue

from assistant.memory import Past
from assistant.situation import Situation, as_meant, before, calls_of, shortened, spans_of, thread_of
from domain.errors import ModelUnavailable, PromptTooLong
from domain.ports import LanguageModel, ModelAnswer, NamingModel
from domain.trucks import leave_out, users_words
from domain.values import Call
from prompts.render import Setting, Turn, render
from tools.argument_classifier import SAY, likelihood, moved
from tools.bounds import with_bounds
from tools.call_classifier import WEIGHT, fused
from tools.choosing import only_without, otherwise
from tools.corrections import corrected
from tools.coverage import NUMBER, TURN_END, Lacking, demanded, gain, keeps, left_out, taking_in
from tools.follow_up import with_its_bin, with_its_place, with_its_subject, with_kept
from tools.impossible import without_impossible, without_other_counts
from tools.mentions import Mention, words_marked
from tools.opinions import ArgumentExpert, CallExpert
from tools.pairs import with_pairs
from tools.placing import Placing, placed
from tools.reach import with_reach
from tools.registry import TOOLS, JsonSchema, names_in, tool_block
from tools.request_encoder import RequestParts
from tools.resolvable import DOUBT, Resolver
from tools.resolve import RESOLVED_KINDS
from tools.said_numbers import numbers_said
from tools.schedules import with_whole_schedule
from tools.schema import Freedom, call_schema, calls_by_name
from tools.slips import Mended, Spelling
from tools.spans import Spans
from tools.trucks_out import PLAN, as_before, with_trucks_out
from tools.whole_clause import with_whole_clauses
from tools.whole_time import with_whole_times
from tools.whole_trucks import with_whole_trucks

Made = TypeVar("Made")
GRACE_S = 0.5
"""Beyond a model's own deadline, so that the model's own sentence comes first."""
MOST_AGAIN = 2
"""How often a call is written again to take in what it leaves out, and how often for another choice."""


@dataclass(frozen=True)
class Speaker:
    """A language model and the way it is spoken to.

    `style` of prompts/render.py; own words or references only; `copying` limits values to spans; `show_tools` puts the
    tools' signatures into the small style's prompt, for a model that was not tuned on them; `marking` shows what code
    recognises in the question; `classifier` (one expert, or several as one: tools/opinions.py) has a say in which tool
    it is and in choices; `covering` writes a call again that leaves out what code recognised, in the small style and
    where values are copied; `spelling` mends slips of the keyboard in what the model and the experts read; `arguments`
    (likewise) has a say in which argument takes in what code recognised; `requests` tells the requests of a message
    apart (assistant/parts.py), in `apart_s`; beyond that the message is one.
    """

    model: LanguageModel
    style: str = "small"
    free_words: bool = False
    deadline_s: float = 20.0
    copying: bool = True
    show_tools: bool = False
    marking: bool = True
    classifier: CallExpert | None = None
    covering: bool = True
    spelling: Spelling | None = None
    arguments: ArgumentExpert | None = None
    requests: RequestParts | None = None
    apart_s: float = 1.0


def _untold(_past: Past) -> None:
    """For callers that do not say what was cut."""


async def decide(speaker: Speaker, situation: Situation, cut: Callable[[Past], None] = _untold) -> Call:
    """The model's next call. Raises ModelUnavailable when no legal one comes back in time.

    A prompt that the model's context does not hold is tried again with half of its earlier turns, the newest; `cut`
    is told the thread as it is shown then.
    """
    shown, mended = as_meant(situation, speaker.spelling)
    spans = spans_of(shown) if speaker.copying else None
    freedom = Freedom(speaker.free_words, situation.readers if speaker.copying else None)
    schema = await asyncio.to_thread(call_schema, TOOLS, spans, freedom)
    try:
        async with asyncio.timeout(speaker.deadline_s + GRACE_S):
            answer = await _chosen(speaker, shown, schema, lambda fewer: cut(replace(situation.past, most=fewer.most)))
        return _as_said(_as_typed(Call.read(answer.text), mended, situation), situation)
    except TimeoutError:
        raise ModelUnavailable(f"The language model did not answer within {speaker.deadline_s:g} seconds.") from None
    except ValueError as error:
        raise ModelUnavailable("the language model did not answer with a call") from error


async def _chosen(
    speaker: Speaker, situation: Situation, schema: JsonSchema, cut: Callable[[Past], None]
) -> ModelAnswer:
    """The model's call; written again where the model and the classifier together find another tool likelier, where it
    leaves out what code recognised, and where both find another choice of an argument likelier.

    Another one has what is left of the deadline; where it fails, the one before stays.
    """
    until = time.monotonic() + speaker.deadline_s
    answer, shown = await _answer(speaker, situation, schema, cut)
    votes: Mapping[str, float] = {}
    if speaker.classifier is not None and answer.names:
        classifier, thread = speaker.classifier, thread_of(situation)
        votes = await in_time(until, lambda: classifier.likely(thread)) or {}
        if votes and (name := fused(answer.names, votes)) != Call.read(answer.text).name:
            again = await _again(speaker, shown, _only(schema, name), until)
            answer = replace(again, names=answer.names) if again else answer
    choice = _Choice(speaker, shown, schema, votes, until)
    covered = await _covering(choice, await _resolving(choice, answer))
    return await _leaving_out(choice, await _choosing(choice, await _placing(choice, covered)))


async def _again(speaker: Speaker, situation: Situation, schema: JsonSchema, until: float) -> ModelAnswer | None:
    """The model's call under another schema, in what is left of the time; None where it fails."""
    hurried = replace(speaker, deadline_s=max(0.0, until - time.monotonic()))
    with suppress(ModelUnavailable, ValueError):
        answer, _ = await _answer(hurried, situation, schema, _untold)
        Call.read(answer.text)
        return answer
    return None


@dataclass(frozen=True)
class _Choice:
    """What a call was chosen from, the classifier's log-probabilities of the names, and when time is up."""

    speaker: Speaker
    situation: Situation
    schema: JsonSchema
    votes: Mapping[str, float]
    until: float

    def weight(self, name: str, weight: float) -> float:
        """Of a call or a name, by both experts."""
        return weight + WEIGHT * self.votes.get(name, 0.0)


async def _resolving(choice: _Choice, answer: ModelAnswer) -> ModelAnswer:
    """The call, or one that code can resolve where it cannot resolve that one.

    Tried are the call without what it cannot resolve, and the model's best of all that it can; to `clarify` is left to
    code, which says what it did not find.
    """
    situation, resolver = choice.situation, choice.situation.resolver
    if resolver is None or answer.weight is None or not choice.speaker.copying:
        return answer
    call = Call.read(answer.text)
    unknown = resolver.unresolved(call)
    if not unknown:
        return answer
    best, most = answer, choice.weight(call.name, answer.weight) - DOUBT
    for made in (lambda: only_without(choice.schema, call, unknown), lambda: _resolvable(choice, resolver, call)):
        schema = await in_time(choice.until, made)
        again = await _again(choice.speaker, situation, schema, choice.until) if schema else None
        if again is None or again.weight is None:
            continue
        other = Call.read(again.text)
        weight = choice.weight(other.name, again.weight)
        if weight > most and other.name != "clarify" and not resolver.unresolved(other):
            best, most = replace(again, names=answer.names), weight
    return best


def _resolvable(choice: _Choice, resolver: Resolver, call: Call) -> JsonSchema:
    """The schema of calls with words that code recognised in the question or knows of the thread's calls."""
    marked = [Mention.read(mark).words for mark in choice.situation.marks]
    said = [words for each in [*calls_of(choice.situation), call] for words in names_in(each, RESOLVED_KINDS)]
    return resolver.only_resolvable(choice.schema, [*marked, *said])


async def in_time(until: float, made: Callable[[], Made], least: float = 0.0) -> Made | None:
    """What takes a moment to make; None where time is up before. It has `least` seconds in any case."""
    try:
        async with asyncio.timeout(max(least, until - time.monotonic())):
            return await asyncio.to_thread(made)
    except TimeoutError:
        return None


async def _covering(choice: _Choice, answer: ModelAnswer) -> ModelAnswer:
    """The call, or one that takes in more of the question's marks where that is likelier, the marks considered."""
    if not _is_covered(choice.speaker):
        return answer
    situation = choice.situation
    made = [Call.read(step.call) for step in situation.steps]
    marks = demanded(situation.marks, situation.question) + numbers_said(situation.question, situation.marks)
    for _ in range(MOST_AGAIN):
        call = Call.read(answer.text)
        left, at_end = left_out(marks, [*made, call]), call.name == TURN_END
        if answer.weight is None or not left or not (call.name in TOOLS or (at_end and made)):
            return answer
        weight, most = choice.weight(call.name, answer.weight), gain(left, at_end=at_end)
        likely = {name for name, told in answer.names.items() if choice.weight(name, told) + most > weight}
        names = likely - {each.name for each in made} if at_end else {*likely, call.name}
        other = await _wider(choice, Lacking(call, left, frozenset(names), Spans.of([choice.situation.question])))
        if other is None or other.weight is None:
            return answer
        wider = Call.read(other.text)
        still = left_out(marks, [*made, wider])
        taken = set(left) - set(still)
        gained = choice.weight(wider.name, other.weight) + gain(taken, at_end=at_end)
        if not taken or set(still) - set(left) or not keeps(wider, call) or gained <= weight:
            return answer
        answer = replace(other, names=answer.names)
    return answer


async def _placing(choice: _Choice, answer: ModelAnswer) -> ModelAnswer:
    """The call, or one that takes in what the question names by other arguments, where both experts find that likelier.

    Tried is all that the argument classifier finds otherwise, then what it is surest of.
    """
    classifier, call = choice.speaker.arguments, Call.read(answer.text)
    if classifier is None or not choice.speaker.copying or answer.weight is None or call.name not in TOOLS:
        return answer
    told = await in_time(choice.until, lambda: classifier.likely_roles(thread_of(choice.situation), call.name)) or {}
    found = moved(told, call)
    marks = map(Mention.read, (*choice.situation.marks, *map(str, told)))
    staying = [mark for mark in dict.fromkeys(marks) if mark not in dict(found)]
    for roles in [found, found[:1]] if len(found) > 1 else [found] if found else []:
        again = await _placed(choice, call, dict(roles), staying)
        if again is None or again.weight is None:
            continue
        gained = SAY * (likelihood(told, Call.read(again.text)) - likelihood(told, call))
        if again.weight + gained > answer.weight:
            return replace(again, names=answer.names)
    return answer


async def _placed(
    choice: _Choice, call: Call, roles: Mapping[Mention, str | None], staying: Sequence[Mention]
) -> ModelAnswer | None:
    """The model's call with these marks in those arguments; None where it fails, or code can resolve less of it."""
    placing = Placing(call, roles, choice.situation.question, staying)
    schema = await in_time(choice.until, lambda: placed(choice.schema, placing))
    again = await _again(choice.speaker, choice.situation, schema, choice.until) if schema else None
    if again is None or (other := Call.read(again.text)).name != call.name:
        return None
    return again if _if_read(call, other, choice.situation) == other else None


async def _choosing(choice: _Choice, answer: ModelAnswer) -> ModelAnswer:
    """The call or word, or one with other choices of its arguments where both experts find those likelier."""
    classifier = choice.speaker.classifier if choice.votes else None
    call = Call.read(answer.text)
    if classifier is None or answer.weight is None:
        return answer
    thread = thread_of(choice.situation)
    told = await in_time(choice.until, lambda: classifier.likely_choices(thread, call.name)) or {}
    tried = 0
    for odds, argument, other in _doubted(call, told):
        if tried == MOST_AGAIN:
            break
        schema = otherwise(choice.schema, Call.read(answer.text), argument, other)
        if schema is None:
            continue
        tried += 1
        again = await _again(choice.speaker, choice.situation, schema, choice.until)
        if again and again.weight is not None and answer.weight is not None and again.weight + odds > answer.weight:
            answer = replace(again, names=answer.names)
    return answer


async def _leaving_out(choice: _Choice, answer: ModelAnswer) -> ModelAnswer:
    """A plan's call without the trucks that are named because they stay; by plain words alone where the classifier is
    too slow."""
    situation, classifier, call = choice.situation, choice.speaker.arguments, Call.read(answer.text)
    if not choice.speaker.copying or call.name != PLAN:
        return answer
    thread, question = thread_of(situation), situation.question
    odds = {Mention("truck", words): 0.0 for words in words_marked("truck", situation.marks)}
    idle: list[Mention] = []
    if classifier is not None and odds:
        odds |= await in_time(choice.until, lambda: classifier.staying(thread), GRACE_S / 2) or {}
        told = await in_time(choice.until, lambda: classifier.likely_roles(thread, call.name)) or {}
        idle = [mark for mark, roles in told.items() if mark.kind == NUMBER and roles[None] == max(roles.values())]
    names = situation.resolver.trucks if situation.resolver else (lambda words: frozenset({words}))
    driving = with_trucks_out(call, question, odds, names, idle)
    return replace(answer, text=as_before(driving, before(situation), question).text())


def _doubted(call: Call, told: Mapping[str, Mapping[str | None, float]]) -> list[tuple[float, str, str | None]]:
    """The choices that the classifier finds likelier than the call's: by how much, weighed, of which argument.

    A default that is said stays: rows leave defaults out, and a follow-up would keep the choice before instead.
    """
    found = []
    for argument, likely in told.items():
        best, said = max(likely, key=lambda choice: likely[choice]), call.parameters.get(argument)
        if call.name in TOOLS and said is not None and said == TOOLS[call.name].argument(argument).default:
            continue
        if (said is None or isinstance(said, str)) and said in likely and said != best:
            found.append((WEIGHT * (likely[best] - likely[said]), argument, best))
    return sorted(found, key=lambda each: -each[0])


async def _wider(choice: _Choice, lacking: Lacking) -> ModelAnswer | None:
    """The model's call that takes in a mark more; None where no argument could, and where it fails."""
    wider = await in_time(choice.until, lambda: taking_in(choice.schema, lacking))
    return await _again(choice.speaker, choice.situation, wider, choice.until) if wider else None


def _is_covered(speaker: Speaker) -> bool:
    """Whether a call that leaves marks out is written again: of a small model, of which it is known what it forgets."""
    return speaker.covering and speaker.copying and speaker.style == "small"


def _only(schema: JsonSchema, name: str) -> JsonSchema:
    return {**schema, "anyOf": [calls_by_name(schema)[name]]}


def _as_typed(call: Call, mended: Sequence[Mended], situation: Situation) -> Call:
    """The call with the words that the user typed, each argument's unless code makes nothing of these and does of the
    mended ones. What was typed like that, or called with, anywhere in the thread stays."""
    declared = TOOLS.get(call.name)
    said = [*mended, *(Mended(words) for made in calls_of(situation) for words in made.texts())]
    for argument in declared.arguments if declared and mended else ():
        value = call.parameters.get(argument.name)
        if argument.words and value is not None and value not in argument.words.also:
            typed = {**call.parameters, argument.name: _typed(value, said)}
            call = _if_read(call, Call(call.name, typed), situation)
    return call


def _typed(value: JsonValue, said: Sequence[Mended]) -> JsonValue:
    """The value as it was typed in the first of the texts that hold it; as it is where one of them has it so."""
    if isinstance(value, list):
        return [_typed(each, said) for each in value]
    found = [words for text in said if isinstance(value, str) and (words := text.typed(value)) is not None]
    if not found and isinstance(value, str) and (words := users_words(value)) != value:
        return leave_out(str(_typed(words, said)))
    return value if value in found else next(iter(found), value)


def _as_said(call: Call, situation: Situation) -> Call:
    """The call as code reads the question, where the question leaves no choice."""
    said, marks, earlier = situation.question, situation.marks, before(situation)
    plain = without_impossible(corrected(said, marks, earlier) or call)
    named = _if_read(plain, with_pairs(plain, said), situation)
    whole = with_its_bin(with_kept(named, earlier, said), earlier, said, marks)
    whole = with_its_subject(with_its_place(whole, earlier, said, marks), earlier, said)
    whole = with_bounds(without_other_counts(with_reach(whole, said), said), said)
    clauses = with_whole_clauses(whole, [said, *reversed(situation.past.said())], situation.sent)
    whole = with_whole_schedule(clauses, said)
    trucks = _if_read(whole, with_whole_trucks(whole, said, marks), situation)
    return _if_read(trucks, with_whole_times(trucks, said, marks), situation)


def _if_read(call: Call, found: Call, situation: Situation) -> Call:
    """The call as code found it, unless that leaves words in it that stand for nothing and did stand for something."""
    resolver = situation.resolver
    if resolver is None or found == call:
        return found
    return call if set(resolver.unresolved(found)) - set(resolver.unresolved(call)) else found


async def _answer(
    speaker: Speaker, situation: Situation, schema: JsonSchema, cut: Callable[[Past], None]
) -> tuple[ModelAnswer, Situation]:
    """The answer to the longest prompt that fits, and what it was about. Raises ModelUnavailable."""
    while True:
        try:
            prompt, names = prompt_of(speaker, situation), list(calls_by_name(schema))
            weighed = bool(speaker.classifier or speaker.arguments) or _is_covered(speaker)
            if not weighed or not isinstance(speaker.model, NamingModel):
                return await speaker.model.decide(prompt, schema, deadline_s=speaker.deadline_s), situation
            return await speaker.model.decide_among(prompt, schema, names, deadline_s=speaker.deadline_s), situation
        except PromptTooLong:
            shorter = situation.past.fewer()
            if shorter is None:
                raise
            situation = replace(situation, past=shorter)
            cut(shorter)


def prompt_of(speaker: Speaker, situation: Situation) -> str:
    """The bytes the model completes."""
    signatures = "\n".join(t.signature() for t in TOOLS.values()) if speaker.show_tools else ""
    shown = signatures if speaker.style == "small" else tool_block()
    setting = Setting(situation.city, situation.role, shown, situation.today)
    now = Turn(shortened(situation.question), tuple(situation.steps), situation.marks if speaker.marking else ())
    return render(speaker.style, setting, [*situation.past.for_prompt(), now])
