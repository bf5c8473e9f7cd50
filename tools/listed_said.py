"""What a question says of the parameters of a listed tool, by the words of the declaration alone.

Names and choices are declared in plain words ("night" of early/late/night, `bays`), so where the question has the very
word, code knows what is meant; and words that only name the tool or a parameter ("a text", "the workshop") give none.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from pydantic import JsonValue

from domain import name_words
from domain.name_words import AND, ARTICLES, words_said
from domain.typed_text import as_words
from tools.denial import is_denied
from tools.numbers import numbers_in

EDGE = re.compile(r"(?<=[a-z\d])(?=[A-Z])|_|-")
PART = re.compile(r"[.,]\d|[,;:]$|[%/]")
"""What makes a number more than a whole one, or ends a list's entry behind it."""
QUOTED = re.compile(r"\"([^\"]{2,})\"|“([^”]{2,})”|„([^“”]{2,})[“”]|«([^»]{2,})»|(?<!\w)['‘]([^'’]{8,})['’](?!\w)")
JOINING = frozenset({*AND.split("|"), "&", "+"})
CLAUSE_END = re.compile(r"[.,;:(]")
NUMBERED = frozenset({"number", "no", "nr", "num", "id"})
TIMES = name_words.words_of(
    "day date time when since until till due hour moment period deadline arrival arriving eta slot start starting begin"
    " expire earliest latest week month"
)
"""What the name of a time holds, of 94 in 100 such parameters of invented tools (finetune/frames/listed)."""
PERHAPS_TIMES = name_words.words_of("on at from to by before after within end first last back up new next finish")
"""Names that times and other things go by: nothing is known of theirs."""
UNITS = frozenset({"hour", "day", "week", "month", "quarter", "year"})
EMPTY = ARTICLES | name_words.words_of(
    "a any some my our your it this that these those is are has have be do only with no not or un una ein eine"
)


def words_of(text: str) -> list[str]:
    """The words of a name or a text, folded, without plural s."""
    return words_said(EDGE.sub(" ", text))


def is_named(name: str, question: str) -> bool:
    """Whether the question has a word of a parameter's name."""
    return bool((set(words_of(name)) - EMPTY) & set(words_of(question)))


def truths_said(question: str) -> list[JsonValue]:
    """What a yes or no may be whose name the question says: a yes where nothing is denied."""
    return [True, False] if is_denied(question) else [True]


def is_number_by_name(name: str) -> bool:
    """Whether a parameter holds a number that names a thing (`permit_no`, `id`): a text with a digit in it."""
    return bool(NUMBERED & set(words_of(name)))


def is_time(name: str, description: str = "") -> bool | None:
    """Whether a text parameter holds a time, by the last word of its name or else by one of the first two of its
    description; None: perhaps."""
    words, about = words_of(name), words_of(CLAUSE_END.split(description)[0])[:2]
    if (words and words[-1] in TIMES) or TIMES & set(about):
        return True
    return None if set(words) & (PERHAPS_TIMES | TIMES) else False


def choice_said(values: Sequence[JsonValue], others: Collection[str], question: str) -> JsonValue:
    """The one choice whose words the question has, None when it has those of none or of several, or denies anything.

    A word that is also the name of one of the `others`, the tool's other parameters, says nothing, nor does a unit of
    time ("last 3 days").
    """
    found = choices_said(values, others, question)
    return found[0] if len(found) == 1 else None


def choices_said(values: Sequence[JsonValue], others: Collection[str], question: str) -> list[JsonValue]:
    """All choices whose words the question has, in the declaration's order; none where anything is denied."""
    said, named = set(words_of(question)), {word for other in others for word in words_of(other)} | UNITS
    texts = {value: set(words_of(value)) for value in values if isinstance(value, str)}
    found = [value for value, own in texts.items() if own <= said and own - EMPTY and not own & named]
    return list[JsonValue](found if not is_denied(question) else [])


def things_said(name: str, question: str) -> list[JsonValue]:
    """The numbers, as texts, that stand right behind a word of a list's name ("cards 7741, 7743 and 80")."""
    own = set(words_of(name)) - EMPTY
    tokens = question.split()
    start = next((at for at, word in enumerate(tokens, 1) if own & set(words_of(word)) and word[-1:].isalpha()), None)
    found: list[JsonValue] = []
    for token in tokens[start:] if start is not None else ():
        thing = token.strip(",;.?!")
        if thing[-1:].isdigit() and thing.isalnum():
            found.append(thing)
        elif token not in JOINING:
            break
        if token[-1] in ";.?!":
            break
    return found


def whole_quotation(value: str, question: str) -> str:
    """The quotation of the question in which alone a text stands, else the text itself."""
    stands = re.compile(as_words(value))
    if stands.search(QUOTED.sub(" ... ", question)):
        return value
    quoted = [next(filter(None, found)) for found in QUOTED.findall(question)]
    return next((each for each in quoted if stands.search(each)), value)


def number_said(name: str, question: str) -> int | None:
    """The whole number right before a word of the parameter's name ("two bays"), None where another one follows it."""
    own = set(words_of(name)) - EMPTY
    tokens = [*question.split(), ""]
    found = {
        numbers[-1]
        for before, word, after in zip(tokens, tokens[1:], tokens[2:], strict=False)
        if own & set(words_of(word)) and not PART.search(before) and not numbers_in(after)
        if (numbers := numbers_in(before))
    }
    return found.pop() if len(found) == 1 else None


def gives_nothing(value: JsonValue, tool: str, parameters: Mapping[str, JsonValue]) -> bool:
    """Whether a text only names the tool or its parameters."""
    if not isinstance(value, str):
        return False
    known = {word for name in [tool, *parameters] for word in words_of(name)} | EMPTY
    return set(words_of(value)) <= known
