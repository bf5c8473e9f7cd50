"""What people's words for trucks mean: by name, by number, by count, all of them, or all but some."""

from __future__ import annotations

import re
from collections.abc import Sequence

from domain.errors import AmbiguousName, UnknownName
from domain.name_words import AND, fold, tokens, unified, words_of
from domain.names import CHOICES, Named, NameIndex, alike
from domain.values import TruckSet

TRUCK_WORDS = sorted(
    words_of("truck lorry lorrie vehicle wagon van unit number no nr camion camione vehiculo vehicule numero")
    | words_of("lkw wagen fahrzeug laster")
)  # as `domain.names.tokens` leaves them: singular, without accents
ALL_WORDS = words_of("all every each everyone whole entire fleet todo toda flota alle ganze tou toute flotte")
BOTH_WORDS = words_of("both ambo amba beide beiden")
JOINERS = re.compile(rf"\s*(?:,|;|\+|&|/|\b(?:{AND}|plus|or)\b)\s*", re.I)
RANGE = re.compile(r"(\d+)\s*(?:-|–|to|through|thru|bis|a|à)\s*(?:trucks?\s*|t)?(\d+)\s*$", re.I)
COUNTED = re.compile(
    r"^(?:(?:the|all|los|las|les|die|alle)\s+)*(\w+)\s+(?:trucks|lorries|vehicles|vans|camiones|camions|lkws?|wagen)$",
    re.I,
)
LONGEST_RANGE = 200
WITHOUT = "without"
"""What code writes before a truck that is to be left out ("T2 is down": "without T2")."""
_ALL = (
    r"(?:all|every(?:one|thing|body)?|any(?:one|thing)|(?:the )?(?:whole|entire)|alle[ns]?|jede\w*|cada|chaque"
    r"|(?:die )?ganze|tod[oa]s?|tou(?:s|te|tes|t)|the fleet)(?:\s+(?:of them|the|my|our|other|two|three|four|five|six"
    r"|los|las|la|el|mis|nuestr[oa]s|les|nos|die|der|unsere\w*|trucks?|lorr(?:y|ies)|vehicles?|vans?|fleet|camiones"
    r"|camions?|flota|flotte|fahrzeuge|wagen|lkws?|laster|one))*"
)
_EXCEPT = (
    r"(?:except(?:ing)?(?: for)?|excluding|without|minus|außer|ausser|ohne|menos|salvo|excepto|sin|sauf|hormis|sans)"
)
LEAVING = (
    rf"(?:{_ALL}(?:(?:\s*,)?\s+{_EXCEPT}|\s+(?:but(?: not)?|bar|bis auf|moins))|{_EXCEPT})\s+"
    r"(?:(?:the|el|la|los|las|le|les|den|die|das|dem)\s+)?"
)
"""What stands before trucks that are left out, as a regular expression."""
LEAVING_OUT = re.compile(rf"\s*{LEAVING}", re.I)
EXCEPTING = re.compile(
    rf"\b(?:{_EXCEPT}|but|bar|bis auf|apart from|other than|not|nicht|ausnahme|excepci[oó]n|exception|pas)\b", re.I
)

TRUCK = r"(?:trucks?|lorry|lorries|vehicles?|camion(?:es|s)?|veh[ií]culos?|lkws?|wagen|fahrzeuge?)"
"""A word for trucks as people type it, as a regular expression."""
NUMBERED = r"(?:\d{1,3}|one|two|three|four|five|six|seven|eight|nine|ten|uno|dos|tres|eins|zwei|drei|un|deux|trois)"
SPOKEN_NUMBERS = re.compile(
    r"(?:(?:trucks?|lorry|lorries|vehicles?|camion(?:es|s)?|lkws?|wagen)[ -]?(?:no\.? |number |nr\.? |#)?|t-?(?=\d)|#)"
    rf"{NUMBERED}"
    rf"(?:(?: ?,(?: and| y| und| et)? ?| and | & | ?\+ ?| y | und | et | ?- ?)(?:truck |t)?{NUMBERED})*"
)
MERE_COUNT = re.compile(
    rf"(?!\d){NUMBERED}(?: (?:of them|trucks?|lorry|lorries|vehicles?|camion(?:es|s)?|lkws?|wagen|fahrzeuge?))?"
)


def leave_out(words: str) -> str:
    """The words for trucks that stay, as code writes them."""
    return f"{WITHOUT} {words}"


def users_words(value: str) -> str:
    """A value's words without the one that code writes before them: what the user said of it."""
    return value.removeprefix(f"{WITHOUT} ")


class Fleet:
    """The trucks of one city by the records' names, ready to be asked."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._index = NameIndex([Named(name, name) for name in names])

    def trucks(self, words: Sequence[str]) -> TruckSet:
        """The trucks that the words name, in record order.

        "truck 2", "truck two", "T2", "#2", "T1 and T3", "trucks 1-3", "both" (of a fleet of two), "all trucks";
        "without T2", "all but trucks 2 and 3": every other one. Raises UnknownName, AmbiguousName; "two trucks" of a
        larger fleet is a count and no name, so it is asked back.
        """
        leaving = {item: left for item in words if (left := self._left_out(item)) is not None}
        out = {name for left in leaving.values() for name in self._of_item(left)}
        named = {name for item in words if item not in leaving for name in self._of_item(item)}
        rest = bool(leaving) and named in (set(), set(self._names))
        found = (set(self._names) if rest else named) - out
        names, without = (tuple(name for name in self._names if name in some) for some in (found, out))
        return TruckSet(names, without, rest)

    def _left_out(self, item: str) -> str | None:
        """The words of the trucks that an item leaves out; None for one that names trucks, be it "Sans Souci".

        Raises AmbiguousName for a mere count ("all but one").
        """
        found = LEAVING_OUT.match(item)
        if not found or fold(item) in map(fold, self._names):
            return None
        left = item[found.end() :]
        if MERE_COUNT.fullmatch(fold(left)):
            raise AmbiguousName("truck", item, self._names[:CHOICES])
        return left

    def is_spoken(self, words: str) -> bool:
        """Whether the words are plainly trucks: by number ("truck 2", "T3", "trucks 1 and 2") or by a whole name."""
        said = fold(words)
        return SPOKEN_NUMBERS.fullmatch(said) is not None or said in map(fold, self._names)

    def _of_item(self, item: str) -> Sequence[str]:
        said = tokens(item)
        parts = [part for part in JOINERS.split(item) if part.strip()]
        if not said or not parts:
            raise UnknownName("truck", item, self._names[:CHOICES])
        counted = COUNTED.match(item.strip())
        number = "2" if BOTH_WORDS & set(said) else unified(fold(counted[1])) if counted else ""
        if number.isdigit():
            return self._counted(item, int(number))
        if ALL_WORDS & set(said) and not EXCEPTING.search(item):
            return self._names
        exact = self._index.find(item).one
        if exact and exact.exact:
            return [exact.name]
        span = RANGE.search(item)
        if span and 0 < int(span[2]) - int(span[1]) < LONGEST_RANGE:
            return [self._one(item, str(n)) for n in range(int(span[1]), int(span[2]) + 1)]
        return [self._one(item, part) for part in parts]

    def _counted(self, item: str, count: int) -> Sequence[str]:
        """All trucks when the fleet has just as many; else a question."""
        if count == len(self._names):
            return self._names
        raise AmbiguousName("truck", item, self._names[:CHOICES])

    def _one(self, item: str, part: str) -> str:
        """One truck by its number, its name, or part of it."""
        said = [token for token in tokens(part) if not any(alike(token, TRUCK_WORDS))]
        if len(said) == 1 and said[0].isdigit():
            numbered = [name for name in self._names if _number(name) == said[0]]
            if len(numbered) > 1:
                raise AmbiguousName("truck", part, numbered[:CHOICES])
            if numbered:
                return numbered[0]
            raise UnknownName("truck", part, self._names[:CHOICES])
        return self._by_name(part, " ".join(said))

    def _by_name(self, part: str, said: str) -> str:
        """One truck by its name, part of it, or its initial and number ("T2" for "Truck 2")."""
        verdict = self._index.find(part)
        if not verdict.one and said:
            verdict = self._index.find(said)
        if verdict.one:
            return verdict.one.name
        short = re.fullmatch(r"([a-z]) ?0*(\d+)", said)
        fitting = [name for name in self._names if short and (fold(name)[:1], _number(name)) == short.groups()]
        if len(fitting) == 1:
            return fitting[0]
        several = fitting or [match.name for match in verdict.matches]
        if several:
            raise AmbiguousName("truck", part, several[:CHOICES])
        raise UnknownName("truck", part, [match.name for match in verdict.nearest] or self._names[:CHOICES])


def _number(name: str) -> str:
    """The last number of a truck's name, without leading zeros."""
    found = re.findall(r"\d+", name)
    return found[-1].lstrip("0") or "0" if found else ""
