"""How far around its place a call reaches when the question says so: the radius is read by code, not by the model.

A radius is a length behind a word that says within ("within half a mile", "im Umkreis von 2 km", "à moins de 300 m"),
before "radius", or between which and the call's place only a word of place stands ("2 km from Sather Gate"). Behind
what says the opposite ("more than 2 km from", "not within") it is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

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
    r"(?<!\w)(?:(?:not|nicht|pas|no)\s+(?:within|inside|innerhalb(?: von)?|dentro de|dans)|more than|at least|over"
    r"|beyond|outside|(?<!no )(?<!not )(?:farther|further) than|mehr als|mindestens|weiter als|über|plus de|au moins"
    r"|más de|al menos a)\s+" + ABOUT + r"\Z",
    re.I,
)
"""Before a length that is a least one, or within which nothing is asked for: no radius."""
RADIUS = re.compile(r"[\s-]*(?:radius|umkreis)(?!\w)", re.I)
TO_PLACE = re.compile(
    r"\s*(?:away\s+)?(?:of|from|around|round|von|vom|um|rund um|entfernt von|de|del|du|des|autour de|autour du"
    r"|alrededor de|alrededor del)\s+(?:(?:the|der|die|das|den|dem|la|el|los|las|le|les)\s+)?\Z",
    re.I,
)


def with_reach(call: Call, question: str, tools: Mapping[str, Tool] = TOOLS) -> Call:
    """The call with the radius that `question` says, where it has a place and holds another radius or none.

    Of several radii that are said the one nearest to the place's words counts. Bounds are checked as for any call.
    """
    declared, place = tools.get(call.name), call.parameters.get(AROUND)
    if declared is None or not isinstance(place, str) or all(each.name != REACH for each in declared.arguments):
        return call
    at = _found(place, question)
    said = [length for length in lengths_in(question) if _is_radius(length, question, at)]
    if not said or call.parameters.get(REACH) in {length.metres for length in said}:
        return call
    nearest = min(said, key=lambda length: _apart(length, at))
    return Call(call.name, {**call.parameters, REACH: nearest.metres})


def _found(place: str, question: str) -> tuple[int, int] | None:
    """From where to where the place's words stand in the question."""
    found = re.search(rf"(?<!\w){re.escape(place)}(?!\w)", question, re.I)
    return found.span() if found else None


def _is_radius(length: Length, question: str, place: tuple[int, int] | None) -> bool:
    if BEYOND.search(question, 0, length.start):
        return False
    if WITHIN.search(question, 0, length.start) or RADIUS.match(question, length.end):
        return True
    return place is not None and TO_PLACE.fullmatch(question, length.end, max(place[0], length.end)) is not None


def _apart(length: Length, place: tuple[int, int] | None) -> int:
    """Characters between a length and the place; 0 for a place that an earlier turn named."""
    return 0 if place is None else max(place[0] - length.end, length.start - place[1], 0)
