"""The requests of one message, each decided on as a message of its own behind those before it.

So "when was bin 12 emptied last? And how full is it now?" is put to the model as a thread of two turns, and what leans
on the first request is read as a follow-up is (docs/decisions/0028-requests-of-one-message.md).
"""

from __future__ import annotations

import functools
import itertools
import math
import time
from bisect import bisect
from collections.abc import Sequence
from dataclasses import replace

from assistant.decide import Speaker, decide, in_time
from assistant.graph import Ran, waits
from assistant.memory import Past, PastTurn
from assistant.situation import LONGEST_QUESTION, Situation, as_meant, situation_of, thread_of
from domain.values import Call
from prompts.render import Step
from tools.context import Ctx
from tools.json_words import in_words
from tools.leaning import depends, leans, points_back
from tools.registry import TOOLS
from tools.request_encoder import SURE
from tools.request_parts import MOST, without_number
from tools.words import WORDS, reference

AROUND = " ,;:"
"""What is left away around a request of several."""
RESULTS = reference("results")
IDLE = {RESULTS, reference("thanks"), reference("greeting")}
"""Replies that say nothing beside results."""
AGREED = math.log(0.9)
"""How sure the experts on calls must be of both requests where the words between them leave it open."""
CHANGES = "what_if"
"""The tool that changes what another one makes."""
Kind = tuple[str, tuple[str | None, ...]]
"""A tool's name, and the choices that no call of it can be without."""


class Asked:
    """What a message asks, decided on one request after the other.

    One call is made for each request, and what is more is the last one's. Where anything but a call is found for an
    earlier one, it was none, and the message is read as a whole from there on. A last one that no tool is for ends the
    message with what the others found. Behind a call that waits for somebody's word only what stands by itself is
    decided on (tools/leaning.py); anything else ends the message, and is said to be open. `late`: the requests could
    not be told apart in time.
    """

    def __init__(self, speaker: Speaker, whole: Situation, parts: Sequence[Situation], *, late: bool = False) -> None:
        self.whole = whole
        self._speaker, self._parts, self._late = speaker, tuple(parts), late
        self._most, self._dealt_with, self._outside, self._broken_off = whole.past.most, 0, False, False

    @property
    def unseen(self) -> int:
        """How many turns of the thread the model was not shown."""
        return replace(self.whole.past, most=self._most).cut

    def limits(self) -> list[str]:
        """What a person must know of how the message was read, in sentences without its words."""
        count = len(self._parts)
        open_ones = range(self._dealt_with + 1, count + 1) if count > 1 else ()
        return [
            *(
                ["the requests of this message could not be told apart in time: it was read as one"]
                if self._late
                else []
            ),
            *([f"request {count} of this message is outside what I can do"] if self._outside else []),
            *([f"request {count} of this message is not done to its end"] if self._broken_off else []),
            *(f"request {number} of {count} in this message is not answered yet" for number in open_ones),
        ]

    async def decided(self, ran: Sequence[Ran]) -> tuple[Call, str]:
        """The model's next call behind these, and the request that it is for. Raises ModelUnavailable when no legal one
        comes back in time."""
        self._go_on_as_read(ran)
        last = len(self._parts) - 1
        at = min(len(ran), last)
        made = [Step(each["call"], each["outcome"]) for each in ran]
        situation = replace(_behind(self._parts[at], self._parts[:at], made, self._most), steps=tuple(made[at:]))
        call = await decide(self._speaker, situation, lambda shown: self._cut(shown, at))
        none = call.name in WORDS and at < last
        if any(map(waits, ran)) and (none or self._leans(call, situation, ran)):
            self._broken_off = len(ran) > last
            return Call("reply", {"text": RESULTS}), self._parts[at].question
        if none:
            self._parts = (self.whole,)
            return await self.decided(ran)
        self._dealt_with = at + 1
        return self._beside_results(call) if 0 < at == len(ran) else call, self._parts[at].question

    def has_more(self, ran: Sequence[Ran]) -> bool:
        """Whether a request is left that none of these calls is for."""
        self._go_on_as_read(ran)
        return len(ran) < len(self._parts)

    def _go_on_as_read(self, ran: Sequence[Ran]) -> None:
        """The message as a whole where another process read it otherwise before it ended."""
        last = len(self._parts) - 1
        if last and any(each.get("asked") != self._parts[min(at, last)].question for at, each in enumerate(ran)):
            self._parts = (self.whole,)

    def _leans(self, call: Call, situation: Situation, ran: Sequence[Ran]) -> bool:
        """Whether a call takes anything from before the message, or its request from an open one right before it."""
        said = situation.question
        on_it = waits(ran[-1]) and (depends(said, call) or points_back(said, situation.marks))
        return on_it or leans(call, self.whole.question)

    def _beside_results(self, call: Call) -> Call:
        """What is found for a last request, with what the others found where it is a word that would hide that."""
        if call.name == "decline" and call.parameters.get("reason") == "out_of_scope":
            self._outside = True
            return Call("reply", {"text": RESULTS})
        said = str(call.parameters.get("text", ""))
        if call.name != "reply" or RESULTS in said:
            return call
        return Call("reply", {"text": RESULTS if said in IDLE else f"{RESULTS}\n\n{said}"})

    def _cut(self, shown: Past, own: int) -> None:
        """Keep how much of the thread fits beside so many requests of this message's own."""
        self._most = None if shown.most is None else max(0, shown.most - own)


def _behind(part: Situation, before: Sequence[Situation], made: Sequence[Step], most: int | None = None) -> Situation:
    """A request behind others of its message, each a turn with its call; of the thread the newest `most` turns."""
    turns = tuple(PastTurn(each.question, (step,)) for each, step in zip(before, made, strict=False))
    shown = None if most is None else most + len(before)
    return replace(part, past=replace(part.past, turns=(*part.past.turns, *turns), most=shown))


async def read(speaker: Speaker, ctx: Ctx, past: Past) -> Asked:
    """The message of `ctx`, its requests told apart where somebody tells, no program sent it, and it is not long."""
    whole = situation_of(ctx, past)
    if speaker.requests is None or in_words(ctx.question) != ctx.question or len(whole.question) > LONGEST_QUESTION:
        return Asked(speaker, whole, (whole,))
    parts = await in_time(time.monotonic() + speaker.apart_s, lambda: _told_apart(speaker, whole, ctx, past))
    return Asked(speaker, whole, parts or (whole,), late=parts is None)


def _told_apart(speaker: Speaker, whole: Situation, ctx: Ctx, past: Past) -> list[Situation]:
    """The requests of a message where others begin in it; each asks for something else than the one before. Where they
    don't at all places together, they are looked for where the words are sure that one begins."""
    said = whole.question
    part = functools.cache(lambda start, end: _part(without_number(said[start:end], said), ctx, past))
    odds = speaker.requests.possible(said, whole.marks) if speaker.requests else {}
    sure = {begin: told for begin, told in odds.items() if told > SURE}
    for tried in (odds, sure):
        ends = [0, len(said)]
        for begin, told in tried.items():
            at = bisect(ends, begin)
            if len(ends) <= MOST and _asks_for_more(speaker, part(ends[at - 1], begin), part(begin, ends[at]), told):
                ends.insert(at, begin)
        if len(ends) == 2:
            break
        parts = list(itertools.starmap(part, itertools.pairwise(ends)))
        cuts = zip(itertools.pairwise(parts), ends[1:], strict=False)
        again = len(parts) > 2  # a later cut leaves less of the parts beside it
        if not again or all(_asks_for_more(speaker, *pair, odds[at]) for pair, at in cuts):
            return parts
    return [whole]


def _part(words: str, ctx: Ctx, past: Past) -> Situation:
    return situation_of(replace(ctx, question=words.strip(AROUND)), past)


def _asks_for_more(speaker: Speaker, first: Situation, then: Situation, odds: float) -> bool:
    """Whether the experts find a tool for both, and another tool or other choices for the second.

    They must be sure where the words around it are not, and then the second doesn't change what the first makes: that
    is said as part of it ("plan tomorrow, and leave out Gate 3"). Without experts what the words said stands.
    """
    if not first.question or not then.question or speaker.classifier is None:
        return bool(first.question and then.question and odds > SURE)
    least = -math.inf if odds > SURE else AGREED
    kind = _kind(speaker, first, least)
    if kind is None:
        return False
    behind = _kind(speaker, _behind(then, [first], [Step(Call(kind[0], {}).text(), "ok")]), least)
    return behind is not None and behind != kind and (odds > SURE or behind[0] != CHANGES)


def _kind(speaker: Speaker, situation: Situation, least: float) -> Kind | None:
    """The tool that a request is for, as the experts read it, with its required choices; None where it is for none, or
    they are less sure of it than `least`, a log-probability."""
    if (expert := speaker.classifier) is None:
        return None
    thread = thread_of(as_meant(situation, speaker.spelling)[0])
    likely = expert.likely(thread)
    name = max(likely, key=lambda each: likely[each])
    if name not in TOOLS or likely[name] < least:
        return None
    required = {argument.name for argument in TOOLS[name].arguments if argument.required}
    chosen = {
        argument: max(odds, key=lambda choice: odds[choice])
        for argument, odds in expert.likely_choices(thread, name).items()
        if argument in required
    }
    return name, tuple(chosen.values())
