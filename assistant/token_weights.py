"""How likely a language model found what it wrote, and what else it could have written, as servers tell it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

OPENING = '{"name":"'
FEWEST = 5
"""Likeliest tokens that must be told where a name begins: of fewer the names that are none of them tell nothing."""


@dataclass(frozen=True)
class Token:
    """A token that was written, its natural log-probability, and those of the likeliest ones at its place."""

    text: str
    weight: float
    likeliest: Mapping[str, float]


def tokens_told(answer: Mapping[str, JsonValue]) -> list[Token]:
    """The tokens of a completion, up to the first whose weight is missing; none from a server that tells of none.

    llama.cpp tells them in the shape of chats, vLLM in that of completions.
    """
    choices = answer.get("choices")
    told = (
        choices[0].get("logprobs") if isinstance(choices, list) and choices and isinstance(choices[0], dict) else None
    )
    content = told.get("content") if isinstance(told, dict) else None
    return list(_of_chats(content) if isinstance(content, list) else _of_completions(told))


def _of_chats(content: Sequence[JsonValue]) -> Iterator[Token]:
    for each in content:
        if not isinstance(each, dict) or not isinstance(each.get("token"), str):
            return
        text, weight, top = each["token"], each.get("logprob"), each.get("top_logprobs")
        if not isinstance(text, str) or not isinstance(weight, int | float):
            return
        pairs = (
            [(o.get("token"), o.get("logprob")) for o in top if isinstance(o, dict)] if isinstance(top, list) else []
        )
        yield Token(text, weight, _numbers(pairs))


def _of_completions(told: JsonValue) -> Iterator[Token]:
    for text, weight, top in zip(
        *(_listed(told, key) for key in ("tokens", "token_logprobs")), _tops(told), strict=False
    ):
        if not isinstance(text, str) or not isinstance(weight, int | float):
            return
        yield Token(text, weight, _numbers(list(top.items()) if isinstance(top, dict) else []))


def _tops(told: JsonValue) -> list[JsonValue]:
    return _listed(told, "top_logprobs") or [None] * len(_listed(told, "tokens"))


def _listed(told: JsonValue, key: str) -> list[JsonValue]:
    found = told.get(key) if isinstance(told, dict) else None
    return found if isinstance(found, list) else []


def _numbers(pairs: Sequence[tuple[JsonValue, JsonValue]]) -> dict[str, float]:
    return {
        token: float(weight) for token, weight in pairs if isinstance(token, str) and isinstance(weight, int | float)
    }


def weight_of_text(tokens: Sequence[Token]) -> float | None:
    """The log-probability of the JSON object that the tokens write, what ends the text aside; None for a part of one.

    llama.cpp tells no weight of the token that ends a text which a grammar forced.
    """
    written, weight = "", 0.0
    for token in tokens:
        written, weight = written + token.text, weight + token.weight
        if written.endswith("}") and _is_json(written):
            return weight if math.isfinite(weight) else None
    return None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def weights_of_names(tokens: Sequence[Token], names: Sequence[str]) -> dict[str, float]:
    """The log-probability of each name of a call, as far as the tokens tell it; {} where they don't.

    A name that begins like one of the likeliest tokens is taken to be as likely as that beginning. One that begins like
    none of them is at most as likely as the least of them, and as what they leave. What was written tells more only of
    names that begin like all of it: "find" has told of `find_bins` where "f" and "leet" were written. A server that
    tells of fewer than FEWEST tokens where the name begins has told too little.
    """
    found: dict[str, tuple[int, float]] = {}  # letters of the name that are told, and the weight
    text, weight = "", 0.0
    for token in tokens:
        told = {other: each for other, each in {**token.likeliest, token.text: token.weight}.items() if other}
        if told and len(text + token.text) > len(OPENING):
            if not found and len(told) < FEWEST:
                return {}
            rest = math.log(max(1e-9, 1.0 - sum(map(math.exp, told.values()))))
            left = weight + min((rest, *(each for other, each in token.likeliest.items() if other)))
            for name in names:
                whole = f'{OPENING}{name}"'
                if whole.startswith(text) and found.get(name, (0, 0.0))[0] <= len(text):
                    agreeing = [other for other in told if _agree(whole, text + other)]
                    fits = [(min(len(text + other), len(whole)), told[other]) for other in agreeing]
                    letters, more = max(fits, default=(0, left - weight))
                    found[name] = (letters, weight + more)
        text, weight = text + token.text, weight + token.weight
        if any(text.startswith(f'{OPENING}{name}"') for name in names):
            return {name: told_weight for name, (_, told_weight) in found.items()}
    return {}


def _agree(whole: str, written: str) -> bool:
    """Whether the one begins with the other."""
    return whole.startswith(written) or written.startswith(whole)
