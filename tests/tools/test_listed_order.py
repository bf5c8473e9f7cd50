"""Listed tools stand nearest first; the order never adds, drops or doubles one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evals.listed_tools import Asked, nearest_tool, tool_order
from tools.listed import ListedTool

QUEUE = ListedTool("dump_queue", "Live waiting line at the tipping sites.", {"type": "object", "properties": {}})
ROSTER = ListedTool("getCrewRoster", "Who is on duty.", {"type": "object", "properties": {}})
PRICE = ListedTool("recycling_price", "What sorted material sells for.", {"type": "object", "properties": {}})


def test_the_tool_a_question_is_about_comes_first_wherever_it_was_listed() -> None:
    for tools in ((QUEUE, ROSTER, PRICE), (PRICE, ROSTER, QUEUE), (ROSTER, PRICE, QUEUE)):
        assert tool_order().nearest_first("how long do trucks wait at the dump", tools)[0] == QUEUE
        assert tool_order().nearest_first("what does cardboard fetch these days", tools)[0] == PRICE


@given(st.permutations([QUEUE, ROSTER, PRICE]), st.text(max_size=40))
def test_an_order_loses_no_tool(tools: list[ListedTool], question: str) -> None:
    assert sorted(t.name for t in tool_order().nearest_first(question, tools)) == sorted(t.name for t in tools)


def test_a_tool_read_back_from_its_signature_stands_at_the_same_place() -> None:
    again = [ListedTool.of_signature(tool.signature()) for tool in (PRICE, QUEUE, ROSTER)]
    question = "names of the early shift"
    assert [t.name for t in tool_order().nearest_first(question, again)] == [
        t.name for t in tool_order().nearest_first(question, (PRICE, QUEUE, ROSTER))
    ]


def test_the_naive_answer_by_nearness_calls_the_nearest() -> None:
    assert nearest_tool(Asked(("who is on duty tonight",), (PRICE, QUEUE, ROSTER))).name == "getCrewRoster"
    assert nearest_tool(Asked(("who is on duty tonight",), ())).name == "decline"
