"""Which words of a call stand for something, and the schema of the calls that hold no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from scene import a_ctx

from domain.store import Store
from domain.values import Call
from tools.registry import TOOLS, JsonSchema, names_in
from tools.resolvable import Resolver
from tools.resolve import RESOLVED_KINDS, setting_of
from tools.schema import call_schema
from tools.spans import Spans

SAID = Spans.of(["Read me chapter and verse of bin stops at Public Library since Monday, T1, not the Grand Canal"])


@pytest.fixture
def resolver(store: Store, tmp_path: Path) -> Resolver:
    return Resolver(setting_of(a_ctx(store, tmp_path)))


def allows(schema: JsonSchema, name: str, **parameters: Any) -> bool:
    return bool(jsonschema.Draft202012Validator(schema).is_valid({"name": name, "parameters": parameters}))


@pytest.mark.parametrize(
    ("call", "unknown"),
    [
        (
            Call("search_records", {"query": "rats", "since": "chapter and verse", "near": "Public Library"}),
            ("since",),
        ),
        (Call("find_bins", {"near": "the Grand Canal", "limit": 3}), ("near",)),
        (Call("plan_round", {"when": "tomorrow at 6", "trucks": ["T1", "T9"]}), ("trucks",)),
        (Call("plan_round", {"when": "the taller", "skip": ["Hollywood"]}), ("when", "skip")),
        (Call("explain", {"subject": "P-0001", "question": "why"}), ()),
        (Call("service_history", {"bins": ["it"], "since": "Monday"}), ()),  # points back
        (Call("plan_round", {"when": "it"}), ("when",)),
        (Call("plan_round", {"when": "tonight", "trucks": ["it", "T1"]}), ("trucks",)),
        (Call("reply", {"text": "{{results}}"}), ()),
    ],
)
def test_what_nobody_can_read_is_told(resolver: Resolver, call: Call, unknown: tuple[str, ...]) -> None:
    assert set(resolver.unresolved(call)) == set(unknown)


def test_words_of_names_and_times_are_listed_and_no_others() -> None:
    call = Call("plan_round", {"when": "tonight", "trucks": ["T1", "T2"], "goal": "cost", "max_hours": 5})
    assert set(names_in(call, RESOLVED_KINDS)) == {"tonight", "T1", "T2"}
    assert names_in(Call("reply", {"text": "{{results}}"}), RESOLVED_KINDS) == []


def test_only_what_resolves_is_offered(resolver: Resolver) -> None:
    whole = call_schema(TOOLS, SAID)
    schema = resolver.only_resolvable(whole, ["Public Library", "Monday", "chapter and verse", "the Grand Canal"])
    asked = {"query": "chapter and verse", "kind": "handbook"}
    assert allows(schema, "search_records", **asked, since="Monday")
    assert not allows(schema, "search_records", **asked, since="chapter and verse")
    assert allows(schema, "find_bins", bins=["Public Library"])
    assert not allows(schema, "find_bins", near="the Grand Canal")
    assert not allows(schema, "fleet_status", trucks=["T1"])  # T1 is no candidate
    assert allows(schema, "decline", reason="out_of_scope")


def test_a_tool_whose_required_words_are_missing_is_not_offered(resolver: Resolver) -> None:
    whole = call_schema(TOOLS, SAID)
    assert allows(whole, "forecast_fill", by="Monday")
    assert not allows(resolver.only_resolvable(whole, ["Public Library"]), "forecast_fill", by="Monday")
    assert allows(resolver.only_resolvable(whole, ["Monday"]), "forecast_fill", by="Monday")
