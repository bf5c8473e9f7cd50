"""Annotated questions of people: what is taken from the collections, and what a reader is asked of them."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from pydantic import JsonValue

from finetune.annotated import Annotated, annotated_in, businesses, read_annotated
from finetune.annotated_questions import annotated_question, labels_of
from finetune.listed_net import example_of
from finetune.listed_questions import ListedQuestion
from finetune.listed_rows import read_listed
from finetune.rows import LISTED
from tools.listed_reader import reading_of
from tools.tuned_minilm import reader


def said_in(value: JsonValue, question: str) -> bool:
    return str(value) in question


@pytest.fixture(scope="module")
def drawn() -> list[ListedQuestion]:
    listed, chance = read_listed(LISTED), random.Random(5)
    return [annotated_question(listed, chance) for _ in range(3_000)]


def collections(folder: Path) -> Path:
    """The four collections in small."""
    for name in ("snips", "nlupp", "clinc150", "banking77"):
        (folder / name).mkdir()
    parts = [{"text": "rate "}, {"text": "Dry", "entity": "object_name"}, {"text": " a "}]
    rated = [{"data": [*parts, {"text": score, "entity": "rating_value"}]} for score in ("five", "\ufffd")]
    twice = {"data": [{"text": "Dry", "entity": "object_name"}, {"text": "Wet", "entity": "object_name"}]}
    (folder / "snips" / "train_RateBook.json").write_text(json.dumps({"RateBook": [*rated, twice]}))
    (folder / "snips" / "train_GetWeather.json").write_text(json.dumps({"GetWeather": rated}))
    hotel = {"text": "leaving Monday", "intents": ["change"], "slots": {"date_to": {"text": "Monday"}}}
    (folder / "nlupp" / "hotels.json").write_text(json.dumps([hotel]))
    (folder / "nlupp" / "banking.json").write_text(json.dumps([{"text": "hello"}]))
    (folder / "clinc150" / "domains.json").write_text(json.dumps({"work": ["payday"], "small_talk": ["joke"]}))
    said = [
        ["when am i paid", "payday"],
        ["make me laugh", "joke"],
        *([f"{n} days to payday", "payday"] for n in range(60)),
    ]
    (folder / "clinc150" / "data_full.json").write_text(json.dumps({"train": said, "test": [["held", "payday"]]}))
    (folder / "banking77" / "train.csv").write_text("text,category\nmy PIN is gone,change_pin\n")
    return folder


def test_questions_are_taken_with_labels_and_stretches_and_the_rest_is_left(tmp_path: Path) -> None:
    found = list(annotated_in(collections(tmp_path)))
    assert found[:3] == [
        Annotated("snips RateBook", "rate Dry a five", (), {"object_name": "Dry", "rating_value": "five"}),
        Annotated("nlupp hotels", "leaving Monday", ("change",), {"date_to": "Monday"}),
        Annotated("nlupp banking", "hello", (), {}),
    ]
    assert [each.question for each in found if each.business == "clinc work"][:2] == [
        "when am i paid",
        "0 days to payday",
    ]
    assert len([each for each in found if each.business == "clinc work"]) == 50
    assert found[-1] == Annotated("banking77", "my PIN is gone", ("change_pin",), {})


def test_every_shipped_question_is_of_a_known_business_and_holds_its_stretches() -> None:
    for each in read_annotated():
        business = businesses()[each.business]
        assert each.slots.keys() <= business.slots.keys()
        assert all(text in each.question for text in each.slots.values())
    assert all(len(labels_of(name)) >= 10 for name in businesses() if not name.startswith("snips"))


def test_a_call_holds_what_is_declared_and_said(drawn: list[ListedQuestion]) -> None:
    for asked in drawn:
        if asked.parameters is None:
            continue
        properties = asked.tools[0].parameters.get("properties", {})
        assert isinstance(properties, dict)
        assert list(asked.parameters) == [name for name in properties if name in asked.parameters]
        for name, value in asked.parameters.items():
            schema = properties[name]
            assert isinstance(schema, dict)
            if "enum" in schema:
                assert isinstance(schema["enum"], list)
                assert value in schema["enum"]
                assert len(schema["enum"]) == len(set(map(str, schema["enum"])))
            elif schema["type"] == "string":
                assert said_in(value, asked.question)
            else:
                assert isinstance(value, bool if schema["type"] == "boolean" else int)


def test_the_tool_that_serves_is_away_in_a_fifth_and_then_none_beside_is_its_own(drawn: list[ListedQuestion]) -> None:
    away = [asked for asked in drawn if asked.parameters is None]
    assert len(away) / len(drawn) == pytest.approx(0.2, abs=0.03)
    own = {name for business in businesses().values() for name in business.names}
    assert not any(tool.name in own for asked in away for tool in asked.tools)
    assert all(asked.tools for asked in drawn)


def test_all_ways_of_asking_are_drawn_and_read(drawn: list[ListedQuestion]) -> None:
    read = reading_of(reader())
    called = [(asked, example_of(asked, read)) for asked in drawn if asked.parameters is not None]
    said = sum(len(asked.parameters or {}) for asked, _ in called)
    assert sum(known for _, each in called for _, known in each.said) / said > 0.98
    assert sum(bool(each.choices) for _, each in called) > len(called) / 3
    assert sum(bool(each.stretches) for _, each in called) > len(called) / 10
    assert sum(asked.parameters == {} for asked, _ in called) > len(called) / 20
