"""Trucks that a question names and that shall not drive: "T2 is down, plan tonight", "ohne T3".

`plan_round` takes the trucks that drive, or those that don't behind "without" (domain/trucks.py). The embedded model
copies a truck's name whatever is said of it. Whether it drives is told by the words before it, where these can only
mean one thing, and else by the words around it (the argument classifier's POLARITY), and written here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from pydantic import JsonValue

from domain.trucks import JOINERS, LEAVING, LEAVING_OUT, TRUCK, leave_out
from domain.typed_text import is_said
from domain.values import Call
from tools.argument_classifier import DRIVES, STAYS, figures
from tools.coverage import QUOTED
from tools.mentions import Mention
from tools.numbers import numbers_in
from tools.registry import TOOLS

PLAN, CHANGE = "plan_round", "what_if"
LIKELY, SURE = 0.5, 1.1
"""Odds (natural logarithm) from which on a truck that the call names stays, and one that it does not name."""
OTHERS = rf"(?:{TRUCK}|vans?|laster|camión|véhicules?|drivers?|crews?|one|fahrer\w*|chofer\w*|chauffeurs?)"
NOBODY = (
    r"(?:nobody|none|niemand\w*|keiner|nadie|ningun[oa]|ningún|personne|aucune?"
    rf"|(?:no|keine?[mnrs]?|ning[uú]n\w*|aucune?)(?:\s+(?:other|ander\w+|otr[oa]|autre))?\s+{OTHERS})"
)
SOON = r"(?:\s+[\w'’]+){0,3}"
DENIED = re.compile(
    rf"\b(?:{NOBODY}{SOON}|(?:do|should|must)(?:n['’]?t| not){SOON}"
    r"|not|never|no|nicht|nie|niemals|nunca|tampoco|pas|jamais)\s*$",
    re.I,
)
"""What denies the words that leave out behind it: right before them, or of all others ("no truck goes but T2")."""
PERHAPS_DENIED = re.compile(rf"(?:\b(?:no|not|cannot|never|nicht|pas|ne|nunca)|n['’]t){SOON}\s*$", re.I)
"""What may be another sentence's denial ("T3 won't start plan without T2")."""
AT = re.compile(r"\b(?:al|lo)\s+$", re.I)
"""Before "menos": at least."""
CERTAIN: Mapping[str | None, float] = {STAYS: 99.0, DRIVES: -99.0}
"""Odds of what words say outright."""
Names = Callable[[str], frozenset[str]]
"""The trucks that one name means, as the records call them; the words themselves where they have none such."""


def polarity_in(mark: Mention, call: Call) -> str | None:
    """Whether the trucks of a mark drive in a call, or are left out of it; None where it says neither, or both."""
    drives, stays = _numbers(call)
    said = figures(mark.words)
    found = [polarity for polarity, numbers in ((DRIVES, drives), (STAYS, stays)) if said and said <= numbers]
    return found[0] if len(found) == 1 else None


def _numbers(call: Call) -> tuple[set[str], set[str]]:
    """The numbers of the trucks that drive in a call and of those that don't."""
    if call.name == CHANGE:
        driving, staying = list(call.texts(["add_trucks"])), list(call.texts(["remove_trucks"]))
    elif call.name == PLAN:
        items = list(call.texts(["trucks"]))
        staying = [item for item in items if LEAVING_OUT.match(item)]
        driving = [item for item in items if item not in staying]
    else:
        return set(), set()
    return figures(" ".join(driving)), figures(" ".join(staying))


def with_trucks_out(
    call: Call, question: str, odds: Mapping[Mention, float], names: Names, idle: Sequence[Mention] = ()
) -> Call:
    """A plan's call with the trucks that stay behind "without".

    `odds`: by mark of trucks, that they stay (natural logarithm); surely do those behind "without" or the like in the
    question, and surely drive those that only are excepted from staying ("nobody but T2", "not without T2"). Of a truck
    that is said to stay and to drive the call's word counts. One that the call does not name is left out where that is
    surer. A count of trucks that is one of the `idle` numbers goes where any stay: it is how many are out.
    """
    if call.name != PLAN:
        return call
    items, surely = list(call.texts(["trucks"])), {mark: _outright(mark, question) for mark in odds}
    told = {mark: CERTAIN.get(surely[mark], likely) for mark, likely in odds.items()}
    outright = _all_of([mark.words for mark, polarity in surely.items() if polarity == STAYS], names)
    driving = _all_of([mark.words for mark, likely in told.items() if likely < -LIKELY], names) - outright
    gone, named = _all_of([item for item in items if LEAVING_OUT.match(item)], names), _all_of(items, names)
    more: list[str] = []
    for mark in (mark for mark, likely in told.items() if likely > LIKELY):
        every = _parts(mark.words)
        parts = [part for part in every if not names(part) <= driving]
        trucks = _all_of(parts, names) - driving
        if not trucks <= gone and (told[mark] > SURE or not trucks.isdisjoint(named)):
            more += [mark.words] if parts == every else parts
            gone |= trucks
    if not gone:
        return call
    kept = [item for item in items if LEAVING_OUT.match(item) or not _all_of([item], names) <= gone]
    trucks_said: list[JsonValue] = [*kept, *map(leave_out, more)]
    said = {**call.parameters, "trucks": trucks_said}
    count = said.get("truck_count")
    if count is not None and any(count in numbers_in(mark.words) for mark in idle):
        del said["truck_count"]
    return Call(PLAN, TOOLS[PLAN].ordered(said))


def as_before(call: Call, before: Call | None, question: str) -> Call:
    """A plan's call that goes on with another one's trucks, those behind "without" as there: who says nothing of T2
    still plans without it, and so does who leaves out T3 as well."""
    if call.name != PLAN or before is None or before.name != PLAN:
        return call
    stayed = [item for item in before.texts(["trucks"]) if LEAVING_OUT.match(item)]
    again = {words: item for item in stayed if not is_said(words := LEAVING_OUT.sub("", item, count=1), question)}
    written: list[JsonValue] = [again.get(item, item) for item in call.texts(["trucks"])]
    if written and all(LEAVING_OUT.match(str(item)) for item in written):
        written += [item for item in again.values() if item not in written]
    return Call(PLAN, {**call.parameters, "trucks": written}) if written else call


def _outright(mark: Mention, question: str) -> str | None:
    """Whether a truck stays by words right before it, or drives because these are denied; None without such words, or
    where a denial may be theirs or not."""
    own = QUOTED.sub(" ... ", question)
    found = re.search(rf"(?<!\w){LEAVING}{re.escape(mark.words)}(?!\w)", own, re.I)
    if found is None:
        return None
    said = own[: found.start()]
    at_least = AT.search(said) and found[0].casefold().startswith("menos")
    if at_least or DENIED.search(said):
        return DRIVES
    return None if PERHAPS_DENIED.search(said) else STAYS


def _parts(words: str) -> list[str]:
    """The names of a list of trucks, left out or not."""
    return [part for each in JOINERS.split(LEAVING_OUT.sub("", words, count=1)) if (part := each.strip())]


def _all_of(words: Sequence[str], names: Names) -> set[str]:
    """The trucks of several names, or of lists of them."""
    return set().union(*(names(part) for each in words for part in _parts(each)))
