"""tools/leaning.py: what a call takes from before its message, over all tools that are declared."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from domain.values import Call
from tools.leaning import REFERS, depends, leans, points_back
from tools.registry import TOOLS

MESSAGE = "Why is Sather Gate on P-0999? And a ticket for bin 101 without T2 by Friday: the lid's loose"


def test_whatever_names_the_newest_plan_or_decision_leans_said_or_not_in_every_tool() -> None:
    referring = [(tool.name, each) for tool in TOOLS.values() for each in tool.arguments if each.words]
    found = {(name, each.name) for name, each in referring if each.words and each.words.kind == REFERS}
    assert found == {
        ("what_if", "plan"), ("explain", "subject"), ("propose_dispatch", "plan"), ("audit_trail", "decision"),
    }  # fmt: skip
    for name, argument in found:
        assert leans(Call(name), MESSAGE)
        assert leans(Call(name, {argument: "last"}), f"{MESSAGE} the last")
        assert not leans(Call(name, {argument: "P-0999"}), MESSAGE)


@pytest.mark.parametrize(
    ("name", "parameters", "leaning"),
    [
        ("find_bins", {"near": "Sather Gate"}, False),
        ("find_bins", {"near": "sather gates", "sort": "fill"}, False),  # choices are said in any words
        ("find_bins", {"near": "sather gates", "min_fill_pct": 80}, True),
        ("find_bins", {"near": "sather gates", "min_fill_pct": 101}, False),
        ("find_bins", {"near": "Town Hall"}, True),
        ("service_history", {"bins": ["101"], "since": "Friday"}, False),
        ("service_history", {"bins": ["101", "102"]}, True),
        ("service_history", {"bins": ["101"], "since": "the day after"}, True),
        ("operations_report", {"measure": "cost", "since": "Friday", "compare_to": "the day after"}, False),
        ("operations_report", {"measure": "cost", "compare_to": "the day after"}, True),
        ("plan_round", {"when": "Friday", "trucks": ["without T2"]}, False),
        ("plan_round", {"when": "Friday", "trucks": ["T1"]}, True),
        ("propose_ticket", {"kind": "maintenance", "bin": "101", "note": "the lid's loose"}, False),
        ("propose_ticket", {"kind": "maintenance", "bin": "101", "note": "it burns"}, True),
        ("model_status", {"model": "fill"}, False),  # a word of ours
        ("fleet_status", {}, False),
        ("reply", {"text": "{{results}}"}, False),
    ],
)
def test_words_that_the_message_does_not_say_and_times_that_count_from_others_lean(
    name: str, parameters: dict[str, JsonValue], *, leaning: bool
) -> None:
    message = f"{MESSAGE}, and the day after" if "the day after" in str(parameters) else MESSAGE
    assert leans(Call(name, parameters), message) is leaning


@pytest.mark.parametrize(
    ("question", "marks", "back"),
    [
        ("plan a round for those", [], True),
        ("plan a round for those bins and send them", [], True),
        ("tell me when they are full", [], True),
        ("open a maintenance ticket, it smells", [], False),
        ("it smells, open a ticket", [], True),
        ("plan a round for tomorrow and send it", [], False),
        ("what was emptied there since Friday", [], True),
        ("were there overflows since Friday", [], False),
        ("how full is it", [], True),
        ("how busy are we these days", [], False),
        ("which trucks are out and when are they back", [], False),
        ("how full is bin 12, and when was it emptied", ["[bin 12]"], False),
        ("what is near Sather Gate there", ["[site Sather Gate]"], False),
        ("y los contenedores de ellos", [], True),
        ("show the fleet", [], False),
    ],
)
def test_a_request_points_back_where_it_names_nothing_that_its_pronouns_could_be(
    question: str, marks: list[str], *, back: bool
) -> None:
    assert points_back(question, marks) is back


@pytest.mark.parametrize(
    ("question", "name", "depending"),
    [
        ("If it is over 80 percent, open a ticket for bin 12", "propose_ticket", True),
        ("otherwise dispatch P-0001", "propose_dispatch", True),
        ("Once that is done dispatch P-0001", "propose_dispatch", True),
        ("Wenn nicht, schick P-0001 los", "propose_dispatch", True),
        ("Alert me if bin 12 passes 90 percent", "propose_watch", False),
        ("dispatch P-0001", "propose_dispatch", False),
    ],
)
def test_a_request_depends_where_it_has_a_condition_that_is_not_a_watchs(
    question: str, name: str, *, depending: bool
) -> None:
    assert depends(question, Call(name)) is depending
