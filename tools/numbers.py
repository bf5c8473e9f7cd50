"""The whole numbers that a text holds, as people write and say them: "80%", "1,500", "a dozen", "half a mile".

What the model may write for an integer argument is limited to these (law 5). The list is generous, each reading of a
number is in it; which of them an argument means is the model's choice. A number before a unit of length has one
reading, in metres: "2 km" is 2000 and never 2. Digits inside an id ("T1", "P-0812") are none.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise


def _table(lines: str) -> dict[str, Fraction]:
    """`value: word word ...` lines as a mapping from each word."""
    rows = (line.split(":") for line in lines.strip().splitlines())
    return {word: Fraction(value.strip()) for value, words in rows for word in words.split()}


COUNTS = _table("""
    0: zero none empty
    1: one single un una uno une ein eine einen einem
    2: two twice both couple pair dos deux zwei beide
    3: three tres trois drei
    4: four cuatro quatre vier
    5: five cinco cinq fünf funf
    6: six seis sechs
    7: seven siete sept sieben
    8: eight ocho huit acht
    9: nine nueve neuf neun
    10: ten diez dix zehn
    11: eleven once onze elf
    12: twelve dozen docena doce douze dutzend zwölf zwolf
    13: thirteen trece dreizehn treize
    14: fourteen catorce vierzehn quatorze
    15: fifteen quince quinze fünfzehn funfzehn
    16: sixteen dieciséis dieciseis sechzehn seize
    17: seventeen diecisiete siebzehn
    18: eighteen dieciocho achtzehn
    19: nineteen diecinueve neunzehn
    20: twenty score veinte vingt zwanzig
    21: veintiuno veintiún veintiun veintiuna
    22: veintidós veintidos
    23: veintitrés veintitres
    24: veinticuatro
    25: veinticinco
    26: veintiséis veintiseis
    27: veintisiete
    28: veintiocho
    29: veintinueve
    30: thirty treinta trente dreißig dreissig
    40: forty fourty cuarenta quarante vierzig
    50: fifty cincuenta cinquante fünfzig funfzig
    60: sixty sesenta soixante sechzig
    70: seventy setenta siebzig
    80: eighty ochenta achtzig
    90: ninety noventa neunzig
    100: full hundred cien cent hundert
    1000: thousand grand mil mille tausend
""")
GERMAN_UNITS = {
    "ein": 1,
    "zwei": 2,
    "drei": 3,
    "vier": 4,
    "fünf": 5,
    "funf": 5,
    "sechs": 6,
    "sieben": 7,
    "acht": 8,
    "neun": 9,
}
GERMAN_TENS = (
    "zwanzig",
    "dreißig",
    "dreissig",
    "vierzig",
    "fünfzig",
    "funfzig",
    "sechzig",
    "siebzig",
    "achtzig",
    "neunzig",
)
COUNTS |= {f"{unit}und{tens}": COUNTS[tens] + one for unit, one in GERMAN_UNITS.items() for tens in GERMAN_TENS}
SCALES = _table("12: dozen\n100: hundred cien cent hundert\n1000: k thousand grand mil mille tausend")
SHARES = _table("""
    1/2: half halfway ½ halves mitad medio media halb halbe halben halber demi moitié
    1/3: third thirds ⅓ tercio tercios drittel tiers
    2/3: ⅔
    1/4: quarter quarters ¼ cuarto cuartos viertel quart quarts
    3/4: ¾ dreiviertel
    1/5: fifth fifths
    1/10: tenth tenths
""")
METRES = _table("""
    1: m metre metres meter meters metern metro metros mètre mètres
    1000: k km kms kilometer kilometers kilometre kilometres kilómetro kilómetros kilometro kilometros kilomètre
    1000: kilomètres kilometern
    1609344/1000: mile miles mi milla millas meile meilen
    9144/10000: yard yards yd yds yarda yardas verges
    3048/10000: foot feet ft pies pied pieds fuss
""")
"""Units of length in metres, case folded ("Fuß" is "fuss").

Mile, yard and foot are the international ones (NIST Handbook 44, appendix C).
"""
FOURSCORE = frozenset(["vingt", "vingts"])
"""Twenty, which French multiplies in "quatre-vingt"."""
ARTICLES = frozenset(["a", "an"])
FILLERS = frozenset(["a", "an", "of", "and", "y", "et", "the", "un", "una", "de", "ein", "eine"])
MOST = 1_000_000
TOKEN = re.compile(
    r"(?:(?<![\w.#])(?<![^\W\d_]-)|(?<=\btop)|(?<=\bx)(?<!-x))(?:[0-9]{1,3}(?:,[0-9]{3})+(?!\d)|[0-9]{1,9}(?:[.,][0-9]{1,6})?(?:/[0-9]{1,6})?)(?![\d_])"
    r"|[½⅓⅔¼¾]|[^\W\d_]+",
    re.I,
)
"""A number in digits, also in "top5" and "x3", or a word."""
IN_PERCENT = r"\s?(?:%|(?:per\s?cent|pct|prozent|por ?ciento|pour ?cent)\b)"
"""What makes the number before it a share in percent."""
PERCENT = re.compile(
    rf"(?<![\w.,])(?:\d[\d.,]*|[^\W\d_]+(?:[ -][^\W\d_]+)?){IN_PERCENT}",
    re.I,
)
"""A number in digits, or up to two words, before what makes it a share in percent."""
GROUPING = re.compile(r",(?=\d{3}(?!\d))")


def numbers_in(text: str) -> tuple[int, ...]:
    """Every whole number that `text` can mean, ascending, 0 to a million.

    A share is also read as percent ("half" is 50, "two thirds" 67), a length in metres ("half a mile" is 805).
    """
    tokens = [match[0].casefold() for match in TOKEN.finditer(text)]
    found = {number for _, quantity in _quantities(tokens) for number in quantity.readings}
    return tuple(sorted(number for number in found if 0 <= number <= MOST))


def without_percents(text: str) -> str:
    """The text without its numbers in percent."""
    return PERCENT.sub(" ... ", text)


@dataclass(frozen=True)
class Length:
    """A length that a text holds from offset `start` to `end`, rounded to whole `metres`, however many they are."""

    metres: int
    start: int
    end: int


def lengths_in(text: str) -> tuple[Length, ...]:
    """The lengths of `text` that stand with their unit, in their order."""
    matches = list(TOKEN.finditer(text))
    quantities = _quantities([match[0].casefold() for match in matches])
    return tuple(
        Length(quantity.readings[0], matches[start].start(), matches[quantity.end - 1].end())
        for start, quantity in quantities
        if quantity.is_length
    )


def _quantities(tokens: Sequence[str]) -> Iterator[tuple[int, _Quantity]]:
    """(start, what begins there) for each token; nothing begins inside a length."""
    start = 0
    while start < len(tokens):
        quantity = _Quantity(tokens, start)
        yield start, quantity
        start = quantity.end if quantity.is_length else start + 1


class _Quantity:
    """What begins at a token: its `readings`, and whether it is a length, which then ends before `end`."""

    def __init__(self, tokens: Sequence[str], start: int) -> None:
        self.readings: list[int] = []
        self.is_length, self.end = False, start
        article = tokens[start] in ARTICLES
        value = Fraction(1) if article else _begun(tokens[start])
        if value is None:
            return
        if not article:
            self.readings += _whole(value)
        for place, (before, token) in enumerate(pairwise(tokens[start : start + 7]), start + 1):
            if token in METRES:
                self.readings, self.is_length, self.end = [round(value * METRES[token])], True, place + 1
                return
            if token in FILLERS:
                continue
            grown = _grown(value, token, added=before in FILLERS and "and" in tokens[start:place])
            if grown is None:
                return
            value = grown
            self.readings += _whole(value)


def _whole(value: Fraction) -> Iterator[int]:
    if 0 < value < 1:
        yield round(value * 100)
    else:
        yield round(value)


def _begun(token: str) -> Fraction | None:
    """The value of a token that can begin a quantity."""
    if token[0] not in string.digits:
        return COUNTS.get(token, SHARES.get(token))
    over, _, under = GROUPING.sub("", token).replace(",", ".").partition("/")
    if not under:
        return Fraction(over)
    return Fraction(over) / int(under) if int(under) else None


def quantity_of(words: Sequence[str]) -> Fraction | None:
    """The one quantity that some words are from the first to the last ("one thousand two hundred", "two and a half",
    "half a dozen"), case folded; None where they are no quantity, or several."""
    whole, part = Fraction(0), None
    for place, word in enumerate(words):
        if word in FILLERS and 0 < place < len(words) - 1 and word not in COUNTS:
            continue
        value, joined = _begun(word), words[place - 1] in FILLERS if place else False
        if part is None:
            part = value
        elif word in FOURSCORE and part == 4:
            part = Fraction(80)
        elif word in SCALES and (part < SCALES[word] or part.denominator > 1):
            part *= SCALES[word]
        elif word in SHARES:
            part = part + SHARES[word] if joined else part * SHARES[word]
        elif value is None or word[0] in string.digits or not _follows(part, value):
            return None
        else:
            part += value
        if part is None:
            return None
        if word in SCALES and SCALES[word] == 1000:
            whole, part = whole + part, Fraction(0)
    return None if part is None else whole + part


def _follows(before: Fraction, value: Fraction) -> bool:
    """Whether a count goes on with what stands before it: units behind tens, less than a hundred behind hundreds, and
    in French up to nineteen behind sixty and eighty."""
    if before.denominator > 1 or value.denominator > 1 or value < 1:
        return False
    return before % 100 == 0 if value >= 20 else before % 10 == 0 and (value < 10 or before % 100 in (0, 60, 80))


def _grown(value: Fraction, token: str, *, added: bool) -> Fraction | None:
    """`value` with the next token of the same quantity; None when `token` does not continue it."""
    if token in SCALES or (token in FOURSCORE and value == 4):
        return value * SCALES.get(token, 20)
    if token in SHARES and value.denominator == 1 and value < 1000:
        return value + SHARES[token] if added else value * SHARES[token]
    more = COUNTS.get(token)
    return value + more if more and more < value and value % 10 == 0 else None
