"""Trucks that a question names and that shall not drive."""

from __future__ import annotations

import pytest

from app import SHIPPED_ARGUMENTS
from domain.values import Call
from tools.argument_classifier import DRIVES, STAYS, load_arguments
from tools.call_classifier import Thread
from tools.mentions import Mention
from tools.trucks_out import as_before, polarity_in, with_trucks_out

T1, T2, T3, RED = (Mention("truck", words) for words in ("T1", "T2", "T3", "Old Red"))
BOTH, AGAIN, SOUTH, NORTH = (Mention("truck", words) for words in ("T2 and T3", "truck 2", "South 12", "North 12"))
TWO = Mention("number", "two")
SAID = "somebody says something of them"


def plan(**said: object) -> Call:
    return Call("plan_round", said)  # type: ignore[arg-type]


def names(words: str) -> frozenset[str]:
    """The trucks of a fleet of five, and those that nobody has."""
    fleet = {"t1": "T1", "t2": "T2", "truck 2": "T2", "t3": "T3", "old red": "Old Red"}
    return frozenset({fleet.get(words.casefold(), words)})


@pytest.mark.parametrize(
    ("said", "odds", "becomes"),
    [
        (plan(when="tonight", trucks=["T2"]), {T2: 2.0}, plan(when="tonight", trucks=["without T2"])),
        (plan(when="tonight", trucks=["T2"]), {T2: -2.0}, plan(when="tonight", trucks=["T2"])),
        (plan(when="tonight", trucks=["T2"]), {T2: 0.2}, plan(when="tonight", trucks=["T2"])),  # a coin's toss
        (plan(trucks=["T1", "T2"]), {T1: -2.0, T2: 3.0}, plan(trucks=["T1", "without T2"])),
        (plan(trucks=["T2 and T3"]), {BOTH: 1.2}, plan(trucks=["without T2 and T3"])),
        (plan(trucks=["T2"]), {BOTH: 0.9}, plan(trucks=["without T2 and T3"])),
        (plan(trucks=["without T2"]), {BOTH: 0.9}, plan(trucks=["without T2", "without T2 and T3"])),
        (plan(trucks=["T2 and T3"]), {T2: 2.0, T3: -2.0}, plan(trucks=["T2 and T3", "without T2"])),
        (plan(trucks=["without T2"]), {T2: 2.0}, plan(trucks=["without T2"])),
        (plan(when="tonight"), {T2: 2.0}, plan(when="tonight", trucks=["without T2"])),
        (plan(when="tonight"), {T2: 0.7}, plan(when="tonight")),  # not sure enough for a truck that it does not name
        (plan(trucks=["Old Red"]), {RED: 2.0}, plan(trucks=["without Old Red"])),
        (plan(trucks=["without Old Red"]), {RED: 2.0}, plan(trucks=["without Old Red"])),
        (plan(trucks=["Old Red"]), {RED: -1.0, T2: -1.0}, plan(trucks=["Old Red"])),
        (plan(trucks=["South 12"]), {SOUTH: -2.0, NORTH: 3.0}, plan(trucks=["South 12", "without North 12"])),
        (plan(trucks=["T2"]), {T2: 2.0, AGAIN: -2.0}, plan(trucks=["T2"])),  # said to stay, and to drive
        (plan(trucks=["T2"]), {T2: 2.0, AGAIN: -0.2}, plan(trucks=["without T2"])),  # not said to drive
        (plan(trucks=["T3"]), {BOTH: 1.5, T3: -2.9}, plan(trucks=["T3", "without T2"])),  # one of a list drives again
        (plan(), {BOTH: 1.5, T3: -2.9}, plan(trucks=["without T2"])),
        (Call("what_if", {"remove_trucks": ["T2"]}), {T2: 2.0}, Call("what_if", {"remove_trucks": ["T2"]})),
        (Call("fleet_status", {"trucks": ["T2"]}), {T2: 2.0}, Call("fleet_status", {"trucks": ["T2"]})),
    ],
)
def test_a_plan_leaves_out_what_does_not_drive(said: Call, odds: dict[Mention, float], becomes: Call) -> None:
    assert with_trucks_out(said, SAID, odds, names) == becomes


@pytest.mark.parametrize(
    "question", ["plan it without T2", "all but T2 tomorrow", "alle Wagen außer T2", "todos los camiones menos el T2"]
)
def test_what_stands_behind_words_that_leave_out_stays_whatever_the_classifier_says(question: str) -> None:
    assert with_trucks_out(plan(trucks=["T2"]), question, {T2: -3.0}, names) == plan(trucks=["without T2"])
    assert with_trucks_out(plan(), question, {T2: -3.0}, names) == plan(trucks=["without T2"])


@pytest.mark.parametrize(
    "question",
    ["T1 is down but T2 drives", "nothing without a reason: T2", "plan with T2", "all of them, but T2 only until noon",
     'T2 drives. A note says "plan without T2"'],
)  # fmt: skip
def test_other_words_before_a_truck_are_left_to_the_classifier(question: str) -> None:
    assert with_trucks_out(plan(trucks=["T2"]), question, {T2: -3.0}, names) == plan(trucks=["T2"])
    assert with_trucks_out(plan(trucks=["T2"]), question, {T2: 3.0}, names) == plan(trucks=["without T2"])


@pytest.mark.parametrize(
    "question",
    ["no truck except T2 tonight", "nobody drives except T2", "don't plan it without T2", "not without T2",
     "keiner außer T2", "nicht ohne T2", "no sale ninguno salvo T2", "con al menos T2", "aucun camion sauf T2",
     "pas sans T2"],
)  # fmt: skip
def test_who_is_excepted_from_staying_drives(question: str) -> None:
    assert with_trucks_out(plan(trucks=["T2"]), question, {T2: 7.0}, names) == plan(trucks=["T2"])


@pytest.mark.parametrize(
    "question",
    ["Kannst du morgen ohne T2 planen?", "la tournée du soir sans T2", "planifica al mediodía sin T2",
     "no, plan tonight without T2", "lo de siempre sin T2", "kein Problem, dann ohne T2"],
)  # fmt: skip
def test_small_words_and_other_sentences_deny_nothing(question: str) -> None:
    assert with_trucks_out(plan(trucks=["T2"]), question, {T2: -3.0}, names) == plan(trucks=["without T2"])


@pytest.mark.parametrize("question", ["T3 won't start plan without T2", "no plan tonight without T2"])
def test_a_denial_that_may_be_of_something_else_is_left_to_the_classifier(question: str) -> None:
    assert with_trucks_out(plan(trucks=["T2"]), question, {T2: 3.0}, names) == plan(trucks=["without T2"])
    assert with_trucks_out(plan(trucks=["T2"]), question, {T2: -3.0}, names) == plan(trucks=["T2"])


def test_plain_words_beat_a_doubt_about_the_same_truck() -> None:
    said = plan(trucks=["T2", "truck 2", "T3"])
    question = "plan tonight without T2, give truck 2's stops to T3"
    assert with_trucks_out(said, question, {T2: 4.0, AGAIN: -4.0, T3: -4.0}, names) == plan(trucks=["T3", "without T2"])


def test_a_plan_that_goes_on_with_trucks_keeps_who_stays() -> None:
    before, copied = plan(when="tonight", trucks=["without T2"]), plan(when="tomorrow", trucks=["T2"])
    assert as_before(copied, before, "and for tomorrow?") == plan(when="tomorrow", trucks=["without T2"])
    assert as_before(copied, before, "T2 is back, tomorrow with T2") == copied
    assert as_before(copied, plan(trucks=["T2"]), "and for tomorrow?") == copied
    assert as_before(copied, None, "and for tomorrow?") == copied
    another = plan(when="tonight", trucks=["without T3"])
    both = plan(when="tonight", trucks=["without T3", "without T2"])
    assert as_before(another, before, "T3 is down too, plan it again") == both
    assert as_before(another, before, "T2 is back, but T3 is down") == another


def test_how_many_are_out_is_no_count_of_trucks() -> None:
    said = plan(when="tonight", truck_count=2)
    assert with_trucks_out(said, SAID, {BOTH: 3.0}, names, [TWO]) == plan(when="tonight", trucks=["without T2 and T3"])
    counted = plan(when="tonight", trucks=["without T3"], truck_count=2)
    assert with_trucks_out(said, SAID, {T3: 3.0}, names) == counted
    assert "truck_count" not in with_trucks_out(counted, SAID, {T3: 3.0}, names, [TWO]).parameters


@pytest.mark.parametrize(
    ("mark", "call", "polarity"),
    [
        (T2, plan(trucks=["without T2"]), STAYS),
        (T2, plan(trucks=["T2"]), DRIVES),
        (BOTH, plan(trucks=["without T2", "without T3"]), STAYS),
        (BOTH, plan(trucks=["T2", "without T3"]), None),
        (T2, Call("what_if", {"remove_trucks": ["T2"], "add_trucks": ["T1"]}), STAYS),
        (T1, Call("what_if", {"remove_trucks": ["T2"], "add_trucks": ["T1"]}), DRIVES),
        (T2, plan(when="tonight"), None),
        (T2, Call("fleet_status", {"trucks": ["T2"]}), None),
    ],
)
def test_what_a_call_says_of_a_truck(mark: Mention, call: Call, polarity: str | None) -> None:
    assert polarity_in(mark, call) == polarity


STAYING = [
    ("T2", "T2 is down, what do I do for tonight's round?"),
    ("T2 and T3", "T2 and T3 are off the road. replan tomorrow morning without them"),
    ("Truck 1", "Truck 1 won't start. Can the others cover tomorrow?"),
    ("T2", "plan tomorrow without T2"),
    ("truck 3", "need a round for Friday, truck 3 is getting new tyres"),
    ("T1", "Der Fahrer von T1 ist krank, wie fahren wir morgen?"),
    ("camión 3", "se me quedó el camión 3 en el taller, cómo hacemos la ronda de mañana"),
    ("camion 2", "le camion 2 est en panne, fais la tournée de demain"),
    ("T1 and T3", "two of my trucks are out, T1 and T3. what's the plan for tonight"),
    ("T3", "tomorrow's round minus T3"),
]
DRIVING = [
    ("T2", "plan tomorrow with T2"),
    ("T1", "both big trucks broke down, can T1 do tomorrow's round alone"),
    ("truck two", "only truck two came back from the shop. build me a run for 7am tomorrow with it"),
    ("T1 + T3", "need a run out today w/ T1 + T3 only"),
    ("Wagen 2", "nur Wagen 2 fährt morgen, plan das"),
    ("camión 1", "mañana sale solo el camión 1, armá la ronda"),
    ("camion 3", "demain avec le camion 3, la tournée du compost"),
    ("truck 2", "truck 2 has new brakes so use it tomorrow night"),
    ("T3", "give T3 the round tomorrow, nobody else is here"),
    ("T1", "T1 is fixed! plan tomorrow with it"),
]


def test_the_shipped_classifier_leaves_out_most_trucks_that_do_not_drive_and_no_others() -> None:
    shipped = load_arguments(SHIPPED_ARGUMENTS)

    def trucks(truck: str, question: str) -> object:
        odds = shipped.staying(Thread(question, (f"[truck {truck}]",)))
        return with_trucks_out(plan(trucks=[truck]), question, odds, names).parameters["trucks"]

    told = [
        (question, trucks(truck, question) == [f"without {truck}" if stays else truck])
        for stays, questions in ((True, STAYING), (False, DRIVING))
        for truck, question in questions
    ]
    wrong = [question for question, right in told if not right]
    assert len(wrong) <= len(told) // 5, wrong
