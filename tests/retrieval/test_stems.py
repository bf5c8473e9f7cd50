"""A word's term in the full-text index: the one under which the index itself finds it."""

from __future__ import annotations

import sqlite3

from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.stems import TOKENIZER, stem_of
from retrieval.words import any_word, terms


def test_inflections_accents_and_capitals_share_a_term() -> None:
    assert stem_of("overflowing") == stem_of("overflows") == stem_of("Overflow") == "overflow"
    assert stem_of("über") == stem_of("uber") == "uber"


def test_what_is_no_one_term_has_none() -> None:
    assert stem_of("two words") is None
    assert stem_of("...") is None


@given(st.text(min_size=1, max_size=12), st.text(min_size=1, max_size=12))
@settings(max_examples=80, deadline=None)
def test_words_of_one_term_find_the_same_and_others_do_not(one: str, other: str) -> None:
    index = sqlite3.connect(":memory:")
    index.execute(f"CREATE VIRTUAL TABLE kept USING fts5(text, tokenize = '{TOKENIZER}')")
    for word in {*terms(one)}:
        index.execute("DELETE FROM kept")
        index.execute("INSERT INTO kept VALUES (?)", (word,))
        for asked in {*terms(one), *terms(other)}:
            if stem_of(word) is not None and stem_of(asked) is not None:
                found = index.execute("SELECT count(*) FROM kept WHERE kept MATCH ?", (any_word((asked,)),)).fetchone()
                assert found == (int(stem_of(word) == stem_of(asked)),)
    index.close()
