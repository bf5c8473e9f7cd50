"""Trucks that a question names and that shall not drive: "T2 is down, plan tonight", "ohne T3".

`plan_round` takes the trucks that drive, or those that don't behind "without" (domain/trucks.py). The embedded model
copies a truck's name whatever is said of it. Whether it drives is told by the words before it, where these can only
mean one thing, and else by the words around it (the argument classifier's POLARITY), and written here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from pydantic import JsonValue

from domain.trucks import JOINERS, LEAVING, LEAVING_OUT, WITHOUT
from domain.values import Call
from tools.argument_classifier import DRIVES, STAYS, figures
from tools.mentions import Mention
from tools.numbers import numbers_in
from tools.registry import TOOLS

PLAN, CHANGE = "plan_round", "what_if"
LIKELY, SURE = 0.5, 1.1
"""Odds (natural logarithm) from which on a truck that the call names stays, and one that it does not name."""
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
    question. Of a truck that is said to stay and to drive the call's word counts. One that the call does not name is
    left out where that is surer. A count of trucks that is one of the `idle` numbers goes where any stay: it is how
    many are out.
    """
    if call.name != PLAN:
        return call
    items = list(call.texts(["trucks"]))
    outright = {mark for mark in odds if re.search(rf"(?<!\w){LEAVING}{re.escape(mark.words)}(?!\w)", question, re.I)}
    staying = {mark for mark, likely in odds.items() if likely > LIKELY or mark in outright}
    driving = _all_of([mark.words for mark in odds if mark not in staying], names)
    gone = _all_of([item for item in items if LEAVING_OUT.match(item)], names)
    named = _all_of(items, names)
    more = []
    for mark in odds:
        trucks = _all_of([mark.words], names) - driving
        surely = mark in outright or odds[mark] > SURE or not trucks.isdisjoint(named)
        if mark in staying and surely and not trucks <= gone:
            more.append(f"{WITHOUT} {mark.words}")
            gone |= trucks
    kept = [item for item in items if LEAVING_OUT.match(item) or not _all_of([item], names) <= gone]
    if not gone:
        return call
    trucks_said: list[JsonValue] = [*kept, *more]
    said = {**call.parameters, "trucks": trucks_said}
    count = said.get("truck_count")
    if count is not None and any(count in numbers_in(mark.words) for mark in idle):
        del said["truck_count"]
    order = [argument.name for argument in TOOLS[PLAN].arguments]
    return Call(PLAN, {name: said[name] for name in order if name in said})


def _all_of(words: Sequence[str], names: Names) -> set[str]:
    """The trucks of several names, or of lists of them, left out or not."""
    parts = [part.strip() for each in words for part in JOINERS.split(LEAVING_OUT.sub("", each, count=1))]
    return set().union(*(names(part) for part in parts if part))
