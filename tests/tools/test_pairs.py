"""What a message says under an argument's own name is that argument's value."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from domain.values import Call
from tools.json_words import in_words
from tools.pairs import with_pairs


def read(name: str, message: str, **parameters: JsonValue) -> dict[str, JsonValue]:
    return dict(with_pairs(Call(name, parameters), in_words(message)).parameters)


def test_a_number_goes_where_it_is_said_to_belong_and_nowhere_else() -> None:
    said = "find near=East zone stream=recycling max_fill_pct=20"
    assert read("find_bins", said, near="East zone", min_fill_pct=20) == {
        "near": "East zone", "stream": "recycling", "max_fill_pct": 20,
    }  # fmt: skip


def test_a_number_that_is_also_said_elsewhere_stays_there() -> None:
    said = "the 20 fullest; near=East zone; max_fill_pct=20"
    assert read("find_bins", said, near="East zone", limit=20)["limit"] == 20


def test_names_are_read_in_json_too_and_below_other_keys() -> None:
    said = '{"fork": "P-0709", "overrides": {"min_fill_pct": 65, "truck_count": 2}}'
    assert read("what_if", said, plan="P-0709", min_fill_pct=65) == {
        "plan": "P-0709", "min_fill_pct": 65, "truck_count": 2,
    }  # fmt: skip


def test_a_text_in_quotes_is_whole() -> None:
    said = 'new; kind=maintenance; bin=1520913; when=2025-08-29; note="foot pedal torn off, and loud"'
    assert read("propose_ticket", said, kind="maintenance", note="bin=1520913", bin="1520913") == {
        "kind": "maintenance", "bin": "1520913", "when": "2025-08-29", "note": "foot pedal torn off, and loud",
    }  # fmt: skip


@pytest.mark.parametrize("sign", ["=", " = "])
@pytest.mark.parametrize("between", ["; ", " | ", "\n", "|", ", "])
def test_values_end_where_the_next_pair_begins(sign: str, between: str) -> None:
    said = between.join([f"query{sign}dead animal", f"near{sign}Hyde Park", f"limit{sign}20"])
    assert read("search_records", said) == {"query": "dead animal", "near": "Hyde Park", "limit": 20}


def test_one_name_of_several_words_is_enough() -> None:
    assert read("find_bins", "again max_fill_pct=35", near="B 2", min_fill_pct=35) == {
        "near": "B 2",
        "max_fill_pct": 35,
    }


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("inspect_image", "next bin: IMG_7873.JPG"),
        ("plan_round", "I have 4 trucks: what I need is a round; note this: it rains"),
        ("propose_watch", "watch near=Doe; condition= 5 bins over 100, only refuse, please; near=Evans"),
        ("operations_report", "truck=T6; measure=unheard"),
        ("find_bins", "limit=a few; near=?"),
        ("find_bins", "min_fill_pct=20 or 30; max_fill_pct=a lot"),
        ("find_bins", "see https://x.org/?near=1&limit=2&max_fill_pct=30 please"),
        ("propose_ticket", "Hello, bin: the one at the gate; near: the mall"),
        ("find_bins", "near=Hyde Park limit: 5; near=Doe; limit=[3]"),
        ("find_bins", "near=Sather Gate (north side); min_fill_pct=140"),
        ("find_bins", "near=null; near_to=x; max_fill_pct=<n>"),
        ("plan_round", "truck_count=2.5; max_hours=half"),
        ("plan_round", "truck_count=-2; max_hours=1e3"),
    ],
)
def test_prose_and_what_no_argument_takes_are_left_to_the_model(name: str, message: str) -> None:
    assert read(name, message) == {}


@pytest.mark.parametrize(
    "message",
    [
        "don't use goal=cost; min_fill_pct=60 no",
        "not goal=cost, and never max_hours=6",
        'he wrote "goal=cost; max_hours=6"',
        "goal=cost; goal=emissions; max_hours=6; max_hours=7",
    ],
)
def test_what_is_denied_quoted_or_said_twice_is_left_to_the_model(message: str) -> None:
    assert read("plan_round", message, goal="time", max_hours=5) == {"goal": "time", "max_hours": 5}


def test_pairs_in_a_quoted_value_are_others_words() -> None:
    said = 'kind=maintenance; bin=456; note="ignore this: bin=999; kind=complaint"'
    assert read("propose_ticket", said, kind="maintenance", bin="456")["bin"] == "456"
    assert read("propose_ticket", said, kind="complaint", bin="999")["kind"] == "maintenance"


def test_a_choice_is_the_named_one_whatever_else_is_said() -> None:
    assert read("plan_round", "plan at the same time; goal=cost; max_hours=6", goal="time")["goal"] == "cost"


def test_of_two_requests_the_one_in_prose_keeps_its_words() -> None:
    said = "goal=time near=Rosewood must_serve=42576. Then warn me about the Hollis Annex area"
    assert read("propose_watch", said, near="Hollis Annex") == {"near": "Hollis Annex"}


def test_lists_are_read_where_programs_write_them() -> None:
    said = "plan when=2025-09-02 trucks=1,2 serve=all goal=time"
    assert read("plan_round", said, when="2025-09-02", truck_count=1) == {
        "when": "2025-09-02", "trucks": ["1", "2"], "serve": "all", "goal": "time",
    }  # fmt: skip
    assert read("plan_round", "when=tonight skip=Doe Library,Gate 3", when="tonight", skip=["Gate 3"]) == {
        "when": "tonight", "skip": ["Doe Library", "Gate 3"],
    }  # fmt: skip
    for said in (
        "when=tonight,trucks=1,2,max_hours=6",
        "when=tonight&trucks=1,2&goal=time",
        "when=tonight, trucks=1,2",
    ):
        assert read("plan_round", said, when="tonight")["trucks"] == ["1", "2"]


@pytest.mark.parametrize(
    "said",
    [
        "when=tonight skip=Doe Library, Gate 3, not today",
        "when=tonight skip=Doe Library,Gate 3 and whatever else is closed up there this week",
        "when=tonight skip=none,null",
        "when=tonight skip=,Doe",
        "when=tonight skip=Doe",
    ],
)
def test_what_is_no_list_of_things_is_left_to_the_model(said: str) -> None:
    assert read("plan_round", said, when="tonight") == {"when": "tonight"}


def test_a_list_of_other_things_or_of_as_many_stays() -> None:
    for kept in ({"when": "tonight", "skip": ["Evans"]}, {"when": "tonight", "skip": ["Gate 3", "Doe"]}):
        assert read("plan_round", "when=tonight skip=Doe Library,Gate 3", **kept) == kept


def test_lists_are_left_to_the_model() -> None:
    assert read("plan_round", 'when=tonight; skip=12; trucks=["T1"]', skip=["12", "13"], trucks=["T1"]) == {
        "skip": ["12", "13"], "trucks": ["T1"], "when": "tonight",
    }  # fmt: skip
