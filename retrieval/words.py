"""From what a person typed to a full-text question that cannot be malformed: its words, each one quoted."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

__all__ = ["any_word", "plain", "terms"]

WORD = re.compile(r"[^\W_]+")
MOST_TERMS = 32
LONGEST_TERM = 64
UNSEARCHABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")

_ENGLISH = """
a about after again all also am an and any are as at be because been before being between both but by can could did do
does doing during each else ever every few for from further get got had has have having he her here hers him his how i
if in into is it its just let lets like many may me might more most much must my near no nor not now of off on once only
or other our out over own per please same say says shall she should show so some such tell than that the their them then
there these they this those through to too under until up us very was we were what whats when where whether which while
who whom whose why will with within would you your
"""
_OTHERS = """
al como con cuando de del desde donde el ella en entre es esta este hay la las lo los mas para pero por que se sin sobre
su sus un una y aber als am an auf aus bei das dem den der des die durch ein eine einem einen einer es für im ist mit
nach nicht oder sich sie sind um und von vom war was wenn wie wird wo zu zum zur au aux avec ce ces dans des du est et
il je les leur mais ne nous ou où par pas pour quand qui sur une vous
"""
STOP_WORDS = frozenset((_ENGLISH + _OTHERS).split())


def plain(text: str) -> str:
    """The text without what neither a database nor a tokenizer takes: control characters and lone surrogates."""
    return UNSEARCHABLE.sub(" ", text)


@lru_cache(maxsize=512)
def terms(text: str) -> tuple[str, ...]:
    """The words to look for, each once, the first 32: those that mean something, or all when none does."""
    said = [word[:LONGEST_TERM] for word in WORD.findall(_composed(text))]
    telling = [word for word in said if word not in STOP_WORDS and (len(word) > 1 or word.isdigit())]
    return tuple(dict.fromkeys(telling or said))[:MOST_TERMS]


def _composed(text: str) -> str:
    """Lower case, letters and their accents in one, as the index's own tokenizer would join them."""
    return unicodedata.normalize("NFKC", plain(text)).lower()


def any_word(words: tuple[str, ...]) -> str:
    """The FTS5 question for documents that hold at least one of the words; there must be one."""
    return " OR ".join(f'"{word}"' for word in words)
