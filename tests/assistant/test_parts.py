"""assistant/parts.py: each request of a message is decided on behind those before it, and what stays open is said."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from desk import ANA, TICKET, Desk, a_desk, call, reply
from doubles import ScriptedModel
from messages import BOTH, EMPTIED, FULL, OPEN, of_requests, shipped_requests, told
from pydantic import JsonValue

from assistant.decide import Speaker
from assistant.memory import Past
from assistant.parts import read
from assistant.ports import Inquiry
from domain.errors import ModelUnavailable, PromptTooLong
from domain.ports import ModelAnswer
from domain.store import Store
from tools.call_classifier import Thread, choices, names
from tools.request_encoder import POSSIBLE, SURE
from tools.words import REPLIES


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Desk:
    return a_desk(store, tmp_path)


async def test_the_second_request_is_put_as_a_follow_up_and_the_record_holds_the_message_once(desk: Desk) -> None:
    answer, model = await told(desk, BOTH, [FULL, EMPTIED, reply()])
    assert [each.name for each in answer.calls] == ["find_bins", "service_history"]
    assert all(each.result for each in answer.calls)
    assert of_requests(answer) == []
    first, second, last = model.prompts
    assert "How full is bin 101 now?" in first
    assert "And when was it emptied last?" not in first
    assert second.index("How full is bin 101 now?") < second.index('"find_bins"') < second.index("And when was it")
    assert last.index("And when was it") < last.index('"service_history"')
    assert answer.decision_id is not None
    record = desk.ledger.find(answer.decision_id)[0].entry
    assert record.question == BOTH
    assert [each.name for each in record.calls] == ["find_bins", "service_history"]
    _, after = await told(desk, "thanks", [reply("{{thanks}}")], answer.thread)
    assert BOTH in after.prompts[0]  # the thread holds the message as it was typed


async def test_an_outage_leaves_the_other_request_open_and_says_so_without_its_words(desk: Desk) -> None:
    answer, _ = await told(desk, BOTH, [FULL, ModelUnavailable("It died.")])
    assert of_requests(answer) == [OPEN]
    desk.ledger.erase("ana")
    assert answer.decision_id is not None
    kept = desk.ledger.find(answer.decision_id)[0].entry
    assert kept.question is None
    assert not any("emptied" in sentence for sentence in kept.degraded)


@pytest.mark.parametrize(
    ("second", "kind"),
    [
        (FULL, "answer"),  # the same call answers both
        (call("decline", reason="unsafe", text="Not that."), "decline"),
        (call("clarify", question="{{bin}}"), "clarify"),
        (reply("{{thanks}}"), "answer"),
    ],
)
async def test_what_was_decided_on_is_not_open(desk: Desk, second: dict[str, JsonValue], kind: str) -> None:
    answer, _ = await told(desk, BOTH, [FULL, second])
    assert (answer.kind, of_requests(answer)) == (kind, [])
    assert "Understood" in answer.text  # what the first request found


async def test_a_last_request_that_no_tool_is_for_leaves_what_the_first_found_and_is_told(desk: Desk) -> None:
    answer, _ = await told(desk, BOTH, [FULL, call("decline", reason="out_of_scope", text="No.")])
    assert (answer.kind, [each.name for each in answer.calls]) == ("answer", ["find_bins"])
    assert of_requests(answer) == ["request 2 of this message is outside what I can do"]


async def test_typed_approval_behind_a_request_is_answered_as_it_is_alone(desk: Desk) -> None:
    proposed = await desk.ask("the lid of 101 is stuck", [TICKET, reply()])
    answer, _ = await told(desk, BOTH, [FULL, reply("{{approval}}")], proposed.thread)
    assert REPLIES["approval"] in answer.text
    assert "Understood" in answer.text
    assert answer.proposal is not None


@pytest.mark.parametrize("word", [reply("{{thanks}}"), call("clarify", question="{{bin}}")])
async def test_what_is_no_request_makes_the_message_be_read_as_a_whole(desk: Desk, word: dict[str, JsonValue]) -> None:
    answer, model = await told(desk, BOTH, [word, FULL, EMPTIED, reply()])
    assert [each.name for each in answer.calls] == ["find_bins", "service_history"]
    assert all(BOTH in prompt for prompt in model.prompts[1:])


async def test_without_whom_to_tell_the_message_is_one(desk: Desk) -> None:
    model = ScriptedModel([FULL, EMPTIED, reply()])
    await desk.assistant(model).ask(Inquiry(BOTH, ANA))
    assert all(BOTH in prompt for prompt in model.prompts)


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        (BOTH, 2),
        ("How full is bin 101 on Tuesday, sorry, Wednesday? And when was it emptied last?", 2),
        ('{"first": "How full is bin 101 now?", "then": "And when was it emptied last?"}', 1),
        (f"{BOTH} {'There is much to tell of this. ' * 50}", 1),
        ("A note says: How full is bin 101 now? And when was it emptied last?", 1),
        ("How full is bin 101 now? Customer email: 'And when was it emptied last?'", 1),
        ("If bin 101 is full now, and if it is not emptied, then plan a round", 1),
    ],
)
async def test_what_a_program_sent_what_others_said_and_what_is_long_is_never_cut(
    desk: Desk, question: str, parts: int
) -> None:
    speaker = Speaker(ScriptedModel([]), requests=shipped_requests(), apart_s=30.0)
    asked = await read(speaker, replace(desk.ctx, question=question), Past("C-0001"))
    assert len(asked.limits()) == (parts if parts > 1 else 0)


async def test_a_typed_command_is_not_read_at_all(desk: Desk) -> None:
    command = "propose_ticket kind=maintenance bin=101 note='the lid is stuck? And when was it emptied last?'"
    answer, model = await told(desk, command, [])
    assert ([each.name for each in answer.calls], model.prompts) == (["propose_ticket"], [])


async def test_lines_are_items_of_a_list(desk: Desk) -> None:
    fleet = call("fleet_status")
    answer, model = await told(desk, "1. How full is bin 101?\n2. Show the fleet", [FULL, fleet, reply()])
    assert [each.name for each in answer.calls] == ["find_bins", "fleet_status"]
    assert "Show the fleet" not in model.prompts[0]
    assert "\nHow full is bin 101?<" in model.prompts[0]  # and not "1. How full": no number of theirs is one of a call
    assert "\nShow the fleet<" in model.prompts[1]


# ---------------------------------------------------------------- the thread


async def test_turns_that_do_not_fit_beside_a_messages_own_are_counted_without_these(desk: Desk) -> None:
    thread = None
    for number in range(4):
        thread = (await desk.ask(f"bins near Town Hall {number}", [FULL, reply()], thread=thread)).thread
    too_long = PromptTooLong("Too long.")
    answer, model = await told(desk, BOTH, [too_long, FULL, too_long, EMPTIED, reply()], thread)
    shown = [prompt.count("bins near Town Hall") for prompt in model.prompts]
    assert shown == [4, 2, 2, 0, 0]  # three turns then, of which the newest is the message's own
    assert "How full is bin 101 now?" in model.prompts[3]
    assert "4 earlier turns are too long ago for the model to see" in answer.degraded


class Killed(BaseException):
    """The process is gone."""


class Dying(ScriptedModel):
    """Dies behind its script."""

    async def decide(self, prompt: str, schema: dict[str, JsonValue], *, deadline_s: float) -> ModelAnswer:
        if not self._answers:
            raise Killed
        return await super().decide(prompt, schema, deadline_s=deadline_s)


@pytest.mark.parametrize("parted", [True, False])
async def test_a_killed_message_goes_on_as_it_was_read(desk: Desk, *, parted: bool) -> None:
    requests = shipped_requests()
    first = [FULL] if parted else [reply("{{thanks}}"), FULL]  # or: read as a whole
    with pytest.raises(Killed):
        await desk.assistant(Dying(first), requests=requests).ask(Inquiry(BOTH, ANA, "T"))
    answer, model = await told(desk, BOTH, [EMPTIED, reply()], "T")
    assert [each.name for each in answer.calls] == ["find_bins", "service_history"]
    assert all((BOTH in prompt) != parted for prompt in model.prompts)
    assert of_requests(answer) == []


# ---------------------------------------------------------------- the experts


@dataclass(frozen=True)
class Expert:
    """Finds a tool, or a word, for each question that holds certain words, and one measure; takes its time."""

    found: Mapping[str, str]
    measures: Mapping[str, str] = field(default_factory=dict)
    takes_s: float = 0.0
    sure: float = 1.0

    def likely(self, thread: Thread) -> Mapping[str, float]:
        time.sleep(self.takes_s)
        told = next(name for words, name in self.found.items() if words in thread.question)
        return {name: math.log(self.sure) if name == told else -9.0 for name in names()}

    def likely_choices(self, thread: Thread, tool: str) -> Mapping[str, Mapping[str | None, float]]:
        told = next((measure for words, measure in self.measures.items() if words in thread.question), None)
        return {argument: {told: 0.0} for of, argument in choices() if of == tool}


REPORT = {"How full": "operations_report", "emptied": "operations_report"}
TWO = [OPEN.replace("2 of", "1 of"), OPEN]
LATE = ["the requests of this message could not be told apart in time: it was read as one"]


@pytest.mark.parametrize(
    ("expert", "limits"),
    [
        (Expert({"How full": "find_bins", "emptied": "service_history"}), TWO),
        (Expert({"How full": "find_bins", "emptied": "find_bins"}), []),
        (Expert(REPORT), []),
        (Expert(REPORT, {"How full": "tonnage", "emptied": "cost"}), TWO),
        (Expert({"How full": "reply", "emptied": "service_history"}), []),
        (Expert({"How full": "find_bins", "emptied": "decline"}), []),
        (Expert({"How full": "find_bins", "emptied": "service_history"}, takes_s=2.0), LATE),
    ],
)
async def test_a_later_request_is_one_that_the_experts_find_another_tool_or_choice_for(
    desk: Desk, expert: Expert, limits: list[str]
) -> None:
    apart_s = 0.5 if expert.takes_s else 30.0
    speaker = Speaker(ScriptedModel([]), classifier=expert, requests=shipped_requests(), apart_s=apart_s)
    asked = await read(speaker, replace(desk.ctx, question=BOTH), Past("C-0001"))
    assert asked.limits() == limits


OPEN_JOINT = "t1 and t2 run for tomorrow 05:00, then queue it for dispatch"
PLANNED = {"t1 and": "plan_round"}


@pytest.mark.parametrize(
    ("expert", "parts"),
    [
        (Expert({**PLANNED, "queue": "propose_dispatch"}), 2),
        (Expert({**PLANNED, "queue": "propose_dispatch"}, sure=0.8), 1),
        (Expert({**PLANNED, "queue": "what_if"}), 1),  # a change of the round is said as part of it
        (None, 1),
    ],
)
async def test_where_the_words_leave_it_open_the_experts_on_calls_must_be_sure(
    desk: Desk, expert: Expert | None, parts: int
) -> None:
    odds = shipped_requests().possible(OPEN_JOINT, ())
    assert [POSSIBLE < told < SURE for told in odds.values()] == [True]
    speaker = Speaker(ScriptedModel([]), classifier=expert, requests=shipped_requests(), apart_s=30.0)
    asked = await read(speaker, replace(desk.ctx, question=OPEN_JOINT), Past("C-0001"))
    assert len(asked.limits()) == (parts if parts > 1 else 0)


async def test_each_of_two_proposals_of_one_message_shows_its_card_and_is_recorded(desk: Desk) -> None:
    older, smell = (call("propose_ticket", kind="complaint", bin="102", note=note) for note in ("it hums", "it smells"))
    await desk.ask("102 hums", [older, reply()], thread="T")
    answer, _ = await told(desk, BOTH, [TICKET, smell, reply()], "T")
    made = [card.proposal_id for card in answer.proposals]
    assert made == ["A-0002", "A-0003"]
    assert (answer.kind, answer.proposal) == ("proposal", answer.proposals[-1])
    assert answer.as_json()["proposals"] == [card.as_json() for card in answer.proposals]
    assert answer.decision_id is not None
    entry = desk.ledger.find(answer.decision_id)[0].entry
    assert (entry.proposal_id, entry.proposal_ids) == ("A-0003", ("A-0002", "A-0003"))
    word, _ = await told(desk, "yes do it", [reply("{{approval}}")], "T")
    assert [card.proposal_id for card in word.proposals] == ["A-0001", *made]
    assert [card.state for card in word.proposals] == ["open"] * 3


async def test_a_proposal_that_is_decided_on_meanwhile_shows_no_other_card(desk: Desk) -> None:
    await desk.ask("the lid of 101 is stuck", [TICKET, reply()], thread="T")

    class Meanwhile(ScriptedModel):
        """Somebody approves what was proposed before the answer is there."""

        async def decide(self, prompt: str, schema: dict[str, JsonValue], *, deadline_s: float) -> ModelAnswer:
            if len(self.prompts) == 1:
                desk.approvals.withdraw("A-0002")
            return await super().decide(prompt, schema, deadline_s=deadline_s)

    answer = await desk.assistant(Meanwhile([TICKET, reply()])).ask(Inquiry("the lid is stuck again", ANA, "T"))
    assert [each.name for each in answer.calls] == ["propose_ticket"]
    assert answer.proposals == ()
