"""Law 6: a tool is declared once, and what its declaration gets wrong fails when it is imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from pydantic import JsonValue

from domain.values import Call, Effect, Evidence, Facts, Place, Reason, Result, Role
from tools.arguments import Limit, PlaceArg, TextArg, Words
from tools.context import Ctx
from tools.impossible import without_impossible
from tools.registry import EVERYBODY, TOOLS, Example, Tool, check_parameters, registry_version, tool


class NoFacts(Facts):
    """Nothing."""


Answer = Result[NoFacts]
WHY = [Reason(text="Because.", evidence=[Evidence(label="x", ref="x")])]
EXAMPLES = [Example("anything?", {})]


def declared(run: Callable[..., Any], **settings: Any) -> Tool:
    """The function as a tool, taken out of the registry again."""
    given: dict[str, Any] = {"budget_s": 1.0, "examples": EXAMPLES, **settings}
    try:
        tool(**given)(run)
        return TOOLS[run.__name__]
    finally:
        TOOLS.pop(run.__name__, None)


def fine(near: PlaceArg | None = None, *, ctx: Ctx) -> Answer:
    """Does nothing.

    Args:
        near: A place.
    """
    return Answer(headline="Nothing.", facts=NoFacts(), why=WHY, data_age="now")


def test_a_proper_declaration_is_schema_signature_and_description_at_once() -> None:
    made = declared(fine)
    assert made.parameters_schema() == {
        "type": "object", "required": [], "additionalProperties": False,
        "properties": {"near": {"type": "string", "description": "A place."}},
    }  # fmt: skip
    assert (made.signature(), made.summary, made.roles) == ("fine(near?)", "Does nothing.", EVERYBODY)


def undocumented(*, ctx: Ctx) -> Answer:
    raise NotImplementedError


def untold(near: PlaceArg | None = None, *, ctx: Ctx) -> Answer:
    """Says nothing of its argument."""
    raise NotImplementedError


def strange(near: PlaceArg | None = None, *, ctx: Ctx) -> Answer:
    """Tells of what is not there.

    Args:
        near: A place.
        truck: A truck.
    """
    raise NotImplementedError


def plain(near: str = "", *, ctx: Ctx) -> Answer:
    """Takes a bare string.

    Args:
        near: A place.
    """
    raise NotImplementedError


def bare(near=None, *, ctx: Ctx) -> Answer:  # type: ignore[no-untyped-def]
    """Has no types.

    Args:
        near: A place.
    """
    raise NotImplementedError


def either(near: PlaceArg | Limit | None = None, *, ctx: Ctx) -> Answer:
    """Cannot decide.

    Args:
        near: A place or a number.
    """
    raise NotImplementedError


def beyond(limit: Limit = 0, *, ctx: Ctx) -> Answer:
    """Has a default that it would refuse.

    Args:
        limit: How many.
    """
    raise NotImplementedError


def unlisted(goal: Literal["cost", "time"] = "beauty", *, ctx: Ctx) -> Answer:  # type: ignore[assignment]
    """Has a default that is no choice.

    Args:
        goal: What counts.
    """
    raise NotImplementedError


def reasonless(*, ctx: Ctx) -> str:
    """Returns a bare text."""
    raise NotImplementedError


def alone() -> Answer:
    """Takes no context."""
    raise NotImplementedError


def positional(ctx: PlaceArg) -> Answer:
    """Would let the model give the context.

    Args:
        ctx: The context.
    """
    raise NotImplementedError


def greedy(*near: PlaceArg, ctx: Ctx) -> Answer:
    """Takes any number.

    Args:
        near: Places.
    """
    raise NotImplementedError


def open_ended(*, ctx: Ctx, **more: PlaceArg) -> Answer:
    """Takes anything.

    Args:
        more: Anything.
    """
    raise NotImplementedError


def lonely(near: Annotated[Place, Words("place", apart=("far",))] | None = None, *, ctx: Ctx) -> Answer:
    """Is kept apart from nothing that it has.

    Args:
        near: A place.
    """
    raise NotImplementedError


WRONG = [
    undocumented, untold, strange, plain, bare, either, beyond, unlisted, reasonless, alone, positional, greedy,
    open_ended, lonely,
]  # fmt: skip


@pytest.mark.parametrize("run", WRONG, ids=lambda run: run.__name__)
def test_a_wrong_declaration_fails_and_registers_nothing(run: Callable[..., Any]) -> None:
    before = dict(TOOLS)
    with pytest.raises(TypeError, match=run.__name__):
        tool(budget_s=1.0, examples=EXAMPLES)(run)
    assert before == TOOLS


@pytest.mark.parametrize(
    "settings",
    [
        {"examples": []},
        {"examples": [Example("x", {"truck": "1"})]},
        {"examples": [Example("x", {"near": 5})]},
        {"budget_s": 0},
        {"roles": frozenset()},
        {"effect": Effect.propose},
        {"effect": Effect.propose, "roles": frozenset({Role.auditor})},
    ],
)
def test_wrong_settings_fail(settings: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        declared(fine, **settings)


Far = Annotated[Place, Words("place", apart=("near",))]


def distance(near: PlaceArg, far: Far | None = None, *, ctx: Ctx) -> Answer:
    """Measures a distance.

    Args:
        near: One end.
        far: The other end.
    """
    raise NotImplementedError


def test_what_an_argument_never_repeats_is_read_from_its_declaration() -> None:
    tools = {"distance": declared(distance, examples=[Example("how far?", {"near": "here"})])}
    there = Call("distance", {"near": "here", "far": "there"})
    assert without_impossible(there, tools) == there
    assert without_impossible(Call("distance", {"near": "here", "far": "Here"}), tools) == Call(
        "distance", {"near": "here"}
    )


def test_a_name_is_declared_once() -> None:
    taken = type(fine)(fine.__code__, fine.__globals__, "find_bins", fine.__defaults__, fine.__closure__)
    taken.__doc__, taken.__annotations__, taken.__kwdefaults__ = fine.__doc__, fine.__annotations__, None
    with pytest.raises(TypeError, match="twice"):
        tool(budget_s=1.0, examples=EXAMPLES)(taken)


def test_adding_an_argument_changes_the_version() -> None:
    def fine(near: PlaceArg | None = None, note: TextArg | None = None, *, ctx: Ctx) -> Answer:
        """Does nothing.

        Args:
            near: A place.
            note: A note.
        """
        raise NotImplementedError

    one, two = declared(globals()["fine"]), declared(fine)
    assert one.version != two.version
    assert registry_version({"fine": one}) != registry_version({"fine": two})


def test_other_words_change_the_version_and_the_same_ones_do_not() -> None:
    def fine(near: PlaceArg | None = None, *, ctx: Ctx) -> Answer:
        """Does nothing.

        Args:
            near: A place or an area.
        """
        raise NotImplementedError

    one = declared(globals()["fine"])
    assert one.version != declared(fine).version
    assert one.version == declared(globals()["fine"]).version


@pytest.mark.parametrize("name", list(TOOLS))
def test_every_tool_takes_its_own_examples(name: str) -> None:
    for example in TOOLS[name].examples:
        check_parameters(TOOLS[name], example.parameters)


@pytest.mark.parametrize(
    "parameters",
    [{"limit": True}, {"limit": 1.5}, {"limit": "5"}, {"limit": 0}, {"bins": "101"}, {"bins": [""]}, {"near": " "},
     {"near": None}, {"nope": 1}],
)  # fmt: skip
def test_parameters_that_break_the_schema_are_named_and_their_names_not_repeated(
    parameters: dict[str, JsonValue],
) -> None:
    with pytest.raises(TypeError, match="find_bins") as caught:
        check_parameters(TOOLS["find_bins"], parameters)
    assert "nope" not in str(caught.value)


def test_no_tool_has_an_effect_and_only_proposers_may_propose() -> None:
    assert {each.effect for each in TOOLS.values()} == {Effect.read, Effect.propose}
    for each in TOOLS.values():
        if each.effect is Effect.propose:
            assert not each.roles & {Role.viewer, Role.auditor}
