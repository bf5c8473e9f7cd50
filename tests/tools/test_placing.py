"""tools/placing.py: the schema of a call with what the question names in other arguments, and nothing else changed."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from domain.values import Call
from tools.mentions import Mention
from tools.placing import Placing, placed
from tools.registry import TOOLS
from tools.schema import LONGEST_LIST, call_schema
from tools.spans import Spans

SAID = "run for tonight, T1 T3, no Birge Path, not over 5 hours, glass"
SPANS = Spans.of([SAID])
WHOLE = call_schema(TOOLS, SPANS)
CALL = Call("plan_round", {"when": "tonight", "trucks": ["T1", "T3"], "near": "Birge Path"})
BIRGE, T3 = Mention("site", "Birge Path"), Mention("truck", "T3")


def allows(call: Call, roles: dict[Mention, str | None], **parameters: Any) -> bool:
    """Whether the schema allows a call of the same tool."""
    schema = placed(WHOLE, Placing(call, roles, SPANS))
    assert schema is not None
    said = {"name": call.name, "parameters": parameters}
    return bool(jsonschema.Draft202012Validator(schema).is_valid(said))


def test_a_mark_changes_its_argument_and_all_else_stays() -> None:
    kept = {"when": "tonight", "trucks": ["T1", "T3"]}
    roles: dict[Mention, str | None] = {BIRGE: "skip"}
    assert allows(CALL, roles, **kept, skip=["Birge Path"])
    assert not allows(CALL, roles, **CALL.parameters)
    assert not allows(CALL, roles, **kept)
    assert not allows(CALL, roles, **kept, near="Birge Path", skip=["Birge Path"])
    assert not allows(CALL, roles, when="tonight", skip=["Birge Path"])


def test_a_mark_leaves_a_list_or_joins_one() -> None:
    assert allows(CALL, {T3: None}, when="tonight", trucks=["T1"], near="Birge Path")
    assert not allows(CALL, {T3: None}, **CALL.parameters)
    one = Call("plan_round", {"when": "tonight", "trucks": ["T1"]})
    assert allows(one, {T3: "trucks"}, when="tonight", trucks=["T1", "T3"])
    assert not allows(one, {T3: "trucks"}, when="tonight", trucks=["T3"])
    assert not allows(one, {T3: "trucks"}, when="tonight", trucks=["T1"])


def test_the_last_of_a_list_takes_the_argument_with_it() -> None:
    one = Call("plan_round", {"when": "tonight", "trucks": ["T3"]})
    assert allows(one, {T3: None}, when="tonight")
    assert not allows(one, {T3: None}, when="tonight", trucks=["T1"])


def test_a_number_and_two_marks_at_once() -> None:
    roles: dict[Mention, str | None] = {Mention("number", "5"): "max_hours", BIRGE: "must_serve"}
    kept = {"when": "tonight", "trucks": ["T1", "T3"]}
    assert allows(CALL, roles, **kept, must_serve=["Birge Path"], max_hours=5)
    assert not allows(CALL, roles, **kept, must_serve=["Birge Path"])


def test_a_required_argument_that_loses_its_words_gets_others() -> None:
    call = Call("inspect_image", {"image": "glass"})
    assert allows(call, {Mention("file", "glass"): None}, image="Path")
    assert not allows(call, {Mention("file", "glass"): None})


def test_what_stands_instead_of_an_argument_goes() -> None:
    call = Call("find_bins", {"bins": ["T1"]})
    assert allows(call, {BIRGE: "near"}, near="Birge Path")
    assert not allows(call, {BIRGE: "near"}, near="Birge Path", bins=["T1"])


@pytest.mark.parametrize(
    ("call", "roles"),
    [
        (Call("reply", {"text": "{{results}}"}), {BIRGE: "near"}),
        (Call("no_tool"), {BIRGE: "near"}),
        (CALL, {BIRGE: "image"}),
        (CALL, {Mention("site", "Doe Library"): "skip"}),
        (CALL, {Mention("number", "seven"): "trucks"}),
        (Call("plan_round", {"when": "tonight", "skip": [f"Gate {n}" for n in range(LONGEST_LIST)]}), {BIRGE: "skip"}),
    ],
)
def test_there_is_no_such_call(call: Call, roles: dict[Mention, str | None]) -> None:
    assert placed(WHOLE, Placing(call, roles, SPANS)) is None
