"""tools/argument_classifier.py: which argument holds a mark, what is read around it, and what a file is made for."""

from __future__ import annotations

import time

import numpy as np
import pytest
from doubles import sure_of_arguments

from app import SHIPPED_ARGUMENTS
from domain.errors import BadData
from domain.values import Call
from tools.argument_classifier import (
    MOST,
    POLARITY,
    QUOTATION,
    Read,
    groups,
    holders,
    likelihood,
    likeness,
    load_arguments,
    moved,
    roles,
)
from tools.call_classifier import Made, Thread
from tools.mentions import Mention
from tools.registry import TOOLS
from tools.regression import buckets_of

PLAN = Call("plan_round", {"when": "tonight", "trucks": ["T1", "T3"], "near": "the Hearst Gate", "max_hours": 5})


@pytest.mark.parametrize(
    ("mark", "held"),
    [
        ("[time tonight]", ("when",)),
        ("[truck T1]", ("trucks",)),
        ("[truck truck 1]", ("trucks",)),
        ("[truck T2]", ()),
        ("[site Hearst Gate]", ("near",)),
        ("[site Sather Gate]", ()),
        ("[number five]", ("max_hours",)),
        ("[number 6]", ()),
        ("[file a.jpg]", ()),
    ],
)
def test_a_mark_is_where_the_call_holds_its_words(mark: str, held: tuple[str, ...]) -> None:
    assert holders(Mention.read(mark), PLAN) == held


@pytest.mark.parametrize(
    ("kind", "said", "value", "same"),
    [
        ("site", "Stadium Gate 3", "Stadium Gate 4", False),
        ("site", "Stadium Gate 3", "the Stadium Gate 3", True),
        ("site", "Evans Hall", "Soda Hall", False),
        ("site", "Evans Hall", "Evans", True),
        ("site", "West Circle", "W06 West Circle", False),
        ("time", "last week", "next week", False),
        ("time", "5 pm Monday", "5 pm Friday", False),
        ("time", "Friday noon", "by Friday noon", True),
        ("site", "Gate 3", "Gate 3 and Gate 4", True),
        ("bin", "BOS-001", "1 North Market Street", False),
        ("bin", "BOS-001", "bos-1", True),
    ],
)
def test_names_that_share_words_are_not_the_same(kind: str, said: str, value: str, same: bool) -> None:
    assert bool(likeness(Mention(kind, said), value)) == same


def test_of_several_arguments_those_that_hold_most_of_a_mark_are_told() -> None:
    both = {"since": "July", "compare_to": "July 2024"}
    assert holders(Mention("time", "July 2024"), Call("operations_report", {**both})) == ("compare_to",)
    assert holders(Mention("time", "July"), Call("operations_report", {**both})) == ("since",)
    annex = Call("plan_round", {"near": "Doe", "skip": ["Doe Annex"]})
    assert holders(Mention("site", "Doe Annex"), annex) == ("skip",)
    torn = Call("plan_round", {"near": "Soda Hall", "skip": ["Soda Hall"]})
    assert holders(Mention("site", "Soda Hall"), torn) == ("near", "skip")


def test_each_tool_and_kind_has_the_arguments_that_can_take_such_a_mark() -> None:
    assert roles()["plan_round", "site"] == (None, "near", "skip", "must_serve")
    assert ("audit_trail", "stream") not in roles()
    assert list(roles())[-1] == POLARITY  # of trucks whatever the tool
    for (tool, _), of in list(roles().items())[:-1]:
        assert all(name is None or TOOLS[tool].argument(name) for name in of)
    assert [part.stop - part.start for part in groups().values()] == [len(of) for of in roles().values()]


def read(question: str, *marks: str) -> list[int]:
    """What is read of the last mark."""
    return Read.of(Thread(question, marks)).features(Mention.read(marks[-1]))


def test_the_words_around_a_mark_are_read_and_not_the_name() -> None:
    one = read("plan tonight, not Evans Hall", "[time tonight]", "[site Evans Hall]")
    assert one == read("Plan tonight, NOT Soda Hall", "[time tonight]", "[site Soda Hall]")
    assert one != read("plan tonight, with Soda Hall", "[time tonight]", "[site Soda Hall]")
    assert read("by July", "[time July]") != read("by June", "[time June]")
    before = Thread("not T1", ("[truck T1]",), before=(Made(Call("plan_round", {"trucks": ["T1"]}), "ok"),))
    assert Read.of(before).features(Mention("truck", "T1")) != read("not T1", "[truck T1]")


def test_the_words_before_a_list_are_read_for_each_of_its_items() -> None:
    marks = ("[site Soda Hall]", "[site Evans Hall]", "[site Doe]")
    found = Read.of(Thread("leave out Soda Hall, Evans Hall and Doe", marks))
    (head,) = buckets_of(["h out leave"])
    assert len(found.places) == 3
    assert all(head in found.features(mark) for mark in found.places)


def test_words_of_others_and_digits_of_names_are_not_read() -> None:
    quoted = Read.of(Thread('a note says "no Birge Path", run near Birge Path', ("[site Birge Path]",)))
    assert quoted.words[3] == QUOTATION
    (at,) = quoted.places.values()
    assert quoted.words[at - 1] == "near"
    assert not Read.of(Thread('a note says "no Birge Path"', ("[site Birge Path]",))).places
    count = Read.of(Thread("truck 2 is out, so plan with 2 trucks", ("[truck truck 2]",)))
    assert count.words[count.places[Mention("number", "2")] - 1] == "with"


def test_marks_that_stand_there_twice_or_name_several_things_are_left_out() -> None:
    twice = Thread("3 trucks, 3 hours near Doe, T1 T3 and not Doe", ("[site Doe]", "[truck T1 T3]"))
    assert not Read.of(twice).places


def test_a_long_question_of_names_and_numbers_is_read_in_a_moment() -> None:
    long = " ".join(f"truck {number}, {number} bins at Doe {number}" for number in range(2, 160))[:4000]
    thread = Thread(long, tuple(f"[truck truck {number}]" for number in range(2, 100)))
    began = time.process_time()
    told = sure_of_arguments("plan_round").likely_roles(thread, "plan_round")
    assert len(told) <= MOST
    assert time.process_time() - began < 2.0  # 0.05 s; what grows with the square of the marks takes 20


def test_what_the_classifier_finds_otherwise_is_told_the_surest_first() -> None:
    thread = Thread("tonight Doe T1 glass", ("[time tonight]", "[site Doe]", "[truck T1]", "[stream glass]"))
    told = sure_of_arguments("plan_round", site="skip", truck="trucks", time="when").likely_roles(thread, "plan_round")
    assert [sum(map(np.exp, shares.values())) for shares in told.values()] == pytest.approx([1.0] * 4)
    call = Call("plan_round", {"when": "tonight", "near": "Doe"})
    surest = sure_of_arguments("plan_round", site="skip").likely_roles(thread, "plan_round")
    assert moved(surest, call)[0] == (Mention("site", "Doe"), "skip")
    assert dict(moved(told, call)) == {Mention("truck", "T1"): "trucks", Mention("site", "Doe"): "skip"}
    right = Call("plan_round", {"when": "tonight", "skip": ["Doe"], "trucks": ["T1"]})
    assert likelihood(told, right) - likelihood(told, call) == pytest.approx(12)
    assert not moved(told, right)


def test_a_place_that_is_left_out_and_planned_around_counts_as_the_unlikelier() -> None:
    told = sure_of_arguments("plan_round", site="skip").likely_roles(Thread("no Doe", ("[site Doe]",)), "plan_round")
    torn = Call("plan_round", {"near": "Doe", "skip": ["Doe"]})
    assert moved(told, torn) == [(Mention("site", "Doe"), "skip")]
    assert likelihood(told, Call("plan_round", {"skip": ["Doe"]})) - likelihood(told, torn) == pytest.approx(6)


def test_a_number_that_two_things_are_stays_where_it_is() -> None:
    sure = sure_of_arguments("plan_round", number="truck_count")
    for question in ("three trucks, 3 hours", "5 trucks, five hours"):
        assert not sure.likely_roles(Thread(question), "plan_round")
    told = sure.likely_roles(Thread("make it 5 trucks"), "plan_round")
    carried = Call("plan_round", {"truck_count": 5, "max_hours": 5})
    assert likelihood(told, carried) == likelihood(told, Call("plan_round", {"truck_count": 5}))
    assert not moved(told, carried)


def test_marks_that_no_argument_of_a_tool_takes_are_left_out() -> None:
    told = sure_of_arguments("audit_trail").likely_roles(Thread("glass 5", ("[stream glass]",)), "audit_trail")
    assert Mention("stream", "glass") not in told


def test_the_shipped_file_fits_and_another_file_is_refused() -> None:
    shipped = load_arguments(SHIPPED_ARGUMENTS)
    for question, role in {
        "run for tonight, T1 T3, no Birge Path (crane in the way)": "skip",
        'a note says "no Birge Path", run for tonight near Birge Path': "near",
        "run for tonight, and Birge Path has to be emptied whatever happens": "must_serve",
    }.items():
        told = shipped.likely_roles(Thread(question, ("[site Birge Path]", "[time tonight]")), "plan_round")
        shares = told[Mention("site", "Birge Path")]
        assert max(shares, key=lambda each: shares[each]) == role
    with pytest.raises(BadData, match=r"no argument classifier; make one with python -m finetune\.arguments"):
        load_arguments(SHIPPED_ARGUMENTS.with_name("roundsman-words.txt"))
    with pytest.raises(BadData, match=r"features_hash is .*, needed is"):
        load_arguments(SHIPPED_ARGUMENTS.with_name("roundsman-calls.npz"))
