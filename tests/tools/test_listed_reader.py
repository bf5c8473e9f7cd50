"""The shipped reader of listed tools, and files that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from domain.errors import BadData
from evals.provenance import READER, SHIPPED
from finetune.adapters import write_parts
from tools.listed import ListedTool
from tools.listed_filling import answer
from tools.listed_reader import KEPT, SAMPLE, ListedReader, load_listed_reader, made_for
from tools.tuned_minilm import reader

FILE = SHIPPED.with_name(READER)
TEXT = {"type": "string"}
FERRY = ListedTool(
    "ferry_seat",
    "Reserves a seat on the ferry.",
    {
        "properties": {
            "passenger": {**TEXT, "description": "Who travels."},
            "deck": {"enum": ["upper", "lower"]},
            "crossing": {**TEXT, "description": "Which crossing, in the user's words."},
            "seats": {"type": "integer", "minimum": 1},
        },
        "required": ["passenger", "crossing"],
    },
)
OVEN = ListedTool(
    "heat_oven", "Heats an oven.", {"properties": {"degrees": {"type": "integer"}}, "required": ["degrees"]}
)


@pytest.fixture(scope="module")
def shipped() -> ListedReader:
    return load_listed_reader(FILE)


def test_a_tool_that_nobody_trained_on_is_told_from_another_and_filled(shipped: ListedReader) -> None:
    call = answer(shipped, "heat the oven to 220 degrees", [FERRY, OVEN])
    assert (call.name, dict(call.parameters)) == ("heat_oven", {"degrees": 220})
    call = answer(shipped, "two seats for Marta Ruiz on the Tuesday ferry, lower deck", [OVEN, FERRY])
    assert call.name == "ferry_seat"
    assert call.parameters["seats"] == 2
    assert call.parameters["deck"] == "lower"


def test_every_value_stands_in_the_question(shipped: ListedReader) -> None:
    question, tool = SAMPLE
    for slot, told in shipped.slots(question, tool).items():
        assert 0 < len(told.values) <= KEPT, slot
        likely = [meant.likely for meant in told.values]
        assert likely == sorted(likely, reverse=True)
        for meant in told.values:
            assert meant.likely <= 1e-6
            if meant.stretch:
                stands = question[slice(*meant.stretch)]
                entries = meant.value if isinstance(meant.value, list) else [meant.value]
                assert all(isinstance(each, int) or str(each) in stands for each in entries), (slot, meant)


def test_a_slot_with_choices_that_are_not_all_read_is_left_to_others(shipped: ListedReader) -> None:
    many = ListedTool("go", "", {"properties": {"to": {"enum": [f"town {n}" for n in range(40)]}, "from": TEXT}})
    assert shipped.slots("go from here to town 33", many).keys() == {"from"}
    last = {"e": {"enum": ["aa", "bb", "cc"]}}
    tools = [
        ListedTool("go", "", {"properties": {**{f"p{n}": TEXT for n in range(more)}, **last}})
        for more in range(80, 130)
    ]
    read = ["e" in shipped.slots("go", tool) for tool in tools]
    assert sorted(read, reverse=True) == read
    assert set(read) == {True, False}


def test_of_choices_that_are_numbers_only_one_that_is_said_is_meant(shipped: ListedReader) -> None:
    level = ListedTool("level", "Sets the level.", {"properties": {"level": {"enum": list(range(1, 20))}}})
    assert [meant.value for meant in shipped.slots("set the level to 13", level)["level"].values] == [13]


def test_a_question_is_read_to_its_end_or_that_is_told(shipped: ListedReader) -> None:
    assert shipped.reads("heat the oven to 220 degrees")
    assert not shipped.reads("and the dog " * 60 + "so what is the weather")


def test_without_tools_or_words_nothing_is_called(shipped: ListedReader) -> None:
    assert answer(shipped, "heat the oven", []).name == "decline"
    assert answer(shipped, "", [OVEN, FERRY]).name in ("decline", "clarify")


@pytest.mark.parametrize("said", ["\x00 \ud800 🚛" * 300, "مرحبا", "½" * 50, "(((" * 200, "\n\n"])
def test_odd_texts_are_read_without_harm(shipped: ListedReader, said: str) -> None:
    assert all(np.isfinite(shipped.serves(said, [OVEN, FERRY])))
    for told in shipped.slots(said, FERRY).values():
        assert np.isfinite(told.said)


def test_a_file_that_is_none_or_of_other_features_is_refused(tmp_path: Path) -> None:
    bad = tmp_path / "listed.npz"
    with pytest.raises(BadData, match=r"is no reader of listed tools; make one with python -m finetune\.listed_reader"):
        load_listed_reader(bad)
    bad.write_bytes(b"nonsense")
    with pytest.raises(BadData, match="is no reader of listed tools"):
        load_listed_reader(bad)
    parts = {name: value for name, value in np.load(FILE).items() if name != "about"}
    write_parts(bad, parts, {**made_for(reader()), "features_hash": "other"})
    with pytest.raises(BadData, match="its features_hash is other, needed is"):
        load_listed_reader(bad)
    write_parts(bad, {name: value for name, value in parts.items() if name != "own"}, made_for(reader()))
    with pytest.raises(BadData, match="is no reader of listed tools"):
        load_listed_reader(bad)
    write_parts(bad, {**parts, "said.bias": np.array([np.nan])}, made_for(reader()))
    with pytest.raises(BadData, match="is no reader of listed tools"):
        load_listed_reader(bad)
