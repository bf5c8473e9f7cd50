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

SAID = (
    "run for tonight, T1 T3, no Birge Path, Gate 3 or Gate 4, not over 5 hours, 80 bins, glass, within 300 m, "
    "August against last August"
)
WHOLE = call_schema(TOOLS, Spans.of([SAID]))
KEPT = {"when": "tonight", "trucks": ["T1", "T3"]}
CALL = Call("plan_round", {**KEPT, "near": "Birge Path"})
BIRGE, T3 = Mention("site", "Birge Path"), Mention("truck", "T3")
Roles = dict[Mention, str | None]


def allows(call: Call, roles: Roles, *, staying: tuple[Mention, ...] = (), **parameters: Any) -> bool:
    """Whether the schema allows a call of the same tool."""
    schema = placed(WHOLE, Placing(call, roles, SAID, staying))
    assert schema is not None
    said = {"name": call.name, "parameters": parameters}
    return bool(jsonschema.Draft202012Validator(schema).is_valid(said))


def test_a_mark_changes_its_argument_and_all_else_stays() -> None:
    roles: Roles = {BIRGE: "skip"}
    assert allows(CALL, roles, **KEPT, skip=["Birge Path"])
    assert not allows(CALL, roles, **CALL.parameters)
    assert not allows(CALL, roles, **KEPT)
    assert not allows(CALL, roles, **KEPT, near="Birge Path", skip=["Birge Path"])
    assert not allows(CALL, roles, **KEPT, skip=["no Birge Path, Gate 3"])
    assert not allows(CALL, roles, when="tonight", skip=["Birge Path"])


def test_a_mark_leaves_a_list_or_joins_one() -> None:
    assert allows(CALL, {T3: None}, when="tonight", trucks=["T1"], near="Birge Path")
    assert not allows(CALL, {T3: None}, **CALL.parameters)
    one = Call("plan_round", {"when": "tonight", "trucks": ["T1"]})
    assert allows(one, {T3: "trucks"}, when="tonight", trucks=["T1", "T3"])
    for trucks in (["T3"], ["T1"], ["T3", "T3"]):
        assert not allows(one, {T3: "trucks"}, when="tonight", trucks=trucks)


def test_what_a_list_has_from_elsewhere_stays_when_a_mark_comes() -> None:
    call, gate = Call("plan_round", {"skip": ["Soda Hall"]}), Mention("site", "Gate 3")
    assert allows(call, {gate: "skip", BIRGE: "skip"}, skip=["Soda Hall", "Birge Path", "Gate 3"])
    assert not allows(call, {gate: "skip"}, skip=["Gate 3", "Gate 4"])


def test_gates_with_other_numbers_change_places() -> None:
    third, fourth = Mention("site", "Gate 3"), Mention("site", "Gate 4")
    torn = Call("plan_round", {"skip": ["Gate 4"], "must_serve": ["Gate 4"]})
    assert allows(torn, {third: "skip", fourth: "must_serve"}, skip=["Gate 3"], must_serve=["Gate 4"])


def test_the_last_of_a_list_takes_the_argument_with_it() -> None:
    one = Call("plan_round", {"when": "tonight", "trucks": ["T3"]})
    assert allows(one, {T3: None}, when="tonight")
    assert not allows(one, {T3: None}, when="tonight", trucks=["T1"])


def test_a_number_and_two_marks_at_once() -> None:
    roles: Roles = {Mention("number", "5"): "max_hours", BIRGE: "must_serve"}
    assert allows(CALL, roles, **KEPT, must_serve=["Birge Path"], max_hours=5)
    assert not allows(CALL, roles, **KEPT, must_serve=["Birge Path"])


def test_a_required_argument_that_loses_its_words_gets_others() -> None:
    call = Call("inspect_image", {"image": "glass"})
    assert allows(call, {Mention("file", "glass"): None}, image="Path")
    assert not allows(call, {Mention("file", "glass"): None})


def test_what_stands_instead_of_an_argument_goes_unless_a_mark_of_it_stays() -> None:
    call, gate = Call("find_bins", {"bins": ["Gate 3"]}), Mention("site", "Gate 3")
    assert allows(call, {BIRGE: "near"}, near="Birge Path")
    assert not allows(call, {BIRGE: "near"}, near="Birge Path", bins=["Gate 3"])
    assert allows(call, {BIRGE: "near"}, staying=(gate,), near="Birge Path", bins=["Gate 3"])


def test_what_means_something_only_beside_what_goes_goes_too() -> None:
    call = Call("plan_round", {**KEPT, "near": "Birge Path", "within_m": 300})
    assert allows(call, {BIRGE: "skip"}, **KEPT, skip=["Birge Path"])
    assert not allows(call, {BIRGE: "skip"}, **KEPT, within_m=300, skip=["Birge Path"])


def test_what_is_also_another_mark_is_not_taken_away() -> None:
    month, last = Mention("time", "August"), Mention("time", "last August")
    call = Call("operations_report", {"measure": "distance", "since": "August"})
    both = {**call.parameters, "compare_to": "last August"}
    assert allows(call, {last: "compare_to"}, staying=(month,), **both)
    assert not allows(call, {last: "compare_to"}, staying=(month,), measure="distance", compare_to="last August")
    street, bin_ = Mention("site", "1 North Market Street"), Mention("bin", "BOS-001")
    torn = Call("plan_round", {"skip": ["1 North Market Street", "BOS-001"]})
    roles: Roles = {bin_: None}
    assert allows(torn, roles, staying=(street,), skip=["1 North Market Street"])


def test_what_comes_is_not_dropped_with_what_goes() -> None:
    june = Call("operations_report", {"measure": "distance", "since": "last August"})
    roles: Roles = {Mention("time", "last August"): "compare_to"}
    assert placed(WHOLE, Placing(june, roles, SAID)) is None


def test_several_trucks_that_stay_keep_their_argument() -> None:
    call, both = Call("plan_round", {"trucks": ["T1", "T3"]}), Mention("truck", "T1 T3")
    roles: Roles = {Mention("number", "5"): "truck_count"}
    assert allows(call, roles, staying=(both,), trucks=["T1", "T3"], truck_count=5)
    assert allows(call, roles, truck_count=5)


@pytest.mark.parametrize(
    ("call", "roles"),
    [
        (Call("reply", {"text": "{{results}}"}), {BIRGE: "near"}),
        (Call("no_tool"), {BIRGE: "near"}),
        (CALL, {BIRGE: "image"}),
        (CALL, {Mention("site", "Doe Library"): "skip"}),
        (CALL, {Mention("number", "seven"): "truck_count"}),
        (CALL, {Mention("number", "80"): "max_hours"}),
        (Call("plan_round", {"when": "tonight", "skip": [f"Gate {n}" for n in range(LONGEST_LIST)]}), {BIRGE: "skip"}),
    ],
)
def test_there_is_no_such_call(call: Call, roles: Roles) -> None:
    assert placed(WHOLE, Placing(call, roles, SAID)) is None
