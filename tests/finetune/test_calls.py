"""Making the call classifier: from rows to a file that tells their calls apart, the same each time."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pydantic import JsonValue

from assistant.memory import Past, PastTurn
from assistant.situation import Situation, as_meant
from assistant.situation import thread_of as served_thread
from domain.errors import BadData
from domain.values import Call
from finetune.calls import read_examples
from finetune.regressions import Examples, Regressions, mean_of, scores_of, temperature_of, thread_of
from prompts.render import Setting, Step, Turn
from prompts.row import Row, to_json
from tools.call_classifier import Made, Thread, load_classifier, names
from tools.slips import Spelling

ROOT = Path(__file__).parents[2]
COLUMNS, SCORES = 64, 5
SAID = {"find_bins": "which bins are full near", "plan_round": "plan a round for", "decline": "tell me a joke about"}
GOALS = {"cost": "cheaply", "time": "quickly", None: "today"}
PLACES = ["the pier", "Soda Hall", "market street", "the mall", "gate nine", "the yard", "Elm Court", "the depot"]


def rows(places: list[str], tools: str = "") -> str:
    """One row a saying and place."""
    made = [
        Row(
            Setting("berkeley", "manager", tools),
            (Turn(f"{said} {place} {how}"),),
            Call(name, _goal(name, goal)).text(),
        )
        for name, said in SAID.items()
        for goal, how in GOALS.items()
        for place in places
    ]
    return "".join(to_json(row) + "\n" for row in made)


def _goal(name: str, goal: str | None) -> dict[str, JsonValue]:
    if name == "decline":
        return {"reason": "out_of_scope"}
    return {"goal": goal} if goal and name == "plan_round" else {}


def made(folder: Path, file: str, *more: str) -> Path:
    out = folder / file
    (folder / "more.jsonl").write_text(rows(PLACES[2:7]))
    (folder / "rows.jsonl").write_text(rows(PLACES[:6]) + rows(PLACES, "only these tools:\nx() - X."))
    (folder / "val.jsonl").write_text(rows(PLACES[6:]))
    (folder / "words.txt").write_text("plan 9\n")
    words = ["--rows", *(folder / name for name in ("rows.jsonl", *more)), "--val", folder / "val.jsonl",
             "--words", folder / "words.txt", "--out", out, "--epochs", "60"]  # fmt: skip
    subprocess.run(
        [sys.executable, "-m", "finetune.calls", *map(str, words)], cwd=ROOT, check=True, capture_output=True
    )
    return out


def test_a_file_is_made_of_rows_twice_the_same_and_tells_their_calls_apart(tmp_path: Path) -> None:
    first, second = made(tmp_path, "a.npz"), made(tmp_path, "b.npz")
    one, other = load_classifier(first), load_classifier(second)
    assert (one.table == other.table).all()
    assert (one.weights == other.weights).all()
    for name, said in SAID.items():
        likely = one.likely(Thread(f"{said} Cedar Lane"))
        assert max(likely, key=lambda each: likely[each]) == name
    for goal, how in GOALS.items():
        told = one.likely_choices(Thread(f"{SAID['plan_round']} Cedar Lane {how}"), "plan_round")["goal"]
        assert max(told, key=lambda each: told[each]) == goal


def test_of_several_files_of_rows_the_scores_are_averaged(tmp_path: Path) -> None:
    both = load_classifier(made(tmp_path, "both.npz", "more.jsonl"))
    assert both.table.shape[1] == 2 * COLUMNS
    likely = both.likely(Thread(f"{SAID['plan_round']} Cedar Lane"))
    assert max(likely, key=lambda each: likely[each]) == "plan_round"
    members, threads = (
        [Regressions(4, SCORES), Regressions(6, SCORES)],
        Examples([torch.tensor([3, 9, 9]), torch.tensor([5])], torch.zeros(2, 1)),
    )
    mean = torch.stack([scores_of(each, threads) for each in members]).mean(0)
    assert torch.allclose(scores_of(mean_of(members), threads), mean, atol=1e-6)


def test_a_row_is_read_with_the_turn_before_and_this_turns_calls() -> None:
    first, call = Call("find_bins", {"near": "the pier"}), Call("plan_round", {})
    turns = (
        Turn("bins at the pier", (Step(first.text(), "none"),)),
        Turn("then plan", (Step(call.text()),), ("[x y]",)),
    )
    assert thread_of(Row(Setting("berkeley", "manager"), turns, call.text())) == Thread(
        "then plan", ("[x y]",), (Made(call, "ok"),), "bins at the pier", (Made(first, "none"),)
    )


def test_training_and_serving_read_the_same_of_a_thread() -> None:
    first, call = Call("find_bins", {"near": "the pier"}), Call("plan_round", {})
    before, steps = (Step(first.text(), "none"),), (Step(call.text()),)
    row = Row(Setting("berkeley", "manager"), (Turn("bins", before), Turn("then plan", steps, ("[x y]",))), call.text())
    past = Past("C-0001", (PastTurn("bins", before),))
    served = Situation("berkeley", "manager", "", past, "then plan", steps, marks=("[x y]",))
    assert served_thread(served) == thread_of(row)
    spelling = Spelling({"then": 9, "thin": 9, "plain": 9})
    slipped = replace(row, turns=(row.turns[0], replace(row.turns[1], question="tehn plian [x y]")))
    typed = replace(served, question="tehn plian [x y]")
    assert served_thread(as_meant(typed, spelling)[0]) == thread_of(slipped, spelling)
    assert thread_of(slipped, spelling).question == "then plain [x y]"


def test_the_temperature_of_least_loss_undoes_scores_that_are_too_sure() -> None:
    torch.manual_seed(0)
    fair = torch.randn(4_000, len(names()))
    targets = torch.distributions.Categorical(logits=fair).sample()
    parts, column = [slice(0, len(names()))], targets[:, None]
    assert temperature_of(fair, column, parts) == pytest.approx(1.0, rel=0.2)
    assert temperature_of(fair * 4, column, parts) == pytest.approx(4.0, rel=0.2)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no rows"),
        (rows(["x"], "only these tools:\nx() - X."), "has no row without listed tools"),
        ("{}\n", r"rows\.jsonl:1: not a row"),
        (rows(["x"]).replace("plan_round", "plan_party"), "no tool of today takes"),
        (rows(["x"]).replace('\\"cost\\"', '\\"fame\\"'), "no tool of today takes"),
    ],
)
def test_a_file_without_rows_of_these_tools_is_refused(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "rows.jsonl").write_text(text)
    with pytest.raises(BadData, match=why):
        read_examples(tmp_path / "rows.jsonl")
