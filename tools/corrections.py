"""A follow-up that only corrects one value of the call before it: "Soda Hall, not Evans", "I meant truck one".

Such a turn asks for the same again with that value in place of the other (third-turn repair: Schegloff 1992, DOI
10.1086/229903), or, where the call had none of its kind, with that value besides ("only compost, I mean"). A small
language model takes it for a request of its own, so code makes the call. It does so only where words of correcting lead
to the value or stand behind it, or where the value is set against the one it takes the place of, and where nothing but
such words, and at most a remark on the speaker, stands around.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import JsonValue

from domain.name_words import words_of, words_said
from domain.trucks import JOINERS, LEAVING_OUT, leave_out, users_words
from domain.typed_text import as_words
from domain.values import Call
from tools.coverage import QUOTED, TAKEN_BY
from tools.follow_up import CONNECTING, NOT, PART_OF, instead_of
from tools.mentions import Mention
from tools.registry import TOOLS, Argument, Tool
from tools.said_numbers import numbers_said
from tools.trucks_out import CHANGE, PLAN

__all__ = ["corrected"]

HEDGES = (
    r"(?:(?:no|oh|hey|hi|wait|hang on|so sorry|sorry|i['’]?m sorry|apologies|my mistake|my bad|uh|um|er|but|okay|ok"
    r"|well|perd[oó]n|disculp\w*|ay|uy|pero|nein|ach|äh|moment|entschuldigung|verzeihung|aber|non|euh|ah|pardon|désolée?"
    r"|mais|please|thanks|thank you|gracias|danke|bitte|merci|por favor|comma|full stop)(?!\w)[\s,.:;!–—-]*+)*+"
)
"""What a correction begins and ends with, and what a dictated one has between."""
ARTICLE = r"(?:(?:the|for|on|at|el|la|los|en|para|der|die|das|den|am|um|le|les|à|au|only|just|solo|sólo|nur)\s+){0,2}+"
SAYING = (
    r"(?:i (?:meant|mean|said|had said)|(?:that|it) should (?:be|read|have been)|dije|digo|quise decir|quiero decir"
    r"|mejor dicho|(?:ten[ií]a que|deb[ií]a) ser|ich mein(?:te|e)|ich sagte|gemeint (?:war|ist|waren)"
    r"|je (?:veux|voulais) dire|j['’]ai dit)"
)
LEADING = re.compile(
    rf"\s*{HEDGES}(?:(?:scratch|strike) that[\s,.:;!–—-]*+(?:comma\s+)?)?{SAYING}[\s,.:;!–—-]+{ARTICLE}", re.I
)
"""A correction up to the value that is meant."""
ALONE = re.compile(rf"\s*{HEDGES}{ARTICLE}", re.I)
BEHIND = re.compile(
    r"[\s,.:;!–—-]+(?:i (?:meant|mean)|i should say|mein(?:te|e) ich|wollte ich sagen|war gemeint|digo|quise decir"
    r"|quiero decir|je veux dire|je voulais dire)(?!\w)",
    re.I,
)
"""What stands behind the value instead, where nothing but hedges stands before it."""
REMARK = re.compile(
    r"(?:i|i['’]m|my|tengo|estoy|se me|mi|ich|mein\w*|je|j['’]\w+|mon|ma)\s(?!.*\b(?:need|want|would|['’]d|can|please"
    r"|necesit\w+|quier\w+|brauch\w*|will|möchte|veux|voudrais|faut)\b)[\w\s'’]{1,60}",
    re.I,
)
"""What a speaker says of himself behind a correction; no wish."""
OTHER_WORDS = words_of(
    "it its is be was were should must that this i you we meant mean said say my our boss he she they told tell wrong s"
    " ich meinte meine sagte ist war sondern es gemeint mein chef quise decir dije digo era fue mi jefe dice"
    " je voulais dire c est etait mon chef dit sorry wait oh no perdon pardon nein non"
)
"""What stands beside two values of which one takes the other's place."""
PLANS = frozenset({PLAN, CHANGE})
"""Tools whose time, and one truck for another, are not corrected here: that is another plan or a change of it."""


def corrected(question: str, marks: Sequence[str], before: Call | None) -> Call | None:
    """The call before with what the question says in place of what it corrects; None where it corrects nothing, or
    more is asked. `marks` are the question's mentions."""
    declared = TOOLS.get(before.name) if before else None
    said = list(dict.fromkeys(map(Mention.read, marks)))
    asks = not 1 <= len(said) <= 2 or "?" in question or QUOTED.search(question) or numbers_said(question, marks)
    if before is None or declared is None or asks:
        return None
    for meant in said:
        replaced = next((each.words for each in said if each != meant), None)
        fits = _is_led_to(question, meant.words) if replaced is None else _is_against(question, meant.words, replaced)
        home = _home(declared, before, meant, replaced) if fits else None
        if home is not None:
            return _with(declared, before, home, meant.words, replaced)
    return None


def _is_led_to(question: str, words: str) -> bool:
    """Whether the question is a correction to these words, and at most a remark behind."""
    found = re.search(as_words(words), question)
    if found is None:
        return False
    end = found.end()
    if not LEADING.fullmatch(question, 0, found.start()):
        behind = BEHIND.match(question, end) if ALONE.fullmatch(question, 0, found.start()) else None
        if behind is None:
            return False
        end = behind.end()
    rest = question[end:]
    after = re.sub(rf"^[\s,.:;!–—-]++{HEDGES}", "", f" {rest}", flags=re.I).strip(" .!,;")
    return not after or (rest[:1] in ",.;!–—-" and REMARK.fullmatch(after) is not None)


def _is_against(question: str, words: str, replaced: str) -> bool:
    """Whether the question says nothing but these words in place of the others."""
    behind = rf"\b{NOT}\s+(?:(?:the|at|in|el|la|los|en|der|die|das|den|dem|bei|am|le|les|à|au)\s+)?{as_words(replaced)}"
    rest, count = re.subn(behind, " ", question, count=1, flags=re.I)
    rest, named = re.subn(as_words(words), " ", rest, count=1)
    return bool(count and named) and set(words_said(rest)) <= CONNECTING | OTHER_WORDS


def _home(declared: Tool, before: Call, meant: Mention, replaced: str | None) -> Argument | None:
    """The argument that takes the value: the one that holds what is `replaced`, else the only one of its kind in the
    call before, else the only one that the tool has; None where several could, or what is replaced stands nowhere."""
    kinds = TAKEN_BY.get(meant.kind, frozenset())
    if declared.name in PLANS and (meant.kind == "time" or (meant.kind == "truck" and replaced is not None)):
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


def _with(declared: Tool, before: Call, home: Argument, new: str, replaced: str | None) -> Call | None:
    """None where it says what the call before said, or a list's item cannot be told."""
    old = before.parameters.get(home.name)
    value: JsonValue = new
    if home.schema.get("type") == "array":
        items = old if isinstance(old, list) else []
        if replaced is None and len(items) > 1:
            return None
        value = [_like(each, new) if replaced is None or _holds(each, replaced) else each for each in items] or [new]
    if value == old:
        return None
    gone = {name for name, main in PART_OF.items() if main == home.name}
    gone |= instead_of(home.name, [value], before.parameters) - {home.name}
    kept = {name: each for name, each in before.parameters.items() if name not in gone}
    return Call(before.name, declared.ordered({**kept, home.name: value}))


def _like(old: JsonValue, new: str) -> str:
    """The new truck as the old one was meant: left out where that was."""
    return leave_out(new) if isinstance(old, str) and LEAVING_OUT.match(old) else new
