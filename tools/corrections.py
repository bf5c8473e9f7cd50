"""A follow-up that only corrects one value of the call before it: "Soda Hall, not Evans", "I meant truck one".

Such a turn asks for the same again with that value in place of the other (third-turn repair: Schegloff 1992, DOI
10.1086/229903), or, where the call had none of its kind, with that value besides ("only compost, I mean"). A small
language model takes it for a request of its own, so code makes the call. It does so only where words of correcting lead
to the value or stand behind it, or where the value is set against the one it takes the place of, and nothing else is
asked: no other name, time or number, and no question.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import JsonValue

from domain.name_words import words_said
from domain.trucks import JOINERS, users_words
from domain.typed_text import as_words
from domain.values import Call
from tools.coverage import TAKEN_BY
from tools.follow_up import PART_OF
from tools.mentions import Mention
from tools.registry import TOOLS, Argument, Tool
from tools.repairs import TOLD
from tools.said_numbers import numbers_said

__all__ = ["corrected"]

HEDGES = (
    r"(?:(?:no|oh|hey|hi|wait|hang on|sorry|so sorry|i['’]?m sorry|pardon|apologies|my mistake|my bad|ah|uh|um|er|but"
    r"|perd[oó]n|disculp[aáe]\w*|ay|uy|pero|nein|ach|äh|moment|entschuldigung|verzeihung|sorry|aber|non|euh|ah|pardon"
    r"|désolée?|mais|okay|ok|well|comma)[\s,.:;!–—-]+)*"
)
"""What a correction begins with."""
ARTICLE = r"(?:(?:the|for|on|at|el|la|los|en|para|der|die|das|den|am|um|le|les|à|au|only|just|solo|sólo|nur)\s+){0,2}"
LEADING = re.compile(
    rf"{HEDGES}(?:scratch that|strike that|correction)?[\s,.:;!–—-]*(?:comma\s+)?{HEDGES}"
    r"(?:i (?:mean|meant|said|had said)|(?:that|it) should (?:be|read|have been)|dije|digo|quise decir|quiero decir"
    r"|mejor dicho|(?:ten[ií]a que|deb[ií]a) ser|ich mein(?:e|te)|ich sagte|gemeint (?:war|ist|waren)"
    rf"|je (?:veux|voulais) dire|j['’]ai dit)[\s,.:;!–—-]+{ARTICLE}",
    re.I,
)
"""A correction up to the value that is meant."""
MEANT = re.compile(
    r"[\s,.:;!–—-]+(?:i (?:mean|meant)|i should say|mein(?:e|te) ich|wollte ich sagen|war gemeint|digo"
    r"|quise decir|quiero decir|je veux dire|je voulais dire)(?!\w)",
    re.I,
)
"""What stands behind the value instead, where nothing but hedges stands before it."""
PLANS = frozenset({"plan_round", "what_if"})
"""Tools whose time is not corrected here: another day is another plan or a change of it."""
NOT = (
    r"(?:and not|not|instead of|rather than|y no|no|en vez de|en lugar de|und nicht|nicht|statt|anstatt|pas|et pas"
    r"|au lieu de)"
)
"""What stands before the value that is taken back."""


def corrected(question: str, marks: Sequence[str], before: Call | None) -> Call | None:
    """The call before with what the question says in place of what it corrects; None where it corrects nothing, or
    more is asked. `marks` are the question's mentions."""
    declared = TOOLS.get(before.name) if before else None
    said = list(dict.fromkeys(map(Mention.read, marks)))
    if before is None or declared is None or not 1 <= len(said) <= 2 or "?" in question:
        return None
    if numbers_said(question, marks):
        return None
    for meant in said:
        others = [each for each in said if each != meant]
        home = _home(declared, before, meant, others[0].words if others else None)
        leads = not others and _is_led_to(question, meant.words)
        against = bool(others) and _is_set_against(question, others[0].words)
        if home and (leads or against):
            return _with(declared, before, home, meant, others[0].words if others else None)
    return None


def _is_led_to(question: str, words: str) -> bool:
    """Whether the question is a correction to these words, and at most a remark behind."""
    found = re.search(as_words(words), question)
    if found is None or TOLD.match(question, found.end()) or re.search(rf"\b{NOT}\s", question[found.end() :], re.I):
        return False
    if LEADING.fullmatch(question, 0, found.start()):
        return True
    alone = re.compile(rf"{HEDGES}{ARTICLE}", re.I).fullmatch(question, 0, found.start())
    return bool(alone and MEANT.match(question, found.end()))


def _is_set_against(question: str, words: str) -> bool:
    return re.search(rf"\b{NOT}\s+{ARTICLE}{as_words(words)}", question, re.I) is not None


def _home(declared: Tool, before: Call, meant: Mention, replaced: str | None) -> Argument | None:
    """The argument that takes the value: the one that holds what is `replaced`, else the only one of its kind in the
    call before, else the only one that the tool has; None where several could, or what is replaced stands nowhere."""
    kinds = TAKEN_BY.get(meant.kind, frozenset())
    if meant.kind == "time" and declared.name in PLANS:
        return None
    taking = [each for each in declared.arguments if each.words and each.words.kind in kinds]
    held = [each for each in taking if each.name in before.parameters]
    if replaced is not None:
        held = [each for each in held if _holds(before.parameters[each.name], replaced)]
        return held[0] if len(held) == 1 else None
    if JOINERS.search(meant.words) and meant.kind == "truck":
        return None
    fitting = held or taking
    home = fitting[0] if len(fitting) == 1 else None
    return None if home and home.words and (meant.kind, home.words.kind) == ("area", "bin") else home


def _holds(value: JsonValue, words: str) -> bool:
    """Whether a value, or one of a list, is these words, its articles and plurals aside."""
    if isinstance(value, list):
        return any(_holds(each, words) for each in value)
    return isinstance(value, str) and set(words_said(words)) <= set(words_said(users_words(value)))


def _with(declared: Tool, before: Call, home: Argument, meant: Mention, replaced: str | None) -> Call | None:
    """None where it says what the call before said, or a list's item cannot be told."""
    old, new = before.parameters.get(home.name), meant.words
    value: JsonValue = new
    if home.schema.get("type") == "array":
        items = old if isinstance(old, list) else []
        if replaced is not None:
            value = [new if _holds(each, replaced) else each for each in items]
        elif len(items) <= 1:
            value = [new]
        else:
            return None
    if value == old:
        return None
    beside = {name for name, main in PART_OF.items() if main == home.name}
    kept = {name: each for name, each in before.parameters.items() if name not in beside}
    return Call(before.name, declared.ordered({**kept, home.name: value}))
