"""When a call is right, by example; and cases that cannot be read say where and why."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.errors import BadData
from domain.operation import load_operation
from domain.store import Store
from domain.values import Call
from evals.cases_file import CaseTurn, read_cases
from evals.matching import Made, content_words, right, same_call
from tools.resolve import Setting

NOW = datetime(2025, 9, 1, 8, 0, tzinfo=ZoneInfo("America/Los_Angeles"))
CASES = Path(__file__).parent.parent.parent / "evals" / "cases"


@pytest.fixture
def setting(store: Store) -> Setting:
    return Setting(load_operation(store, "smalltown"), NOW)


def call(name: str, **parameters: Any) -> Call:
    return Call(name, parameters)


SAME = [
    (call("find_bins", near="the Town Hall"), call("find_bins", near="Town Hall")),
    (call("find_bins", near="Town Hall", within_m=500, limit=20), call("find_bins", near="Town Hall")),
    (call("find_bins", stream="compost"), call("find_bins", stream="Compostables")),
    (call("find_bins", bins=["102", "101"]), call("find_bins", bins=["Town Hall"])),
    (call("forecast_fill", by="Tuesday"), call("forecast_fill", by="tomorrow")),
    (call("forecast_fill"), call("forecast_fill", by="tomorrow", threshold_pct=80)),
    (call("service_history", since="August", until="31 August"), call("service_history", since="August")),
    (call("plan_round", min_fill_pct=50, serve="min_fill"), call("plan_round", min_fill_pct=50)),
    (call("plan_round", trucks=["truck two"]), call("plan_round", trucks=["Truck 2"])),
    (call("what_if", plan="it"), call("what_if")),
    (call("explain", subject="p-0001"), call("explain", subject="P-0001")),
    (
        call("propose_ticket", kind="maintenance", bin="101", note="that the lids are jammed badly"),
        call("propose_ticket", kind="maintenance", bin="101", note="lid is jammed"),
    ),
    (call("find_bins", near="Atlantis"), call("find_bins", near="  atlantis. ")),
]
OTHER = [
    (call("find_bins", near="Town Hall"), call("forecast_fill", near="Town Hall")),
    (call("find_bins", near="Town Hall"), call("find_bins", near="Public Library")),
    (call("find_bins", near="Town Hall", within_m=400), call("find_bins", near="Town Hall")),
    (call("find_bins"), call("find_bins", near="Town Hall")),
    (call("forecast_fill", by="Wednesday"), call("forecast_fill", by="tomorrow")),
    (call("service_history", since="August", until="15 August"), call("service_history", since="August")),
    (
        call("propose_ticket", kind="maintenance", bin="101", note="lid"),
        call("propose_ticket", kind="maintenance", bin="101", note="lid is jammed"),
    ),
    (
        call("propose_ticket", kind="recovery", bin="101", note="lid is jammed"),
        call("propose_ticket", kind="maintenance", bin="101", note="lid is jammed"),
    ),
    (call("no_such_tool"), call("no_such_tool")),
]


@pytest.mark.parametrize(("said", "wanted"), SAME)
def test_calls_that_mean_the_same_match(said: Call, wanted: Call, setting: Setting) -> None:
    assert same_call(said, wanted, setting)


@pytest.mark.parametrize(("said", "wanted"), OTHER)
def test_calls_that_mean_something_else_do_not(said: Call, wanted: Call, setting: Setting) -> None:
    assert not same_call(said, wanted, setting)


def test_content_words_leave_out_the_small_ones_and_inflections() -> None:
    assert content_words("There is overflowing, at the 80% carts") == {"overflow", "80%", "cart"}


def turn(**fields: Any) -> CaseTurn:
    return CaseTurn.model_validate({"user": "x", **fields})


FIND = {"name": "find_bins", "parameters": {"near": "Town Hall"}}


def test_a_turn_is_right_when_any_of_its_choices_fits(setting: Setting) -> None:
    either = turn(expect=[FIND], any_of=[{"say": "clarify"}])
    found = call("find_bins", near="Town Hall")
    assert right(either, Made((found,), "reply", (found,)), setting)
    assert right(either, Made((), "clarify"), setting)
    assert not right(either, Made((found, found), "reply", (found, found)), setting)
    assert not right(either, Made((), "reply"), setting)


def test_a_refusal_counts_by_its_reason_and_failed_calls_before_it_do_not(setting: Setting) -> None:
    refused = turn(say="decline:not_permitted")
    assert right(refused, Made((call("audit_trail"),), "decline:not_permitted"), setting)
    assert not right(refused, Made((), "decline:unsafe"), setting)
    assert right(turn(say="decline"), Made((), "decline:unsafe"), setting)


@pytest.mark.parametrize("kind", ["reply", "clarify", "decline:unsafe"])
def test_words_alone_are_wanted_where_no_call_is(kind: str, setting: Setting) -> None:
    found, failed = call("find_bins"), call("find_bins", near="Atlantis")
    assert right(turn(say=kind), Made((failed,), kind), setting)
    assert not right(turn(say=kind), Made((found,), kind, (found,)), setting)
    assert not right(turn(say=kind), Made((found, failed), kind, (found,)), setting)
    assert right(turn(say=kind, any_of=[{"expect": [{"name": "find_bins"}]}]), Made((found,), kind, (found,)), setting)


# ---------------------------------------------------------------- the file


GOOD = {
    "id": "x",
    "city": "smalltown",
    "now": "2025-09-01T08:00",
    "role": "manager",
    "turns": [{"user": "hi", "say": "reply"}],
}


def with_turn(**fields: Any) -> str:
    """The good line with another turn."""
    return json.dumps({**GOOD, "turns": [{"user": "x", **fields}]})


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "the line"),
        ("[]", "the line"),
        (json.dumps({**GOOD, "turns": []}), "turns"),
        (json.dumps({**GOOD, "role": None}), "role"),
        (json.dumps({**GOOD, "role": "boss"}), "role: .*boss"),
        (json.dumps({**GOOD, "now": "yesterday"}), "now: .*yesterday"),
        (json.dumps({**GOOD, "now": "2025-09-01T08:00+02:00"}), "now: .*offset"),
        (with_turn(), "turns.0: either `expect` or `say`"),
        (with_turn(say="reply", expect=[FIND]), "turns.0: either `expect` or `say`"),
        (with_turn(expect=[]), "turns.0.expect"),
        (with_turn(say="refuse"), "turns.0: `say` is .*not refuse"),
        (with_turn(say="decline:rude"), "turns.0: .*not decline:rude"),
        (with_turn(say="reply", any_of=[{}]), "turns.0.any_of.0: either `expect` or `say`"),
        (with_turn(expect=[{"name": "find_bin"}]), "there is no tool find_bin"),
        (with_turn(expect=[{"name": "find_bins", "parameters": {"neer": "x"}}]), "find_bins has no parameter neer"),
        (
            with_turn(say="reply", any_of=[{"expect": [{"name": "find_bins", "parameters": {"top": 1}}]}]),
            "find_bins has no parameter top",
        ),
        (json.dumps({**GOOD, "extra": 1}), "extra"),
        (json.dumps({**GOOD, "turns": [{"user": "x", "expct": []}]}), "turns.0.expct"),
        (json.dumps({**GOOD, "turns": [{"user": "x", "expect": [{"parameters": {}}]}]}), "turns.0.expect.0.name"),
    ],
)
def test_a_bad_line_is_named_with_file_line_and_field(tmp_path: Path, line: str, told: str) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text(json.dumps(GOOD) + "\n\n" + line + "\n", encoding="utf-8")
    with pytest.raises(BadData, match=f"cases.jsonl, line 3: {told}"):
        read_cases(file)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\x00"])
def test_a_file_without_cases_is_bad_data(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_bytes(content)
    with pytest.raises(BadData, match=r"cases\.jsonl"):
        read_cases(file)
    with pytest.raises(BadData, match="cannot be read"):
        read_cases(tmp_path / "nowhere.jsonl")


@pytest.mark.parametrize("half", ["dev", "dev_voices", "test"])
def test_the_shipped_cases_can_be_read_and_have_ids_of_their_own(half: str) -> None:
    ids = [case.id for case in read_cases(CASES / f"{half}.jsonl")]
    assert len(ids) == len({*ids})


def test_no_case_is_in_both_halves() -> None:
    dev, test = (
        {
            turn.user.casefold()
            for case in read_cases(CASES / f"{half}.jsonl")
            if len(case.turns) == 1
            for turn in case.turns
        }
        for half in ("dev", "test")
    )
    assert dev & test == set()
