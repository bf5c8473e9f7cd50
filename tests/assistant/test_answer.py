"""One question, start to finish: threads, questions back, and what is left when the model or a tool fails."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from desk import ANA, TICKET, Desk, a_desk, call, reply
from doubles import ScriptedModel
from pydantic import JsonValue

from assistant.answer import Limits
from assistant.ports import Inquiry
from assistant.question import EMPTY, LONGEST, WORDLESS
from domain.errors import AskAgain, DeadlineExceeded, ModelUnavailable, NotPermitted, PromptTooLong
from domain.ports import ModelAnswer, ModelIdentity
from domain.store import Store
from domain.values import Actor, Call, Role
from tools.registry import TOOLS
from tools.replay import replay
from tools.words import NOTICES, REPLIES

FIND = call("find_bins", near="Town Hall")


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Desk:
    return a_desk(store, tmp_path)


# ---------------------------------------------------------------- what an answer holds


async def test_an_answer_restates_what_it_understood_and_is_recorded(desk: Desk) -> None:
    answer = await desk.ask("Which bins near the town hall?", [FIND, reply()])
    assert (answer.kind, answer.grounded) == ("answer", True)
    assert "Understood: near: within 500 m of Town Hall" in answer.text
    assert answer.decision_id is not None
    record = desk.ledger.find(answer.decision_id)[0].entry
    assert (record.question, record.answer) == ("Which bins near the town hall?", answer.text)
    assert [c.name for c in record.calls] == ["find_bins"]


async def test_what_the_question_names_and_no_call_took_is_said(desk: Desk) -> None:
    question = "plan tomorrow's round with Truck 1, leaving at 6:30"
    left_out = await desk.ask(question, [call("plan_round", when="tomorrow", trucks=["Truck 1"]), reply()])
    assert left_out.degraded[0] == "of the question, “6:30” was not used"
    assert left_out.decision_id is not None
    kept = desk.ledger.find(left_out.decision_id)[0].entry.degraded
    assert kept[0] == "of the question, “…” was not used"  # `ledger erase` does not reach it
    whole = await desk.ask(question, [call("plan_round", when="tomorrow at 6:30", trucks=["Truck 1"]), reply()])
    assert not any("was not used" in told for told in whole.degraded)
    asked = await desk.ask(question, [call("plan_round", when="tomorrow", trucks=["Trck 9"])])
    assert (asked.kind, asked.degraded) == ("clarify", ())


async def test_an_unknown_name_becomes_a_question_with_the_nearest_names(desk: Desk) -> None:
    answer = await desk.ask("bins near the city hall", [call("find_bins", near="Twn Sqare")])
    assert answer.kind == "clarify"
    assert answer.choices
    unknown = await desk.ask("how full is bin 1001", [call("find_bins", bins=["1001"])])
    assert (unknown.kind, unknown.calls[0].result) == ("clarify", None)
    assert "1001" in unknown.text


async def test_a_site_of_several_bins_becomes_a_question_with_those_bins(desk: Desk) -> None:
    said = call("propose_ticket", kind="maintenance", bin="Town Hall", note="the lid is stuck")
    answer = await desk.ask("the lid at Town Hall is stuck", [said])
    assert answer.kind == "clarify"
    assert len(answer.choices) == 2
    assert answer.proposal is None


@pytest.mark.parametrize("parameters", [{"truck_count": 0}, {"truck_count": 1000}, {"truck_count": 5}])
async def test_a_count_of_trucks_that_cannot_be_is_a_question(desk: Desk, parameters: dict[str, JsonValue]) -> None:
    answer = await desk.ask("Plan a round", [call("plan_round", **parameters)])
    assert answer.kind == "clarify"
    assert answer.calls[0].result is None


@pytest.mark.parametrize(
    ("question", "said"),
    [("", EMPTY), (" \n\t ", EMPTY), ("\x00\x01\x1b[]", WORDLESS), ("🗑️🚛🔥", WORDLESS), ("?!…", WORDLESS),
     ("\ufffd\ufffd\ufffdPK\x03", WORDLESS), ("\ud800\udfff", EMPTY)],
)  # fmt: skip
async def test_a_question_without_words_gets_a_hint_and_no_model_is_asked(desk: Desk, question: str, said: str) -> None:
    answer = await desk.ask(question, [])
    assert (answer.kind, answer.text) == ("clarify", said)


async def test_a_question_too_long_says_how_long_and_at_the_limit_it_is_read(desk: Desk) -> None:
    long = await desk.ask("x" * (LONGEST + 1), [])
    assert f"{LONGEST:,}" in long.text
    limit = await desk.ask(("bins near Town Hall " * 300)[:LONGEST].strip(), [FIND, reply()])
    assert limit.kind == "answer"


# ---------------------------------------------------------------- threads


async def test_the_model_sees_the_thread_and_only_compost_leans_on_it(desk: Desk) -> None:
    first = await desk.ask("bins near Public Library", [call("find_bins", near="Public Library"), reply()])
    model = ScriptedModel([call("find_bins", near="Public Library", stream="compost"), reply()])
    answer = await desk.assistant(model, copying=True).ask(Inquiry("only compost", ANA, first.thread))
    assert answer.calls[0].result is not None
    assert "bins near Public Library" in model.prompts[0]
    assert '{"name":"find_bins","parameters":{"near":"Public Library"}}' in model.prompts[0]
    assert [row[0] for row in answer.calls[0].result.table.rows] == ["104", "108"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (reply("{{thanks}}"), '{"name":"reply","parameters":{"text":"{{thanks}}"}}'),
        (call("decline", reason="unsafe", text="Not that."), '{"name":"decline","parameters":{"reason":"unsafe"}}'),
        (call("clarify", question="{{bin}}"), '{"name":"clarify","parameters":{"question":"{{bin}}"}}'),
        (ModelUnavailable("It died."), ""),
    ],
)
async def test_a_turn_that_a_word_answered_is_shown_with_its_word(desk: Desk, said: Any, kept: str) -> None:
    first = await desk.ask("well then", [said])
    model = ScriptedModel([FIND, reply()])
    await desk.assistant(model).ask(Inquiry("bins near Town Hall", ANA, first.thread))
    answered = f"<|im_start|>assistant\n{kept}<|im_end|>\n<|im_start|>tool\nok<|im_end|>\n" if kept else ""
    assert f"well then<|im_end|>\n{answered}<|im_start|>user\nbins near" in model.prompts[0]


async def test_what_a_tool_found_is_not_shown_to_the_model_whatever_it_says(desk: Desk) -> None:
    found = call("search_records", query="lid")
    model = ScriptedModel([found, reply()])
    answer = await desk.assistant(model).ask(Inquiry("what do people say about lids?", ANA))
    assert answer.calls[0].result is not None
    said = '{"name":"search_records","parameters":{"query":"lid"}}'
    after = f"{said}<|im_end|>\n<|im_start|>tool\nok<|im_end|>\n<|im_start|>assistant\n"
    assert model.prompts[1] == model.prompts[0] + after


async def test_why_is_it_first_is_answered_about_the_plan_of_the_thread(desk: Desk) -> None:
    planned = await desk.ask("Plan tomorrow's round", [call("plan_round", when="tomorrow", serve="all"), reply()])
    answer = await desk.ask("why is it first?", [call("explain", bin="105"), reply()], thread=planned.thread)
    plan_id = planned.calls[0].result.facts.plan_id  # type: ignore[union-attr]
    assert answer.calls[0].understood["subject"] == plan_id
    assert plan_id in answer.text


async def test_why_is_it_first_is_answered_for_the_time_and_level_of_the_forecast(desk: Desk) -> None:
    found = await desk.ask("What is at 60 by Friday?", [call("forecast_fill", by="Friday", threshold_pct=60), reply()])
    told = found.calls[0].result.facts  # type: ignore[union-attr]
    answer = await desk.ask("why is it first?", [call("explain"), reply()], thread=found.thread)
    why = answer.calls[0].result.facts  # type: ignore[union-attr]
    assert (why.about.split()[0], why.by, why.threshold_pct) == (told.top_bin.split()[0], told.by, 60)
    assert why.chance_pct == told.top_chance_pct
    assert f"at or above 60 % by {told.by}" in answer.text


async def test_last_is_the_plan_of_this_turn_when_the_turn_made_one(desk: Desk) -> None:
    first = await desk.ask("Plan it", [call("plan_round", when="tomorrow", serve="all"), reply()])
    second = await desk.ask(
        "Plan it for the Riverside and send that",
        [call("plan_round", when="tomorrow", serve="all", near="Riverside"), call("propose_dispatch"), reply()],
        thread=first.thread,
    )
    made = second.calls[0].result.facts.plan_id  # type: ignore[union-attr]
    assert made != first.calls[0].result.facts.plan_id  # type: ignore[union-attr]
    assert second.calls[1].understood["plan"] == made


async def test_what_if_keeps_the_day_of_its_plan(desk: Desk) -> None:
    planned = await desk.ask("Plan Wednesday", [call("plan_round", when="Wednesday", serve="all"), reply()])
    changed = await desk.ask("and with one truck?", [call("what_if", truck_count=1), reply()], thread=planned.thread)
    assert changed.calls[0].result is not None, changed.text
    assert changed.calls[0].understood["when"] == planned.calls[0].understood["when"]
    assert "2025-09-03" in changed.calls[0].understood["when"]


async def test_the_day_after_counts_from_the_time_asked_before(desk: Desk) -> None:
    first = await desk.ask("full by Wednesday?", [call("forecast_fill", by="Wednesday"), reply()])
    after = await desk.ask(
        "and the day after?", [call("forecast_fill", by="the day after"), reply()], thread=first.thread
    )
    assert "2025-09-04" in after.calls[0].understood["by"]
    assert after.calls[0].understood["counted from"].startswith("2025-09-03")


async def test_since_a_day_stays_open_in_a_follow_up_that_carries_the_day_alone(desk: Desk) -> None:
    first = await desk.ask(
        "what was emptied at Public Library since Friday", [call("service_history", since="Friday"), reply()]
    )
    then = await desk.ask(
        "only Town Hall", [call("service_history", bins=["Town Hall"], since="Friday"), reply()], thread=first.thread
    )
    assert (
        then.calls[0].understood["since"]
        == first.calls[0].understood["since"]
        == "2025-08-29 00:00 to 2025-09-01 08:00"
    )
    assert then.calls[0].understood["said before"] == "since Friday"
    assert then.decision_id is not None
    assert replay(desk.ledger.find(then.decision_id)[0], desk.ctx).reproduced
    closed = await desk.ask(
        "and on Friday itself?", [call("service_history", since="Friday"), reply()], thread=first.thread
    )
    assert closed.calls[0].understood["since"] == "Fri 2025-08-29"


async def test_a_day_that_is_taken_back_leaves_its_since_to_the_next(desk: Desk) -> None:
    said = [call("service_history", since="Saturday"), reply()]
    answer = await desk.ask("what was emptied since Friday, sorry, Saturday", said)
    assert answer.calls[0].understood["since"] == "2025-08-30 00:00 to 2025-09-01 08:00"
    assert answer.decision_id is not None
    record = desk.ledger.find(answer.decision_id)[0]
    assert record.entry.question == "what was emptied since Friday, sorry, Saturday"
    assert replay(record, desk.ctx).reproduced


async def test_the_day_before_counts_from_the_period_that_was_asked_before(desk: Desk) -> None:
    first = await desk.ask("what was emptied on Friday?", [call("service_history", since="Friday"), reply()])
    said = call("service_history", since="the day before")
    before = await desk.ask("and the day before?", [said, reply()], thread=first.thread)
    assert before.calls[0].understood["since"] == "Thu 2025-08-28"
    assert before.calls[0].understood["counted from"].startswith("2025-08-29")
    untimed = await desk.ask("what was emptied?", [call("service_history"), reply()])
    today = await desk.ask("and the day before?", [said, reply()], thread=untimed.thread)
    assert today.calls[0].understood["since"] == "Sun 2025-08-31"


async def test_a_thread_of_another_city_is_a_question_and_stays_untouched(desk: Desk) -> None:
    with desk.store.write() as session:
        from domain.repositories.threads import open_thread

        theirs = open_thread(session, "elsewhere", "zoe", desk.clock()).id
    answer = await desk.ask("bins near Town Hall", [], thread=theirs)
    assert (answer.kind, answer.calls) == ("clarify", ())
    assert answer.thread != theirs


async def test_earlier_turns_beyond_the_prompt_are_cut_whole_and_that_is_said(desk: Desk) -> None:
    thread = None
    for number in range(3):
        said = f"turn {number} " + "word " * 250
        thread = (await desk.ask(said, [FIND, reply()], thread=thread)).thread
    model = ScriptedModel([reply("{{thanks}}")])
    answer = await desk.assistant(model).ask(Inquiry("thanks", ANA, thread))
    assert "turn 0" not in model.prompts[0]
    assert model.prompts[0].count("<|im_start|>user\nturn 1 word") == 1
    assert answer.degraded == ("1 earlier turn is too long ago for the model to see",)


async def test_a_prompt_beyond_the_models_context_loses_its_oldest_turns_and_that_is_said(desk: Desk) -> None:
    thread = None
    for number in range(4):
        thread = (await desk.ask(f"bins near Town Hall {number}", [FIND, reply()], thread=thread)).thread
    model = ScriptedModel([PromptTooLong("Too long."), PromptTooLong("Too long."), FIND, reply()])
    answer = await desk.assistant(model).ask(Inquiry("and now?", ANA, thread))
    shown = [prompt.count("bins near Town Hall") for prompt in model.prompts]
    assert shown == [4, 2, 1, 1]
    assert "bins near Town Hall 3" in model.prompts[2]
    assert answer.calls[0].result is not None
    assert answer.degraded == ("3 earlier turns are too long ago for the model to see",)


async def test_a_question_that_alone_is_beyond_the_context_says_so(desk: Desk) -> None:
    answer = await desk.ask("bins near Town Hall", [PromptTooLong("The conversation is too long.")])
    assert answer.text == NOTICES["unavailable"]
    assert answer.degraded == ("The conversation is too long.",)


async def test_a_follow_up_by_reference_reads_the_last_results(desk: Desk) -> None:
    first = await desk.ask("bins near Town Hall", [FIND, reply()])
    again = await desk.ask("how many was that?", [reply("{{1.bins_found}} bins")], thread=first.thread)
    assert again.grounded
    assert first.calls[0].result is not None
    assert again.text == f"{first.calls[0].result.facts.bins_found} bins"


# ---------------------------------------------------------------- honest degradation


class Hanging:
    """A model that never answers, whatever its deadline."""

    identity = ModelIdentity("hanging")

    async def decide(self, prompt: str, schema: dict[str, JsonValue], *, deadline_s: float) -> ModelAnswer:
        """Hangs."""
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_dead_model_leaves_the_typed_commands_and_says_so(desk: Desk) -> None:
    down = [ModelUnavailable("The language model is not there.")]
    answer = await desk.ask("bins near Town Hall", down)
    assert answer.text == NOTICES["unavailable"]
    assert answer.degraded == ("The language model is not there.",)
    typed = await desk.ask("find_bins near='Town Hall' limit=2", [])
    assert typed.calls[0].result is not None
    assert typed.kind == "answer"


async def test_a_hanging_model_is_left_at_its_deadline(desk: Desk) -> None:
    began = time.monotonic()
    answer = await desk.assistant(Hanging(), deadline_s=0.1).ask(Inquiry("bins near Town Hall", ANA))
    assert time.monotonic() - began < 5
    assert answer.text == NOTICES["unavailable"]
    assert "did not answer within 0.1 seconds" in answer.degraded[0]


async def test_the_whole_question_has_a_deadline_and_old_results_are_not_shown_as_new(
    store: Store, tmp_path: Path
) -> None:
    desk = a_desk(store, tmp_path, limits=Limits(question_s=3.0))
    first = await desk.ask("bins near Town Hall", [FIND, reply()])
    answer = await desk.assistant(Hanging(), deadline_s=60).ask(Inquiry("plan a round", ANA, first.thread))
    assert answer.text == NOTICES["unavailable"]
    assert answer.degraded == ("the question took too long; this is what was ready",)


@pytest.mark.parametrize(
    "garbage",
    ["", "no JSON", "[]", "null", "{}", '{"name": 5}', '{"name": "find_bins", "parameters": "x"', '"x"', "1e999"],
)
async def test_garbage_of_the_model_is_no_answer_and_no_crash(desk: Desk, garbage: str) -> None:
    answer = await desk.ask("bins near Town Hall", [garbage])
    assert answer.text == NOTICES["unavailable"]
    assert answer.degraded


@pytest.mark.parametrize(
    "said",
    [
        call("rm_rf", path="/"),
        call("There are 95 bins"),
        call("find_bins", near=5),
        call("find_bins", near={"a": [1]}),
        call("find_bins", limit="many"),
        call("find_bins", limit=10**9),
        call("find_bins", bins=[]),
        call("find_bins", bins=[["x"]]),
        call("find_bins", the_level_is_95_pct=True),
        call("find_bins", near=""),
        call("propose_ticket"),
    ],
)
async def test_a_call_that_breaks_the_schema_becomes_a_question_without_its_words(
    desk: Desk, said: dict[str, Any]
) -> None:
    answer = await desk.ask("bins near Town Hall", [said])
    assert answer.kind == "clarify"
    assert "95" not in answer.text
    assert desk.effects() == 0


async def test_after_a_failure_in_the_middle_what_was_found_is_shown(desk: Desk) -> None:
    answer = await desk.ask("bins near Town Hall, then more", [FIND, ModelUnavailable("It died.")])
    assert "Town Hall" in answer.text
    assert answer.degraded == ("It died.",)


@pytest.mark.parametrize("word", [call("clarify", question="{{bin}}"), call("decline", reason="out_of_scope")])
async def test_what_was_found_and_proposed_before_a_question_or_refusal_is_shown(desk: Desk, word: Any) -> None:
    answer = await desk.ask("open a ticket for the lid of 101, and the other one", [FIND, TICKET, word])
    assert "Town Hall" in answer.text
    assert answer.proposal is not None
    assert answer.proposal.proposal_id in answer.text


async def test_a_tool_over_its_budget_is_left_and_said(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = slow_tool(desk, "find_bins")
    monkeypatch.setitem(TOOLS, "find_bins", slow)
    began = time.monotonic()
    answer = await desk.ask("bins near Town Hall", [FIND])
    assert time.monotonic() - began < 3
    assert "took longer than 0.1 seconds" in answer.text
    assert answer.calls[0].problem is not None
    with pytest.raises(DeadlineExceeded):
        await desk.assistant(ScriptedModel([])).run_tool(Call("find_bins", {}), ANA)


def slow_tool(desk: Desk, name: str) -> Any:
    """The tool, with a budget shorter than its run."""
    from dataclasses import replace

    def run(**_values: Any) -> Any:
        time.sleep(0.6)
        raise AskAgain("too late")

    return replace(TOOLS[name], run=run, budget_s=0.1)


async def test_a_proposal_that_comes_after_its_deadline_is_not_stored(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    real, left, over = TOOLS["propose_ticket"].run, threading.Event(), threading.Event()

    def late(**values: Any) -> Any:
        left.wait(5)
        try:
            return real(**values)
        finally:
            over.set()

    monkeypatch.setitem(TOOLS, "propose_ticket", replace(TOOLS["propose_ticket"], run=late, budget_s=0.1))
    answer = await desk.ask("the lid of 101 is stuck", [TICKET])
    assert "took longer than 0.1 seconds" in answer.text
    left.set()
    assert await asyncio.to_thread(over.wait, 5)
    assert desk.approvals.open_cards() == []


@pytest.mark.parametrize(
    ("asked", "actor", "error"),
    [
        (Call("find_bins", {"near": "Twn Sqare"}), ANA, AskAgain),
        (Call("propose_ticket", TICKET["parameters"]), Actor("vi", Role.viewer), NotPermitted),
        (Call("no_such_tool", {}), ANA, AskAgain),
    ],
)
async def test_what_a_program_was_refused_is_recorded_with_the_reason(
    desk: Desk, asked: Call, actor: Actor, error: type[Exception]
) -> None:
    with pytest.raises(error) as refused:
        await desk.assistant(ScriptedModel([])).run_tool(asked, actor)
    record = desk.ledger.show(1).entry
    assert (record.actor, record.surface) == (actor.name, "api")
    assert [(each.name, each.error) for each in record.calls] == [(asked.name, str(refused.value))]


async def test_a_model_that_loops_is_stopped_at_the_step_bound(store: Store, tmp_path: Path) -> None:
    desk = a_desk(store, tmp_path, limits=Limits(max_steps=4))
    answer = await desk.ask("loop", [call("find_bins", limit=n) for n in range(1, 9)])
    assert len(answer.calls) == 4
    assert answer.kind == "answer"


async def test_the_very_same_call_again_ends_the_turn(desk: Desk) -> None:
    answer = await desk.ask("bins near Town Hall", [FIND, FIND])
    assert len(answer.calls) == 1
    assert answer.kind == "answer"


async def test_a_bug_in_a_tool_is_not_hidden(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    def broken(**_values: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setitem(TOOLS, "find_bins", replace(TOOLS["find_bins"], run=broken))
    with pytest.raises(ZeroDivisionError):
        await desk.ask("bins near Town Hall", [FIND])


async def test_the_same_question_twice_at_the_same_moment_is_two_decisions(desk: Desk) -> None:
    first = await desk.ask("bins near Town Hall", [FIND, reply()], thread="T")
    both = await asyncio.gather(*(desk.ask("bins near Town Hall", [FIND, reply()], thread="T") for _ in range(2)))
    assert len({first.decision_id, *(answer.decision_id for answer in both)}) == 3
    assert desk.ledger.verify().ok


# ---------------------------------------------------------------- a killed process goes on


class Killed(BaseException):
    """The process is gone."""


class DyingModel(ScriptedModel):
    """Dies at its second decision."""

    async def decide(self, prompt: str, schema: dict[str, JsonValue], *, deadline_s: float) -> ModelAnswer:
        """The first answer, then the end."""
        if self.prompts:
            raise Killed
        return await super().decide(prompt, schema, deadline_s=deadline_s)


async def test_a_question_killed_after_its_first_tool_goes_on_without_running_it_twice(desk: Desk) -> None:
    with pytest.raises(Killed):
        await desk.assistant(DyingModel([TICKET])).ask(Inquiry("the lid of 101 is stuck", ANA, "T"))
    assert len(desk.approvals.open_cards()) == 1
    answer = await desk.ask("the lid of 101 is stuck", [reply()], thread="T")
    assert [each.name for each in answer.calls] == ["propose_ticket"]
    assert len(desk.approvals.open_cards()) == 1
    assert answer.proposal is not None


async def test_another_question_after_a_kill_begins_afresh(desk: Desk) -> None:
    with pytest.raises(Killed):
        await desk.assistant(DyingModel([FIND])).ask(Inquiry("bins near Town Hall", ANA, "T"))
    answer = await desk.ask("hello", [reply("{{greeting}}")], thread="T")
    assert (answer.calls, answer.text) == ((), REPLIES["greeting"])


async def test_another_person_does_not_go_on_with_a_killed_question(desk: Desk) -> None:
    audit = call("audit_trail", check="verify")
    with pytest.raises(Killed):
        await desk.assistant(DyingModel([audit])).ask(Inquiry("is the ledger whole?", ANA, "T"))
    answer = await desk.ask("is the ledger whole?", [audit], Actor("vi", Role.viewer), thread="T")
    assert (answer.kind, answer.reason) == ("decline", "not_permitted")
