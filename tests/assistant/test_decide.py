"""What a decision makes of the model's call: code reads what the question and the thread leave no choice about."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from doubles import NamingScript, ScriptedModel
from pydantic import JsonValue

from assistant.decide import Speaker, decide
from assistant.memory import Past, PastTurn
from assistant.situation import Situation, spans_of, thread_of
from domain.errors import ModelUnavailable
from domain.operation import load_operation
from domain.ports import ModelAnswer
from domain.store import Store
from domain.values import Call
from prompts.render import Step
from tools.call_classifier import WEIGHT, CallClassifier, Made, choices, names
from tools.json_words import in_words, texts_in
from tools.registry import JsonSchema
from tools.regression import BUCKETS
from tools.resolvable import Resolver
from tools.resolve import Setting

REQUESTS = Call("operations_report", {"measure": "requests", "near": "Zone 4", "since": "May"})
FIRST = Past("C-0001", (PastTurn("requests in Zone 4 in May", (Step(REQUESTS.text()),)),))


def situation(question: str, past: Past = FIRST, **more: Any) -> Situation:
    """A dispatcher's question after that thread."""
    return Situation("berkeley", "dispatcher", "2025-08-31", past, question, **more)


async def decided(question: str, said: Call, **more: Any) -> dict[str, JsonValue]:
    """The parameters of what the model said, as they are used."""
    return dict((await decide(Speaker(ScriptedModel([said.text()])), situation(question, **more))).parameters)


async def test_a_follow_up_keeps_the_place_that_the_model_forgot() -> None:
    by_day = Call("operations_report", {"measure": "requests", "since": "May", "group_by": "day"})
    assert await decided("one figure a day", by_day) == {**REQUESTS.parameters, "group_by": "day"}


async def test_the_second_call_of_a_turn_keeps_nothing_of_the_turn_before() -> None:
    second = Call("operations_report", {"measure": "overflows", "since": "May"})
    steps = (Step(Call("model_status", {}).text()),)
    assert await decided("is the model fine? and overflows", second, steps=steps) == second.parameters


async def test_bounds_radius_and_clause_are_read_from_the_question() -> None:
    low = Call("find_bins", {"near": "the pier", "min_fill_pct": 20})
    assert await decided("at most 20 percent within 300 m of the pier", low, past=Past("C-0001")) == {
        "near": "the pier", "max_fill_pct": 20, "within_m": 300,
    }  # fmt: skip
    ticket = Call("propose_ticket", {"kind": "maintenance", "note": "lid torn"})
    assert (await decided("P12: lid torn off again", ticket))["note"] == "lid torn off again"


async def test_a_named_argument_and_a_whole_time_are_read_from_the_question(resolver: Resolver) -> None:
    low = Call("find_bins", {"near": "the pier", "min_fill_pct": 35})
    assert await decided("the pier again max_fill_pct=35", low, past=Past("C-0001")) == {
        "near": "the pier", "max_fill_pct": 35,
    }  # fmt: skip
    plan = Call("plan_round", {"when": "tomorrow"})
    for said, used in {"tomorrow at 6 am": "tomorrow at 6 am", "tomorrow noon morning 25": "tomorrow"}.items():
        asked = {"marks": (f"[time {said}]",), "resolver": resolver}
        assert await decided(f"a round for {said}", plan, **asked) == {"when": used}


def test_digits_of_marked_names_and_of_earlier_places_are_no_numbers() -> None:
    asked = situation("and Pier 7 with two trucks", marks=("[site Pier 7]", "[time tonight]"))
    assert spans_of(asked).numbers == (2,)
    assert spans_of(situation("with 4 trucks")).numbers == (4,)


async def test_an_hour_taken_for_trucks_makes_way_for_the_trucks_that_are_said() -> None:
    counted = Call("plan_round", {"when": "mañana a las 6", "truck_count": 6})
    asked = situation("la recolección de mañana a las 6 con dos camiones")
    found = await decide(Speaker(ScriptedModel([counted.text()])), asked)
    assert found.parameters == {"when": "mañana a las 6", "truck_count": 2}


# ---------------------------------------------------------------- the classifier's say

FLEET, HISTORY = Call("fleet_status", {"when": "this morning"}), Call("service_history", {"truck": "T2"})
ASKED = "T2 won't start. who else have i got this morning"


def sure_of(name: str, odds: float = 12.0, **chosen: str) -> CallClassifier:
    """A classifier that finds one name e^odds times as likely as each other, and of arguments the choices as well."""
    told = [each == name for each in names()]
    for (tool, argument), of in choices().items():
        told += [tool == name and chosen.get(argument) == each for each in of]
    bias = odds * np.array(told, np.float32)
    return CallClassifier(np.zeros((BUCKETS, 1), np.float32), np.zeros((len(bias), 1), np.float32), bias)


def offered(schema: dict[str, Any]) -> list[str]:
    return [each["properties"]["name"]["const"] for each in schema["anyOf"]]


async def test_what_both_find_likelier_is_written_in_a_second_decision() -> None:
    model = NamingScript([HISTORY.text(), FLEET.text()], {"service_history": -0.4, "fleet_status": -1.2})
    assert await decide(Speaker(model, classifier=sure_of("fleet_status")), situation(ASKED)) == FLEET
    assert offered(model.schemas[0]) == list(model.asked[0])
    assert {"fleet_status", "service_history", "reply"} <= {*model.asked[0]}
    assert offered(model.schemas[1]) == ["fleet_status"]


@pytest.mark.parametrize("weights", [{"service_history": -0.01, "fleet_status": -25.0}, {}])
async def test_a_model_that_is_sure_or_tells_nothing_has_its_way(weights: dict[str, float]) -> None:
    model = NamingScript([HISTORY.text()], weights)
    assert await decide(Speaker(model, classifier=sure_of("fleet_status")), situation(ASKED)) == HISTORY


async def test_the_second_decision_has_what_is_left_of_the_deadline() -> None:
    class Slow(NamingScript):
        deadlines: list[float] = []

        async def decide(self, prompt: str, schema: dict[str, JsonValue], *, deadline_s: float) -> ModelAnswer:
            self.deadlines.append(deadline_s)
            await asyncio.sleep(0.2)
            return await super().decide(prompt, schema, deadline_s=deadline_s)

    model = Slow([HISTORY.text(), FLEET.text()], {"service_history": -0.4, "fleet_status": -1.2})
    await decide(Speaker(model, deadline_s=5.0, classifier=sure_of("fleet_status")), situation(ASKED))
    assert model.deadlines[0] == 5.0
    assert model.deadlines[1] <= 4.8


async def test_a_second_decision_that_fails_leaves_the_first() -> None:
    model = NamingScript([HISTORY.text(), ModelUnavailable("gone")], {"service_history": -0.4, "fleet_status": -1.2})
    assert await decide(Speaker(model, classifier=sure_of("fleet_status")), situation(ASKED)) == HISTORY


async def test_a_tool_that_the_thread_cannot_fill_is_never_chosen() -> None:
    model = NamingScript([FLEET.text()], {"fleet_status": -0.1})
    await decide(Speaker(model, classifier=sure_of("inspect_image")), situation("", Past("C-0001")))
    assert "inspect_image" not in model.asked[0]


async def test_a_model_that_cannot_tell_is_asked_as_before() -> None:
    model = ScriptedModel([HISTORY.text()])
    assert await decide(Speaker(model, classifier=sure_of("fleet_status")), situation(ASKED)) == HISTORY


# ---------------------------------------------------------------- choices of arguments

PLAN = "plan tonight for T1, as quick as can be"
QUICK, CHEAP = (Call("plan_round", {"when": "tonight", "trucks": ["T1"], "goal": goal}) for goal in ("time", "cost"))
LIKELY = {"plan_round": -0.1}


@pytest.mark.parametrize(("less", "call"), [(WEIGHT * 12 - 1, QUICK), (WEIGHT * 12 + 1, CHEAP)])
async def test_another_choice_is_taken_where_both_find_it_likelier(less: float, call: Call) -> None:
    model = NamingScript([CHEAP.text(), QUICK.text()], LIKELY, (-1.0, -1.0 - less))
    sure = sure_of("plan_round", 12.0, goal="time")
    assert await decide(Speaker(model, classifier=sure), situation(PLAN)) == call
    (alternative,) = model.schemas[1]["anyOf"]
    assert alternative["properties"]["parameters"]["properties"] == {
        name: {"const": said} for name, said in QUICK.parameters.items()
    }


async def test_a_choice_that_nobody_made_is_left_out() -> None:
    without = Call("plan_round", {"when": "tonight", "trucks": ["T1"]})
    model = NamingScript([CHEAP.text(), without.text()], LIKELY, (-1.0, -2.0))
    assert await decide(Speaker(model, classifier=sure_of("plan_round")), situation(PLAN)) == without


@pytest.mark.parametrize("goal", ["fame", ["time"], None])
async def test_a_server_that_gives_what_is_no_choice_is_not_asked_for_another(goal: JsonValue) -> None:
    said = Call("plan_round", {"goal": goal})
    asked = NamingScript([said.text()], LIKELY, (-1.0,))
    speaker = Speaker(asked, classifier=sure_of("plan_round"))
    assert (await decide(speaker, situation(PLAN, Past("C-0001")))).parameters.get("goal") == goal


async def test_a_default_that_is_said_stays() -> None:
    balanced = Call("plan_round", {"when": "tonight", "trucks": ["T1"], "goal": "balanced"})
    speaker = Speaker(NamingScript([balanced.text()], LIKELY, (-1.0,)), classifier=sure_of("plan_round"))
    assert await decide(speaker, situation("balanced rather", Past("C-0001", ()))) == balanced


async def test_where_both_agree_or_the_other_call_fails_the_first_stays() -> None:
    speaker = Speaker(NamingScript([QUICK.text()], LIKELY, (-1.0,)), classifier=sure_of("plan_round", goal="time"))
    assert await decide(speaker, situation(PLAN)) == QUICK
    gone = NamingScript([CHEAP.text(), ModelUnavailable("gone")], LIKELY, (-1.0, -1.0))
    assert await decide(replace(speaker, model=gone), situation(PLAN)) == CHEAP


# ---------------------------------------------------------------- what a call leaves out

BOTH = "T1, T2 run for tonight"
MARKS = ("[truck T1]", "[truck T2]", "[time tonight]")
ONE = Call("plan_round", {"when": "tonight", "trucks": ["T1"]})
TWO = Call("plan_round", {"when": "tonight", "trucks": ["T1", "T2"]})


@pytest.mark.parametrize(
    ("weights", "call"),
    [((-1.0, -2.5), TWO), ((-1.0, -9.0), ONE)],
    ids=["likely enough", "hardly likely"],
)
async def test_a_call_that_leaves_a_truck_out_is_written_again(weights: tuple[float, ...], call: Call) -> None:
    model = NamingScript([ONE.text(), TWO.text()], {}, weights)
    assert await decide(Speaker(model), situation(BOTH, marks=MARKS)) == call
    assert offered(model.schemas[1]) == ["plan_round"]


@pytest.mark.parametrize("weights", [(-1.0, -2.0), (-1.0, -9.0)])
async def test_a_number_that_is_left_out_is_taken_in_where_that_is_likely(weights: tuple[float, ...]) -> None:
    call, more = Call("find_bins", {"near": "B 2"}), Call("find_bins", {"near": "B 2", "limit": 15})
    model = NamingScript([call.text(), more.text(), more.text()], {}, weights)
    made = await decide(Speaker(model), situation("los de B 2, con quince me alcanza", Past("C-0001")))
    assert made == (more if weights[1] > -9.0 else call)


async def test_a_call_that_takes_in_no_more_leaves_the_first() -> None:
    model = NamingScript([ONE.text(), ONE.text()], {}, (-5.0, -1.0))
    assert await decide(Speaker(model), situation(BOTH, marks=MARKS)) == ONE


async def test_a_call_whose_weight_is_not_told_stands() -> None:
    assert await decide(Speaker(NamingScript([ONE.text()], {})), situation(BOTH, marks=MARKS)) == ONE


async def test_covering_can_be_left_off() -> None:
    model = NamingScript([ONE.text()], {}, (-5.0,))
    assert await decide(Speaker(model, covering=False), situation(BOTH, marks=MARKS)) == ONE


@pytest.mark.parametrize("word", [Call("decline", {"reason": "out_of_scope"}), Call("reply", {"text": "{{help}}"})])
async def test_a_word_before_any_call_leaves_nothing_out(word: Call) -> None:
    model = NamingScript([word.text()], {"plan_round": -0.7, word.name: -0.7}, (-0.8,))
    sure = sure_of(word.name, **{name: str(said) for name, said in word.parameters.items()})
    assert await decide(Speaker(model, classifier=sure), situation(BOTH, marks=MARKS)) == word


async def test_the_classifier_has_a_say_in_why_something_is_refused() -> None:
    unsafe, outside = (Call("decline", {"reason": reason}) for reason in ("unsafe", "out_of_scope"))
    sure = sure_of("decline", reason="out_of_scope")
    model = NamingScript([unsafe.text(), outside.text()], {"decline": -0.1}, (-2.0, -3.0))
    assert await decide(Speaker(model, classifier=sure), situation("who won the derby")) == outside
    assert offered(model.schemas[1]) == ["decline"]
    model = NamingScript([unsafe.text(), outside.text()], {"decline": -0.1}, (-2.0, -30.0))
    assert await decide(Speaker(model, classifier=sure), situation("who won the derby")) == unsafe


async def test_what_only_others_say_does_not_count() -> None:
    model = NamingScript([ONE.text()], {}, (-5.0,))
    quoted = situation('a note says "T2", T1 run for tonight', marks=MARKS)
    assert await decide(Speaker(model), quoted) == ONE


@pytest.mark.parametrize("more", [{"copying": False}, {"style": "llama3"}, {"covering": False}])
async def test_only_the_small_style_with_copied_values_is_covered(more: dict[str, Any]) -> None:
    model = NamingScript([ONE.text()], {}, (-5.0,))
    assert await decide(Speaker(model, **more), situation(BOTH, marks=MARKS)) == ONE


@pytest.mark.parametrize("failure", [ModelUnavailable("gone"), "no call"])
async def test_a_call_that_fails_leaves_the_one_before(failure: str | Exception) -> None:
    model = NamingScript([ONE.text(), failure], {}, (-1.0, -1.0))
    assert await decide(Speaker(model), situation(BOTH, marks=MARKS)) == ONE


async def test_a_call_that_loses_another_mark_leaves_the_one_before() -> None:
    less = Call("plan_round", {"trucks": ["T1", "T2"]})
    model = NamingScript([ONE.text(), less.text()], {}, (-1.0, -1.0))
    assert await decide(Speaker(model), situation(BOTH, marks=MARKS)) == ONE


async def test_two_marks_are_taken_in_one_after_the_other() -> None:
    near = Call("plan_round", {"when": "tonight", "trucks": ["T1", "T2"], "near": "chavez"})
    model = NamingScript([ONE.text(), TWO.text(), near.text()], {}, (-1.0, -1.0, -1.0))
    asked = situation(f"{BOTH} by chavez", marks=(*MARKS, "[area chavez]"))
    assert await decide(Speaker(model), asked) == near


async def test_the_classifier_is_heard_where_another_tool_takes_the_mark_in() -> None:
    weights = {"plan_round": -0.2, "fleet_status": -1.5}
    fleet = Call("fleet_status", {"trucks": ["T1", "T2"], "when": "tonight"})
    for name, call in (("plan_round", ONE), ("fleet_status", fleet)):
        model = NamingScript([ONE.text(), fleet.text()], weights, (-0.2, -1.4))
        sure = sure_of(name, 1.0 / WEIGHT)
        found = await decide(Speaker(model, classifier=sure), situation(BOTH, marks=MARKS))
        assert found == (call if name == "fleet_status" else fleet)


LOOKED, ENDED = Call("inspect_image", {"image": "p.jpg"}), Call("reply", {"text": "{{results}}"})


def ending(question: str, *marks: str) -> Situation:
    """A turn in which the history of T2 was asked for."""
    return replace(situation(question, marks=marks), steps=(Step(HISTORY.text()),))


async def test_a_turn_does_not_end_before_a_likely_call_that_takes_in_the_rest() -> None:
    model = NamingScript([ENDED.text(), LOOKED.text()], {"inspect_image": -4.5, "reply": -0.2}, (-0.2, -5.0))
    assert (
        await decide(Speaker(model), ending("p.jpg please, and where T2 was", "[file p.jpg]", "[truck T2]")) == LOOKED
    )
    assert offered(model.schemas[1]) == ["inspect_image"]


async def test_a_turn_ends_where_no_other_tool_is_likely() -> None:
    weights = {"service_history": -0.5, "fleet_status": -30.0, "reply": -0.2}
    model = NamingScript([ENDED.text()], weights, (-0.2,))
    assert await decide(Speaker(model), ending("where T2 was, and T3", "[truck T2]", "[truck T3]")) == ENDED


def test_the_classifier_reads_this_turn_and_the_one_before() -> None:
    steps = (Step(FLEET.text(), "none"),)
    thread = thread_of(situation(ASKED, marks=("[truck T2]",), steps=steps))
    assert (thread.question, thread.marks, thread.steps) == (ASKED, ("[truck T2]",), (Made(FLEET, "none"),))
    assert (thread.earlier, thread.before) == ("requests in Zone 4 in May", (Made(REQUESTS, "ok"),))


# ---------------------------------------------------------------- what code cannot resolve

RULE = "the rule about meal breaks, chapter and verse"
ASKING = {"query": "meal breaks", "kind": "handbook"}
UNREAD, READ = Call("search_records", {**ASKING, "since": "chapter and verse"}), Call("search_records", ASKING)
UNKNOWN = Call("find_bins", {"near": "the Grand Canal"})


@pytest.fixture
def resolver(store: Store) -> Resolver:
    return Resolver(Setting(load_operation(store, "smalltown"), datetime(2025, 9, 1, 8, tzinfo=UTC)))


WEIGHING = sure_of("find_bins")
"""A classifier without which a model is not asked how likely a call is; it has no say where no names are weighed."""


@pytest.mark.parametrize(("weights", "call"), [((-1.0, -2.5, -9.0), READ), ((-1.0, -3.5, -9.0), UNREAD)])
async def test_a_call_without_what_nobody_can_read_is_taken_where_it_is_likely_enough(
    weights: tuple[float, ...], call: Call, resolver: Resolver
) -> None:
    model = NamingScript([UNREAD.text(), READ.text(), READ.text()], {}, weights)
    assert await decide(Speaker(model, classifier=WEIGHING), situation(RULE, resolver=resolver)) == call
    without, resolvable = (schema["anyOf"] for schema in model.schemas[1:])
    assert [each["properties"]["parameters"]["required"] for each in without] == [["query", "kind"]]
    offered = {each["properties"]["name"]["const"]: each["properties"]["parameters"] for each in resolvable}
    assert offered["search_records"]["properties"]["since"]["enum"] == ["May"]  # of the earlier turn
    assert "decline" in offered


@pytest.mark.parametrize("other", [Call("clarify", {"question": "{{place}}"}), Call("find_bins", {"near": "Atlantis"})])
async def test_a_question_back_without_the_name_and_another_unknown_name_are_no_better(
    other: Call, resolver: Resolver
) -> None:
    model = NamingScript([UNKNOWN.text(), other.text(), other.text()], {}, (-1.0, -0.1, -0.1))
    assert (
        await decide(
            Speaker(model, classifier=WEIGHING), situation("what is full at the Grand Canal", resolver=resolver)
        )
        == UNKNOWN
    )


class Slow(Resolver):
    """One that takes longer than there is time."""

    def only_resolvable(self, schema: JsonSchema, candidates: Iterable[str]) -> JsonSchema:
        time.sleep(0.4)
        return super().only_resolvable(schema, candidates)


async def test_a_schema_that_takes_too_long_leaves_the_first_call(resolver: Resolver) -> None:
    model = NamingScript([UNKNOWN.text(), ModelUnavailable("busy"), UNKNOWN.text()], {}, (-1.0, -9.0, -9.0))
    asked = situation("what is full at the Grand Canal", resolver=Slow(resolver.setting))
    assert await decide(Speaker(model, classifier=WEIGHING, deadline_s=0.2), asked) == UNKNOWN


async def test_what_code_resolves_is_decided_once(resolver: Resolver) -> None:
    known = Call("find_bins", {"near": "Public Library"})
    model = NamingScript([known.text()], {}, (-1.0,))
    assert (
        await decide(Speaker(model, classifier=WEIGHING), situation("full at the Public Library?", resolver=resolver))
        == known
    )
    assert len(model.schemas) == 1


async def test_a_text_that_a_program_sends_is_noted_whole() -> None:
    sent = '{"ticket":"recovery","bin":"8166","text":"gate was locked, crew turned back"}'
    said = Call("propose_ticket", {"kind": "recovery", "note": "gate was locked", "bin": "8166"})
    asked = situation(in_words(sent), sent=texts_in(sent))
    made = await decide(Speaker(ScriptedModel([said.text()])), asked)
    assert made.parameters["note"] == "gate was locked, crew turned back"


async def test_an_object_that_a_program_sends_is_read_and_copied_in_words() -> None:
    sent = '{"near":"South Station","radius_m":300,"earlier":{"min_pct":60}}'
    said = Call("find_bins", {"near": "South Station", "within_m": 300, "min_fill_pct": 60})
    model = NamingScript([said.text()], {}, (-1.0,))
    asked = situation(in_words(sent), Past("C-0001", (PastTurn(sent, ()),)).in_words())
    assert await decide(Speaker(model, classifier=WEIGHING), asked) == said
    assert model.prompts[0].count("near: South Station, radius m: 300, earlier min pct: 60") == 2
    assert "South Station" in spans_of(asked).up_to(2)
    assert not any('"' in span for span in spans_of(asked).up_to(8))
