"""Which requests a message holds, told apart by its words: "When was 12 emptied last? And how full is it?" holds two.

A message with two requests is answered as two messages would be, the second one as a follow-up of the first
(assistant/parts.py). Where a request may begin is where punctuation or a conjunction stands; whether one does there is
told by logistic regression on hashed n-grams of the words on either side (Weinberger et al. 2009, arXiv:0902.2206), as
sentences are told apart by what stands around their full stops (Palmer and Hearst 1997), together with a tuned encoder
(tools/request_encoder.py). Both learn of requests that were put into one message (finetune/requests.py).
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from domain.name_words import fold, words_of
from domain.typed_text import as_words
from tools.call_classifier import folded_words, with_kinds
from tools.mentions import Mention
from tools.regression import Regression, buckets_of

MOST = 8
"""Requests of one message; what is behind them belongs to the last."""
CONJUNCTIONS = words_of(
    "and then also plus next second secondly third finally afterwards after while besides separately as n "
    "y e luego después despues además ademas también tambien aparte und dann danach außerdem ausserdem sowie auch "
    "noch et puis ensuite aussi également egalement enfin i també"
)
SYMBOLS = frozenset("-–—+&/|>*•")
ENDS = ".?!;:,)…"
"""What a request may end with."""
NUMBER = re.compile(r"(?<!\S)\(?(?:[1-9a-d]|i{1,3})[.):](?!\S)", re.I)
"""The number of a list's item, where there are several."""
MAIL = r"(?:(?:e-?)?mail|correo|courriel)\b"
TELL_ME = re.compile(
    rf"\b(?:alert|notify|ping|tell|inform|warn|remind|message) (?:me|us)(?: \w+){{0,2}}? (?:by|via|per) {MAIL}|"
    r"(?:^|[.,;:!?]\s*|\b(?:please|pls|and|then|just|also|to|you) )(?:e-?)?mail (?:me|us)\b(?! and\b)|"
    rf"\bsend (?:me|us) an? {MAIL}|"
    rf"\b(?:avis[ae]|notifica|notifique|informa|informe)n?(?:me|nos)(?: \w+){{0,2}}? por {MAIL}|"
    rf"\b(?:mand|envi)[ae]n?(?:me|nos) un {MAIL}|"
    rf"\b(?:gib|gebe?n?|sage?n?|melde|benachrichtigen?|informieren?) (?:sie )?(?:mir|mich|uns)(?: bitte)? per {MAIL}|"
    rf"\bschick(?:en|e)? (?:sie )?(?:mir|uns)(?: bitte)? eine {MAIL}|"
    rf"\b(?:previen|averti|alerte|informe|di[st])\w*-(?:moi|nous)(?: \w+)? par {MAIL}|"
    rf"\benvo(?:ie|yez)-(?:moi|nous) un {MAIL}"
)
"""Who asks to be told by mail ("alert me by mail", "mail me when"), folded: that tells nobody's words."""
REPORTED = re.compile(
    r"[\"“”„«»]|(?<!\w)['‘‚](?=\w)|\b(?:says|said|wrote|writes|reads|told|asks|asked|asking|note|label|"
    r"(?:e-?)?mails?|correo|courriel|"
    r"sticker|message|letter|forwarded|fwd|quote|dice|dijo|escribio|escribe|nota|mensaje|cartel|sagt|sagte|"
    r"schrieb|schreibt|steht|meint|zettel|nachricht|dit|ecrit|etiquette)\b"
)
"""What others' words are told by, folded."""
CONDITION = re.compile(
    r"\b(?:if|unless|once|in case|as soon as|provided|falls|sofern|wenn|sobald|si|a menos que|salvo que|en cuanto|sauf|"
    r"des que|pourvu que)\b"
)
"""What makes the rest of a sentence depend on it, folded."""
SENTENCE = ".?!;"
JOINING = 2
"""Words that join a name to the one before it: a conjunction, and an article."""
NEAR = 40
"""Characters in which these are looked for."""
MOST_GAPS = 120
LEFT, RIGHT = 8, 10
"""Words read on either side."""
REACH, BEGINNING = 200, 60
"""Characters looked at on either side, and at the message's beginning."""
SCORES = slice(0, 2)
"""Of: no request begins here, one does."""
SAMPLE = ("Two things: fill of 12 near Sather Gate now, and its pickups since Monday?", ("[site Sather Gate]",))
"""A file keeps the features of this message, so that a classifier of other features is refused."""


@dataclass(frozen=True)
class _Token:
    start: int
    text: str

    @property
    def joins(self) -> bool:
        """Whether it is there to join what is on either side."""
        return set(self.text) <= SYMBOLS or fold(self.text).strip(ENDS) in CONJUNCTIONS

    @property
    def ends(self) -> bool:
        """Whether something may end with it."""
        return self.text[-1] in ENDS


class _Name(NamedTuple):
    kind: str
    start: int
    end: int


def gaps(message: str, marks: Sequence[str]) -> list[int]:
    """Where in the message another request may begin: places of characters, ascending, at most MOST_GAPS.

    None where others' words are told, behind a condition in its sentence, inside a name, and between two names of a
    kind ("truck 2 and truck 4").
    """
    if tells_others_words(message):
        return []
    numbers = {found.start() for found in NUMBER.finditer(message)}
    listed = numbers if len(numbers) > 1 else set[int]()
    names = [name for mark in marks for name in _names(mark, message)]
    found, tokens = [], [_Token(each.start(), each[0]) for each in re.finditer(r"\S+", message)]
    for before, token in itertools.pairwise(tokens):
        begins = before.ends or (token.joins and not before.joins)
        within = before.start in listed or (before.joins and not before.ends)
        if token.start in listed or (begins and not within):
            found.append(token.start)
    own = (at for at in found if not _depends(at, message) and not _inside(at, names))
    return [at for at in itertools.islice(own, MOST_GAPS) if not _between(at, names, message)]


def tells_others_words(message: str) -> bool:
    """Whether others' words may be in the message: it is never parted then, so that none of theirs becomes a request of
    its own."""
    return bool(REPORTED.search(TELL_ME.sub(" ", fold(message))))


def without_number(part: str, message: str) -> str:
    """A part of the message without the number before it, where the message is a list ("2) a round for tomorrow")."""
    number = NUMBER.match(part) if len(NUMBER.findall(message)) > 1 else None
    return part[number.end() :] if number else part


def _depends(at: int, message: str) -> bool:
    """Whether a condition stands before the place in its sentence."""
    before = message[max(0, at - REACH) : at].rstrip()
    start = max(before.rfind(end, 0, len(before) - 1) for end in SENTENCE) + 1
    return not before.endswith(tuple(SENTENCE)) and bool(CONDITION.search(fold(before[start:])))


def _names(mark: str, message: str) -> Iterator[_Name]:
    """Where the words of a mark stand."""
    mention = Mention.read(mark)
    for found in re.finditer(as_words(mention.words), message):
        yield _Name(mention.kind, *found.span())


def _inside(at: int, names: Sequence[_Name]) -> bool:
    return any(name.start < at < name.end for name in names)


def _between(at: int, names: Sequence[_Name], message: str) -> bool:
    """Whether a name ends right before the place, and behind a conjunction, and an article, one of its kind begins."""
    before = {name.kind for name in names if at - NEAR < name.end <= at and not message[name.end : at].strip()}
    behind = {
        name.kind for name in names if at < name.start < at + NEAR and len(message[at : name.start].split()) <= JOINING
    }
    return not before.isdisjoint(behind)


def features(message: str, marks: Sequence[str], at: int) -> list[int]:
    """The buckets of the n-grams around a gap, each once, ascending."""
    return buckets_of(_grams(message, marks, at))


def _grams(message: str, marks: Sequence[str], at: int) -> Iterator[str]:
    parts = message[max(0, at - REACH) : at], message[at : at + REACH], message[:BEGINNING]
    left, right, first = (folded_words(with_kinds(part, marks)) for part in parts)
    joint = _joint(message[:at])
    near, behind = left[-LEFT:], right[:RIGHT]
    yield f"joint {joint}"
    yield from (f"right {place} {word}" for place, word in enumerate(behind[:4]))
    yield from (f"right {a} {b}" for a, b in itertools.pairwise(behind[:5]))
    yield f"right {' '.join(behind[:3])}"
    yield from (f"joint {joint} {' '.join(behind[:size])}" for size in (1, 2))
    yield from (f"left {place} {word}" for place, word in enumerate(reversed(near[-3:])))
    yield f"left {' '.join(near[-2:])}"
    yield from (f"before {word}" for word in near)
    yield from (f"behind {word}" for word in behind)
    yield from (f"begins {word}" for word in first[:4])
    yield from (f"{side} size {min(len(words), 12) // 2}" for side, words in (("left", left), ("right", right)))
    yield from (f"{side} has {kind}" for side, words in (("left", left), ("right", right)) for kind in _kinds(words))


def _joint(left: str) -> str:
    """What stands before the gap."""
    end = left.rstrip()[-1:]
    return end if end and end in ENDS else "word"


def _kinds(words: Iterable[str]) -> list[str]:
    return sorted({word for word in words if word.startswith("<")}) or ["none"]


class RequestGrams(Regression):
    """The scores of n-grams: no request begins here, one does."""

    def odds(self, message: str, marks: Sequence[str], at: int) -> float:
        """The natural logarithm of the odds that a request begins there."""
        no, yes = self.shares(self.read(features(message, marks, at)), SCORES)
        return yes - no


def made_for(pieces: object) -> dict[str, str]:
    """What a file must have been made for: the features of this code, and what another expert reads of SAMPLE."""
    message, marks = SAMPLE
    read = [features(message, marks, at) for at in gaps(message, marks)]
    return {"features_hash": hashlib.sha256(f"{read} {pieces}".encode()).hexdigest()[:12]}
