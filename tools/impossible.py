"""What no right call holds, taken out of a call before it is made."""

from __future__ import annotations

from pydantic import JsonValue

from domain.values import Call
from tools.registry import TOOLS


def without_impossible(call: Call) -> Call:
    """The call, of a report without a comparison with its own period or with a way of grouping ("week", "truck")."""
    if call.name != "operations_report" or "compare_to" not in call.parameters:
        return call
    said = _plain(call.parameters["compare_to"])
    if said != _plain(call.parameters.get("since")) and said not in _groupings():
        return call
    return Call(call.name, {name: value for name, value in call.parameters.items() if name != "compare_to"})


def _plain(value: JsonValue) -> JsonValue:
    return " ".join(value.casefold().split()) if isinstance(value, str) else value


def _groupings() -> list[JsonValue]:
    known = TOOLS["operations_report"].argument("group_by").schema["enum"]
    return known if isinstance(known, list) else []
