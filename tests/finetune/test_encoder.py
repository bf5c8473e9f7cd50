"""Making the thread encoder: learned, kept in a file that says the same, gone on with after a break."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from domain.errors import BadData
from domain.values import Call
from finetune.encoder import (
    HEATED,
    Example,
    Net,
    Run,
    batch_of,
    keep,
    read_examples,
    restore,
    scored,
)  # fmt: skip
from finetune.encoder import train_step as step_of
from finetune.encoder_members import join as join_files
from finetune.minilm import batches, optimiser_of, with_masked
from finetune.regressions import OTHER, loss_of
from prompts.render import Setting, Turn
from prompts.row import Row, to_json
from tools import argument_classifier, call_classifier
from tools.call_classifier import Made, Thread
from tools.mentions import Mention
from tools.slips import Spelling
from tools.thread_encoder import load_encoders, scores
from tools.tuned_minilm import reader

ROOT = Path(__file__).parents[2]
PLACES = ["the pier", "Soda Hall", "the market", "the mall", "gate nine", "the yard", "Elm Court", "the depot"]
SAID = {
    "which bins are full near {}": Call("find_bins", {"near": "{}"}),
    "plan a cheap round around {}": Call("plan_round", {"near": "{}", "goal": "cost"}),
    "plan a round without {}": Call("plan_round", {"skip": ["{}"]}),
    "tell me a joke about {}": Call("decline", {"reason": "out_of_scope"}),
}


def rows(places: list[str], tools: str = "") -> str:
    made = [
        Row(
            Setting("berkeley", "manager", tools),
            (Turn(said.format(place), marks=(f"[site {place}]",)),),
            call.text().replace("{}", place),
        )
        for said, call in SAID.items()
        for place in places
    ]
    return "".join(to_json(row) + "\n" for row in made)


def files(folder: Path) -> list[str]:
    (folder / "rows.jsonl").write_text(rows(PLACES[:6]) + rows(PLACES, "only these tools:\nx() - X."))
    (folder / "val.jsonl").write_text(rows(PLACES[6:]))
    (folder / "words.txt").write_text("plan 9\n")
    named = ("rows", "rows.jsonl"), ("val", "val.jsonl"), ("words", "words.txt")
    return [word for name, file in named for word in (f"--{name}", str(folder / file))]


def make(folder: Path, out: str, *more: str) -> str:
    words = [*files(folder), "--out", str(folder / out), "--batch", "8", "--lr", "5e-4", *more]
    return run_stage("encoder", *words)


def join(folder: Path, out: str, *members: str) -> str:
    paths = [str(folder / member) for member in members]
    return run_stage("encoder_members", "--members", *paths, "--out", str(folder / out))


def run_stage(stage: str, *words: str) -> str:
    command = [sys.executable, "-m", f"finetune.{stage}", *words]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    return done.stdout + done.stderr


def test_a_row_becomes_targets_of_its_call_and_of_its_marks(tmp_path: Path) -> None:
    files(tmp_path)
    found = {each.call[0]: each for each in read_examples(tmp_path / "val.jsonl", None, reader())}
    example = found[call_classifier.names().index("find_bins")]
    ((at, roles),) = example.marks
    assert example.tokens[at] == reader().own("site")
    keys = list(argument_classifier.roles())
    asked = [keys[group] for group, role in enumerate(roles) if role != OTHER]
    assert asked == [("find_bins", "site")]
    assert argument_classifier.roles()["find_bins", "site"][roles[keys.index(asked[0])]] == "near"
    assert not found[call_classifier.names().index("decline")].marks


def test_only_pieces_of_words_are_masked() -> None:
    read = reader()
    example = read.pieces(Thread("plan a round without Doe", ("[site Doe]",), steps=(Made(Call("status", {}), ""),)))
    ids = torch.tensor([[*example.tokens, 0]])
    masked = with_masked(ids, read, 1.0)[0].tolist()
    kept = [token for token in masked if token != read.mask]
    assert kept == [101, read.own("site"), 102, read.own("step"), 102, 0]
    assert torch.equal(with_masked(ids, read, 0.0), ids)


@pytest.mark.slow
def test_pieces_are_masked_while_a_run_learns(tmp_path: Path, one_thread: None) -> None:
    files(tmp_path)
    (step, *_) = batches(read_examples(tmp_path / "rows.jsonl", None, reader()), 8, random.Random(1))
    losses = []
    for masked in (0.0, 0.0, 1.0):
        run = new_run(total=2, masked=masked)
        run.net.eval()  # no other chance
        losses.append(step_of(run, step, half=False))
    assert losses[0] == losses[1] != losses[2]


def test_a_batch_without_marks_has_no_targets_of_any() -> None:
    *_, places, wanted, roles = batch_of([Example((1, 2), (0,), ()), Example((3,), (0,), ())])
    assert places[0].shape == places[1].shape == (0,)
    assert roles.shape == (0, len(argument_classifier.groups()))
    assert loss_of(torch.zeros(0, scores()["marks"]), roles, list(argument_classifier.groups().values())) == 0
    assert wanted.shape == (2, 1)


@pytest.mark.slow
def test_a_file_is_made_of_rows_and_tells_their_calls_and_marks_apart(tmp_path: Path) -> None:
    told = make(tmp_path, "a.npz", "--epochs", "12")
    (encoder,) = load_encoders(tmp_path / "a.npz")
    assert "names 1.0000" in told, told
    assert not (tmp_path / "a.pt").exists()
    for said, call in SAID.items():
        thread = Thread(said.format("Cedar Lane"), ("[site Cedar Lane]",))
        likely = encoder.likely(thread)
        assert max(likely, key=lambda each: likely[each]) == call.name
        roles = encoder.likely_roles(thread, call.name)
        if call.name == "decline":
            assert not roles
            continue
        of = roles[Mention("site", "Cedar Lane")]
        assert max(of, key=lambda each: of[each]) == next(iter(call.parameters))


@pytest.mark.slow
def test_what_is_served_is_what_was_learned(tmp_path: Path, one_thread: None) -> None:
    from finetune.encoder import save
    from tools.thread_encoder import made_for

    files(tmp_path)
    examples = read_examples(tmp_path / "rows.jsonl", Spelling({}), reader())
    run = new_run(total=12)
    for step in (batches(examples, 8, random.Random(1)) * 4)[:12]:
        step_of(run, step, half=False)
    save(run.net, tmp_path / "a.npz", dict.fromkeys(HEATED, 2.0), made_for(reader()))
    (served,), thread = load_encoders(tmp_path / "a.npz"), Thread("plan a round without Doe", ("[site Doe]",))
    pieces = reader().pieces(thread)
    ids, mask, *_ = batch_of([Example(pieces.tokens, examples[0].call, ())])
    at = torch.tensor([0]), torch.tensor([pieces.places[Mention("site", "Doe")]])
    with torch.no_grad():
        calls, marks = run.net.eval()(ids, mask, at)
    names = call_classifier.groups()[0]
    likely = torch.tensor(list(served.likely(thread).values()))
    assert torch.allclose((calls[0, names] / 2).log_softmax(-1), likely.float(), atol=0.05)
    roles = torch.tensor(list(served.likely_roles(thread, "plan_round")[Mention("site", "Doe")].values()))
    part = argument_classifier.groups()["plan_round", "site"]
    assert torch.allclose((marks[0, part] / 2).log_softmax(-1), roles.float(), atol=0.05)


def new_run(total: int, masked: float = 0.1) -> Run:
    torch.manual_seed(7)
    net = Net(reader())
    return Run(net, optimiser_of(net, 5e-4), total, 5e-4, masked)


@pytest.mark.slow
def test_a_run_that_was_broken_off_goes_on_as_if_it_had_not(tmp_path: Path, one_thread: None) -> None:
    files(tmp_path)
    examples = read_examples(tmp_path / "rows.jsonl", None, reader())
    steps = batches(examples, 8, random.Random(1))[:3]
    whole, first, second = new_run(3), new_run(3), new_run(3)
    torch.manual_seed(8)
    step_of(whole, steps[0], half=False)
    scored(whole.net, examples)  # as before each checkpoint
    for step in steps[1:]:
        step_of(whole, step, half=False)
    torch.manual_seed(8)
    step_of(first, steps[0], half=False)
    keep(first, tmp_path / "a.pt")
    torch.manual_seed(9)
    restore(second, tmp_path / "a.pt")
    for step in steps[second.step :]:
        step_of(second, step, half=False)
    assert all(torch.equal(a, b) for a, b in zip(whole.net.parameters(), second.net.parameters(), strict=True))


@pytest.mark.slow
def test_a_checkpoint_of_other_rows_or_flags_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    keep(new_run(3), tmp_path / "a.pt")
    assert "made of other flags, rows, tools or weights" in make(tmp_path, "a.npz", "--resume")
    assert "nothing to resume" in make(tmp_path, "b.npz", "--resume")
    (tmp_path / "c.pt").write_bytes(b"half")
    assert "not a checkpoint" in make(tmp_path, "c.npz", "--resume")
    assert "a step takes 500" in make(tmp_path, "d.npz", "--batch", "500")


@pytest.mark.slow
def test_members_of_one_file_say_what_they_said_alone(tmp_path: Path) -> None:
    for name, seed in (("a.npz", "1"), ("b.npz", "2")):
        make(tmp_path, name, "--epochs", "2", "--seed", seed)
    told = join(tmp_path, "both.npz", "a.npz", "b.npz")
    assert "both.npz: 2 members" in told, told
    alone = [load_encoders(tmp_path / name)[0] for name in ("a.npz", "b.npz")]
    thread = Thread("plan a round without Doe", ("[site Doe]",))
    for member, before in zip(load_encoders(tmp_path / "both.npz"), alone, strict=True):
        assert member.likely(thread) == pytest.approx(before.likely(thread))
        assert member.likely_roles(thread, "plan_round") == before.likely_roles(thread, "plan_round")
    assert alone[0].likely(thread) != alone[1].likely(thread)
    assert "3 members" in join(tmp_path, "three.npz", "both.npz", "a.npz")


@pytest.mark.parametrize(
    ("members", "out", "told"),
    [
        (["a.npz", "b.npz"], "both.npz", "a.npz is no thread encoder"),
        (["a.npz", "sub/../a.npz"], "both.npz", "every member is another file"),
        (["a.npz", "b.npz"], "sub/../a.npz", "and --out .* none of them"),
    ],
)
def test_members_that_cannot_be_joined_are_refused(tmp_path: Path, members: list[str], out: str, told: str) -> None:
    (tmp_path / "sub").mkdir()
    with pytest.raises(BadData, match=told):
        join_files([tmp_path / each for each in members], tmp_path / out)
    assert [*tmp_path.iterdir()] == [tmp_path / "sub"]
