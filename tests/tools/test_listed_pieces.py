"""How a question and a tool are cut into pieces, and that a stretch of the one is found among them."""

from __future__ import annotations

import pytest

from tools.listed import ListedTool
from tools.listed_pieces import MOST_ASKED, MOST_CHOICES, MOST_READ, ListedReading
from tools.tuned_minilm import reader

TOOL = ListedTool(
    "bookBay",
    "Books a bay.",
    {
        "properties": {
            "vehicle_no": {"description": "Which."},
            "shift": {"enum": ["early", "late"]},
            "urgent": {"type": "boolean"},
        }
    },
)


@pytest.fixture
def reading() -> ListedReading:
    return ListedReading(reader().tokenizer)


def words(reading: ListedReading, tokens: tuple[int, ...]) -> str:
    """The pieces as text, its own in capitals."""
    own = {reading.own(kind): kind.upper() for kind in ("tool", "slot", "choice")}
    return " ".join(own.get(token) or reading.tokenizer.id_to_token(token) for token in tokens)


def test_question_and_declaration_are_read_in_their_order(reading: ListedReading) -> None:
    pieces = reading.pieces("Bay for T-4", TOOL)
    assert words(reading, pieces.tokens) == (
        "[CLS] bay for t - 4 [SEP] TOOL book bay : books a bay . SLOT vehicle no : which . "
        "SLOT shift CHOICE early CHOICE late SLOT urgent CHOICE yes CHOICE no [SEP]"
    )
    assert [pieces.tokens[at] for at in pieces.slots if at] == [reading.own("slot")] * 3
    assert [len(places) for places in pieces.choices] == [0, 2, 2]


@pytest.mark.parametrize("said", ["T-4", "Bay", "for T-4", "Bay for T-4"])
def test_a_stretch_is_found_by_its_characters(reading: ListedReading, said: str) -> None:
    question = "Bay for T-4"
    pieces, start = reading.pieces(question, TOOL), question.index(said)
    found = pieces.stretch(start, start + len(said))
    assert found
    first, last = found
    assert question[pieces.letters[first - 1][0] : pieces.letters[last - 1][1]] == said
    assert pieces.begins[first - 1]
    assert pieces.ends[last - 1]


@pytest.mark.parametrize(("question", "number", "ends"), [
    ("order 250kg", "250", True), ("at 21C now", "21", True), ("on the 3rd", "3", False), ("bay 4b2", "4", False),
])  # fmt: skip
def test_a_figure_may_end_right_before_its_unit(
    reading: ListedReading, question: str, number: str, *, ends: bool
) -> None:
    pieces, start = reading.pieces(question, TOOL), question.index(number)
    found = pieces.stretch(start, start + len(number))
    assert bool(found and pieces.ends[found[1] - 1]) is ends


def test_no_stretch_begins_or_ends_inside_a_word(reading: ListedReading) -> None:
    question = "Lansdowne's (x)"
    pieces = reading.pieces(question, TOOL)
    begins = [question[start:end] for (start, end), may in zip(pieces.letters, pieces.begins, strict=True) if may]
    assert begins[0].casefold().startswith("lan")
    assert not {"(", "'", ")"} & set(begins)
    ends = [question[start:end] for (start, end), may in zip(pieces.letters, pieces.ends, strict=True) if may]
    assert ends[-1] == ")"
    assert not {"(", "'"} & set(ends)
    assert pieces.stretch(1, len("Lansdowne")) is None


def test_what_is_too_long_is_cut_and_what_is_not_read_has_no_place(reading: ListedReading) -> None:
    many = {f"parameter_{number}": {"enum": [f"choice {n}" for n in range(40)]} for number in range(60)}
    pieces = reading.pieces("word " * 500 + "end", ListedTool("tool", "about " * 100, {"properties": {**many}}))
    assert len(pieces.tokens) <= MOST_READ + 1
    assert len(pieces.letters) == MOST_ASKED
    assert pieces.slots[0] is not None
    assert len(pieces.choices[0]) == MOST_CHOICES
    assert pieces.slots[-1] is None
    assert pieces.choices[-1] == ()
    assert pieces.stretch(2_500, 2_503) is None
