"""The words of a name as all their spellings are written: folded, short forms spelt out, plurals and fillers gone."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

ABBREVIATIONS: Mapping[str, str] = {
    "st": "street", "str": "street", "ave": "avenue", "av": "avenue", "rd": "road", "blvd": "boulevard",
    "dr": "drive", "sq": "square", "ln": "lane", "pl": "place", "hwy": "highway", "pkwy": "parkway", "bldg": "building",
    "ctr": "center", "cntr": "center", "centre": "center", "lib": "library", "univ": "university", "mt": "mount",
    "n": "north", "s": "south", "nw": "northwest", "ne": "northeast", "sw": "southwest", "se": "southeast",
    "opp": "opposite", "strasse": "street", "calle": "street", "avenida": "avenue", "rue": "street",
}  # fmt: skip
NUMBERS: Mapping[str, str] = {
    word: str(number)
    for number, words in enumerate(
        ("one uno eins un", "two dos zwei deux", "three tres drei trois", "four cuatro vier quatre",
         "five cinco funf cinq", "six seis sechs", "seven siete sieben sept", "eight ocho acht huit",
         "nine nueve neun neuf", "ten diez zehn dix", "eleven once elf onze", "twelve doce zwolf douze"),
        start=1,
    )
    for word in words.split()
}  # fmt: skip


def words_of(text: str) -> frozenset[str]:
    """The words of a list written with spaces."""
    return frozenset(text.split())


BIN_WORDS = words_of("bin site container contenedor contenedore papelera tonne tonnen behalter bac poubelle conteneur")
ARTICLES = words_of(  # no single letters: they are names, as in "zone A"
    "the an of at and near nearby around by on in to for next close front within from please "  # English
    "el la los las lo de del al en cerca alrededor junto frente "  # Spanish
    "der die das den dem des bei beim am im um und nahe von vom zur zum "  # German
    "le les du et pres autour chez au aux sur"  # French
)
FILLERS = ARTICLES | BIN_WORDS
ADDABLE = words_of("hall building center area zone district campus complex place street avenue road circuit")
OPPOSITES = words_of(
    "north south east west northwest northeast southwest southeast upper lower inner outer left right old new"
)
ADDABLE_WEIGHT = 0.25
AND = "and|y|und|et"
"""What joins two names or numbers, as a part of patterns (English, Spanish, German, French)."""
WORD = re.compile(r"\w+")
UNSPLIT = re.compile(r"[’'`´]")
PADDED = re.compile(r"^([a-z]{1,3})0+(\d+)$")  # "u04" is "u4"
INITIALS = re.compile(r"\b([a-z])\s*&\s*([a-z])\b")


def fold(text: str) -> str:
    """Lower case without accents or apostrophes."""
    plain = unicodedata.normalize("NFKD", UNSPLIT.sub("", text).casefold())
    return "".join(char for char in plain if not unicodedata.combining(char))


def singular(token: str) -> str:
    """The token without a plural s."""
    return token[:-1] if len(token) > 3 and token.endswith("s") and not token.endswith("ss") else token


def words_said(text: str) -> list[str]:
    """The words of a text, folded, without plural s."""
    return [singular(word) for word in WORD.findall(fold(text))]


def tokens(text: str, fillers: frozenset[str] = FILLERS) -> tuple[str, ...]:
    """The words of a name: folded, abbreviations and number words unified, plurals and fillers gone.

    A text of fillers alone keeps them, so that "the site" is still something that can be unknown.
    """
    plain = INITIALS.sub(r"\1\2", fold(text)).replace("&", " and ").replace("@", " at ")
    found = [(word, unified(word)) for word in re.findall(r"[^\W_]+", plain)]
    telling = tuple(word for raw, word in found if not {raw, word} & fillers)
    return telling or tuple(word for _, word in found)


def unified(word: str) -> str:
    """A folded word as all its spellings are written here: a number in digits, no abbreviation, no plural."""
    number = PADDED.sub(r"\1\2", NUMBERS.get(word, word))
    return number.lstrip("0") or "0" if number.isdigit() else singular(ABBREVIATIONS.get(number, number))
