"""Slips of the keyboard: what is mended, what is a word or a name and stays, which files of words are taken."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadData
from tools.slips import Spelling, load_spelling

SHIPPED = Path(__file__).parents[2] / "finetune" / "adapter" / "roundsman-words.txt"
FEW = Spelling({"without": 900, "where": 800, "there": 700, "three": 600, "what": 500, "again": 90, "a": 9, "wary": 0})


@pytest.fixture(scope="module")
def shipped() -> Spelling:
    return load_spelling(SHIPPED)


@pytest.mark.parametrize(
    ("slip", "meant"),
    [("wihtout", "without"), ("withhout", "without"), ("witout", "without"), ("wathout", "without"), ("waht", "what")],
)
def test_a_letter_swapped_doubled_left_out_or_replaced_is_mended(slip: str, meant: str) -> None:
    assert FEW.word(slip) == meant


@pytest.mark.parametrize("word", ["three", "wary", "wat", "hwere", "watr", "thqrq", "kompost", "a", ""])
def test_words_short_ones_and_what_no_single_slip_explains_stay(word: str) -> None:
    assert FEW.word(word) == word


def test_the_likelier_of_two_words_is_meant() -> None:
    assert FEW.word("theree") == "there"
    assert Spelling({"there": 1, "three": 5_000}).word("theree") == "three"


def test_only_the_slips_of_a_text_change() -> None:
    text = "Wihtout truck 1?\nwaht about P-0702, file wihtout.jpg and wihtout-it, wihtout@there.org"
    assert FEW.mended(text) == text.replace("Wihtout", "Without").replace("waht", "what")


def test_names_stay() -> None:
    assert FEW.mended("bins near Wihtout Hall") == "bins near Wihtout Hall"
    assert FEW.mended("bins near wihtout hall", names=frozenset({"wihtout"})) == "bins near wihtout hall"
    assert FEW.mended("waht near wihtout hall", ("[site wihtout hall]",)) == "what near wihtout hall"
    for opening in (". ", "?\n", "\n", " (", ": ", " ¿"):
        assert FEW.mended(f"bins near{opening}Wihtout that") == f"bins near{opening}Without that"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("run it wihtout truck 1", "run it without truck 1"),
        ("How is the felet today?", "How is the fleet today?"),
        ("contaimnated load or fine?", "contaminated load or fine?"),
        ("und jetzt bitte nohc einmal planen", "und jetzt bitte noch einmal planen"),
        ("y si saliera un camoin menos", "y si saliera un camion menos"),
    ],
)
def test_everyday_slips_in_the_languages_of_the_rows(said: str, meant: str, shipped: Spelling) -> None:
    assert shipped.mended(said) == meant


@given(st.text(max_size=200))
def test_any_text_keeps_its_count_of_words_and_all_that_is_no_word(text: str) -> None:
    mended = FEW.mended(text)
    assert len(mended.split()) == len(text.split())
    assert [char for char in mended if char.isdigit()] == [char for char in text if char.isdigit()]


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"one two three\n", b"word 3\n\n", b"word -3\n"])
def test_a_file_that_holds_no_words_is_refused(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadData, match=r"holds no words; make it with python -m finetune\.words"):
        load_spelling(file)
