"""A follow-up that goes on with the call before it keeps all of it, and one that says everything anew keeps nothing."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from domain.values import Call
from tools.follow_up import with_its_bin, with_its_place, with_its_subject, with_kept

FULLEST = Call("find_bins", {"near": "Astoria", "stream": "paper", "min_fill_pct": 70})
REPORT = Call("operations_report", {"measure": "requests", "near": "Astoria", "since": "May", "until": "20 May"})
ROUND = Call("plan_round", {"when": "tonight", "trucks": ["T1", "T2"], "goal": "emissions", "near": "Astoria"})


def kept(before: Call, question: str, **parameters: JsonValue) -> dict[str, JsonValue]:
    """The parameters of a call of the same tool after its turn."""
    return dict(with_kept(Call(before.name, parameters), before, question).parameters)


@pytest.mark.parametrize(
    ("before", "question", "said", "whole"),
    [
        (REPORT, "one figure a day", {"measure": "requests", "group_by": "day", "since": "May"}, {"group_by": "day"}),
        (FULLEST, "only glass", {"stream": "glass", "min_fill_pct": 70}, {"stream": "glass"}),
        (FULLEST, "und Glas?", {"stream": "Glas", "near": "Astoria"}, {"stream": "Glas"}),
        (ROUND, "but for noon", {"when": "noon", "trucks": ["T1", "T2"]}, {"when": "noon"}),
    ],
)
def test_what_the_model_forgot_of_the_earlier_call_is_kept(
    before: Call, question: str, said: dict[str, JsonValue], whole: dict[str, JsonValue]
) -> None:
    assert kept(before, question, **said) == {**before.parameters, **whole}


@pytest.mark.parametrize(
    ("before", "question", "said"),
    [
        (FULLEST, "paper bins past 90 by the market", {"stream": "paper", "min_fill_pct": 90, "near": "the market"}),
        (FULLEST, "the paper one at the gate", {"stream": "paper", "bins": ["the gate"]}),
        (ROUND, "now one for tomorrow with T3", {"when": "tomorrow", "trucks": ["T3"]}),
        (REPORT, "how many requests came in June?", {"measure": "requests", "since": "June"}),
        (FULLEST, "forget paper, any stream", {"near": "Astoria", "min_fill_pct": 70}),
        (FULLEST, "drop the level", {"near": "Astoria", "stream": "paper"}),
        (FULLEST, "no, all over the city", {"stream": "paper", "min_fill_pct": 70}),
        (FULLEST, "y sin papel", {"near": "Astoria", "min_fill_pct": 70}),
        (ROUND, "not by day, just tonight", {"when": "tonight", "trucks": ["T1", "T2"]}),
    ],
)
def test_a_turn_that_says_all_it_holds_begins_anew(before: Call, question: str, said: dict[str, JsonValue]) -> None:
    assert kept(before, question, **said) == said


@pytest.mark.parametrize(
    ("before", "question", "said", "whole"),
    [
        (REPORT, "And Hyde Park?", {"measure": "requests", "near": "Hyde Park"}, {"near": "Hyde Park"}),
        (FULLEST, "et pour le verre ?", {"stream": "verre"}, {"stream": "verre"}),
        (FULLEST, "and over 80?", {"min_fill_pct": 80}, {}),
        (FULLEST, "85", {"min_fill_pct": 85}, {"min_fill_pct": 85}),
        (ROUND, "ok, and T3?", {"when": "tonight", "trucks": ["T3"]}, {"trucks": ["T3"]}),
    ],
)
def test_a_question_of_nothing_but_a_value_goes_on(
    before: Call, question: str, said: dict[str, JsonValue], whole: dict[str, JsonValue]
) -> None:
    assert kept(before, question, **said) == ({**before.parameters, **whole} if whole else said)


def test_words_that_are_repeated_stay_in_their_argument() -> None:
    since = Call("operations_report", {"measure": "requests", "since": "2015", "group_by": "reason"})
    again = kept(since, "do me Roxbury likewise", measure="requests", near="Roxbury", compare_to="2015")
    assert again == {"measure": "requests", "near": "Roxbury", "since": "2015", "group_by": "reason"}
    said = kept(since, "against 2015", measure="requests", since="May", compare_to="2015")
    assert said["compare_to"] == "2015"
    both = {"measure": "requests", "since": "2016", "compare_to": "2015", "group_by": "reason"}
    assert kept(since, "and 2016 beside it", **both) == both
    anew = {"measure": "requests", "since": "2016", "group_by": "reason"}
    assert kept(since, "2016, please, same thing", **anew, compare_to="2015") == anew
    assert kept(since, "was 2016 better?", **anew, compare_to="2015") == anew | {"compare_to": "2015"}
    turned = {"measure": "requests", "since": "2015", "compare_to": "2016"}
    years = Call("operations_report", {"measure": "requests", "since": "2016", "compare_to": "2015"})
    assert kept(years, "the other way round, same thing", **turned) == turned


@pytest.mark.parametrize(
    ("question", "said", "beside"),
    [
        ("With June beside it.", {"since": "June"}, True),
        ("And beside it June, to compare.", {"since": "June"}, True),
        ("June next to that?", {"since": "June", "compare_to": "July"}, False),
        ("y al lado de junio", {"since": "junio"}, True),
        ("June instead, against May", {"since": "June", "compare_to": "May"}, False),
        ("June instead", {"since": "June"}, False),
    ],
)
def test_a_time_that_is_set_beside_the_earlier_one_is_compared(
    question: str, said: dict[str, JsonValue], beside: bool
) -> None:
    july = Call("operations_report", {"measure": "tonnage", "group_by": "week", "since": "July"})
    found = kept(july, question, measure="tonnage", group_by="week", **said)
    wanted = {"since": "July", "compare_to": said["since"]} if beside else said
    assert found == {"measure": "tonnage", "group_by": "week"} | wanted


@pytest.mark.parametrize(
    ("question", "keeps"),
    [
        ("oh wait, it's the pier, not Astoria. Sorry!!", True),
        ("the pier instead of Astoria, please", True),
        ("el muelle, no Astoria", True),
        ("the pier, not Astoria and no paper either", False),
        ("the pier, not that stream", False),
        ("the pier, no limit", False),
    ],
)
def test_who_denies_only_what_was_said_before_goes_on_with_the_rest(question: str, keeps: bool) -> None:
    near = Call("find_bins", {"near": "Astoria", "stream": "paper", "min_fill_pct": 75})
    place = "el muelle" if "muelle" in question else "the pier"
    found = kept(near, question, near=place, stream="paper")
    assert found == {"near": place, "stream": "paper"} | ({"min_fill_pct": 75} if keeps else {})


def test_an_end_of_the_call_before_does_not_outlive_a_new_beginning() -> None:
    ended = Call("service_history", {"near": "Astoria", "until": "Wednesday"})
    assert kept(ended, "and yesterday?", near="Astoria", since="yesterday") == {"near": "Astoria", "since": "yesterday"}


def test_what_takes_the_place_of_another_argument_ends_it() -> None:
    one_truck = kept(ROUND, "with a single truck", truck_count=1, near="Astoria")
    assert one_truck == {"truck_count": 1, "goal": "emissions", "when": "tonight", "near": "Astoria"}
    by_level = Call("plan_round", {"when": "tonight", "min_fill_pct": 60})
    assert kept(by_level, "all of them", when="tonight", serve="all") == {"when": "tonight", "serve": "all"}
    at_a_site = kept(FULLEST, "at the pier only", bins=["the pier"], stream="paper")
    assert at_a_site == {"bins": ["the pier"], "stream": "paper", "min_fill_pct": 70}


def test_a_level_stays_beside_the_other_one_unless_no_bin_can_have_both() -> None:
    over = Call("find_bins", {"near": "Doe", "min_fill_pct": 60})
    assert kept(over, "but at most 90", near="Doe", max_fill_pct=90)["min_fill_pct"] == 60
    assert "min_fill_pct" not in kept(over, "and up to 30", near="Doe", max_fill_pct=30)
    fine = kept(FULLEST, "fine, and glass?", stream="glass", min_fill_pct=70)
    assert fine == {**FULLEST.parameters, "stream": "glass"}


def test_the_end_of_a_period_stays_with_its_beginning() -> None:
    assert kept(REPORT, "the same for June", measure="requests", since="June", near="Astoria") == {
        "measure": "requests", "since": "June", "near": "Astoria",
    }  # fmt: skip
    assert kept(REPORT, "by reason", measure="requests", near="Astoria", group_by="reason")["until"] == "20 May"


def test_what_the_turn_names_and_the_model_leaves_out_is_taken_back() -> None:
    without_pier = Call("plan_round", {"when": "tonight", "skip": ["the pier"], "near": "Astoria"})
    assert kept(without_pier, "put the pier in again", when="tonight", near="Astoria") == {
        "when": "tonight", "near": "Astoria",
    }  # fmt: skip


def test_a_radius_stays_with_its_place() -> None:
    around = Call("find_bins", {"near": "Astoria", "within_m": 300, "stream": "paper"})
    assert "within_m" not in kept(around, "at the pier", near="the pier", stream="paper")
    assert "within_m" not in kept(around, "at the pier only", bins=["the pier"], stream="paper")
    assert kept(around, "glass", near="Astoria", stream="glass")["within_m"] == 300
    assert kept(around, "glass", within_m=300, stream="glass")["near"] == "Astoria"
    assert kept(around, "glass", within_m=300, stream="glass", limit=5)["within_m"] == 300


@pytest.mark.parametrize(
    "before",
    [
        Call("what_if", {"truck_count": 2, "skip": ["9357"]}),
        Call("inspect_image", {"image": "a.jpg", "bin": "12"}),
        Call("propose_ticket", {"kind": "complaint", "note": "bags left", "near": "Astoria"}),
    ],
)
def test_a_change_an_object_and_a_proposal_begin_anew(before: Call) -> None:
    first = dict(list(before.parameters.items())[:1])
    assert kept(before, "and again", **first) == first


def test_another_tool_and_a_thread_without_a_call_keep_nothing() -> None:
    call = Call("forecast_fill", {"near": "Astoria"})
    assert with_kept(call, FULLEST, "and tomorrow?") is call
    assert with_kept(call, None, "and tomorrow?") is call
    assert with_kept(Call("no_such_tool", {"a": 1}), Call("no_such_tool", {"a": 1, "b": 2}), "x").parameters == {"a": 1}


@pytest.mark.parametrize(
    ("before", "said", "marks", "bin_said"),
    [
        (Call("forecast_fill", {"bins": ["1516524"], "by": "friday"}), {}, (), "1516524"),
        (Call("inspect_image", {"image": "a.jpg", "bin": "12"}), {}, ("[time friday]",), "12"),
        (Call("forecast_fill", {"bins": ["1516524"]}), {"bin": "77"}, (), "77"),
        (Call("forecast_fill", {"bins": ["1516524"]}), {"near": "Doe"}, (), None),
        (Call("forecast_fill", {"bins": ["1516524"]}), {"kind": "complaint"}, (), None),  # the driver was rude
        (Call("forecast_fill", {"bins": ["1516524"]}), {}, ("[truck T2]",), None),  # its mirror is broken
        (Call("forecast_fill", {"bins": ["1516524", "1516525"]}), {}, (), None),  # which of them is for the user to say
        (Call("find_bins", {"near": "Doe"}), {}, (), None),
        (None, {}, (), None),
    ],
)
def test_a_ticket_about_nothing_named_is_about_the_one_bin_before(
    before: Call | None, said: dict[str, JsonValue], marks: tuple[str, ...], bin_said: str | None
) -> None:
    ticket = Call("propose_ticket", {"kind": "maintenance", "note": "lid is broken", **said})
    assert with_its_bin(ticket, before, "lid is broken, ticket", marks).parameters.get("bin") == bin_said
    assert with_its_bin(Call("service_history", said), before, "and that one?", marks).parameters == said
    leaking = Call("propose_ticket", {"kind": "maintenance", "note": "leaks oil"})
    assert with_its_bin(leaking, before, "ticket: the truck leaks oil", ()) == leaking


@pytest.mark.parametrize(
    ("question", "placed"),
    [
        ("what was emptied there since Friday", True),
        ("wie voll ist es dort?", True),
        ("¿y qué se recogió allí desde el lunes?", True),
        ("ahí, cuántos pedidos hubo", True),
        ("et qu'est-ce qu'on a ramassé là-bas ?", True),
        ("la liste des collectes", False),
        ("what was emptied since Friday", False),
        ("hey there, what was emptied since Friday", False),
        ("is there anything since Friday", False),
        ("is there anything that was emptied there since Friday", True),
        ("there's nothing? what was emptied since Friday", False),
        ("there are trucks out: what was emptied since Friday", False),
        ("Weren't there any since Friday", False),
        ("Haven’t there been any since Friday", False),
        ("Were  there pickups since Friday", False),
        ("has there ever been one since Friday", False),
        ("there might be some since Friday", False),
        ("there'll be some, what was emptied since Friday", False),
        ("Hey, there! what was emptied since Friday", False),
        ("You there? what was emptied since Friday", False),
        ("what was emptied since Friday, but not there", False),
        ("weren't the bins there emptied since Friday", True),
        ('a note there says "hello". what was emptied since Friday', False),
    ],
)
def test_there_is_the_place_of_the_call_before(question: str, *, placed: bool) -> None:
    history = Call("service_history", {"since": "Friday"})
    near = {"near": "Astoria"} if placed else {}
    assert with_its_place(history, FULLEST, question, ()).parameters == {"since": "Friday"} | near


@pytest.mark.parametrize(
    ("call", "before", "marks"),
    [
        (Call("service_history", {"since": "Friday"}), FULLEST, ("[site Doe]",)),
        (Call("service_history", {"near": "Doe"}), FULLEST, ()),
        (Call("service_history", {"bins": ["12"]}), FULLEST, ()),
        (Call("service_history", {"since": "Friday"}), Call("find_bins", {"bins": ["12"]}), ()),
        (Call("service_history", {"since": "Friday"}), None, ()),
        (Call("model_status", {"model": "fill"}), FULLEST, ()),
        (Call("clarify", {"question": "{{bin}}"}), FULLEST, ()),
    ],
)
def test_there_is_no_place_where_one_is_named_none_was_or_none_is_taken(
    call: Call, before: Call | None, marks: tuple[str, ...]
) -> None:
    assert with_its_place(call, before, "and there?", marks) == call


def test_a_truck_that_drives_again_is_not_left_out_of_the_next_plan() -> None:
    before = Call("plan_round", {"when": "tonight", "near": "Doe", "trucks": ["without T2"]})
    again = with_kept(Call("plan_round", {"when": "tonight", "near": "Doe"}), before, "T2 is fixed, do that again")
    assert "trucks" not in again.parameters
    assert with_kept(again, before, "and make it cheaper").parameters["trucks"] == ["without T2"]


CHANGE = Call("what_if", {"plan": "P-0877", "max_hours": 6})
WATCH = Call("propose_watch", {"condition": "two bins are full", "near": "Doe", "schedule": "every Friday at 6"})


def test_a_bare_number_takes_the_place_of_the_only_one_before() -> None:
    assert kept(CHANGE, "And with seven?", truck_count=7) == {"plan": "P-0877", "max_hours": 7}
    assert kept(FULLEST, "80?", limit=80) == {**FULLEST.parameters, "min_fill_pct": 80}
    assert kept(CHANGE, "and with seven trucks?", truck_count=7) == {"truck_count": 7}
    assert kept(CHANGE, "70?", min_fill_pct=70) == {"min_fill_pct": 70}  # no shift is of 70 hours
    assert kept(CHANGE, "8 and 3?", truck_count=3) == {"truck_count": 3}
    near = Call("find_bins", {"near": "Doe", "within_m": 50})
    assert kept(near, "and 80%?", min_fill_pct=80) == {**near.parameters, "min_fill_pct": 80}
    low = Call("find_bins", {"min_fill_pct": 20})
    assert kept(low, "and to 40?", max_fill_pct=40) == {"min_fill_pct": 20, "max_fill_pct": 40}


def test_a_watch_for_the_same_condition_keeps_the_rest_of_that_watch() -> None:
    same = {"condition": "two bins are full", "channel": "chat"}
    assert kept(WATCH, "In the chat, please", **same) == {**WATCH.parameters, "channel": "chat"}
    assert kept(WATCH, "warn me in the chat when two bins are full", **same) == same
    monday = {"condition": "two bins are full", "schedule": "every Monday"}
    assert kept(WATCH, "make it every Monday", **monday) == {**WATCH.parameters, "schedule": "every Monday"}
    assert kept(WATCH, "and when three are full", condition="three are full") == {"condition": "three are full"}


def test_an_explanation_behind_a_record_is_of_that_decision() -> None:
    record, bare = Call("audit_trail", {"decision": "D-0345", "check": "replay"}), Call("explain", {})
    assert with_its_subject(bare, record, "why so?") == Call("explain", {"subject": "D-0345"})
    for call in (Call("explain", {"subject": "P-1"}), Call("explain", {"bin": "12"}), Call("model_status", {})):
        assert with_its_subject(call, record, "why so?") == call
    assert with_its_subject(bare, record, "why does the new plan skip so many") == bare
    assert with_its_subject(bare, FULLEST, "why so?") == bare
    assert with_its_subject(bare, None, "why so?") == bare
