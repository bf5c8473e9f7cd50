"""finetune/listed_reader.py: what is learned of questions to invented tools, and that the same is served."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from domain.errors import BadData
from domain.values import Call
from finetune import listed_reader, rows
from finetune.frames import Frame
from finetune.listed_net import Net, example_of, losses_of, occurrences
from finetune.listed_questions import ListedQuestion, Material, declared, draw, texts_of
from finetune.listed_reader import HEATED, heats_of, save, steps_of, train_step
from finetune.listed_rows import ListedFrames, kin_of, read_listed, said_by
from finetune.minilm import Run, optimiser_of
from finetune.rows import validation_tool
from tools.listed import ListedTool
from tools.listed_filling import answer
from tools.listed_parameters import properties_of
from tools.listed_reader import load_listed_reader, made_for, reading_of
from tools.listed_slots import Kind, slots_of
from tools.tuned_minilm import reader

LISTED, DECLARED = read_listed(rows.LISTED), read_listed(listed_reader.DECLARED)
BAY = ListedTool(
    "book_bay",
    "Books a bay.",
    {
        "properties": {
            "vehicle": {"type": "string"},
            "bays": {"type": "integer"},
            "shift": {"enum": ["early", "late"]},
            "urgent": {"type": "boolean"},
            "jobs": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["vehicle"],
    },
)
BELL = ListedTool("ring_bell", "Rings the bell.", {"properties": {"times": {"type": "integer"}}})
BOOKED = ListedQuestion(
    "book two bays for the sweeper, early: brakes and oil", (BAY, BELL),
    {"vehicle": "the sweeper", "bays": 2, "shift": "early", "jobs": ["brakes", "oil"]},
)  # fmt: skip
RUNG = ListedQuestion("ring it 3 times please", (BELL, BAY), {"times": 3})
ALIEN = ListedQuestion("what is the capital of Peru", (BAY, BELL), None)


def test_every_parameter_of_every_invented_tool_is_described() -> None:
    for tool in (*LISTED, *DECLARED):
        assert tool.texts.keys() == {"", *tool.types()}
        assert all(text.strip() for text in tool.texts.values())


def test_what_only_the_reader_learns_of_is_no_neighbour_of_a_tool_held_back() -> None:
    held = [tool for tool in LISTED if validation_tool(tool)]
    assert held
    assert not {tool.name for tool in DECLARED} & {tool.name for tool in LISTED}
    assert not {tool.family for tool in DECLARED} & {tool.family for tool in held if tool.family}


def test_every_frame_of_a_declaration_gives_calls_of_its_types() -> None:
    chance = random.Random(3)
    for tool in DECLARED:
        slots = {slot.name: slot for slot in slots_of(ListedTool.of_signature(tool.signature))}
        for frame in tool.frames:
            calls = [said_by(replace(tool, frames=(frame,)), chance) for _ in range(12)]
            said = [call for call in calls if call]
            assert said, (tool.name, frame.text)
            for call in said:
                assert call.parameters.keys() <= slots.keys(), (tool.name, frame.text)
                for name, value in call.parameters.items():
                    right = not slots[name].choices or value in slots[name].choices
                    assert right or slots[name].kind is Kind.CHOICES, (tool.name, frame.text, name, value)


def test_a_declaration_keeps_what_is_said_whatever_is_left_out_of_it() -> None:
    chance = random.Random(0)
    for tool in chance.sample(LISTED, 40):
        names = list(tool.types())
        for _ in range(5):
            said = dict.fromkeys(chance.sample(names, 1), "x")
            shown = declared(tool, chance, said)
            assert said.keys() <= properties_of(shown.parameters).keys() <= set(names)
            assert {slot.name for slot in slots_of(ListedTool.of_signature(tool.signature)) if slot.required} <= set(
                properties_of(shown.parameters)
            )


def test_texts_of_other_tools_stand_in_the_question_that_they_are_values_of() -> None:
    chance, texts = random.Random(0), texts_of(LISTED)
    tools = [tool for tool in LISTED if "day" in tool.values and tool.types()["day"] == "string"]
    own = {tool.name: set(tool.values["day"]) for tool in tools}
    drawn = [draw(Material(tools, ["what is the capital of Peru"], (), texts), chance) for _ in range(800)]
    days = [(each, str(each.parameters["day"])) for each in drawn if each.parameters and "day" in each.parameters]
    assert all(day.casefold() in each.question.casefold() for each, day in days)
    known = {name: {day.casefold() for day in of} for name, of in own.items()}
    elsewhere = {day.casefold() for day in texts["day"]}
    others = [day.casefold() for each, day in days if day.casefold() not in known[each.tools[0].name]]
    assert sum(day in elsewhere for day in others) > len(days) / 8


def test_a_request_that_no_tool_serves_is_never_one_of_the_tools_own() -> None:
    material, chance = Material(LISTED, ["what is the capital of Peru"], ()), random.Random(0)
    drawn = [draw(material, chance) for _ in range(600)]
    called = [each for each in drawn if each.parameters is not None]
    unserved = [each for each in drawn if each.parameters is None]
    assert 0.5 < len(called) / len(drawn) < 0.9
    for each in called:
        names = properties_of(each.tools[0].parameters)
        assert each.parameters is not None
        assert each.parameters.keys() <= names.keys()
        assert len({tool.name for tool in each.tools}) == len(each.tools)
    assert all(each.tools for each in unserved)


def test_what_another_tool_does_is_served_by_none_of_those_listed() -> None:
    trades = ("bake", "weld", "sow", "shoe", "dye")
    tools = [ListedFrames(f"{each}() - Does it.", {}, (Frame(f"please {each}", "nils"),), ()) for each in trades]
    chance = random.Random(0)
    drawn = [draw(Material(tools, ["hello"], ()), chance) for _ in range(200)]
    others = [each for each in drawn if each.parameters is None and each.question != "hello"]
    assert others
    for each in others:
        assert each.question.removeprefix("please ") not in {tool.name for tool in each.tools}


def test_families_are_held_back_whole() -> None:
    held = {tool.name: validation_tool(tool) for tool in LISTED}
    assert 20 < sum(held.values()) < len(LISTED) / 4
    for tool in LISTED:
        assert all(held[each.name] == held[tool.name] for each in kin_of(tool, LISTED))


def test_a_question_becomes_targets_of_its_slots() -> None:
    read = reading_of(reader())
    example = example_of(BOOKED, read)
    pieces = read.pieces(BOOKED.question, BAY)
    vehicle, bays, shift, urgent, jobs = pieces.slots
    assert dict(example.said) == {vehicle: True, bays: True, shift: True, urgent: False, jobs: True}
    assert example.choices == ((pieces.choices[2], (0,)),)
    words = {
        at: [read.tokenizer.decode(list(pieces.tokens[first : last + 1])) for first, last in stands]
        for at, stands in example.stretches
    }
    assert words == {vehicle: ["the sweeper"], bays: ["two"], jobs: ["brakes and oil"]}
    assert not example_of(ALIEN, read).serves


def test_a_text_occurs_only_as_words() -> None:
    assert occurrences("Dock", "dock 9, Dockside, dry dock") == [(0, 4), (22, 26)]


@pytest.mark.slow
def test_what_is_served_is_what_was_learned(tmp_path: Path, one_thread: None) -> None:
    torch.manual_seed(7)
    read = reading_of(reader())
    net = Net(read)
    examples = [example_of(each, read) for each in (BOOKED, RUNG, ALIEN)] * 8
    run = Run(net, optimiser_of(net, 2e-4), 40, 2e-4)
    told = [train_step(run, part, half=False) for _ in range(40) for part in steps_of(examples, 24, run.step)]
    assert all(told[-1][name] < told[0][name] / 4 for name in HEATED)
    heats = heats_of(net, examples)
    save(net, tmp_path / "listed.npz", heats, made_for(reader()))
    served = load_listed_reader(tmp_path / "listed.npz")
    with torch.no_grad():
        scored = net([examples[0]])
        losses = losses_of(scored, [examples[0]], heats)
    serves, slots = served.serves(BOOKED.question, BOOKED.tools), served.slots(BOOKED.question, BAY)
    assert serves == pytest.approx((scored.serves / heats["serves"]).tolist(), abs=0.3)
    said = dict(zip(slots, (scored.said / heats["said"]).tolist(), strict=True))
    assert {name: told.said for name, told in slots.items()} == pytest.approx(said, abs=0.3)
    wanted = {
        name: next(m for m in slots[name].values if m.value == BOOKED.parameters[name])
        for name in BOOKED.parameters or {}
    }
    assert -sum(wanted[n].likely for n in ("vehicle", "bays", "jobs")) == pytest.approx(
        losses["stretches"].item(), abs=0.2
    )
    assert -wanted["shift"].likely == pytest.approx(losses["chosen"].item(), abs=0.1)
    assert answer(served, BOOKED.question, BOOKED.tools) == Call("book_bay", dict(BOOKED.parameters or {}))
    assert answer(served, RUNG.question, RUNG.tools) == Call("ring_bell", {"times": 3})
    assert answer(served, ALIEN.question, ALIEN.tools).name == "decline"
    going_on = Net(read)
    going_on.start_from(served)
    with torch.no_grad():
        again = going_on([examples[0]])
    assert again.serves.tolist() == pytest.approx(serves, abs=0.05)
    assert again.said.tolist() == pytest.approx([told.said for told in slots.values()], abs=0.05)


@pytest.mark.parametrize(
    ("flag", "value"),
    [("--questions", "-4"), ("--validation", "0"), ("--batch", "0"), ("--threads", "two"), ("--people", "1.5"),
     ("--masked", "nan"), ("--people", "half")],
)  # fmt: skip
def test_a_number_that_nothing_can_be_learned_with_is_refused_at_once(
    flag: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["listed_reader", "--out", "reader.npz", flag, value])
    with pytest.raises(SystemExit):
        listed_reader.main()
    assert f"argument {flag}: must be a" in capsys.readouterr().err


def test_what_cannot_be_read_or_written_is_said_before_anything_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listed_reader, "drawn", None)
    for out, more, said in [
        (tmp_path / "nowhere" / "reader.npz", [], "there is no folder"),
        (tmp_path / "reader.npz", ["--init", str(tmp_path / "missing.npz")], "missing.npz"),
    ]:
        monkeypatch.setattr(sys, "argv", ["listed_reader", "--out", str(out), *more])
        with pytest.raises(BadData, match=said):
            listed_reader.main()
    assert list(tmp_path.iterdir()) == []
