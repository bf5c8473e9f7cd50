"""Nothing that is measured with is trained on, and the halves of the cases have nothing in common.

Runs of eight words, whole questions, and neighbours by meaning: of rows as they are drawn, of one wording of every
trained frame, those of invented tools too, and of the talk around requests, against every user turn of evals/cases, dev
and test, the files with tools of their own included.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finetune.annotated import businesses, read_annotated
from finetune.annotated_questions import labels_of, tool_of
from finetune.authors import Author
from finetune.fillers import Fillers, read_city
from finetune.frames import words_of
from finetune.listed_reader import DECLARED
from finetune.listed_rows import read_listed, said_by
from finetune.requests import PLACE, read_shapes
from finetune.rows import CITY_SHARES, LISTED, draw, read_lines, read_material
from retrieval.embedder import MiniLM

ROOT = Path(__file__).parent.parent.parent
CASES = ROOT / "evals" / "cases"
SAME_QUESTION = 0.95
"""Cosine of MiniLM above which two questions say the same with hardly another word."""
SAME_PURPOSE = 0.5
"""Cosine above which two tools are for the same: those of the cases put into other words come to .5 to .7."""
EVERYDAY = 5
"""Words of what anybody says: "ok send it", "trucks tomorrow", "when was it last emptied" are in both."""
SHARED = {"and the day after"}
"""The one sentence of more than three words that both halves hold."""


def normal(text: str) -> str:
    return " ".join(re.findall(r"[\w%]+", text.casefold()))


def grams(texts: Iterable[str], n: int = 8) -> set[tuple[str, ...]]:
    """Runs of n words."""
    split = [normal(text).split() for text in texts]
    return {tuple(words[at : at + n]) for words in split for at in range(len(words) - n + 1)}


def cases(files: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """Every line of some files."""
    for file in files:
        yield from map(json.loads, file.read_text(encoding="utf-8").splitlines())


def asked(half: str) -> list[str]:
    """Every user turn of the files of a half: `dev` or `test`."""
    files = sorted(CASES.glob(f"*{half}*.jsonl"))
    assert len(files) == {"dev": 4, "test": 3}[half]
    return [turn["user"] for case in cases(files) for turn in case.get("turns", [case])]


def long_ones(texts: Iterable[str]) -> list[str]:
    """Those that say more than anybody says."""
    return [text for text in texts if len(normal(text).split()) > EVERYDAY]


def rows_drawn() -> Iterator[str]:
    """Every user turn of 2,500 rows as `python -m finetune.rows` draws them, before the records drop or mark any."""
    chance, lines = random.Random("0-rows"), read_lines(held=False)
    authors = [Author(read_city(ROOT / "cities" / name), lines, chance) for name in CITY_SHARES]
    for row in draw(authors, read_material(held=False), 2_500):
        yield from (turn.question for turn in row.turns)


def frames_worded() -> Iterator[str]:
    """One wording of every trained frame, those of invented tools included, and the text that other people wrote."""
    fill, chance = Fillers(read_city(ROOT / "cities" / "berkeley")).fill, random.Random(1)
    for frames in read_lines(held=False).frames.values():
        for frame in frames:
            yield words_of(frame.expand(fill, chance))
    yield from (line["text"] for line in read_material(held=False).borrowed)
    yield from (each.question for each in read_annotated())
    for tool in (each for folder in (LISTED, DECLARED) for each in read_listed(folder)):
        yield from tool.misfits
        for frame in tool.frames:
            said = said_by(replace(tool, frames=(frame,)), chance)
            yield from [said.question] if said else []
    for shapes in read_shapes(held=False).values():
        yield from (PLACE.sub(" ", shape) for shape in shapes)


@pytest.fixture(scope="module")
def trained() -> list[str]:
    return list(dict.fromkeys([*rows_drawn(), *frames_worded()]))


@pytest.mark.parametrize("half", ["dev", "test"])
def test_no_case_and_hardly_a_run_of_eight_words_of_one_is_trained_on(half: str, trained: list[str]) -> None:
    assert len(trained) > 10_000
    assert {normal(text) for text in long_ones(asked(half))} & {normal(text) for text in trained} == set()
    cases = grams(asked(half))
    assert len(cases & grams(trained)) / len(cases) <= 0.01


@pytest.fixture(scope="module")
def mine() -> MiniLM:
    return MiniLM()


@pytest.fixture(scope="module")
def trained_vectors(trained: list[str], mine: MiniLM) -> np.ndarray:
    """2,500 of the trained questions by meaning, shape (2500, 384)."""
    return mine.embed(random.Random(0).sample([text for text in trained if text], 2_500))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("half", ["dev", "test"])
def test_no_case_is_a_trained_question_in_other_words(half: str, trained_vectors: np.ndarray, mine: MiniLM) -> None:
    texts = long_ones(asked(half))
    twins = int(((mine.embed(texts) @ trained_vectors.T).max(axis=1) > SAME_QUESTION).sum())
    assert twins <= len(texts) * 0.01, f"{twins} of {len(texts)}"


def test_the_halves_share_no_sentence_and_no_run_of_eight_words() -> None:
    dev, test = ({normal(text) for text in asked(half)} for half in ("dev", "test"))
    assert {text for text in dev & test if len(text.split()) > 3} <= SHARED
    assert grams(dev) & grams(test) == set()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_case_of_one_half_is_one_of_the_other_in_other_words(mine: MiniLM) -> None:
    texts = long_ones(asked("dev"))
    likeness = (mine.embed(texts) @ mine.embed(asked("test")).T).max(axis=1)
    assert [text for text, score in zip(texts, likeness, strict=True) if score > SAME_QUESTION] == []


def test_no_tool_that_only_the_reader_learns_of_does_what_a_tool_of_the_cases_does(mine: MiniLM) -> None:
    of_cases = sorted({tool["description"] for case in cases(CASES.glob("*.jsonl")) for tool in case.get("tools", [])})
    assert len(of_cases) > 10
    measured = mine.embed(of_cases)
    learned_of = {tool.name: [tool.signature.partition(" - ")[2], tool.texts[""]] for tool in read_listed(DECLARED)}
    learned_of |= {name: list(business.about) for name, business in businesses().items()}
    learned_of |= {f"{name} {of}": [tool_of(name, of).description] for name in businesses() for of in labels_of(name)}
    for name, about in learned_of.items():
        nearest = float((mine.embed(about) @ measured.T).max())
        assert nearest < SAME_PURPOSE, f"{name}: {nearest:.2f}"
