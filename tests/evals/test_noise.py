"""Noise roughens the surface and leaves alone what a right call copies."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from evals.cases_file import Case, read_cases
from evals.noise import gold_words, roughened

DEV = Path(__file__).parent.parent.parent / "evals" / "cases" / "dev.jsonl"


def said(text: str, gold: str = "", seed: int = 0) -> str:
    return roughened(text, gold, random.Random(seed))


def test_a_typo_falls_on_any_long_lower_case_word() -> None:
    typed = {said("forecast every container", seed=seed).casefold() for seed in range(60)}
    words = {word.rstrip("?") for text in typed for word in text.split()}
    assert len(typed) > 6
    assert any(sorted(word) == sorted("container") and word != "container" for word in words)
    assert all(word.startswith(("f", "e", "c")) for word in words)


@pytest.mark.parametrize("text", ["Sather Gate 12345", "plan_round when=tonight", "aaaaaa", "the bin", ""])
def test_names_numbers_commands_and_short_words_are_spelt_as_they_were(text: str) -> None:
    for seed in range(20):
        assert said(text, "tonight", seed).rstrip("?").casefold() == text.casefold()


def test_a_word_that_a_gold_value_holds_is_not_mistyped() -> None:
    turns = [
        {
            "user": "compost around the library",
            "expect": [{"name": "find_bins", "parameters": {"near": "the library"}}],
        },
        {
            "user": "x",
            "say": "reply",
            "any_of": [{"expect": [{"name": "find_bins", "parameters": {"stream": "Compostables"}}]}],
        },
    ]
    case = Case.model_validate({"id": "x", "city": "c", "now": "2025-09-01T08:00", "role": "viewer", "turns": turns})
    for seed in range(40):
        typed = said(turns[0]["user"], gold_words(case), seed).casefold()  # type: ignore[arg-type]
        assert "library" in typed
        assert "compost" in typed
        assert "around" not in typed


def test_most_turns_of_the_open_half_get_a_typo_and_none_loses_a_copied_word() -> None:
    cases = read_cases(DEV)
    turns = [(turn.user, gold_words(case)) for case in cases for turn in case.turns]
    mistyped = 0
    for number, (text, gold) in enumerate(turns):
        rough = said(text, gold, number)
        before, after = (each.casefold().rstrip(" ?.!").split() for each in (text, rough))
        changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
        assert all(a.strip("?.!,;:()\"'") not in gold for a, _ in changed)
        mistyped += bool(changed)
    assert mistyped > len(turns) / 2
