"""Training rows: every frame expands, every value is copied, the same seed gives the same rows, no test case leaks."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest

from evals.cases_file import read_cases
from finetune.fillers import CityWords, Fillers, held_out, read_city
from finetune.frames import Frame, arguments_of, read_frames, words_of
from finetune.rows import Author, copied, draw, typed, validation_frame
from prompts.render import END
from tools.registry import TOOLS, check_parameters

ROOT = Path(__file__).parent.parent.parent
FRAMES = ROOT / "finetune" / "frames"
CITIES = [ROOT / "cities" / name for name in ("berkeley", "boston", "montevideo")]
HEADED = ("followups", "clarify", "decline", "reply", "tails", "asked")
ALL = {name: read_frames(FRAMES, name) for name in (*TOOLS, *HEADED)}
BORROWED = [json.loads(line) for line in (ROOT / "finetune/data/clinc150_sample.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def city() -> CityWords:
    return read_city(CITIES[0])


def rows(seed: str, count: int, *, held: bool = False) -> list[dict[str, str]]:
    """Rows as `python -m finetune.rows` draws them."""
    chance = random.Random(seed)
    mine = {name: [f for f in frames if validation_frame(f) == held] for name, frames in ALL.items()}
    authors = [Author(read_city(folder, held=held), mine, chance) for folder in CITIES]
    return list(draw(authors, BORROWED, count))


# ---------------------------------------------------------------- frames


@pytest.mark.parametrize("name", [*TOOLS, "clarify", "decline", "reply"])
def test_every_frame_expands_to_words_without_marks_of_the_frame_language(name: str, city: CityWords) -> None:
    fill, chance = Fillers(city).fill, random.Random(1)
    assert ALL[name], name
    for frame in ALL[name]:
        for _ in range(3):
            words = words_of(frame.expand(fill, chance))
            assert words, frame.text
            assert not re.search(r"[{}\[\]<>|]", words), (frame.text, words)


def names_a_slot_twice(frame: Frame) -> bool:
    """Whether one slot would get two values."""
    slots = re.findall(r"\{(\w+)", frame.text)
    return len(slots) > len({*slots}) and "|" not in frame.text


@pytest.mark.parametrize("name", list(TOOLS))
def test_every_frame_of_a_tool_makes_a_legal_call_with_copied_values(name: str, city: CityWords) -> None:
    fill, chance = Fillers(city).fill, random.Random(2)
    for frame in (each for each in ALL[name] if not names_a_slot_twice(each)):
        made = [frame.expand(fill, chance) for _ in range(4)]
        calls = [(words_of(said), typed(name, arguments_of(said))) for said in made]
        for question, parameters in calls:
            check_parameters(TOOLS[name], parameters)
            assert copied(question, parameters), (frame.text, question, parameters)


def test_a_frame_that_names_a_slot_twice_is_never_trained_on_and_rare(city: CityWords) -> None:
    twice = [(name, frame) for name in TOOLS for frame in ALL[name] if names_a_slot_twice(frame)]
    author = Author(city, ALL, random.Random(3))
    assert [author.say(frame, name) for name, frame in twice] == [None] * len(twice)
    assert len(twice) <= 3


def test_a_frame_says_what_it_says() -> None:
    def fill(slot: str, variant: str | None, chance: random.Random) -> tuple[str, None]:
        return f"a {slot}{variant or ''}", None

    frame = Frame("open {bin:id}: {note: the lid is (stuck|stuck)}[, it is]<kind=maintenance>", "x")
    said = frame.expand(fill, random.Random(0))
    assert words_of(said).startswith("open a binid: the lid is stuck")
    assert arguments_of(said) == {"bin": "a binid", "note": "the lid is stuck", "kind": "maintenance"}


def test_a_frame_with_an_unclosed_bracket_says_which() -> None:
    with pytest.raises(ValueError, match=r"unclosed \[ in frame: which \[bins"):
        Frame("which [bins", "x").expand(lambda *_: ("x", None), random.Random(0))


# ---------------------------------------------------------------- rows


@pytest.fixture(scope="module")
def drawn() -> list[dict[str, str]]:
    return rows("0-rows", 2_500)


def test_the_same_seed_gives_the_same_rows_and_another_seed_others(drawn: list[dict[str, str]]) -> None:
    assert rows("0-rows", 200) == drawn[:200]
    assert rows("1-rows", 20) != drawn[:20]


def test_rows_are_distinct_and_end_their_turn(drawn: list[dict[str, str]]) -> None:
    assert len({each["prompt"] for each in drawn}) == len(drawn)
    for each in drawn:
        said = json.loads(each["completion"].removesuffix(END["small"]))
        assert list(said) == ["name", "parameters"]
        assert each["prompt"].endswith("<|im_start|>assistant\n")


def test_every_value_of_every_row_is_literally_in_its_thread(drawn: list[dict[str, str]]) -> None:
    for each in drawn:
        call = json.loads(each["completion"].removesuffix(END["small"]))
        if call["name"] in TOOLS:
            check_parameters(TOOLS[call["name"]], call["parameters"])
            assert copied(each["prompt"].replace('\\"', '"'), call["parameters"]), each


def test_held_out_names_are_in_no_training_city() -> None:
    for folder in CITIES:
        told, kept = read_city(folder), read_city(folder, held=True)
        assert not {*told.places, *told.bin_ids, *told.areas} & {*kept.places, *kept.bin_ids, *kept.areas}
        assert all(held_out(name) for name in kept.places)


# ---------------------------------------------------------------- nothing of the test half


EVERYDAY = 5
"""Words of what anybody says: "ok send it", "trucks tomorrow", "when was it last emptied" are in both."""


def normal(text: str) -> str:
    return " ".join(re.findall(r"[\w%]+", text.casefold()))


def grams(text: str, n: int = 8) -> set[tuple[str, ...]]:
    """Runs of n words."""
    words = normal(text).split()
    return {tuple(words[at : at + n]) for at in range(len(words) - n + 1)}


def test_no_test_question_and_hardly_a_run_of_eight_words_of_one_is_trained_on(drawn: list[dict[str, str]]) -> None:
    asked = [turn.user for case in read_cases(ROOT / "evals/cases/test.jsonl") for turn in case.turns]
    questions = [each["question"] for each in drawn] + [each["text"] for each in BORROWED]
    spoken = {normal(question) for question in questions}
    whole = {normal(text) for text in asked if len(normal(text).split()) > EVERYDAY}
    assert whole & spoken == set()
    tested = set().union(*(grams(text) for text in asked))
    trained = set().union(*(grams(text) for text in questions))
    assert len(tested & trained) / len(tested) <= 0.01


def test_no_trained_frame_is_a_test_question() -> None:
    asked = {normal(t.user) for case in read_cases(ROOT / "evals/cases/test.jsonl") for t in case.turns}
    frames = {normal(frame.text) for name in ALL for frame in ALL[name] if not validation_frame(frame)}
    assert {text for text in asked & frames if len(text.split()) > EVERYDAY} == set()
