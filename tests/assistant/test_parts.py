"""assistant/parts.py: each request of a message is decided on behind those before it, and what stays open is said."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from desk import ANA, Answers, Desk, a_desk, call, reply
from doubles import ScriptedModel

from app import SHIPPED_REQUESTS
from assistant.decide import Speaker
from assistant.memory import Past
from assistant.parts import APART_S, read
from assistant.ports import Inquiry
from assistant.shown import Answer
from domain.store import Store
from tools.call_classifier import Thread, choices, names
from tools.request_parts import load_request_parts

BOTH = "How full is bin 101 now? And when was it emptied last?"
FULL, EMPTIED = call("find_bins", bins=["101"]), call("service_history", bins=["101"])


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Desk:
    return a_desk(store, tmp_path)


async def told(desk: Desk, question: str, answers: Answers, thread: str | None = None) -> tuple[Answer, ScriptedModel]:
    """The answer to a question whose requests are told apart, and the model that was asked."""
    model = ScriptedModel(answers)
    assistant = desk.assistant(model, requests=load_request_parts(SHIPPED_REQUESTS))
    return await assistant.ask(Inquiry(question, ANA, thread)), model


async def test_the_second_request_is_put_as_a_follow_up_and_the_record_holds_the_message_once(desk: Desk) -> None:
    answer, model = await told(desk, BOTH, [FULL, EMPTIED, reply()])
    assert [each.name for each in answer.calls] == ["find_bins", "service_history"]
    assert all(each.result for each in answer.calls)
    assert not any("not answered" in each for each in answer.degraded)
    first, second, last = model.prompts
    assert "And when was it emptied last?" not in first
    assert first.rstrip().endswith("How full is bin 101 now?") or "How full is bin 101 now?" in first
    assert second.index("How full is bin 101 now?") < second.index('"find_bins"') < second.index("And when was it")
    assert last.index("And when was it") < last.index('"service_history"')
    record = desk.ledger.find(answer.decision_id)[0].entry
    assert record.question == BOTH
    assert [each.name for each in record.calls] == ["find_bins", "service_history"]
    _, after = await told(desk, "thanks", [reply("{{thanks}}")], answer.thread)
    assert BOTH in after.prompts[0]  # the thread holds the message as it was typed


async def test_a_question_back_leaves_the_other_request_open_and_says_so(desk: Desk) -> None:
    answer, _ = await told(desk, BOTH, [call("find_bins", bins=["1001"])])
    assert answer.kind == "clarify"
    assert "not answered yet: “And when was it emptied last?”" in answer.degraded


async def test_a_last_request_that_no_tool_is_for_leaves_what_the_first_found_and_stays_open(desk: Desk) -> None:
    answer, _ = await told(desk, BOTH, [FULL, call("decline", reason="out_of_scope", text="No.")])
    assert (answer.kind, [each.name for each in answer.calls]) == ("answer", ["find_bins"])
    assert "not answered yet: “And when was it emptied last?”" in answer.degraded
    thanked, _ = await told(desk, BOTH, [FULL, reply("{{thanks}}")])
    assert "Understood" in thanked.text
    assert not any("not answered" in each for each in thanked.degraded)
    refused, _ = await told(desk, BOTH, [FULL, call("decline", reason="unsafe", text="Not that.")])
    assert (refused.kind, refused.reason) == ("decline", "unsafe")


@pytest.mark.parametrize("word", [reply("{{thanks}}"), call("clarify", question="{{bin}}")])
async def test_what_is_no_request_makes_the_message_be_read_as_a_whole(desk: Desk, word: dict[str, object]) -> None:
    answer, model = await told(desk, BOTH, [word, FULL, EMPTIED, reply()])  # type: ignore[list-item]
    assert [each.name for each in answer.calls] == ["find_bins", "service_history"]
    assert all(BOTH in prompt for prompt in model.prompts[1:])


async def test_without_whom_to_tell_the_message_is_one(desk: Desk) -> None:
    model = ScriptedModel([FULL, EMPTIED, reply()])
    await desk.assistant(model).ask(Inquiry(BOTH, ANA))
    assert all(BOTH in prompt for prompt in model.prompts)


@dataclass(frozen=True)
class Expert:
    """Finds a tool, or a word, for each question that holds certain words, and one measure; takes its time."""

    found: Mapping[str, str]
    measures: Mapping[str, str] = field(default_factory=dict)
    takes_s: float = 0.0

    def likely(self, thread: Thread) -> Mapping[str, float]:
        time.sleep(self.takes_s)
        told = next(name for words, name in self.found.items() if words in thread.question)
        return {name: 0.0 if name == told else -9.0 for name in names()}

    def likely_choices(self, thread: Thread, tool: str) -> Mapping[str, Mapping[str | None, float]]:
        told = next((measure for words, measure in self.measures.items() if words in thread.question), None)
        return {argument: {told: 0.0} for of, argument in choices() if of == tool}


@pytest.mark.parametrize(
    ("expert", "parts"),
    [
        (Expert({"How full": "find_bins", "emptied": "service_history"}), 2),
        (Expert({"How full": "find_bins", "emptied": "find_bins"}), 1),
        (Expert({"How full": "operations_report", "emptied": "operations_report"}), 1),
        (
            Expert(
                {"How full": "operations_report", "emptied": "operations_report"},
                {"How full": "tonnage", "emptied": "cost"},
            ),
            2,
        ),
        (Expert({"How full": "reply", "emptied": "service_history"}), 1),
        (Expert({"How full": "find_bins", "emptied": "decline"}), 1),
        (Expert({"How full": "find_bins", "emptied": "service_history"}, takes_s=2 * APART_S), 1),
    ],
)
async def test_a_later_request_is_one_that_the_experts_find_another_tool_or_choice_for(
    desk: Desk, expert: Expert, parts: int
) -> None:
    speaker = Speaker(ScriptedModel([]), classifier=expert, requests=load_request_parts(SHIPPED_REQUESTS))
    message = await read(speaker, replace(desk.ctx, question=BOTH), Past("C-0001"))
    assert len(message.left(0)) == (parts if parts > 1 else 0)


@pytest.mark.parametrize(
    "question",
    ['{"first": "How full is bin 101 now?", "then": "And when was it emptied last?"}', "find_bins(bins=['101'])"],
)
async def test_what_a_program_sent_is_never_cut(desk: Desk, question: str) -> None:
    speaker = Speaker(ScriptedModel([]), requests=load_request_parts(SHIPPED_REQUESTS))
    message = await read(speaker, replace(desk.ctx, question=question), Past("C-0001"))
    assert message.left(0) == []


async def test_turns_that_do_not_fit_beside_a_messages_own_are_counted_without_these(desk: Desk) -> None:
    long = [f"bins near Public Library please, number {n} " + "x" * 900 for n in range(5)]
    thread = None
    for question in long:
        answer = await desk.ask(question, [call("find_bins", near="Public Library"), reply()], thread=thread)
        thread = answer.thread
    answer, model = await told(desk, BOTH, [FULL, EMPTIED, reply()], thread)
    (unseen,) = [each for each in answer.degraded if "too long ago" in each]
    shown = sum(f"number {n} " in model.prompts[0] for n in range(5))
    assert unseen.startswith(f"{5 - shown} earlier turns")
