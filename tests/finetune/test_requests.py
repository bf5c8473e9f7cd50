"""finetune/requests.py: messages hold the requests they were put together of, and a classifier is made of them."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from domain.errors import BadData
from evals.bench import bench
from finetune.authors import Author, World
from finetune.fillers import read_city
from finetune.requests import SHAPES, Message, drawn, examples_of, figures, joined, read_shapes
from finetune.rows import read_lines
from tools.request_encoder import load_request_parts
from tools.request_parts import gaps

pytestmark = pytest.mark.timeout(400)
ROOT = Path(__file__).parents[2]
CITY = ROOT / "cities" / "berkeley"


@pytest.fixture(scope="module")
def author() -> Iterator[Author]:
    with bench() as where:
        world = World.of(where.operation(CITY.name))
        yield Author(read_city(CITY), read_lines(held=False), random.Random("messages"), world)


def parts(message: Message) -> list[str]:
    ends = [*message.begins, len(message.text)]
    return [message.text[start:end] for start, end in zip([0, *message.begins], ends, strict=True)]


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ("A and B", ["full bins ", "and the trucks"]),
        ("A. Then B.", ["full bins. ", "Then the trucks."]),
        ("A? B?", ["full bins? ", "the trucks?"]),
        ("Two things: A; B, please", ["Two things: full bins; ", "the trucks, please"]),
        ("First A, second B", ["First full bins, ", "second the trucks"]),
        ("1. A 2. B", ["1. full bins ", "2. the trucks"]),
    ],
)
def test_a_request_begins_with_the_words_that_lead_to_it(author: Author, shape: str, told: list[str]) -> None:
    message = joined(author, shape, ["full bins", "the trucks"])
    assert message is not None
    assert parts(message) == told


def test_requests_that_nothing_parts_are_left(author: Author) -> None:
    assert joined(author, "A B", ["full bins", "trucks"]) is None


def test_messages_are_of_all_kinds_and_begin_where_a_request_may(author: Author) -> None:
    messages = list(drawn([author], read_shapes(held=False), 300))
    counts = Counter(len(each.begins) + 1 for each in messages)
    assert counts[1] > 120
    assert counts[2] > 60
    assert counts[3] > 5
    for each in messages:
        assert set(each.begins) <= set(gaps(each.text, each.marks))
    examples = examples_of(messages)
    assert int(examples.targets.sum()) == sum(len(each.begins) for each in messages)


def test_trained_and_held_shapes_have_none_in_common_and_odd_ones_are_refused(tmp_path: Path) -> None:
    trained, held = read_shapes(held=False), read_shapes(held=True)
    lines = SHAPES.read_text(encoding="utf-8").splitlines()
    read = sum(len(each) for part in (trained, held) for each in part.values())
    assert read == len(lines) - 1  # the first tells what they are
    for places in ("A", "AB", "ABC"):
        assert min(len(trained[places]), len(held[places])) > 1
        assert not set(trained[places]) & set(held[places])
    file = tmp_path / "shapes.txt"
    file.write_text("# what is said\nB, but first A\n", encoding="utf-8")
    with pytest.raises(BadData, match=r"shapes\.txt:2: .*not 'BA'"):
        read_shapes(file, held=False)


def test_messages_are_right_where_every_gap_is(author: Author) -> None:
    message = joined(author, "A, and thanks, B", ["full bins", "the trucks"])
    assert message is not None
    right = [1.0 if gap in message.begins else -1.0 for gap in gaps(message.text, message.marks)]
    assert figures([message, message], torch.tensor([*right, *reversed(right)])) == "of 2 0.500 (2)"


def test_the_stage_makes_a_file_that_is_served(tmp_path: Path) -> None:
    out = tmp_path / "requests.npz"
    command = [sys.executable, "-m", "finetune.requests", "--out", str(out), "--messages", "250", "--validation", "60"]
    told = subprocess.run([*command, "--epochs", "20"], check=True, capture_output=True, text=True, cwd=ROOT).stdout
    for who in ("n-grams", "encoder", "both"):
        assert f"\n{who}: of 1 " in told
    assert load_request_parts(out).begins("thanks", ()) == []
