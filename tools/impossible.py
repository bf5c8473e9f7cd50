"""What no right call holds, taken out of a call before it is made; each declaration says what that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from domain.values import Call
from tools.registry import TOOLS, Tool


def without_impossible(call: Call, tools: Mapping[str, Tool] = TOOLS) -> Call:
    """The call without optional values that repeat an argument they are declared apart from.

    A report is not compared with its own period, nor with a way of grouping ("week", "truck").
    """
    declared = tools.get(call.name)
    echoes = {name for name in call.parameters if declared and _repeats(declared, name, call)}
    return Call(call.name, {n: v for n, v in call.parameters.items() if n not in echoes}) if echoes else call


def _repeats(declared: Tool, name: str, call: Call) -> bool:
    """Whether the value says again what the arguments it is kept apart from hold, or could choose."""
    argument = next((each for each in declared.arguments if each.name == name), None)
    if argument is None or argument.required or argument.words is None:
        return False
    said = _plain(call.parameters[name])
    taken = (value for other in argument.words.apart for value in _taken(declared, other, call))
    return any(said == _plain(value) for value in taken)


def _taken(declared: Tool, name: str, call: Call) -> Iterator[JsonValue]:
    choices = declared.argument(name).schema.get("enum")
    yield from choices if isinstance(choices, list) else []
    value = call.parameters.get(name)
    if isinstance(value, list) and declared.argument(name).schema["type"] == "array":
        yield from value
    elif name in call.parameters:
        yield value


def _plain(value: JsonValue) -> JsonValue:
    return " ".join(value.casefold().split()) if isinstance(value, str) else value
