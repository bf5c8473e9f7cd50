"""A request that ends in a question or a refusal ends the message only where the next one leans on it."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk import BEN, TICKET, Desk, a_desk, call, reply
from doubles import ScriptedModel
from messages import BOTH, EMPTIED, FULL, OPEN, of_requests, shipped_requests, told
from pydantic import JsonValue

from assistant.graph import Ran, remembered
from assistant.ports import Inquiry
from domain.errors import ModelUnavailable
from domain.store import Store

UNKNOWN, EMPTIED_UNKNOWN = call("find_bins", bins=["1001"]), call("service_history", bins=["1001"])
PLAN = call("plan_round", when="tomorrow")
MESSAGE = "How full is bin 1001 now? And when was bin 101 emptied last?"


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Desk:
    return a_desk(store, tmp_path)


async def test_the_next_request_is_answered_and_the_question_asked_below(desk: Desk) -> None:
    answer, _ = await told(desk, MESSAGE, [UNKNOWN, EMPTIED, reply()])
    assert [each.problem is None for each in answer.calls] == [False, True]
    assert (answer.kind, of_requests(answer)) == ("clarify", [])
    assert answer.choices
    found, _, question = answer.text.rpartition("\n\n")
    assert "Understood: bins: " in found
    assert question == answer.calls[0].problem
    assert answer.decision_id is not None
    record = desk.ledger.find(answer.decision_id)[0].entry
    assert [each.name for each in record.calls] == ["find_bins", "service_history"]
    assert (record.calls[0].problem_kind, record.calls[1].problem_kind) == ("ask", None)


async def test_the_next_message_answers_the_question_as_if_it_had_been_asked_alone(desk: Desk) -> None:
    answer, _ = await told(desk, MESSAGE, [UNKNOWN, EMPTIED, reply()])
    _, after = await told(desk, "101 I mean", [FULL, reply()], answer.thread)
    assert after.prompts[0].index('"service_history"') < after.prompts[0].index('"find_bins"')
    assert after.prompts[0].rstrip().count("asked") == 1


async def test_a_refusal_does_not_end_the_message_either(desk: Desk) -> None:
    refused = call("audit_trail", decision="D-0001")
    model = ScriptedModel([refused, EMPTIED, reply()])
    said = "Show me decision D-0001. And when was bin 101 emptied last?"
    answer = await desk.assistant(model, requests=shipped_requests()).ask(Inquiry(said, BEN))
    assert [each.name for each in answer.calls] == ["audit_trail", "service_history"]
    assert (answer.kind, answer.reason) == ("decline", "not_permitted")
    assert answer.calls[1].result is not None


def test_what_asks_back_is_remembered_behind_a_refusal_and_that_behind_an_outage() -> None:
    kinds = ["ask", None, "not_permitted", "not_now", None]
    made = [
        Ran(call=str(at), outcome="", result=None, understood={}, problem=kind, problem_kind=kind, choices=[], ms=0)
        for at, kind in enumerate(kinds)
    ]
    assert [ran["call"] for ran in remembered(made)] == ["1", "4", "3", "2", "0"]


async def test_two_questions_are_both_asked_and_the_same_one_once(desk: Desk) -> None:
    answer, _ = await told(desk, MESSAGE, [UNKNOWN, call("service_history", bins=["1001"])])
    assert len(answer.calls) == 2
    assert answer.text == answer.calls[0].problem == answer.calls[1].problem
    twice, _ = await told(desk, MESSAGE, [UNKNOWN, call("service_history", bins=["101"], since="bin")])
    assert twice.text == "\n\n".join(str(each.problem) for each in twice.calls)
    assert twice.kind == "clarify"


LEANING = [
    (call("propose_dispatch"), "Send it to the crews"),
    (call("propose_dispatch", plan="last"), "Send it to the crews"),
    (call("what_if", remove_trucks=["T1"]), "And what if T1 is out?"),
    (call("explain", bin="101"), "And why is bin 101 on it?"),
    (call("audit_trail"), "Show me who decided that"),
    (call("plan_round", when="the day after"), "And plan a round for the day after"),
    (call("find_bins", near="Town Hall"), "And which of those are compost?"),
    (call("plan_round"), "And plan a round for those"),
    (call("plan_round", min_fill_pct=70), "And plan a round"),
    (call("propose_ticket", kind="maintenance", bin="101", note="lid"), "If so, a maintenance ticket for bin 101: lid"),
    (call("propose_watch", metric="fill_pct", condition="they are full"), "And tell me when they are full"),
    (
        call("propose_ticket", kind="maintenance", bin="102", note="the lid"),
        "Open a maintenance ticket for it, the lid",
    ),
]


@pytest.mark.parametrize(("leaning", "then"), LEANING)
async def test_what_leans_on_the_open_request_takes_nothing_older_and_is_said_to_be_open(
    desk: Desk, leaning: dict[str, JsonValue], then: str
) -> None:
    first = await desk.ask("plan tomorrow near Town Hall, and 102", [PLAN, reply()])
    answer, model = await told(
        desk, f"1. When was bin 1001 emptied last?\n2. {then}", [EMPTIED_UNKNOWN, leaning], first.thread
    )
    assert [each.name for each in answer.calls] == ["service_history"]
    assert answer.kind == "clarify"
    assert (len(model.prompts), of_requests(answer)) == (2, [OPEN])
    assert answer.proposals == ()


async def test_what_is_done_of_a_request_and_what_is_not_is_said(desk: Desk) -> None:
    said = "How full is bin 1001 now? And plan a round for tomorrow and send it"
    answer, _ = await told(desk, said, [UNKNOWN, PLAN, call("propose_dispatch", plan="last")])
    assert [each.name for each in answer.calls] == ["find_bins", "plan_round"]
    assert of_requests(answer) == ["request 2 of this message is not done to its end"]
    assert answer.proposals == ()


async def test_what_points_to_a_request_that_was_answered_is_answered_too(desk: Desk) -> None:
    said = "How full is bin 1001 now? And how full is bin 101? And when was it emptied last?"
    answer, _ = await told(desk, said, [UNKNOWN, FULL, EMPTIED, reply()])
    assert [each.problem is None for each in answer.calls] == [False, True, True]
    assert of_requests(answer) == []


async def test_a_proposal_that_names_all_it_is_about_is_made_and_its_card_shown(desk: Desk) -> None:
    said = "How full is bin 1001 now? And open a ticket for bin 101: the lid is stuck"
    answer, _ = await told(desk, said, [UNKNOWN, TICKET, reply()])
    assert answer.kind == "clarify"
    assert answer.proposal is not None
    assert answer.proposal.proposal_id in answer.text


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        (reply("{{help}}"), "clarify"),
        (call("clarify", question="{{bin}}"), "clarify"),
        (call("decline", reason="unsafe", text="Not that."), "decline"),
        (call("decline", reason="out_of_scope", text="No."), "clarify"),
    ],
)
async def test_a_word_for_the_last_request_stands_beside_the_question(
    desk: Desk, word: dict[str, JsonValue], kind: str
) -> None:
    earlier = await desk.ask("bins near Town Hall", [call("find_bins", near="Town Hall"), reply()])
    answer, _ = await told(desk, MESSAGE, [UNKNOWN, word], earlier.thread)
    assert answer.kind == kind
    assert str(answer.calls[0].problem) in answer.text
    assert "Understood" not in answer.text  # nothing old is told as if it were new
    assert len(of_requests(answer)) == (1 if "out_of_scope" in str(word) else 0)


async def test_what_is_no_request_behind_an_open_one_ends_the_message(desk: Desk) -> None:
    three = "1. How full is bin 1001?\n2. Show the fleet\n3. When was bin 101 emptied last?"
    answer, model = await told(desk, three, [UNKNOWN, reply("{{thanks}}")])
    assert [each.name for each in answer.calls] == ["find_bins"]
    assert of_requests(answer) == [f"request {number} of 3 in this message is not answered yet" for number in (2, 3)]
    assert len(model.prompts) == 2


async def test_an_open_request_between_two_is_told_below_both(desk: Desk) -> None:
    three = "1. How full is bin 101?\n2. When was bin 1001 emptied last?\n3. Show the fleet"
    answer, _ = await told(desk, three, [FULL, EMPTIED_UNKNOWN, call("fleet_status"), reply()])
    assert [each.problem is None for each in answer.calls] == [True, False, True]
    assert answer.text.endswith(str(answer.calls[1].problem))
    assert answer.text.count("Understood") >= 1
    assert of_requests(answer) == []


async def test_an_outage_behind_a_question_ends_the_message_with_both_said(desk: Desk) -> None:
    answer, _ = await told(desk, BOTH, [UNKNOWN, ModelUnavailable("It died.")])
    assert (answer.kind, of_requests(answer)) == ("clarify", [OPEN])
    assert "It died." in answer.degraded
    assert answer.text == answer.calls[0].problem
