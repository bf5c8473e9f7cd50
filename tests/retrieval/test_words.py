"""What a person types becomes words; whatever it is, it is no syntax."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.words import MOST_TERMS, any_word, terms


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("What does the handbook say about contaminated compost?", ("handbook", "contaminated", "compost")),
        ("rats, RATS and more rats", ("rats",)),
        ("¿dónde está el contenedor?", ("dónde", "está", "contenedor")),
        ("truck 2", ("truck", "2")),
        ("where is it", ("where", "is", "it")),
        ("cafe\u0301", ("café",)),
        ('"NEAR(a b, 5)" OR *', ("5",)),
        ("?!", ()),
        ("", ()),
    ],
)
def test_words_that_mean_something_are_kept_once_in_order(text: str, found: tuple[str, ...]) -> None:
    assert terms(text) == found


def test_a_text_of_any_length_gives_a_bounded_number_of_terms() -> None:
    assert len(terms(" ".join(f"w{n}" for n in range(50_000)))) == MOST_TERMS


@given(st.text(alphabet=st.characters(), max_size=200))
def test_no_text_breaks_the_full_text_syntax(text: str) -> None:
    words = terms(text)
    if not words:
        return
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE words USING fts5(body, tokenize = 'porter unicode61')")
    connection.execute("SELECT rowid FROM words WHERE words MATCH ?", (any_word(words),)).fetchall()
    connection.close()
