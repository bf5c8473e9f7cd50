"""Slips of the keyboard: what is mended, what is a word or a name and stays, which files of words are taken."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadData
from tools.slips import Slip, Spelling, load_spelling

SHIPPED = Path(__file__).parents[2] / "finetune" / "adapter" / "roundsman-words.txt"
FEW = Spelling({"without": 900, "where": 800, "there": 700, "three": 600, "what": 500, "again": 90, "a": 9, "wary": 0})


@pytest.fixture(scope="module")
def shipped() -> Spelling:
    return load_spelling(SHIPPED)


@pytest.mark.parametrize(
    ("slip", "meant"),
    [("wihtout", "without"), ("withhout", "without"), ("witout", "without"), ("waht", "what")],
)
def test_a_letter_swapped_struck_twice_or_left_out_is_mended(slip: str, meant: str) -> None:
    assert FEW.word(slip) == meant


@pytest.mark.parametrize(
    "word",
    [
        "three",
        "wary",
        "wat",
        "wathout",
        "withoutx",
        "withou",
        "agaiń",
        "agáin",
        "hwere",
        "watr",
        "thqrq",
        "kompost",
        "a",
        "",
    ],
)
def test_words_short_ones_and_what_no_single_slip_explains_stay(word: str) -> None:
    assert FEW.word(word) == word


def test_the_likelier_of_two_words_is_meant() -> None:
    assert FEW.word("theree") == "there"
    assert Spelling({"casual": 1, "causal": 5_000}).word("caual") == "causal"
    assert Spelling({"casual": 5_000, "causal": 1}).word("caual") == "casual"


def test_only_the_slips_of_a_text_change() -> None:
    text = "Wihtout truck 1?\nwaht about P-0702, file wihtout.jpg and wihtout-it, wihtout@there.org"
    assert FEW.mended(text).text == text.replace("Wihtout", "Without").replace("waht", "what")


def test_names_stay() -> None:
    for text in ("bins near Wihtout Hall", 'skip "Wihtout"', "near St. Wihtout", "(Wihtout Lane)"):
        assert FEW.mended(text).text == text
    assert FEW.mended("bins near wihtout hall", names=frozenset({"wihtout"})).text == "bins near wihtout hall"
    assert FEW.mended("waht near wihtout hall", ("[site wihtout hall]",)).text == "what near wihtout hall"
    for opening in (". ", "?\n", "\n", ": ", " ¿"):
        assert FEW.mended(f"bins near{opening}Wihtout that").text == f"bins near{opening}Without that"


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
    assert shipped.mended(said).text == meant


@pytest.mark.parametrize(
    "said",
    [
        "¿cuántos minutos, meses y semanas? las calles y los costos de los recorridos, números y turnos",
        "avisale al chofer, revisá los sensores, sacale los residuos orgánicos y registrá las vueltas baratas",
        "y que salgan cuando vayan, comparalo con los pronósticos de las paradas cerradas o de las ratas",
        "welche runden brauchen heute weniger stunden, und was kosten die anderen touren im monat",
        "quelles rues sont les plus sales, et combien de minutes faut-il pour les vider toutes demain",
        "the drivers stated that the loops were shorter, so could we amend the batch and save some miles",
    ],
)
def test_right_words_of_four_languages_stay(said: str, shipped: Spelling) -> None:
    assert shipped.mended(said).text == said


@given(
    st.lists(st.sampled_from(["wihtout", "waht", "Theere", "12", "P-0702", ",", "?", "\n", "Ábc", "¿"]), max_size=30)
)
def test_words_change_one_by_one_and_nothing_else_does_and_change_back(parts: list[str]) -> None:
    text, read = " ".join(parts), FEW.mended(" ".join(parts))
    assert read.typed(read.text) == text
    mended = read.text
    meant = {"wihtout": "without", "waht": "what", "theere": "there"}
    assert [word.lower() for word in mended.split()] == [meant.get(w.lower(), w.lower()) for w in text.split()] or (
        "Theere" in mended  # with a capital letter inside a sentence
    )


def test_words_of_a_mended_text_are_known_as_they_were_typed() -> None:
    read = FEW.mended("waht lid? wihtout lid, not waht lid but what lid")
    assert read.slips[1] == Slip(10, "without", "wihtout")
    assert [read.typed(said) for said in ("without lid", "lid, not what", "lid")] == [
        "wihtout lid",
        "lid, not waht",
        "lid",
    ]
    assert read.typed("what lid") == "what lid"  # typed like that too
    assert (read.typed("hat lid"), read.typed("without t"), read.typed("glass")) == (None, None, None)


@pytest.mark.parametrize(
    "content",
    [None, b"", b"\xff\xfe", b"one two three\n", b"word 3\n\n", b"word -3\n", b"word 0\n", b"word " + b"9" * 5_000],
)
def test_a_file_that_holds_no_words_is_refused(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadData, match=r"holds no words; make it with python -m finetune\.words"):
        load_spelling(file)
