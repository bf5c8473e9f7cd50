"""Pairs: the near misses that the rules make, and a file of them that finetune.prefer reads."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import pytest
from tiny import Letters, a_line

from domain.errors import BadData
from domain.values import Call
from finetune import pairs
from finetune.prefer import read_pairs
from prompts.row import Row, from_json

PLAN = Call("plan_round", {"when": "tomorrow", "skip": ["Doe"]})
BINS = Call("find_bins", {"near": "Evans"})
INVENTED = "only these tools:\\nfixTap(room: string) - Mends a tap.\\nopenTap(room?: string) - Opens taps."


def a_row(call: Call, *steps: Call, tools: str = "") -> Row:
    """Rows of one turn."""
    said = {"question": "?", "marks": [], "steps": [[step.text(), "ok"] for step in steps]}
    setting = {"city": "berkeley", "role": "manager", "tools": tools.replace("\\n", "\n"), "today": ""}
    return from_json(a_line(call=call.text(), turns=[said], setting=setting))


@pytest.mark.parametrize(
    ("kind", "row", "wrong"),
    [
        ("declined", a_row(BINS), pairs.REFUSAL),
        ("called", a_row(pairs.REFUSAL, tools=INVENTED), Call("openTap")),
        ("ended", a_row(PLAN, BINS), pairs.ENDING),
        ("repeated", a_row(pairs.ENDING, BINS), BINS),
        ("dropped", a_row(BINS), Call("find_bins")),
        ("moved", a_row(PLAN), Call("plan_round", {"when": "tomorrow", "must_serve": ["Doe"]})),
    ],
)
def test_a_near_miss_of_each_kind(kind: str, row: Row, wrong: Call) -> None:
    assert pairs.NEAR_MISSES[kind](row, Call.read(row.call), random.Random(0)) == wrong


@pytest.mark.parametrize(
    ("row", "call", "whole"),
    [
        (a_row(BINS), Call("search_records", {"kind": "requests"}), False),
        (a_row(BINS), Call("search_records", {"query": "wasps"}), True),
        (a_row(BINS, tools=INVENTED), Call("fixTap"), False),
        (a_row(BINS, tools=INVENTED), Call("fixTap", {"room": "12"}), True),
        (a_row(BINS), pairs.REFUSAL, True),
    ],
)
def test_a_call_without_what_its_tool_requires_is_no_near_miss(row: Row, call: Call, whole: bool) -> None:
    assert pairs.is_whole(row, call) == whole


def test_words_keep_their_own() -> None:
    asked = Call("clarify", {"question": "{{bin}}"})
    assert pairs.dropped(a_row(asked), asked, random.Random(0)) is None


def test_another_tool_takes_all_the_arguments() -> None:
    wrong = pairs.other_tool(a_row(BINS), BINS, random.Random(0))
    assert wrong is not None
    assert wrong.name != "find_bins"
    assert wrong.parameters == BINS.parameters


@pytest.mark.parametrize("kind", list(pairs.NEAR_MISSES))
def test_what_no_rule_fits_has_no_near_miss(kind: str) -> None:
    greeting = Call("reply", {"text": "{{greeting}}"})
    assert pairs.NEAR_MISSES[kind](a_row(greeting), greeting, random.Random(0)) is None


def test_pairs_are_read_by_the_stage_that_prefers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, out = tmp_path / "rows.jsonl", tmp_path / "pairs.jsonl"
    rows.write_text("".join(a_line(call=call.text()) + "\n" for call in (BINS, PLAN, pairs.REFUSAL) for _ in range(9)))
    monkeypatch.setattr(sys, "argv", ["pairs", "--rows", str(rows), "--out", str(out), "--pairs", "20"])
    pairs.main()
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(read_pairs(out, Letters(), 200_000, "small")) == len(lines) == 20
    assert all(line["rejected"] != line["call"] for line in lines)
    first = out.read_bytes()
    pairs.main()
    assert out.read_bytes() == first


def test_a_file_without_rows_is_refused_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, out = tmp_path / "rows.jsonl", tmp_path / "pairs.jsonl"
    monkeypatch.setattr(sys, "argv", ["pairs", "--rows", str(rows), "--out", str(out)])
    for text, why in (
        (None, "cannot be read"),
        ("", "no rows"),
        ("{}", ":1: not a row"),
        (a_line(call="x"), ":1: not"),
    ):
        if text is not None:
            rows.write_text(text)
        with pytest.raises(BadData, match=why):
            pairs.main()
    assert not out.exists()
