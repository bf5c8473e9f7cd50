"""What code recognises in a question before the model decides: sites, areas, bins, trucks, streams, times, files.

A small language model cannot know that Charlestown is a neighbourhood and Cronk Gate a site; the records do. So each
question goes into the prompt with its mentions ("[area Charlestown] [time tomorrow noon]"), found by exact forms of
the records' names and by the calendar. They are hints: the decoder still copies any span, and names in other spellings
are resolved after the call (law 5). Training rows are marked by this very code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from domain.errors import AskAgain, UnclearTime
from domain.feasts import FEAST, FEAST_WORDS
from domain.name_words import AND, FILLERS, NUMBERS, WORD, fold, singular, words_of
from domain.operation import Operation
from domain.places import Gazetteer
from domain.spoken_clock import SPOKEN
from domain.time_vocabulary import DATE_WORDS, OTHER_WORDS, TRANSLATION, WEEKDAY
from domain.time_vocabulary import FILLERS as TIME_FILLERS
from domain.time_words import plain
from domain.times import moment, period
from tools.spans import Line, Spans, Word

MOST = 10
"""Mentions in one prompt; a question with more names is a list that the decoder copies anyway."""
LONGEST_NAME, LONGEST_TIME = 6, 6
LONGEST_WHOLE = 16
"""Words of a name, or of a time, and of a place's whole name as the records have it."""
PLACES = frozenset({"site", "area", "bin"})
FILE = re.compile(r"(?:\w+://\S+|[^\s=]+)\.(?:jpe?g|png|webp|gif|heic)", re.I)
EVERYDAY = words_of(
    "does do did done can may will must should would could one all first second now it us no so may march"
) | {word for word, meant in TRANSLATION.items() if word.isalpha() and re.fullmatch(r"[1-5]th", meant)}
"""Words that are names or times only with a capital letter, and never as the first word of a question."""
EDGES = FILLERS | words_of(
    "of is are and or with w for has have any my our some skip that this what who how in no number"
)
"""What no name begins or ends with."""
PARTED = re.compile(rf"\s*[,;:()=/+&\"]\s*|\s+(?:{AND})\s+", re.I)
"""What parts a name from other words, unless the name is none without them ("Huntington and Massachusetts")."""
UNTIMELY = words_of(
    "and y und et plus to from in at since until till between by on of for the about past end start um a w"
)
"""Words of times that no time begins or ends with."""
INCOMPLETE = words_of("last this next past end start early late before half first coming every")
FAR = re.compile(r"(?<!\bso )\bfar\b")
"""Of times only where it says so far: not in "how far tomorrow"."""
NEVER_ALONE = words_of("veille lendemain temprano tempranito")
"""Words of times that say other things as well ("veille technologique", "tan temprano")."""
CLOCK = words_of("week-end am pm uhr oclock h hrs hr heures sharp quarter viertel dreiviertel")
TIMELY = (
    frozenset(TRANSLATION) | OTHER_WORDS | CLOCK | DATE_WORDS | (FEAST_WORDS - TIME_FILLERS) | {"lan"}
) - words_of("a an not none once right business thing possible")
BARE_HOUR = re.compile(r"\b(?:at|um|las) \d{1,2}$", re.I)
"""An hour that is asked back ("tomorrow at 6": morning or evening?) belongs to its time all the same."""
DAY = rf"(?:today|tonight|tomorrow|overmorrow|yesterday|(?:last )?(?:{WEEKDAY}))"
PRICE = r"[1-9]\.\d\d"
COUNTED = re.compile(
    rf"\d{{1,2}} {DAY}\b.*|{PRICE} {DAY}|{DAY} (?:\d{{1,2}}|[12]\d{{3}}|{PRICE})"
    r"|(?:(?:before|until|to|from|since|between) )*(?!19|2[01])\d{4}(?: (?:to|until|and) \d{4})?"
)
"""A mere number before or behind a day is no hour of it ("3 tomorrow" in "trucks 1 and 3 tomorrow") or alone."""
NAMESAKE = re.compile(r"[a-z]+|new years?|\d{1,2}[ap]")
"""A single word of a feast ("Noel", "Easter eggs") or an hour like "6a" ("zone 6a") also names other things."""
ORDINAL = re.compile(r"\d{1,2}(?:st|nd|rd|th)", re.I)
"""A day of the month that also counts things ("the 2nd truck")."""
ELIDED = re.compile(r"\b[dl][’'](?=\w)(?!an\b)|(?<=\bl)[’'](?=an\b)", re.I)
"""What is no part of a French word; of "l'an" the whole is kept, since "an" is English."""
LEADING_TO = re.compile(
    r"(?:^|\s)(?:(?:since|by|until|till?|before|after|from|on|at|over|during|around|through|this|last|next|coming"
    r"|desde|hasta|antes de|despu[eé]s de|para|por|en|seit|bis|vor|nach|zu|an|ab|über"
    r"|depuis|avant|apr[eè]s|pour|à|d['’]ici(?: à)?|jusqu['’]à) (?:the |el |la |las |le |l['’])?)$",
    re.I,
)
"""What leads to a time; behind it such a word is one."""
THING_OF_FEAST = re.compile(
    r"\s(?:(?:tree|light|egg|card|market|parade|street|road|avenue|lane|plaza|square|school|hall|house|stadium|park"
    r"|building)s?|st|ave|rd|ln|sq|bldg|church(?:es)?|wrapping|paper|part(?:y|ies)|litter|stra(?:ss|ß)e|platz|kirche"
    r"|(?:schicken|senden|geben|melden)\s*(?:[.!?]|$))(?!\w)|['’]s\b",
    re.I,
)
"""What stands behind a feast that a place, a thing or a person is called after ("Easter Road", "Noel's house")."""
PROGRAM = re.compile(r"[|;&]")
"""What no words of a time hold: it parts a program's fields ("Park|from=2015-11-15"); a first one may hold `=`."""
DURATION = re.compile(r"(?![0-2]\d{3} h)\S+ (?:hours?|hrs?|h|minutes?|mins?|stunden?|horas?|heures?)", re.I)
LAST_OF_TRUCKS = re.compile(rf"(?P<comma>,?) ?(?P<joined>\b(?:{AND})\b|[&+-])? ?(?P<number>\w+)$", re.I)
"""The last number of a list of trucks, without a word of its own."""
TRUCKS = re.compile(r"(?:trucks|lorries|vehicles|camiones|camions|lkws)\b", re.I)
SAID_OF_TRUCKS = words_of(
    "free available busy out off down up ready working broken back stay stays go goes can do does have need needs"
    " should will only instead again too both frei verfugbar besetzt unterwegs kaputt sind bleiben konnen nur auch"
    " statt libre libres disponible disponibles ocupados estan salen pueden solo tambien"
    " sont restent peuvent seulement aussi"
)
"""What is said of trucks behind their numbers, and counted by none."""
VALUED = re.compile(r"=+[\"'“„]?(?=\w)")
"""What a program's value stands behind."""
OPENED = {")": "(", "]": "[", "}": "{", "”": "“", "»": "«"}


@dataclass(frozen=True)
class Mention:
    """A stretch of the question and what code takes it for."""

    kind: str
    words: str

    def __str__(self) -> str:
        return f"[{self.kind} {self.words}]"

    @classmethod
    def read(cls, mark: str) -> Mention:
        """The mention that a prompt shows as `mark`."""
        kind, _, words = mark[1:-1].partition(" ")
        return cls(kind, words)


def mentions(question: str, operation: Operation, now: datetime) -> tuple[Mention, ...]:
    """The mentions in the order of the question, none inside another; at most MOST."""
    found: list[Mention] = []
    for line in Spans.of([question]).lines:
        found += _in_line(line, operation.gazetteer, now)
    return tuple(dict.fromkeys(found))[:MOST]


def marks_of(question: str, operation: Operation, now: datetime) -> tuple[str, ...]:
    """The mentions as a prompt shows them."""
    return tuple(map(str, mentions(question, operation, now)))


def words_marked(kind: str, marks: Iterable[str]) -> list[str]:
    """The words of the marks of one kind."""
    return [mention.words for mention in map(Mention.read, marks) if mention.kind == kind]


def _in_line(line: Line, names: Gazetteer, now: datetime) -> Iterator[Mention]:
    """Left to right; at each word the longest stretch that means something wins."""
    taken = 0
    for first, word in enumerate(line.words):
        for start in (word.starts[0], *_valued(line, word)):
            if start < taken:
                continue
            found, taken = _longest(line, first, start, names, now)
            if found:
                yield found


def _valued(line: Line, word: Word) -> list[int]:
    """Where the value begins in a word such as `near=Doe`, `near="Doe`; nowhere in an address."""
    first, last = word.starts[0], word.ends[-1]
    if "://" in line.text[first:last]:
        return []
    return [found.end() for found in VALUED.finditer(line.text, first, last)]


def _longest(line: Line, first: int, start: int, names: Gazetteer, now: datetime) -> tuple[Mention | None, int]:
    """The longest mention that begins in a word, and where it ends. A name wins over a time of the same length.

    Words of a time that name something else are passed over as a whole: "May Day parade" holds no "May".
    """
    whole = _whole_name(line, first, start, names)
    if whole:
        return whole, start + len(whole.words)
    passed = 0
    for size in range(min(LONGEST_NAME, len(line.words) - first), 0, -1):
        for end in sorted(line.words[first + size - 1].ends, reverse=True):
            words = line.text[start:end]
            if end <= start or words.endswith(".") or not fold(words).split() or not _closed(words):
                continue
            if size == 1 and _everyday(words, at_start=first == 0):
                continue
            kind = _name(words, names)
            if kind in PLACES:
                begin, stop = _pared(words, names)
                return Mention(kind, words[begin:stop]), start + stop
            if kind == "truck" and not _all_trucks(words, line.text[end:]):
                continue
            kind = kind or (_time(words, now) if size <= LONGEST_TIME else None)
            if kind == "time" and (passed or _namesake(words, line.text[:start], line.text[end:])):
                passed = passed or end
                continue
            if kind:
                return Mention(kind, words), end
    return None, passed


def _whole_name(line: Line, first: int, start: int, names: Gazetteer) -> Mention | None:
    """The mention of a place by a name of more than LONGEST_NAME words, as the records have it."""
    if len(line.words) - first <= LONGEST_NAME or not names.opens_long(line.text[start : line.words[first].ends[-1]]):
        return None
    for last in reversed(line.words[first + LONGEST_NAME : first + LONGEST_WHOLE]):
        for end in sorted(last.ends, reverse=True):
            words = line.text[start:end]
            if _closed(words) and names.is_whole(words) and (kind := names.kind_of(words)) in PLACES:
                return Mention(kind, words)
    return None


def _closed(words: str) -> bool:
    """Whether a bracket or quotation mark at the end was opened in the words."""
    if words[-1] in "\"'":
        return words.count(words[-1]) > 1
    return words[-1] not in OPENED or OPENED[words[-1]] in words


def _all_trucks(words: str, after: str) -> bool:
    """Whether the last number of a list is a truck too, and nothing that is counted behind it.

    Of "Truck 1, four hours" only the first is; "Lkw 1 und 2 morgen" and "trucks 1 and 2" are lists.
    """
    last = LAST_OF_TRUCKS.search(words)
    if last is None or not (last["comma"] or last["joined"]) or TRUCKS.match(words):
        return True
    counted = re.match(r"\s*(?:[:.]\d|%)|\s*([^\W\d_][\w'’]*)", after)
    follows = fold(counted[1] or "%") if counted else ""
    plain = not _is_thing(follows) or follows in SAID_OF_TRUCKS
    return plain and follows not in CLOCK and (not last["comma"] or not follows or last["joined"] is not None)


def _is_thing(word: str) -> bool:
    """Whether a word (folded, '' for none) may be what a number before it counts."""
    return bool(word) and not is_timely(word) and word not in UNTIMELY | EDGES


def _everyday(word: str, *, at_start: bool) -> bool:
    return fold(word) in EVERYDAY and (at_start or word.islower())


def _name(words: str, names: Gazetteer) -> str | None:
    if FILE.fullmatch(words):
        return "file"
    said = WORD.findall(fold(words))
    edges = {said[0], said[-1], singular(said[0]), singular(said[-1])} if said else EDGES
    if edges & EDGES:
        return None
    kind = names.kind_of(words)
    return None if kind in {"site", "area"} and all(map(_is_count, said)) else kind


def _is_count(word: str) -> bool:
    """Whether a word is a number or what is counted by it: the street of "TRUCKS" or "one" is not meant."""
    return word in NUMBERS or word.isdigit() or singular(word) == "truck"


def _pared(words: str, names: Gazetteer) -> tuple[int, int]:
    """Where the first part of a place's or bin's name stands that names the same alone; the whole, if none does or if
    it is the name as the records have it.

    "Gate 3 and Gate 4" are two places, and in "missing gate; Back Bay" only the end is one.
    """
    begin, whole = 0, names.named(words)
    if names.is_whole(words):
        return 0, len(words)
    for parted in [*PARTED.finditer(words), None]:
        stop = parted.start() if parted else len(words)
        part = words[begin:stop]
        if part.strip() and part != words and _name(part, names) and names.named(part) == whole:
            return begin, stop
        begin = parted.end() if parted else stop
    return 0, len(words)


def _time(words: str, now: datetime) -> str | None:
    """Whether the calendar reads the words, which must begin and end like a time and not be a mere number or length."""
    said = [word.strip(".,;") for word in fold(ELIDED.sub("", words)).split()]
    if PROGRAM.search(words) or FAR.search(" ".join(said)) or (len(said) == 1 and said[0] in NEVER_ALONE):
        return None
    if not (is_timely(said[0]) and is_timely(said[-1])) or {said[0], said[-1]} & UNTIMELY or said[-1] in INCOMPLETE:
        return None
    if said[0] == "late" or words.isdigit() or DURATION.fullmatch(words) or COUNTED.fullmatch(clear := plain(words)):
        return None
    hour = BARE_HOUR.search(words)
    for read in (period, moment):
        try:
            read(f"{words}:00" if hour else words, now)
        except UnclearTime as unclear:
            if not (unclear.hour_in_doubt and SPOKEN in clear):
                continue
        except AskAgain:
            continue
        return "time"
    return None


def _namesake(words: str, before: str, after: str) -> bool:
    """Whether words that could be a time name something else, by what stands before and after them."""
    if ORDINAL.fullmatch(words):
        thing = re.match(r"\s([^\W\d_]+)", after)
        follows = fold(thing[1]) if thing else ""
        return _is_thing(follows) and not LEADING_TO.search(before)
    if not re.fullmatch(rf"{FEAST}|\d{{1,2}} half[ap]m", plain(words)):
        return False
    if THING_OF_FEAST.match(after):
        return True
    return NAMESAKE.fullmatch(fold(words)) is not None and not LEADING_TO.search(before)


def is_timely(word: str) -> bool:
    """Whether a word (folded) can be one of a time."""
    return word in TIMELY or any(char.isdigit() for char in word)
