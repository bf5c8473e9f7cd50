"""Trucks that a question names and that shall not drive: "T2 is down, plan tonight", "ohne T3".

`plan_round` takes the trucks that drive, or those that don't behind "without" (domain/trucks.py). The embedded model
copies a truck's name whatever is said of it; whether it drives is told by the words around it (the argument
classifier's POLARITY), and written here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from domain.trucks import LEAVING_OUT, WITHOUT
from domain.values import Call
from tools.argument_classifier import DRIVES, STAYS, figures
from tools.mentions import Mention
from tools.numbers import numbers_in
from tools.registry import TOOLS

PLAN, CHANGE = "plan_round", "what_if"
SURE = 1.1
"""Odds (log of 3 to 1) from which on a truck that the call does not name is left out as well."""


def polarity_in(mark: Mention, call: Call) -> str | None:
    """Whether the trucks of a mark drive in a call, or are left out of it; None where it says neither, or both."""
    drives, stays = _named(call)
    said = figures(mark.words)
    if not said:
        return None
    found = [polarity for polarity, numbers in ((DRIVES, drives), (STAYS, stays)) if said <= numbers]
    return found[0] if len(found) == 1 else None


def _named(call: Call) -> tuple[set[str], set[str]]:
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


def with_trucks_out(call: Call, odds: Mapping[Mention, float], idle: Sequence[Mention] = ()) -> Call:
    """A plan's call with the trucks that are left out behind "without".

    `odds`: by mark of trucks, that they are left out (natural logarithm). Surely left out are also those that the call
    does not name. A count of trucks that is one of the `idle` numbers goes: it is how many are out.
    """
    if call.name != PLAN:
        return call
    items = list(call.texts(["trucks"]))
    out = set().union(*(figures(mark.words) for mark, likely in odds.items() if likely > 0))
    named = figures(" ".join(items))
    more = [mark.words for mark, likely in odds.items() if likely > SURE and figures(mark.words).isdisjoint(named)]
    written: list[JsonValue] = [_left_out(item) if figures(item) and figures(item) <= out else item for item in items]
    written += map(_left_out, more)
    if written == items:
        return call
    said = {**call.parameters, "trucks": written}
    count = said.get("truck_count")
    if count is not None and any(count in numbers_in(mark.words) for mark in idle):
        del said["truck_count"]
    order = [argument.name for argument in TOOLS[PLAN].arguments]
    return Call(PLAN, {name: said[name] for name in order if name in said})


def _left_out(words: str) -> str:
    return words if LEAVING_OUT.match(words) else f"{WITHOUT} {words}"
