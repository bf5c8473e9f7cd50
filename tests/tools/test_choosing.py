"""The schema of a call with another choice: nothing else of the call can change."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from domain.values import Call
from tools.choosing import otherwise
from tools.registry import TOOLS
from tools.schema import call_schema
from tools.spans import Spans

SAID = Spans.of(["Plan tonight for T1, cheapest, not Soda Hall"])
WHOLE = call_schema(TOOLS, SAID)
CALL = Call("plan_round", {"when": "tonight", "trucks": ["T1"], "goal": "time"})


def allows(schema: dict[str, Any], **parameters: Any) -> bool:
    said = {"name": "plan_round", "parameters": parameters}
    return bool(jsonschema.Draft202012Validator(schema).is_valid(said))


def test_the_call_with_the_other_choice_and_no_other_call_fits() -> None:
    schema = otherwise(WHOLE, CALL, "goal", "cost")
    assert schema is not None
    assert allows(schema, **{**CALL.parameters, "goal": "cost"})
    assert not allows(schema, **CALL.parameters)
    assert not allows(schema, **{**CALL.parameters, "goal": "cost", "skip": ["Soda Hall"]})
    assert not allows(schema, when="tonight", goal="cost")


def test_a_choice_is_added_or_left_out() -> None:
    added, without = otherwise(WHOLE, CALL, "serve", "all"), otherwise(WHOLE, CALL, "goal", None)
    assert added is not None
    assert without is not None
    assert allows(added, **CALL.parameters, serve="all")
    assert allows(without, when="tonight", trucks=["T1"])
    assert not allows(without, **CALL.parameters)


@pytest.mark.parametrize(
    ("call", "argument", "choice"),
    [
        (Call("operations_report", {"measure": "cost"}), "measure", None),
        (Call("inspect_image", {"image": "a.jpg"}), "check", "verify"),
        (Call("reply", {"text": "{{results}}"}), "goal", "cost"),
    ],
)
def test_what_is_not_offered_is_none(call: Call, argument: str, choice: str | None) -> None:
    assert otherwise(WHOLE, call, argument, choice) is None
