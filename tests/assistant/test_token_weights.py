"""How likely the names of a call were, read from the tokens that a server tells of."""

from __future__ import annotations

import math

import pytest
from pydantic import JsonValue

from assistant.token_weights import Token, tokens_told, weight_of_text, weights_of_names

NAMES = ["find_bins", "fleet_status", "propose_ticket", "propose_watch", "reply"]


def written(*tokens: tuple[str, float, dict[str, float]]) -> list[Token]:
    """The tokens of a call of which the opening was never in doubt."""
    return [Token('{"', 0.0, {'{"': 0.0, " ": -9.0}), Token('name":"', 0.0, {}), *(Token(*each) for each in tokens)]


OTHERS = {"x": -7.0, "y": -8.0, "z": -9.0}


def test_names_get_the_weight_of_the_longest_token_that_they_begin_with() -> None:
    first = ("find", -0.5, {"find": -0.5, "f": -2.0, "pro": -1.5, "": -0.1, **OTHERS})
    found = weights_of_names(written(first, ("_bins", -0.1, {"_bins": -0.1, "_s": -3.0}), ('","', 0.0, {})), NAMES)
    assert found == pytest.approx(
        {"find_bins": -0.6, "fleet_status": -2.0, "propose_ticket": -1.5, "propose_watch": -1.5, "reply": -9.0}
    )


def test_names_that_part_later_are_told_apart_where_they_do() -> None:
    first = ("propose_", -0.2, {"propose_": -0.2, "reply": -2.0, **OTHERS})
    told = weights_of_names(written(first, ("watch", -0.3, {"watch": -0.3, "ticket": -1.4}), ('","', 0.0, {})), NAMES)
    assert told["propose_watch"] == pytest.approx(-0.5)
    assert told["propose_ticket"] == pytest.approx(-1.6)
    assert told["find_bins"] == pytest.approx(-9.0)
    untold = weights_of_names(written(first, ("watch", -1e-4, {"watch": -1e-4}), ('","', 0.0, {})), NAMES)
    assert untold["propose_ticket"] == pytest.approx(-0.2 - 9.21, abs=0.01)  # what is left beside the token


def test_a_name_that_no_token_begins_has_no_more_than_what_they_leave() -> None:
    def of_a(likely: dict[str, float]) -> float:
        tokens = written(("find", likely["find"], likely), ("_bins", 0.0, {}), ('","', 0.0, {}))
        return weights_of_names(tokens, [*NAMES, "a"])["a"]

    unsure = {"find": math.log(0.9), "fleet": math.log(0.02), "re": math.log(0.02), "x": math.log(0.02), "pro": -4.0}
    assert of_a(unsure) == pytest.approx(-4.0)
    assert of_a(unsure | {"find": math.log(0.92), "pro": math.log(0.0199)}) == pytest.approx(math.log(0.0001), abs=0.1)


def test_what_would_have_followed_the_name_is_no_matter() -> None:
    ends = {'ply","': -0.1, 'ply":"': -22.0, 'ply"': -9.0}
    found = weights_of_names(
        written(("re", -0.2, {"re": -0.2, "p": -9.5, **OTHERS}), ('ply","', -0.1, ends)), ["reply"]
    )
    assert found == pytest.approx({"reply": -0.3})


def test_an_empty_token_within_a_name_changes_nothing() -> None:
    first = ("re", -0.2, {"re": -0.2, **OTHERS, "p": -9.5})
    assert weights_of_names(written(first, ("", 0.0, {}), ('ply","', 0.0, {})), ["reply"]) == pytest.approx(
        {"reply": -0.2}
    )


def test_a_token_that_holds_the_end_of_the_opening_counts() -> None:
    others = {f'":"{name}': weight for name, weight in OTHERS.items()}
    tokens = [Token('{"name', 0.0, {}), Token('":"re', -0.4, {'":"find': -1.2, **others}), Token('ply","', 0.0, {})]
    assert weights_of_names(tokens, ["reply", "find_bins"]) == pytest.approx({"reply": -0.4, "find_bins": -1.2})


@pytest.mark.parametrize("tokens", [[], written(), written(("drive", -0.1, {})), [Token("ok", -0.1, {})]])
def test_tokens_without_a_known_name_tell_nothing(tokens: list[Token]) -> None:
    assert weights_of_names(tokens, NAMES) == {}


CHAT: JsonValue = {
    "content": [{"token": "re", "logprob": -0.5, "top_logprobs": [{"token": "re", "logprob": -0.5}, {"token": "f"}, 3]}]
}
COMPLETION: JsonValue = {"tokens": ["re"], "token_logprobs": [-0.5], "top_logprobs": [{"re": -0.5, "f": None}]}


@pytest.mark.parametrize("told", [CHAT, COMPLETION])
def test_both_shapes_of_servers_are_read(told: JsonValue) -> None:
    assert tokens_told({"choices": [{"logprobs": told}]}) == [Token("re", -0.5, {"re": -0.5})]


@pytest.mark.parametrize(
    "answer",
    [
        {}, {"choices": []}, {"choices": [3]}, {"choices": [{"logprobs": None}]}, {"choices": [{"logprobs": 3}]},
        {"choices": [{"logprobs": {"content": [{"token": "a", "logprob": None}]}}]},
        {"choices": [{"logprobs": {"content": ["a"]}}]},
        {"choices": [{"logprobs": {"tokens": "a", "token_logprobs": [None]}}]},
    ],
)  # fmt: skip
def test_a_server_that_tells_nothing_tells_nothing(answer: dict[str, JsonValue]) -> None:
    assert tokens_told(answer) == []


@pytest.mark.parametrize("likeliest", [{}, {"re": -0.1}, {"re": -0.1, "f": -2.0, "": -1.0, "p": -3.0}])
def test_a_server_that_tells_of_few_tokens_has_told_too_little(likeliest: dict[str, float]) -> None:
    assert weights_of_names(written(("re", -0.1, likeliest), ("ply", 0.0, {}), ('","', 0.0, {})), NAMES) == {}


# ---------------------------------------------------------------- the weight of a whole call

CALL = [
    Token('{"name":"reply",', -0.5, {}),
    Token('"parameters":{"text":"{{help}}"}', -0.25, {}),
    Token("}", -0.25, {}),
]


def test_a_call_weighs_its_tokens_and_not_what_ends_the_text() -> None:
    assert weight_of_text(CALL) == pytest.approx(-1.0)
    assert weight_of_text([*CALL, Token("", -23.03, {})]) == pytest.approx(-1.0)


@pytest.mark.parametrize("tokens", [[], CALL[:-1], CALL[1:]])
def test_a_part_of_a_call_has_no_weight(tokens: list[Token]) -> None:
    assert weight_of_text(tokens) is None
