"""How far around its place a call reaches when the question says so: the radius is read by code, not by the model.

A radius is a length behind a word that says within ("within half a mile", "im Umkreis von 2 km", "à moins de 300 m"),
before "radius", or between which and the call's place only a word of place stands ("2 km from Sather Gate"). Behind
what says the opposite ("more than 2 km from", "not within") it is none, nor is one that limits what is driven ("within
20 miles of driving", "rounds within 20 miles", "a round of 20 miles").
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from domain.typed_text import as_words
from domain.values import Call
from tools.numbers import Length, lengths_in
from tools.registry import TOOLS, Tool

__all__ = ["with_reach"]

REACH, AROUND = "within_m", "near"
ABOUT = r"(?:(?:about|roughly|around|some|a|an|the|etwa|ungefähr|rund|unos|unas|environ)\s+)*"
WITHIN = re.compile(
    r"(?<!\w)(?:within|inside|radius(?: of)?|closer than|nearer than|no (?:farther|further) than|umkreis(?: von)?"
    r"|innerhalb(?: von)?|näher als|dentro de|radio de|a menos de|rayon de|à moins de)\s+" + ABOUT + r"\Z",
    re.I,
)
BEYOND = re.compile(
    r"(?<!\w)(?:(?:not|n['’]t|nicht|pas|no|except|außer|salvo|sauf)\s+(?:within|inside|im umkreis(?: von)?"
    r"|innerhalb(?: von)?|dentro de(?: un radio de)?|dans un rayon de|dans)|(?<=n['’]t )within"
    r"|fuera de(?: un radio de)?|außerhalb(?: von)?|en dehors de|hors de|no (?:closer|nearer) than|at least|over"
    r"|beyond|outside|(?<!no )(?<!not )(?:more|farther|further) than|(?<!nicht )mehr als|mindestens|weiter als|über"
    r"|(?<!pas )plus de|au moins|(?<!no )más de|al menos a)\s+" + ABOUT + r"\Z",
    re.I,
)
"""Before a length that is a least one, or within which nothing is asked for: no radius."""
RADIUS = re.compile(r"[\s-]*(?:radius|umkreis)(?!\w)", re.I)
FROM = (
    r"\s*(?:away\s+)?(?:of|from|around|round|von|vom|um|rund um|entfernt von|de|del|du|des|autour de|autour du"
    r"|alrededor de|alrededor del)\s+"
)
FROM_SOMETHING = re.compile(FROM, re.I)
TO_PLACE = re.compile(FROM + r"(?:(?:the|der|die|das|den|dem|la|el|los|las|le|les)\s+)?\Z", re.I)
DRIVING = re.compile(
    r"(?<!\w)(?:driv(?:e|es|ing)|rounds?|routes?|tours?|trips?|mileage|(?:driving|driven|total) distance"
    r"|fahren|fahrt|fahrten|fahrstrecke|strecken?|runden?|touren?|routen?|rutas?|recorridos?|conducir|conduciendo"
    r"|tournées?|trajets?|rouler)"
    r"(?:\s+(?:to|of|be|is|are|stays?|staying|kept|keep|remain|must|should|shall|von|de|auf|bleibt|bleiben))*"
    r"(?:\s+(?:at most|up to|(?:no|not) more than|less than|under|within|inside|(?:no|not) (?:farther|further) than"
    r"|höchstens|maximal|bis zu|innerhalb(?: von)?|como máximo|dentro de|a menos de|au plus|à moins de))?\s+"
    + ABOUT
    + r"\Z",
    re.I,
)
"""Before a length that limits what is driven, unless it is the distance from something ("rounds within 2 km of")."""
DRIVEN = re.compile(
    r"[\s-]*(?:(?:of|de)\s+(?=driving|travel|conducci|conduite|trajet))?(?:driving|driven|drive|drives"
    r"|travel|on the road|in total|per (?:truck|round|shift)"
    r"|gefahren|fahrt|fahrstrecke|insgesamt|pro (?:lkw|wagen|runde)|conducción|recorrido|en total|por (?:camión|ruta)"
    r"|conduite|trajet|route|au total|par (?:camion|tournée))(?!\w)",
    re.I,
)
"""Behind a length that limits what is driven."""
DISTANCE = re.compile(r"(?:\s+(?:distance|way|strecke|weg))?", re.I)


def with_reach(call: Call, question: str, tools: Mapping[str, Tool] = TOOLS) -> Call:
    """The call with the radius that `question` says, where it has a place and holds another radius or none; without
    the one that it holds where that limits what is driven.

    Of several radii that are said the one nearest to the place's words counts. Bounds are checked as for any call.
    """
    declared, place = tools.get(call.name), call.parameters.get(AROUND)
    if declared is None or not isinstance(place, str) or all(each.name != REACH for each in declared.arguments):
        return call
    at = _found(place, question)
    lengths = lengths_in(question)
    said = [length for length in lengths if _is_radius(length, question, at)]
    held = call.parameters.get(REACH)
    if not said and held in {length.metres for length in lengths if _is_driven(length, question)}:
        return Call(call.name, {name: value for name, value in call.parameters.items() if name != REACH})
    if not said or held in {length.metres for length in said}:
        return call
    nearest = min(said, key=lambda length: _apart(length, at))
    return Call(call.name, {**call.parameters, REACH: nearest.metres})


def _found(place: str, question: str) -> tuple[int, int] | None:
    """From where to where the place's words stand in the question."""
    found = re.search(as_words(place), question, re.I)
    return found.span() if found else None


def _is_radius(length: Length, question: str, place: tuple[int, int] | None) -> bool:
    if BEYOND.search(question, 0, length.start):
        return False
    if RADIUS.match(question, length.end):
        return True
    if _is_driven(length, question):
        return False
    if WITHIN.search(question, 0, length.start):
        return True
    return place is not None and TO_PLACE.fullmatch(question, length.end, max(place[0], length.end)) is not None


def _is_driven(length: Length, question: str) -> bool:
    """Whether a length limits what is driven: what it governs stands behind it, or before it with no place behind.

    "Within 200 m driving distance of the gate" is a radius.
    """
    behind = DRIVEN.match(question, length.end)
    ends = DISTANCE.match(question, behind.end() if behind else length.end)
    assert ends is not None
    around = WITHIN.search(question, 0, length.start) and FROM_SOMETHING.match(question, ends.end())
    return not around and (behind is not None or DRIVING.search(question, 0, length.start) is not None)


def _apart(length: Length, place: tuple[int, int] | None) -> int:
    """Characters between a length and the place; 0 for a place that an earlier turn named."""
    return 0 if place is None else max(place[0] - length.end, length.start - place[1], 0)
