"""What a question says in a declaration's own words is read by code; what only names a thing gives nothing."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from pydantic import JsonValue

from domain.values import Call
from tools.listed import ListedTool, listed_schema, read_on, without_echoes
from tools.listed_said import (
    choice_said,
    choices_said,
    gives_nothing,
    is_named,
    is_time,
    number_said,
    things_said,
    whole_quotation,
)
from tools.spans import Spans

TEXT = {"type": "string"}
HIRE = ListedTool.read(
    {
        "name": "hire_crane",
        "description": "Hire a crane.",
        "parameters": {
            "properties": {
                "place": TEXT,
                "reason": TEXT,
                "size": {"enum": ["small", "extra_large"]},
                "cranes": {"type": "integer", "maximum": 9},
                "rush": {"type": "boolean"},
            },
            "required": ["place", "reason"],
        },
    }
)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("the nights of May", "night"),
        ("Who has the EARLY one", "early"),
        ("on-call people of the standby desk", "stand_by"),
        ("early or night, I do not mind", None),
        ("tomorrow", None),
    ],
)
def test_one_choice_in_its_own_words_is_meant(question: str, said: str | None) -> None:
    assert choice_said(["early", "night", "stand_by"], (), question.replace("standby", "stand by")) == said


def test_a_word_that_names_another_parameter_or_a_unit_of_time_chooses_nothing() -> None:
    assert choice_said(["card", "station"], ["cards"], "cards 41 and 43") is None
    assert choice_said(["day", "driver"], (), "the last 3 days") is None
    assert choice_said(["on", "off"], (), "they run on diesel") is None
    assert choice_said([1, True, "b"], (), "a 1") is None


@pytest.mark.parametrize(
    ("question", "number"),
    [
        ("three cranes by noon", 3),
        ("a crane", None),
        ("crane 4", None),
        ("2.5 cranes", None),
        ("lane 7, crane 12", None),
        ("weigh 40 crane 50", None),
        ("two cranes here and three cranes there", None),
    ],
)
def test_a_whole_number_before_the_parameters_word_is_its_value(question: str, number: int | None) -> None:
    assert number_said("cranes", question) == number


@pytest.mark.parametrize(
    ("name", "description", "timely"),
    [
        ("since", "", True),
        ("from_day", "", True),
        ("returned", "Day of the return, in the user's words.", True),
        ("to", "", None),
        ("to", "Who gets it.", None),
        ("place", "Where to, at the time of collection.", False),
        ("origin", "Address where the route should start.", False),
        ("start_location", "", None),
        ("arrival_dock", "", None),
        ("reason", "", False),
    ],
)
def test_a_time_is_told_by_name_or_by_how_its_description_begins(
    name: str, description: str, timely: bool | None
) -> None:
    assert is_time(name, description) is timely


def test_all_choices_in_their_own_words_are_meant_of_a_list() -> None:
    weather = ["rain", "wind", "heat"]
    assert choices_said(weather, (), "heat and wind for the weekend") == ["wind", "heat"]
    assert choices_said(weather, ["heat"], "heat and wind for the weekend") == ["wind"]
    assert choices_said(weather, (), "wind, not heat") == []


@pytest.mark.parametrize(
    ("question", "things"),
    [
        ("cards 7741, 7743 and 80, last week", ["7741", "7743", "80"]),
        ("Karten K12 und 13; cards 7 & K12", ["7", "K12"]),
        ("card 7741. 4 hours", ["7741"]),
        ("cards of 3 drivers", []),
        ("7741 and 7743", []),
    ],
)
def test_numbers_behind_a_lists_word_are_its_things(question: str, things: list[JsonValue]) -> None:
    assert things_said("cards", question) == things


def test_a_text_in_a_quotation_is_the_whole_of_it() -> None:
    said = "tell truck 6 \"skip the lunch stop, it is late\" or 'the gate is shut', don't wait"
    assert whole_quotation("skip the lunch stop", said) == "skip the lunch stop, it is late"
    assert whole_quotation("gate", said) == "the gate is shut"
    assert whole_quotation("truck 6", said) == "truck 6"
    assert whole_quotation("gat", said) == "gat"
    assert whole_quotation("Doe", 'tell Doe "the Doe crew is late"') == "Doe"
    assert whole_quotation("t wait", "don't go, don't wait") == "t wait"


def test_a_yes_or_no_is_named_by_a_word_of_its_name() -> None:
    assert is_named("read_receipt", "and have him say he has read it")
    assert not is_named("only_valid", "the only one")


@pytest.mark.parametrize(
    ("value", "nothing"),
    [
        ("the crane", True),
        ("a reason", True),
        ("crane 4", False),
        ("the harbour", False),
        (4, False),
        ("your place", True),
    ],
)
def test_words_that_only_name_a_thing_give_nothing(value: JsonValue, nothing: bool) -> None:
    assert gives_nothing(value, "hire_crane", {"place": {}, "reason": {}}) is nothing


# ---------------------------------------------------------------- in the decoder's schema, and after it


def takes(question: str, **parameters: Any) -> bool:
    """Whether the decoder may write that call beside the question."""
    schema = listed_schema([HIRE], Spans.of([question]), question)
    call = {"name": HIRE.name, "parameters": {"place": "Pier", "reason": "repairs", **parameters}}
    return bool(jsonschema.Draft202012Validator(schema).is_valid(call))


def test_what_is_said_in_the_declarations_words_is_the_only_value() -> None:
    said = "two cranes at the Pier for 5 repairs, extra large"
    assert takes(said, size="extra_large", cranes=2)
    assert not takes(said, size="small", cranes=2)
    assert not takes(said, size="extra_large", cranes=5)
    assert not takes(said)


def test_what_is_not_said_so_stays_the_models_choice() -> None:
    said = "something tiny for 5 repairs at the Pier"
    assert takes(said)
    assert takes(said, size="small", cranes=5)


def test_a_number_beyond_the_bounds_is_not_forced() -> None:
    assert takes("60 cranes at the Pier for repairs")


def test_an_optional_yes_or_no_must_be_named() -> None:
    assert takes("repairs at the Pier, in a rush", rush=True)
    assert not takes("repairs at the Pier", rush=True)


def test_what_is_named_and_not_denied_is_a_yes() -> None:
    assert not takes("repairs at the Pier, in a rush", rush=False)
    assert takes("repairs at the Pier, no rush", rush=False)


def test_a_number_that_names_a_thing_has_a_digit() -> None:
    tool = ListedTool.of_signature("find(permit_no?: string, holder?: string) - Finds a permit.")
    question = "permits of Marta Ruiz, RO 17"
    check = jsonschema.Draft202012Validator(listed_schema([tool], Spans.of([question]), question))
    assert check.is_valid({"name": "find", "parameters": {"permit_no": "RO 17", "holder": "Marta Ruiz"}})
    assert not check.is_valid({"name": "find", "parameters": {"permit_no": "Marta Ruiz"}})


def test_a_time_is_copied_where_one_belongs_and_nowhere_else() -> None:
    tool = ListedTool.of_signature("lost(item: string, near?: string, since?: string) - Finds lost things.")
    question = "a bag with keys lost near the Monday market, all since last Friday morning"
    schema = listed_schema([tool], Spans.of([question]), question, ["Monday", "last Friday morning"])
    check = jsonschema.Draft202012Validator(schema)

    def fits(**parameters: str) -> bool:
        return bool(check.is_valid({"name": "lost", "parameters": {"item": "a bag with keys", **parameters}}))

    assert fits(near="the Monday market", since="last Friday morning")
    assert fits(since="all since last Friday morning")
    assert fits(since="Friday")
    assert not fits(near="last Friday")
    assert not fits(near="Monday")
    assert not fits(since="keys")
    assert not fits(since="near the Monday market, all since last Friday")


def test_without_times_a_time_may_be_any_words() -> None:
    tool = ListedTool.of_signature("lost(since: string) - Finds lost things.")
    question = "lost since the storm passed"
    check = jsonschema.Draft202012Validator(listed_schema([tool], Spans.of([question]), question))
    assert check.is_valid({"name": "lost", "parameters": {"since": "the storm passed"}})


def test_a_list_takes_what_is_said_in_its_words() -> None:
    tool = ListedTool.read(
        {
            "name": "spend",
            "parameters": {
                "properties": {
                    "cards": {"type": "array", "items": TEXT},
                    "kinds": {"type": "array", "items": {"enum": ["fuel", "toll"]}},
                }
            },
        }
    )
    question = "toll and fuel on cards 7741 and 7743"
    check = jsonschema.Draft202012Validator(listed_schema([tool], Spans.of([question]), question))
    assert check.is_valid({"name": "spend", "parameters": {"cards": ["7741", "7743"], "kinds": ["fuel", "toll"]}})
    assert not check.is_valid({"name": "spend", "parameters": {"cards": ["7741"], "kinds": ["fuel", "toll"]}})
    assert not check.is_valid({"name": "spend", "parameters": {"cards": ["7741", "7743"]}})


def test_a_quotation_is_read_on_in_texts_and_not_in_choices() -> None:
    tool = ListedTool.of_signature("page(text: string, via?: chat/mail, when?: string) - Page somebody.")
    call = Call("page", {"text": "the chat", "via": "chat", "when": "now"})
    whole = Call("page", {"text": "the chat is down now", "via": "chat", "when": "now"})
    assert read_on(tool, call, 'page "the chat is down now"') == whole


def test_without_the_question_nothing_is_forced() -> None:
    said = "two cranes at the Pier, extra large"
    assert json.dumps(listed_schema([HIRE], Spans.of([said]))) != json.dumps(
        listed_schema([HIRE], Spans.of([said]), said)
    )
    assert '"const": 2' not in json.dumps(listed_schema([HIRE], Spans.of([said])))


def left(**parameters: JsonValue) -> dict[str, JsonValue] | None:
    """The call's parameters as they are used; None when something is to be asked for."""
    call = without_echoes(HIRE, Call(HIRE.name, parameters))
    return dict(call.parameters) if call else None


def test_a_required_text_that_gives_nothing_is_asked_for() -> None:
    assert left(place="the crane", reason="repairs") is None
    assert left(place="Pier", reason="Pier") is None
    assert left(reason="repairs") is None
    assert left(place="Pier", reason="repairs", size="small") == {"place": "Pier", "reason": "repairs", "size": "small"}


def test_an_optional_text_that_repeats_or_names_is_left_out() -> None:
    tool = ListedTool.of_signature("page(who: string, text?: string, via?: chat/mail) - Page somebody.")
    said = Call("page", {"text": "Marta", "who": "Marta", "via": "chat"})
    assert without_echoes(tool, said) == Call("page", {"who": "Marta", "via": "chat"})
    assert without_echoes(tool, Call("page", {"who": "Marta", "text": "a text"})) == Call("page", {"who": "Marta"})
