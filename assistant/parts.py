"""The requests of one message, each decided on as a message of its own behind those before it.

So "fill of 12 now, and its pickups since Monday" is put to the model as a thread of two turns, and what leans on the
first request is read as a follow-up is (docs/decisions/0028-requests-of-one-message.md).
"""

from __future__ import annotations

import itertools
import time
from bisect import bisect
from collections.abc import Sequence
from dataclasses import replace

from assistant.decide import Speaker, decide, in_time
from assistant.graph import Ran
from assistant.memory import Past, PastTurn
from assistant.situation import Situation, as_meant, situation_of, thread_of
from domain.values import Call
from prompts.render import Step
from tools.context import Ctx
from tools.registry import TOOLS
from tools.words import WORDS, reference

AROUND = " \t\n,;:"
"""What is left away around a request of several."""
APART_S = 1.0
"""Time to tell requests apart in; beyond it the message is one."""
RESULTS = Call("reply", {"text": reference("results")})
Told = tuple[str, tuple[str | None, ...]]
"""A tool's name, and the choices that no call of it can be without."""


class Message:
    """A message and its requests, on which it decides one after the other.

    One call is made for each request, and what is more is the last one's. Where anything but a call is found for an
    earlier one, it was none, and the message is read as a whole from there on. A last one that no tool is for ends the
    message with what the others found.
    """

    def __init__(self, speaker: Speaker, whole: Situation, parts: Sequence[Situation]) -> None:
        self.whole = whole
        self._speaker, self._parts = speaker, tuple(parts)
        self._most = whole.past.most

    @property
    def unseen(self) -> int:
        """How many turns of the thread the model was not shown."""
        return replace(self.whole.past, most=self._most).cut

    def left(self, made: int) -> list[str]:
        """The requests that are open after so many calls."""
        return [part.question for part in self._parts[made:]] if len(self._parts) > 1 else []

    async def decided(self, ran: Sequence[Ran]) -> Call:
        """The model's next call behind these. Raises ModelUnavailable when no legal one comes back in time."""
        last = len(self._parts) - 1
        at = min(len(ran), last)
        made = [Step(each["call"], each["outcome"]) for each in ran]
        situation = replace(_behind(self._parts[at], self._parts[:at], made, self._most), steps=tuple(made[at:]))
        call = await decide(self._speaker, situation, lambda shown: self._cut(shown, at))
        if call.name in WORDS and at < last:
            self._parts = (self.whole,)
            return await self.decided(ran)
        return self._ended(call) if 0 < at == len(ran) else call

    def _ended(self, call: Call) -> Call:
        """The call on the last of several requests, or the end where it was none: thanks, say, or other people's
        business."""
        if call.name == "reply":
            self._parts = self._parts[:-1]
        no_request = call.name == "reply" or call.parameters.get("reason") == "out_of_scope"
        return RESULTS if no_request else call

    def _cut(self, shown: Past, own: int) -> None:
        """Keep how much of the thread fits beside so many requests of this message's own."""
        self._most = None if shown.most is None else max(0, shown.most - own)


def _behind(part: Situation, before: Sequence[Situation], made: Sequence[Step], most: int | None = None) -> Situation:
    """A request behind others of its message, each a turn with its call; of the thread the newest `most` turns."""
    turns = tuple(PastTurn(each.question, (step,)) for each, step in zip(before, made, strict=False))
    shown = None if most is None else most + len(before)
    return replace(part, past=replace(part.past, turns=(*part.past.turns, *turns), most=shown))


async def read(speaker: Speaker, ctx: Ctx, past: Past) -> Message:
    """The message of `ctx`, its requests told apart where somebody tells and no program sent it."""
    whole = situation_of(ctx, past)
    parts = (
        await in_time(time.monotonic() + APART_S, lambda: _told_apart(speaker, whole, ctx, past))
        if speaker.requests is not None and whole.question == ctx.question
        else None
    )
    return Message(speaker, whole, parts or (whole,))


def _told_apart(speaker: Speaker, whole: Situation, ctx: Ctx, past: Past) -> list[Situation]:
    """The requests of a message where others begin in it; of those, a later one is what asks for something else."""
    said, ends = whole.question, [0, len(whole.question)]
    for begin in speaker.requests.begins(said, whole.marks) if speaker.requests else []:
        at = bisect(ends, begin)
        first, then = (_part(said[a:b], ctx, past) for a, b in ((ends[at - 1], begin), (begin, ends[at])))
        if first.question and then.question and _asks_for_more(speaker, first, then):
            ends.insert(at, begin)
    return [_part(said[a:b], ctx, past) for a, b in itertools.pairwise(ends)] if len(ends) > 2 else [whole]


def _part(words: str, ctx: Ctx, past: Past) -> Situation:
    return situation_of(replace(ctx, question=words.strip(AROUND)), past)


def _asks_for_more(speaker: Speaker, first: Situation, then: Situation) -> bool:
    """Whether the experts find a tool for both, and another tool or other choices for the second; without experts what
    the words around it said stands."""
    if speaker.classifier is None:
        return True
    told = _told(speaker, first)
    if told is None:
        return False
    behind = _told(speaker, _behind(then, [first], [Step(Call(told[0], {}).text(), "ok")]))
    return behind is not None and behind != told


def _told(speaker: Speaker, situation: Situation) -> Told | None:
    """The tool that a request is for, as the experts read it, with its required choices; None where it is for none."""
    if (expert := speaker.classifier) is None:
        return None
    thread = thread_of(as_meant(situation, speaker.spelling)[0])
    likely = expert.likely(thread)
    name = max(likely, key=lambda each: likely[each])
    if name not in TOOLS:
        return None
    required = {argument.name for argument in TOOLS[name].arguments if argument.required}
    chosen = {
        argument: max(odds, key=lambda choice: odds[choice])
        for argument, odds in expert.likely_choices(thread, name).items()
        if argument in required
    }
    return name, tuple(chosen.values())
