"""One declaration per tool (law 6): a decorated function is schema, endpoint, docs row and prompt block at once.

    @tool(budget_s=2, examples=[Example("Which bins ...?", {"near": "Sather Gate"})])
    def forecast_fill(near: PlaceArg | None = None, *, ctx: Ctx) -> Result[FillForecastFacts]:
        '''One line. ... Args: near: ...'''

Positional arguments are the model's; keyword-only ones are ours. What a declaration gets wrong fails at import.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin

import docstring_parser
from pydantic import JsonValue

from domain.trucks import users_words
from domain.values import Call, Effect, Result, Role
from tools.arguments import Default, Number, Words

JsonSchema = dict[str, JsonValue]
Run = Callable[..., Result[Any]]
EVERYBODY = frozenset(Role)
PROPOSERS = frozenset({Role.dispatcher, Role.manager, Role.api})
READERS_OF_THE_LEDGER = frozenset({Role.manager, Role.auditor})


@dataclass(frozen=True)
class Example:
    """A question and the arguments it should lead to: shown in docs and prompts, never used to measure."""

    question: str
    parameters: dict[str, JsonValue]


@dataclass(frozen=True)
class Argument:
    """One argument as the model sees it (`schema`) and as code resolves it (`words`) or bounds it (`number`)."""

    name: str
    description: str
    schema: JsonSchema
    required: bool
    default: JsonValue
    words: Words | None
    number: Number | None = None


@dataclass(frozen=True)
class Tool:
    """A declared tool. `version` changes whenever what the model sees changes."""

    name: str
    summary: str
    description: str
    effect: Effect
    roles: frozenset[Role]
    budget_s: float
    arguments: tuple[Argument, ...]
    examples: tuple[Example, ...]
    run: Run = field(repr=False)
    result_type: type[Result[Any]] = field(repr=False)

    def argument(self, name: str) -> Argument:
        """The argument of that name; KeyError when there is none."""
        return next(a for a in self.arguments if a.name == name)

    def ordered(self, said: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """The values that are arguments of this tool, in the order of its declaration, as the model writes them."""
        return {a.name: said[a.name] for a in self.arguments if a.name in said}

    def parameters_schema(self) -> JsonSchema:
        """JSON schema of the arguments, closed to unknown names."""
        properties: JsonSchema = {a.name: {**a.schema, "description": a.description} for a in self.arguments}
        required: list[JsonValue] = [a.name for a in self.arguments if a.required]
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}

    def signature(self) -> str:
        """The short form of the schema for a prompt: `find_bins(near?, within_m? = 500, ...)`."""
        return f"{self.name}({', '.join(_short(a) for a in self.arguments)})"

    @property
    def version(self) -> str:
        """Twelve hex digits over what the model sees."""
        seen = {"name": self.name, "description": self.description, "parameters": self.parameters_schema()}
        return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()[:12]


TOOLS: dict[str, Tool] = {}
NAMING = frozenset({"place", "bin", "truck"})
"""Kinds of arguments that hold names."""


def tool(
    *,
    budget_s: float,
    examples: Sequence[Example],
    effect: Effect = Effect.read,
    roles: frozenset[Role] = EVERYBODY,
) -> Callable[[Run], Run]:
    """Register a function as a tool. Raises TypeError at import when its declaration breaks a law."""

    def register(run: Run) -> Run:
        if run.__name__ in TOOLS:
            raise TypeError(f"tool {run.__name__!r} is declared twice")
        TOOLS[run.__name__] = _declare(run, effect, roles, budget_s, tuple(examples))
        return run

    return register


def registry_version(tools: Mapping[str, Tool] = TOOLS) -> str:
    """Twelve hex digits over all tools: recorded with every decision and every adapter."""
    return hashlib.sha256("".join(tools[n].version for n in sorted(tools)).encode()).hexdigest()[:12]


def names_in(call: Call, kinds: Collection[str] = NAMING, tools: Mapping[str, Tool] = TOOLS) -> list[str]:
    """The words of a call's arguments of those kinds: of those that name a place, a bin or a truck."""
    arguments = tools[call.name].arguments if call.name in tools else ()
    held = (call.texts([a.name]) for a in arguments if a.words and a.words.kind in kinds)
    return [users_words(text) for texts in held for text in texts]


def tool_block(tools: Mapping[str, Tool] = TOOLS) -> str:
    """All tools as JSON, a line each, for models that read their tools in the prompt."""
    shown = [
        {"name": t.name, "description": t.description, "parameters": t.parameters_schema()} for t in tools.values()
    ]
    return "\n".join(json.dumps(tool) for tool in shown)


def _declare(run: Run, effect: Effect, roles: frozenset[Role], budget_s: float, examples: tuple[Example, ...]) -> Tool:
    name = run.__name__
    doc = docstring_parser.parse(run.__doc__ or "")
    if not doc.short_description:
        raise TypeError(f"tool {name!r}: the docstring's first line is its summary and is missing")
    hints = typing.get_type_hints(run, include_extras=True)
    _require_result(name, hints.get("return"))
    if effect is Effect.propose and roles & {Role.viewer, Role.auditor}:
        raise TypeError(f"tool {name!r}: viewers and auditors may not propose")
    if not roles or budget_s <= 0:
        raise TypeError(f"tool {name!r}: needs at least one role and a budget above 0 s")
    _require_context(name, run)
    told = {p.arg_name: " ".join((p.description or "").split()) for p in doc.params}
    arguments = tuple(
        _argument(name, p, hints.get(p.name), told)
        for p in inspect.signature(run).parameters.values()
        if p.kind is not p.KEYWORD_ONLY
    )
    strangers = sorted(set(told) - {a.name for a in arguments})
    if strangers:
        raise TypeError(
            f"tool {name!r}: the docstring tells of arguments that it does not have: {', '.join(strangers)}"
        )
    _require_siblings(name, arguments)
    text = " ".join(" ".join(filter(None, (doc.short_description, doc.long_description))).split())
    result: type[Result[Any]] = hints["return"]
    made = Tool(name, doc.short_description, text, effect, roles, budget_s, arguments, examples, run, result)
    if not examples:
        raise TypeError(f"tool {name!r}: needs at least one example")
    for example in examples:
        check_parameters(made, example.parameters)
    return made


def _require_siblings(name: str, arguments: Sequence[Argument]) -> None:
    """What an argument is kept apart from must be arguments of the same tool."""
    apart = {other for each in arguments if each.words for other in each.words.apart}
    if apart - {each.name for each in arguments}:
        raise TypeError(f"tool {name!r}: an argument is kept apart from one that it does not have: {sorted(apart)}")


def _require_result(name: str, hint: object) -> None:
    if not (isinstance(hint, type) and issubclass(hint, Result)):
        raise TypeError(f"tool {name!r} must return a Result: reasons are not optional (law 3)")


def _require_context(name: str, run: Run) -> None:
    """Ours is `ctx`, keyword-only; everything else is the model's and stands alone."""
    kinds = {p.name: p.kind for p in inspect.signature(run).parameters.values()}
    ours = [n for n, kind in kinds.items() if kind is inspect.Parameter.KEYWORD_ONLY]
    if ours != ["ctx"] or {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD} & set(kinds.values()):
        raise TypeError(f"tool {name!r} must end in `*, ctx: Ctx` and take no *args or **kwargs")


def _argument(tool_name: str, parameter: inspect.Parameter, hint: object, told: Mapping[str, str]) -> Argument:
    if not told.get(parameter.name):
        raise TypeError(f"tool {tool_name!r}: argument {parameter.name!r} has no line in the docstring")
    required = parameter.default is inspect.Parameter.empty
    given = parameter.default
    default: JsonValue = None if required else given.words if isinstance(given, Default) else given
    schema, mark = _wire(tool_name, parameter.name, hint)
    marked, number = (mark if isinstance(mark, Words) else None), (mark if isinstance(mark, Number) else None)
    if default is not None:
        _check_value(f"tool {tool_name!r}: the default of {parameter.name}", schema, default)
    return Argument(parameter.name, told[parameter.name], schema, required, default, marked, number)


def _wire(tool_name: str, argument: str, hint: object) -> tuple[JsonSchema, Words | Number | None]:
    """The JSON type of a hint, and its mark when it holds the user's words or a bounded number."""
    if isinstance(hint, types.UnionType) or get_origin(hint) is typing.Union:
        parts = [part for part in get_args(hint) if part is not type(None)]
        hint = parts[0] if len(parts) == 1 else None
    if get_origin(hint) is Literal:
        return {"type": "string", "enum": list(get_args(hint))}, None
    if get_origin(hint) is typing.Annotated:
        mark = get_args(hint)[1]
        if isinstance(mark, Number):
            return {"type": "integer", "minimum": mark.least, "maximum": mark.most}, mark
        if isinstance(mark, Words):
            text: JsonSchema = {"type": "string"}
            return ({"type": "array", "items": text, "minItems": 1} if mark.many else text), mark
    raise TypeError(f"tool {tool_name!r}: argument {argument!r} is not of a kind in tools/arguments.py")


def check_parameters(declared: Tool, parameters: Mapping[str, JsonValue]) -> None:
    """Raise TypeError when wire parameters do not fit the schema (names, types, enums, bounds, required)."""
    known = {a.name: a for a in declared.arguments}
    for name, value in parameters.items():
        if name not in known:
            raise TypeError(f"{declared.name} has no such argument; it has {', '.join(known)}")
        _check_value(f"{declared.name}.{name}", known[name].schema, value)
    missing = [a.name for a in declared.arguments if a.required and a.name not in parameters]
    if missing:
        raise TypeError(f"{declared.name} needs {', '.join(missing)}")


def _check_value(where: str, schema: JsonSchema, value: JsonValue) -> None:
    kind = schema["type"]
    if kind == "array":
        if not isinstance(value, list) or not value or not all(isinstance(v, str) and v for v in value):
            raise TypeError(f"{where} must be a non-empty list of words")
    elif kind == "integer":
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{where} must be a whole number")
        least, most = typing.cast(int, schema["minimum"]), typing.cast(int, schema["maximum"])
        if not least <= value <= most:
            raise TypeError(f"{where} must be from {least} to {most}")
    elif not isinstance(value, str) or not value.strip():
        raise TypeError(f"{where} must be words")
    elif "enum" in schema and value not in typing.cast(list[str], schema["enum"]):
        raise TypeError(f"{where} must be one of {schema['enum']}")


def _short(argument: Argument) -> str:
    values = argument.schema.get("enum")
    shown = argument.name + ("" if argument.required else "?")
    if isinstance(values, list):
        return shown + ": " + "/".join(str(v) for v in values)
    return shown + (f" = {json.dumps(argument.default)}" if argument.default is not None else "")
