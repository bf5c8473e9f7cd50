"""Making the argument classifier: from rows to a file that tells what is left out from what is near."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pydantic import JsonValue

from domain.errors import BadData
from domain.values import Call
from finetune.arguments import read_examples
from finetune.regressions import OTHER
from prompts.render import Setting, Turn
from prompts.row import Row, to_json
from tools.argument_classifier import groups, load_arguments, roles
from tools.call_classifier import Thread
from tools.mentions import Mention

ROOT = Path(__file__).parents[2]
SAID = {"skip": "plan tonight, but leave out {}", "near": "plan tonight around {}", None: "plan tonight, {} called"}
PLACES = ["Soda Hall", "Evans Hall", "Doe Library", "the pier", "Elm Court", "Gate Nine"]


def row(argument: str | None, place: str) -> Row:
    value: JsonValue = [place] if argument == "skip" else place
    held: dict[str, JsonValue] = {argument: value} if argument else {}
    question, marks = SAID[argument].format(place), ("[time tonight]", f"[site {place}]")
    call = Call("plan_round", {"when": "tonight", **held})
    return Row(Setting("berkeley", "manager"), (Turn(question, (), marks),), call.text())


def rows(places: list[str]) -> str:
    return "".join(to_json(row(argument, place)) + "\n" for argument in SAID for place in places)


def made(folder: Path, file: str) -> Path:
    (folder / "rows.jsonl").write_text(rows(PLACES[:4]))
    (folder / "val.jsonl").write_text(rows(PLACES[4:]))
    (folder / "words.txt").write_text("plan 9\n")
    words = ["--rows", folder / "rows.jsonl", "--val", folder / "val.jsonl", "--words", folder / "words.txt",
             "--out", folder / file, "--epochs", "40"]  # fmt: skip
    subprocess.run(
        [sys.executable, "-m", "finetune.arguments", *map(str, words)], cwd=ROOT, check=True, capture_output=True
    )
    return folder / file


def test_a_file_is_made_of_rows_twice_the_same_and_tells_roles_apart(tmp_path: Path) -> None:
    one, other = load_arguments(made(tmp_path, "a.npz")), load_arguments(made(tmp_path, "b.npz"))
    assert (one.table == other.table).all()
    assert (one.weights == other.weights).all()
    for argument, said in SAID.items():
        marks = ("[time tonight]", "[site Cedar Lane]")
        told = one.likely_roles(Thread(said.format("Cedar Lane"), marks), "plan_round")[Mention("site", "Cedar Lane")]
        assert max(told, key=lambda role: told[role]) == argument


def test_an_example_is_a_mark_in_the_group_of_its_tool_and_kind(tmp_path: Path) -> None:
    file, word = tmp_path / "rows.jsonl", Row(Setting("berkeley", "manager"), (Turn("hi Doe", (), ("[site Doe]",)),),
                                              Call("reply", {"text": "{{help}}"}).text())  # fmt: skip
    file.write_text(to_json(row("skip", "Doe")) + "\n" + to_json(word) + "\n")
    examples = read_examples(file)
    assert len(examples.buckets) == 2
    keys = list(roles())
    for targets, key, role in zip(
        examples.targets, (("plan_round", "time"), ("plan_round", "site")), ("when", "skip"), strict=True
    ):
        assert targets[keys.index(key)] == roles()[key].index(role)
        assert int((targets != OTHER).sum()) == 1
    assert examples.targets.shape[1] == len(groups())
    assert examples.targets.dtype == torch.int64


@pytest.mark.parametrize(
    "content", ["", "{}\n", to_json(Row(Setting("berkeley", "manager"), (Turn("hi"),), '{"name": "reply"}')) + "\n"]
)
def test_a_file_without_such_rows_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(content)
    with pytest.raises(BadData, match=r"not a row as|no row"):
        read_examples(tmp_path / "rows.jsonl")
