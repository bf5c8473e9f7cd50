"""The classifier of calls: what it reads of a thread, what it adds to the model's weights, which files it takes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from doubles import examples_as_served

from domain.errors import BadData
from domain.values import Call
from tools.call_classifier import Made, Thread, features, fused, groups, load_classifier, made_for, names
from tools.regression import BUCKETS

SHIPPED = Path(__file__).parents[2] / "finetune" / "adapter" / "roundsman-calls.npz"
ASKED = Thread("how full are the bins near Sather Gate at 6?", ("[site Sather Gate]",))


def test_a_recognised_name_counts_as_its_kind_and_a_number_as_its_length() -> None:
    other = Thread("how full are the bins near Soda Hall at 9?", ("[site Soda Hall]",))
    assert features(ASKED) == features(other)
    assert features(ASKED) != features(replace(other, marks=("[area Soda Hall]",)))
    assert features(ASKED) != features(replace(ASKED, question=ASKED.question.replace("6", "600")))


def test_letters_case_and_accents_are_folded() -> None:
    assert features(Thread("¿Cuántos camiones?")) == features(Thread("CUANTOS camiones?"))


@pytest.mark.parametrize(
    "change",
    [
        {"steps": (Made(Call("find_bins", {}), "ok"),)},
        {"before": (Made(Call("find_bins", {}), "ok"),)},
        {"earlier": "and tomorrow"},
    ],
)
def test_the_calls_and_words_before_count(change: dict[str, Any]) -> None:
    assert features(replace(ASKED, **change)) != features(ASKED)


def test_outcomes_and_arguments_of_earlier_calls_count() -> None:
    def after(parameters: dict[str, Any], outcome: str) -> list[int]:
        return features(replace(ASKED, steps=(Made(Call("find_bins", parameters), outcome),)))

    assert len({tuple(after({}, "ok")), tuple(after({}, "none")), tuple(after({"near": "x"}, "ok"))}) == 3
    assert after({}, "failed: no such place") == after({}, "failed: no such bin")


def test_an_empty_thread_has_features_and_all_are_buckets() -> None:
    found = features(Thread(""))
    assert found == sorted(set(found))
    assert all(0 <= bucket < BUCKETS for bucket in found)


def test_the_likeliest_of_both_is_chosen_among_those_that_the_model_weighed() -> None:
    said = dict.fromkeys(names(), -30.0)
    model = {"find_bins": -0.2, "forecast_fill": -2.0}
    assert fused(model, said | {"forecast_fill": -0.1, "find_bins": -1.0}) == "find_bins"
    assert fused(model, said | {"forecast_fill": -0.1, "find_bins": -4.0}) == "forecast_fill"
    assert fused(model, said | {"reply": -0.001, "find_bins": -8.0, "forecast_fill": -8.0}) == "find_bins"


def test_the_shipped_file_tells_tools_apart_as_it_is_served() -> None:
    classifier = load_classifier(SHIPPED)
    for tool, thread in examples_as_served():
        likely = classifier.likely(thread)
        assert sum(np.exp(list(likely.values()))) == pytest.approx(1.0)
        assert likely[tool] > -1.0, (thread.question, max(likely, key=lambda name: likely[name]))


@pytest.mark.parametrize(
    ("question", "tool", "argument", "choice"),
    [
        ("plan tomorrow for T1, every container", "plan_round", "serve", "all"),
        ("plan tomorrow for T1 as cheap as can be", "plan_round", "goal", "cost"),
        ("plan tomorrow for T1", "plan_round", "goal", None),
        ("tonnage per stream last month", "operations_report", "measure", "tonnage"),
        ("tonnage per stream last month", "operations_report", "group_by", "stream"),
    ],
)
def test_the_shipped_file_tells_choices_apart(question: str, tool: str, argument: str, choice: str | None) -> None:
    likely = load_classifier(SHIPPED).likely_choices(Thread(question), tool)[argument]
    assert max(likely, key=lambda each: likely[each]) == choice


def test_choices_of_earlier_calls_count() -> None:
    def after(goal: str) -> list[int]:
        return features(replace(ASKED, before=(Made(Call("plan_round", {"goal": goal}), "ok"),)))

    assert after("cost") != after("time")


def stored(file: Path, **about: str) -> Path:
    zeros = np.zeros((BUCKETS, 1), np.int8)
    scores = groups()[-1].stop
    rest = {"scale": np.ones((1, 1)), "weights": np.zeros((scores, 1)), "bias": np.zeros(scores)}
    with file.open("wb") as out:
        np.savez_compressed(out, table=zeros, about=json.dumps(made_for() | about), **rest)
    return file


def test_a_file_of_other_tools_or_features_is_refused_with_both_hashes(tmp_path: Path) -> None:
    classifier = load_classifier(stored(tmp_path / "right.npz"))
    assert classifier.likely(ASKED) == pytest.approx(dict.fromkeys(names(), -np.log(len(names()))))
    kinds = dict.fromkeys((None, "maintenance", "recovery", "complaint"), -np.log(4))
    assert classifier.likely_choices(ASKED, "propose_ticket") == {"kind": pytest.approx(kinds)}
    assert classifier.likely_choices(ASKED, "fleet_status") == {}
    for name, needed in made_for().items():
        with pytest.raises(BadData, match=rf"its {name} is abc, needed is {needed}"):
            load_classifier(stored(tmp_path / "wrong.npz", **{name: "abc"}))


def test_names_count_as_their_kind_as_whole_words_only() -> None:
    marks = ("[bin 12]", "[time time]")
    assert features(Thread("bins 120 and 12 by time", marks)) == features(
        Thread("bins 345 and 99 by time", ("[bin 99]", "[time time]"))
    )
    assert features(Thread("bins 120", marks)) == features(Thread("bins 120"))


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    whole = stored(tmp_path / "whole.npz").read_bytes()
    for at in range(40, len(whole), len(whole) // 40):
        (tmp_path / "damaged.npz").write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            load_classifier(tmp_path / "damaged.npz")
        except BadData:
            continue
    np.savez_compressed(tmp_path / "few.npz", table=np.zeros((3, 1), np.int8), scale=1.0, weights=np.zeros((18, 1)),
                        bias=np.zeros(18), about=json.dumps(made_for()))  # fmt: skip
    np.savez_compressed(tmp_path / "list.npz", table=0, scale=1, weights=0, bias=0, about="[]")
    np.save(tmp_path / "array.npy", np.zeros(3))
    for name in ("few.npz", "list.npz", "array.npy"):
        with pytest.raises(BadData, match="is no call classifier"):
            load_classifier(tmp_path / name)


@pytest.mark.parametrize("content", [None, b"", b"no archive", b"PK\x03\x04"])
def test_a_file_that_is_no_classifier_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "calls.npz"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadData, match=r"is no call classifier; make one with python -m finetune\.calls"):
        load_classifier(file)
