"""Training rows: every frame expands, every value is copied, the same seed gives the same rows."""

from __future__ import annotations

import json
import math
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from domain.errors import AskAgain, BadData
from domain.values import Call
from evals.bench import bench
from finetune.adapters import seed_of
from finetune.authors import Author, Lines, World, copied, displace, typed
from finetune.fillers import CityWords, Fillers, held_out, read_city
from finetune.frames import Frame, arguments_of, read_frames, words_of
from finetune.listed_rows import read_listed
from finetune.rows import FRESH_WEIGHT, LISTED, MIX, Part, draw, read_lines, read_material, taken_in, write_part
from finetune.surface_noise import LENGTHS
from prompts.render import Setting, Step, Turn
from prompts.row import Row, from_json
from tools.json_words import in_words
from tools.numbers import numbers_in
from tools.registry import TOOLS, check_parameters
from tools.use import use

pytestmark = pytest.mark.timeout(400)  # rows are drawn, and a sample of them run, on all three cities
ROOT = Path(__file__).parent.parent.parent
FRAMES = ROOT / "finetune" / "frames"
CITIES = [ROOT / "cities" / name for name in ("berkeley", "boston", "montevideo")]
HEADED = ("followups", "clarify", "decline", "reply", "tails", "asked")
ALL = {name: read_frames(FRAMES, name) for name in (*TOOLS, *HEADED)}


@pytest.fixture(scope="module")
def city() -> CityWords:
    return read_city(CITIES[0])


@pytest.fixture(scope="module")
def worlds() -> Iterator[dict[Path, World]]:
    """The three cities, loaded."""
    with bench() as where:
        operations = {folder: where.operation(folder.name) for folder in CITIES}
        yield {folder: World.of(each) for folder, each in operations.items()}


def rows(seed: str, count: int, worlds: dict[Path, World], *, held: bool = False) -> list[Row]:
    """Rows as `python -m finetune.rows` draws them."""
    chance, lines = random.Random(seed), read_lines(held=held)
    authors = [Author(read_city(folder, held=held), lines, chance, world) for folder, world in worlds.items()]
    return list(draw(authors, read_material(held=held), count))


# ---------------------------------------------------------------- frames


@pytest.mark.parametrize("name", [*TOOLS, "clarify", "decline", "reply"])
def test_every_frame_expands_to_words_without_marks_of_the_frame_language(name: str, city: CityWords) -> None:
    fill, chance = Fillers(city).fill, random.Random(1)
    assert ALL[name], name
    for frame in ALL[name]:
        for _ in range(3):
            words = in_words(words_of(frame.expand(fill, chance)))
            assert words, frame.text
            assert not re.search(r"[{}\[\]<|]", words), (frame.text, words)


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
    author = Author(city, Lines(ALL), random.Random(3))
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
def drawn(worlds: dict[Path, World]) -> list[Row]:
    return rows("0-rows", 2_500, worlds)


def test_the_same_seed_gives_the_same_rows_and_another_seed_others(drawn: list[Row], worlds: dict[Path, World]) -> None:
    assert rows("0-rows", 200, worlds) == drawn[:200]
    assert rows("1-rows", 20, worlds) != drawn[:20]


def test_a_file_of_rows_has_its_seed_beside_it(worlds: dict[Path, World], tmp_path: Path) -> None:
    write_part(tmp_path / "few.jsonl", Part(3, 7, read_lines(held=False), held=False), worlds)
    assert [from_json(line) for line in (tmp_path / "few.jsonl").read_text().splitlines()] == rows("7-rows", 3, worlds)
    assert seed_of(tmp_path / "few.jsonl") == 7
    assert seed_of(tmp_path / "others.jsonl") is None


def test_a_fresh_authors_frames_count_several_times_and_the_others_once() -> None:
    plain, fresh = read_lines(held=False).frames, read_lines(held=False, fresh=["otto"]).frames
    for name, frames in plain.items():
        own = sum(frame.author == "otto" for frame in frames)
        assert len(fresh[name]) == len(frames) + (FRESH_WEIGHT - 1) * own
        assert set(fresh[name]) == set(frames)


def test_the_frames_of_authors_left_out_are_left_out_and_no_others() -> None:
    plain, fewer = read_lines(held=False).frames, read_lines(held=False, without=["otto"]).frames
    for name, frames in plain.items():
        assert fewer[name] == [frame for frame in frames if frame.author != "otto"]
    with pytest.raises(BadData, match="nobody"):
        read_lines(held=False, without=["nobody"])


def test_a_fresh_author_without_frames_is_refused_by_name() -> None:
    with pytest.raises(BadData, match="no frames of nobody in "):
        read_lines(held=False, fresh=["otto", "nobody"])


@pytest.mark.parametrize(
    ("kept", "new", "left"),
    [
        ({"max_fill_pct": 30, "near": "Doe"}, {"min_fill_pct": 60}, {"near": "Doe"}),
        ({"min_fill_pct": 60}, {"max_fill_pct": 60}, {}),
        ({"min_fill_pct": 20}, {"max_fill_pct": 60}, {"min_fill_pct": 20}),
        ({"near": "Doe"}, {"min_fill_pct": 50, "max_fill_pct": 30}, {"near": "Doe"}),
    ],
)
def test_a_follow_ups_fill_limit_displaces_one_that_contradicts_it(
    kept: dict[str, Any], new: dict[str, Any], left: dict[str, Any]
) -> None:
    assert displace(kept, new) == left


def test_importing_the_stage_opens_no_file_of_its_data() -> None:
    told = (
        "import sys; opened = []; "
        "sys.addaudithook(lambda what, told: opened.append(str(told[0])) if what == 'open' else None); "
        "import finetune.rows; print([file for file in opened if '/finetune/data/' in file])"
    )
    said = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


def test_a_folder_without_cities_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    words = ["-m", "finetune.rows", "--cities", str(tmp_path), "--out", str(tmp_path / "rows.jsonl")]
    ended = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "there is no city folder" in ended.stderr


def test_rows_are_distinct_and_of_every_kind(drawn: list[Row]) -> None:
    assert len({each.prompt("small") for each in drawn}) == len(drawn)
    assert {each.kind for each in drawn} == set(MIX)
    for each in drawn:
        assert list(json.loads(each.call)) == ["name", "parameters"]


def test_every_value_of_every_row_is_literally_in_its_thread(drawn: list[Row]) -> None:
    for each in (row for row in drawn if not row.setting.tools):
        call = json.loads(each.call)
        if call["name"] in TOOLS:
            check_parameters(TOOLS[call["name"]], call["parameters"])
            assert copied(each.prompt("small").replace('\\"', '"'), call["parameters"]), each


def test_distances_are_taught_in_other_units_too_and_each_can_be_read(drawn: list[Row]) -> None:
    assert all(metres in numbers_in(f"within {words} of it") for words, metres in LENGTHS.items())
    said = [each.turns[-1].question.casefold() for each in drawn if "within_m" in each.call]
    assert any(words in question for question in said for words in LENGTHS)


def test_tools_of_a_family_stand_side_by_side_and_a_request_for_an_absent_one_is_declined(drawn: list[Row]) -> None:
    family = {tool.name: tool.family for tool in read_listed(LISTED)}
    listed = [each for each in drawn if each.kind == "listed"]
    shown = [[line.partition("(")[0] for line in each.setting.tools.split("\n")[1:]] for each in listed]
    names = [json.loads(each.call)["name"] for each in listed]
    called = [(name, names_shown) for name, names_shown in zip(names, shown, strict=True) if family.get(name)]
    among_kin = [any(family.get(o) == family[name] for o in others if o != name) for name, others in called]
    assert sum(among_kin) > len(called) / 2
    absent = [
        others
        for name, others in zip(names, shown, strict=True)
        if name == "decline" and len(others) > 1 and len({family.get(o, o) for o in others} - {""}) == 1
    ]
    assert absent


def test_a_listed_tool_is_called_only_when_its_signature_stands_in_the_prompt(drawn: list[Row]) -> None:
    listed = [each for each in drawn if each.kind == "listed"]
    called = [json.loads(each.call)["name"] for each in listed]
    for each, name in zip(listed, called, strict=True):
        assert name in {*TOOLS, "decline"} or f"\n{name}(" in each.setting.tools
    assert len({*called} - {*TOOLS}) > 10


def test_a_mark_is_a_stretch_of_its_question_or_the_products_own_reading(drawn: list[Row]) -> None:
    for turn in (each.turns[-1] for each in drawn):
        for mark in turn.marks:
            kind, _, words = mark[1:-1].partition(" ")
            assert kind in {"site", "area", "bin", "truck", "stream", "time", "file"}
            assert words in turn.question


@pytest.mark.slow
def test_a_sample_of_the_rows_runs_on_the_loaded_cities(drawn: list[Row]) -> None:
    """Every call of the registry ends in a result or in a question back, never in a fault of ours."""
    counted: Counter[str] = Counter()
    with bench() as where:
        for each in drawn:
            call = json.loads(each.call)
            if call["name"] not in TOOLS or counted[call["name"]] >= 6:
                continue
            counted[call["name"]] += 1
            city = where.operation(each.setting.city)
            ctx = where.ctx(each.setting.city, "manager", f"{city.demo_now.astimezone(city.zone):%Y-%m-%dT%H:%M}")
            with suppress(AskAgain):
                used = use(Call(call["name"], call["parameters"]), replace(ctx, question=each.question))
                assert used.result.why
    assert set(counted) == set(TOOLS)


def test_held_out_names_are_in_no_training_city() -> None:
    for folder in CITIES:
        told, kept = read_city(folder), read_city(folder, held=True)
        assert not {*told.places, *told.bin_ids, *told.areas} & {*kept.places, *kept.bin_ids, *kept.areas}
        assert all(held_out(name) for name in kept.places)


def row_of(question: str, call: Call, *steps: Call, marks: tuple[str, ...]) -> Row:
    turn = Turn(question, tuple(Step(each.text()) for each in steps), marks)
    return Row(Setting("berkeley", "manager"), (turn,), call.text(), "call")


def test_marks_that_calls_take_in_are_counted_by_kind_and_apart_at_a_turns_end() -> None:
    one, ended = Call("plan_round", {"trucks": ["T1"]}), Call("reply", {"text": "{{results}}"})
    marks = ("[truck T1]", "[area Chavez]")
    rows = [row_of("T1 by Chavez", one, marks=marks)] * 3 + [row_of("T1 by Chavez", ended, one, marks=marks)]
    within, at_end = taken_in([*rows, row_of("by Chavez?", Call("decline", {"reason": "unsafe"}), marks=marks[1:])])
    assert within == pytest.approx({"truck": math.log(3.5 / 0.5), "area": math.log(0.5 / 3.5)})
    assert at_end == pytest.approx({"truck": math.log(1.5 / 0.5), "area": math.log(0.5 / 1.5)})
