"""tools/roles.py: which argument holds a mark, what is read around it, and what a file must be made for."""

from __future__ import annotations

import numpy as np
import pytest

from app import SHIPPED_ROLES
from domain.errors import BadData
from domain.values import Call
from tools.call_classifier import Made, Thread
from tools.coverage import NUMBER
from tools.mentions import Mention
from tools.registry import TOOLS
from tools.regression import BUCKETS, buckets_of
from tools.roles import (
    RoleClassifier,
    features,
    groups,
    holds,
    likelihood,
    load_roles,
    moved,
    role_of,
    roles,
)

PLAN = Call("plan_round", {"when": "tonight", "trucks": ["T1", "T3"], "near": "the Hearst Gate", "max_hours": 5})


@pytest.mark.parametrize(
    ("mark", "role"),
    [
        ("[time tonight]", "when"),
        ("[truck T1]", "trucks"),
        ("[truck T1 T3]", "trucks"),
        ("[truck T2]", None),
        ("[site Hearst Gate]", "near"),
        ("[site Sather Gate]", None),
        ("[number five]", "max_hours"),
        ("[number 6]", None),
        ("[file a.jpg]", None),
    ],
)
def test_a_mark_is_where_the_call_holds_its_words(mark: str, role: str | None) -> None:
    assert role_of(Mention.read(mark), PLAN) == role


def test_of_two_arguments_the_one_that_holds_more_of_a_mark_is_its_role() -> None:
    call = Call("plan_round", {"when": "tonight", "near": "Soda Hall", "skip": ["Evans Hall"]})
    assert role_of(Mention("site", "Evans Hall"), call) == "skip"
    assert role_of(Mention("site", "Soda Hall"), call) == "near"
    assert not holds(Mention("site", "Evans Hall"), "Soda Hall")


def test_each_tool_and_kind_has_the_arguments_that_can_take_such_a_mark() -> None:
    assert roles()["plan_round", "site"] == (None, "near", "skip", "must_serve")
    assert ("audit_trail", "stream") not in roles()
    for (tool, _), of in roles().items():
        assert all(name is None or TOOLS[tool].argument(name) for name in of)
    assert [part.stop - part.start for part in groups().values()] == [len(of) for of in roles().values()]


def test_the_words_around_a_mark_are_read_and_not_the_name() -> None:
    def read(question: str, *marks: str) -> list[int]:
        each = [Mention.read(mark) for mark in marks]
        return features(Thread(question, tuple(marks)), each[-1], each)

    one = read("plan tonight, not Evans Hall", "[time tonight]", "[site Evans Hall]")
    assert one == read("plan tonight, not Soda Hall", "[time tonight]", "[site Soda Hall]")
    assert one == read("Plan Friday, NOT Soda Hall", "[time Friday]", "[site Soda Hall]")
    assert one != read("plan tonight, with Soda Hall", "[time tonight]", "[site Soda Hall]")
    assert read("by July", "[time July]") != read("by June", "[time June]")
    before = Thread("not T1", ("[truck T1]",), before=(Made(Call("plan_round", {"trucks": ["T1"]}), "ok"),))
    mark = Mention("truck", "T1")
    assert features(before, mark, [mark]) != features(Thread("not T1", ("[truck T1]",)), mark, [mark])


def test_the_words_before_a_list_are_read_for_each_of_its_items() -> None:
    marks = [Mention("site", name) for name in ("Soda Hall", "Evans Hall", "Doe")]
    thread = Thread("leave out Soda Hall, Evans Hall and Doe", tuple(map(str, marks)))
    (head,) = buckets_of(["h out leave"])
    assert all(head in features(thread, mark, marks) for mark in marks)


def sure_of(tool: str, **role_of_kind: str | None) -> RoleClassifier:
    """A classifier that finds one role of each kind e^6 times as likely as each other."""
    bias = np.zeros(sum(map(len, roles().values())), np.float32)
    for kind, role in role_of_kind.items():
        bias[groups()[tool, kind].start + roles()[tool, kind].index(role)] = 6
    return RoleClassifier(np.zeros((BUCKETS, 1), np.float32), np.zeros((len(bias), 1), np.float32), bias)


def test_what_the_classifier_finds_otherwise_is_told_the_surest_first() -> None:
    marks = ("[time tonight]", "[site Doe]", "[truck T1]", "[stream glass]")
    told = sure_of("plan_round", site="skip", truck="trucks", time="when").likely(Thread("x"), marks, "plan_round")
    assert [sum(map(np.exp, shares.values())) for shares in told.values()] == pytest.approx([1.0] * len(marks))
    call = Call("plan_round", {"when": "tonight", "near": "Doe"})
    surest = sure_of("plan_round", site="skip").likely(Thread("x"), marks, "plan_round")
    assert moved(surest, call)[0] == (Mention("site", "Doe"), "skip")
    assert dict(moved(told, call)) == {Mention("truck", "T1"): "trucks", Mention("site", "Doe"): "skip"}
    right = Call("plan_round", {"when": "tonight", "skip": ["Doe"], "trucks": ["T1"]})
    assert likelihood(told, right) - likelihood(told, call) == pytest.approx(12)
    assert not moved(told, right)


def test_marks_that_no_argument_of_a_tool_takes_are_left_out() -> None:
    told = sure_of("audit_trail").likely(Thread("x"), ("[stream glass]", f"[{NUMBER} 5]"), "audit_trail")
    assert Mention("stream", "glass") not in told


def test_the_shipped_file_fits_and_another_file_is_refused() -> None:
    shipped = load_roles(SHIPPED_ROLES)
    question, marks = "run for tonight, T1 T3, no Birge Path (crane in the way)", ("[site Birge Path]",)
    told = shipped.likely(Thread(question, marks), marks, "plan_round")[Mention("site", "Birge Path")]
    assert max(told, key=lambda role: told[role]) == "skip"
    with pytest.raises(BadData, match=r"no classifier of roles; make one with python -m finetune\.roles"):
        load_roles(SHIPPED_ROLES.with_name("roundsman-words.txt"))
    with pytest.raises(BadData, match=r"features_hash|no classifier of roles"):
        load_roles(SHIPPED_ROLES.with_name("roundsman-calls.npz"))
