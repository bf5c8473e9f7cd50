"""Law 2: every number, date and identifier of an answer comes from a result of this conversation. Fail closed.

The model replies by reference: `{{results}}` is the deterministic rendering of this turn's results, `{{help}}` a text
that code owns, `{{1.distance_km}}` a fact of the first result. Words around the references may hold no figure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from domain.values import Result, say
from tools.numbers import COUNTS, SCALES, SHARES
from tools.words import NOTICES, REPLIES

REFERENCE = re.compile(r"\{\{\s*(\w+)(?:\.(\w+))?\s*\}\}")
HARMLESS = "one single un una uno une ein eine einen einem once empty full score media medio k mi"
"""Number words that everyday sentences hold without counting: "which one", "once a person approves"."""
ORDINALS = "third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
DATES = """
    monday tuesday wednesday thursday friday saturday sunday tue tues thu thur thurs fri
    january february april june july august september october november december
    jan feb apr jun jul aug sep sept oct nov dec
    lunes martes miércoles miercoles jueves viernes sábado sabado
    enero febrero marzo abril junio agosto septiembre setiembre octubre noviembre diciembre
    montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag
    januar februar märz maerz juni juli oktober dezember
    lundi mardi mercredi jeudi vendredi samedi dimanche
    janvier février fevrier avril juin juillet août aout septembre octobre novembre décembre decembre
    noon midday midnight mediodía mediodia medianoche mittag mitternacht midi minuit
"""
"""Days, months and hours that have a name, in the languages of the number words (names: Unicode CLDR)."""
NOBODY = "none nobody nadie ningún ninguno ninguna ningunos ningunas niemand keiner keine kein keinen aucun aucune"
MORE = f"{ORDINALS} {DATES} {NOBODY} million billion percent double triple thrice dozens hundreds thousands millions"
NUMBER_WORDS = sorted({*COUNTS, *SCALES, *SHARES, *MORE.split()} - {*HARMLESS.split()}, key=lambda w: (-len(w), w))
COUNTING = "|".join(map(re.escape, NUMBER_WORDS))
BEFORE = "in on of by since until till from before after during late early"
AMBIGUOUS = {
    "english": rf"\b(?:{'|'.join(BEFORE.split())}) (?:march|may|mar|mon|wed|sat|sun)\b",
    "capitals": r"(?-i:\b(?:Mon|Wed|Sat|Sun|Mar)\b)",
    "small": r"(?-i:\b(?:domingos?|julio|mayo|mars|mai)\b|\b(?:Domingo|Julio|Mayo|Mars|Mai)\b(?!\s+[^\W\d_a-zß-ÿ]))",
    "nothing": (
        r"\bno (?:[\w-]+ ){0,2}(?:bins?|containers?|carts?|sites?|trucks?|rounds?|routes?|stops?|plans?|shifts?|"
        r"depots?|requests?|complaints?|tickets?|alerts?|overflows?|collections?|emptyings?|readings?|records?|results?|"
        r"proposals?|people|one|matches|match)\b"
    ),
}
"""Words that name a day, a month or zero only in their company or spelling; names such as "Julio Herrera" do not."""
FIGURE = re.compile("|".join([rf"\b(?:{COUNTING})s?\b", *AMBIGUOUS.values()]), re.I)


@dataclass(frozen=True)
class Grounded:
    """The text to show. `kept` is False when the model's own words were replaced by the rendering of the results."""

    text: str
    kept: bool


def ground(text: str, results: Sequence[Result[Any]]) -> Grounded:
    """Put the references in; words with a figure of their own, or an unknown reference, give way to the rendering."""
    own = REFERENCE.sub(" ", text)
    if has_figure(own) or "{{" in own or "}}" in own:
        return Grounded(render_results(results), kept=False)
    try:
        shown = REFERENCE.sub(lambda found: _value(found, results), text).strip()
    except KeyError:
        return Grounded(render_results(results), kept=False)
    return Grounded(shown or render_results(results), kept=True)


def has_figure(text: str) -> bool:
    """Whether words hold a digit of any script, a number word, a weekday, a month, a named hour, or say "none"."""
    return any(letter.isnumeric() for letter in text) or FIGURE.search(text) is not None


def _value(found: re.Match[str], results: Sequence[Result[Any]]) -> str:
    name, fact = found.group(1), found.group(2)
    if name == "results":
        return render_results(results)
    if not name.isdecimal():
        return {**REPLIES, **NOTICES}[name]
    if not 1 <= int(name) <= len(results):
        raise KeyError(name)
    result = results[int(name) - 1]
    return result.sentence() if fact is None else say(result.facts.model_dump()[fact])


def render_results(results: Sequence[Result[Any]]) -> str:
    """The results in words: what was found, why, what was understood, how old the data is, what is missing."""
    return "\n\n".join(_render(result) for result in results) or REPLIES["help"]


def _render(result: Result[Any]) -> str:
    lines = [result.sentence()]
    lines += [f"- {reason.text}" for reason in result.why[:6]]
    if result.understood:
        told = "; ".join(f"{name.replace('_', ' ')}: {words}" for name, words in result.understood.items())
        lines.append(f"Understood: {told}.")
    lines.append(f"Data: {result.data_age}.")
    lines += [f"Limited: {words.removesuffix('.')}." for words in result.degraded]
    return "\n".join(lines)
