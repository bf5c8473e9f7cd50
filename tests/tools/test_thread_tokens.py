"""tools/thread_tokens.py: what the encoder reads of a thread."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.values import Call
from tools.call_classifier import Made, Thread
from tools.coverage import NUMBER, TAKEN_BY
from tools.mentions import Mention
from tools.thread_tokens import KINDS, MOST_CONTEXT, MOST_OF_MESSAGE, MOST_PIECES, Pieces, Reader
from tools.tuned_minilm import reader

ASKED = Thread("how full are the bins near Sather Gate at 6?", ("[site Sather Gate]",))


@pytest.fixture(scope="module")
def read() -> Reader:
    return reader()


def words(read: Reader, pieces: Pieces) -> str:
    own = {read.own(kind): f"<{kind}>" for kind in KINDS}
    return " ".join(own.get(token) or read.tokenizer.id_to_token(token) for token in pieces.tokens)


def test_a_recognised_name_is_read_as_its_kind_and_its_place_is_known(read: Reader) -> None:
    pieces = read.pieces(ASKED)
    assert words(read, pieces) == "[CLS] how full are the bin ##s near <site> at <number> 6 ? [SEP] [SEP]"
    other = Thread("how full are the bins near Soda Hall at 6?", ("[site Soda Hall]",))
    assert read.pieces(other).tokens == pieces.tokens
    assert pieces.places == {Mention("site", "Sather Gate"): 8, Mention("number", "6"): 10}
    assert pieces.tokens[8] == read.own("site")
    assert min(map(read.own, KINDS)) == read.vocabulary


def test_of_times_streams_and_numbers_the_words_are_read_too(read: Reader) -> None:
    asked = Thread("glass by Friday, 15 bins", ("[stream glass]", "[time Friday]"))
    said = words(read, read.pieces(asked))
    assert said == "[CLS] <stream> glass by <time> friday , <number> 15 bin ##s [SEP] [SEP]"


def test_the_digits_of_codes_are_counted_and_accents_are_folded(read: Reader) -> None:
    assert read.pieces(Thread("plan P-0001 now")).tokens == read.pieces(Thread("plan p-7428 now")).tokens
    assert read.pieces(Thread("¿Cuándo?")).tokens == read.pieces(Thread("cuando?")).tokens


def test_what_stands_in_quotations_is_read_but_has_no_place(read: Reader) -> None:
    pieces = read.pieces(Thread('the note says "no Doe", plan by Doe', ("[site Doe]",)))
    assert words(read, pieces) == "[CLS] the note says no doe , plan by <site> [SEP] [SEP]"
    assert list(pieces.places) == [Mention("site", "Doe")]


def test_what_stands_there_twice_or_is_several_has_no_place_but_trucks_are_told_of(read: Reader) -> None:
    twice = Thread("T1 or not T1, and T2 T3", ("[truck T1]", "[truck T2 T3]"))
    pieces = read.pieces(twice)
    assert pieces.places == {}
    assert [mark.words for mark, _ in pieces.trucks] == ["T1", "T1", "T2 T3"]
    assert all(pieces.tokens[at] == read.own("truck") for _, at in pieces.trucks)


def test_calls_outcomes_choices_and_the_earlier_question_stand_behind(read: Reader) -> None:
    before = (Made(Call("plan_round", {"when": "tonight", "goal": "cost"}), "failed: no such truck"),)
    thread = replace(ASKED, steps=(Made(Call("find_bins", {"near": "x"}), "ok"),), before=before, earlier="plan it")
    behind = words(read, read.pieces(thread)).partition("[SEP] ")[2]
    assert behind == "<step> find bin ##s near ok <before> plan round when goal cost failed <earlier> plan it [SEP]"


def test_of_a_long_thread_the_latest_calls_are_kept(read: Reader) -> None:
    made = [Made(Call("find_bins", {f"argument_{letter}": 1}), "ok") for letter in "abcdefghijklmnopqrstuvwxyz"]
    behind = words(read, read.pieces(Thread("x", steps=tuple(made), earlier="plan it"))).partition("[SEP] ")[2]
    assert behind.startswith("<step> find bin ##s argument z ok <step> find bin ##s argument y ok")
    assert "argument a" not in behind


def test_of_the_turn_before_the_latest_call_comes_first(read: Reader) -> None:
    before = tuple(Made(Call(name, {}), "ok") for name in ("find_bins", "plan_round"))
    behind = words(read, read.pieces(Thread("x", before=before, earlier="y"))).partition("[SEP] ")[2]
    assert behind == "<before> plan round ok <before> find bin ##s ok <earlier> y [SEP]"


def test_a_word_that_is_called_as_a_kind_is_a_word(read: Reader) -> None:
    behind = words(read, read.pieces(Thread("x", earlier="truck"))).partition("[SEP] ")[2]
    assert behind == "<earlier> truck [SEP]"


def test_all_that_code_recognises_has_a_kind() -> None:
    assert {*TAKEN_BY, NUMBER} <= set(KINDS)


def test_a_long_question_and_a_long_thread_are_cut(read: Reader) -> None:
    pieces = read.pieces(Thread("bins " * 200 + "at Doe", ("[site Doe]",), earlier="bins " * 300))
    assert len(pieces.tokens) <= MOST_PIECES + MOST_CONTEXT + 2
    assert pieces.places == {}
    assert read.pieces(Thread("")).tokens == tuple(
        read.tokenizer.encode("").ids[:1] + 2 * read.tokenizer.encode("").ids[-1:]
    )


def test_of_a_message_it_is_known_which_piece_begins_at_each_gap(read: Reader) -> None:
    message, marks = "How full is Doe at 6. And 12 - thanks", ("[site Doe]", "[bin 12]")
    places = [message.index("And"), message.index("-")]
    tokens, begins = read.message(message, marks, places)
    own = {read.own(kind): f"<{kind}>" for kind in KINDS}
    said = [own.get(token) or read.tokenizer.id_to_token(token) for token in tokens]
    assert " ".join(said) == "[CLS] how full is <site> at <number> 6 . and <bin> - thanks [SEP]"
    assert {place: said[at] for place, at in begins.items()} == dict(zip(places, ("and", "-"), strict=True))
    assert read.message(message, marks, [])[0] == tokens


def test_gaps_behind_what_is_read_of_a_message_have_no_piece(read: Reader) -> None:
    message = "bins and " * 300
    places = [at for at in range(1, len(message)) if message.startswith("and", at)]
    tokens, begins = read.message(message, (), places)
    assert len(tokens) == MOST_OF_MESSAGE + 1
    assert 0 < len(begins) < len(places)
    assert list(begins) == places[: len(begins)]
    assert max(begins.values()) < MOST_OF_MESSAGE
