"""What may be copied: literal spans of the thread, all that people mean, and never more than can be decoded."""

from __future__ import annotations

import json
import random
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.values import Call
from tools.spans import EARLIER_WORDS, NOW_WORDS, Spans


def words(*turns: str, most: int = 8) -> tuple[str, ...]:
    """The spans of a thread."""
    return Spans.of(turns).up_to(most)


def offered(spans: Spans, most: int, said: str) -> bool:
    """Whether the forms that an engine is given take `said`."""
    pattern = spans.pattern(most)
    return bool(pattern and re.fullmatch(pattern[1:-1], said)) or said in spans.quoted(most)


@pytest.mark.parametrize("said", ["the", "near", "near the", "of", "please"])
def test_a_span_needs_a_word_that_names_something(said: str) -> None:
    spans = Spans.of(["bins near the Gate of the West please", "and near the"])
    assert said not in spans.up_to(8)
    assert not offered(spans, 8, said)


@pytest.mark.parametrize("said", ["the Gate", "near the Gate of The West", "Gate of", "The West"])
def test_a_name_may_begin_and_end_with_any_word(said: str) -> None:
    assert offered(Spans.of(["bins near the Gate of The West"]), 8, said)


@pytest.mark.parametrize("said", ["it", "A", "all", "now", "one", "OR", "on"])
def test_a_word_that_points_or_counts_can_stand_alone(said: str) -> None:
    assert offered(Spans.of([f"what about {said} then"]), 8, said)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Which bins near Sather Gate?", "Sather Gate"),
        ("is it full by 12:00?", "12:00"),
        ("bins at 37.87,-122.26 please", "37.87,-122.26"),
        ("only Bottles/Cans, thanks", "Bottles/Cans"),
        ("only Bottles/Cans, thanks", "Cans"),
        ("(bin B-1042)", "B-1042"),
        ("bins on Oak St. over 80", "Oak St."),
        ("bins on Oak St. over 80", "Oak St"),
        ("at 6 p.m. sharp", "6 p.m."),
        ("the library's bins", "the library"),
        ("MARLOW ANNEX'S BINS", "MARLOW ANNEX"),
        ("bins=Zellerbach stream=compost", "compost"),
        ("near: Evans Hall", "Evans Hall"),
        ("tell me in #dispatch", "#dispatch"),
        ("channel=#dispatch", "#dispatch"),
        ("was ist mit den compost-Tonnen", "compost"),
        ('near Cross St "Mercantile Mall" today', 'Cross St "Mercantile Mall"'),
        ("near Park St (east side)", "Park St (east side)"),
        ("“Sather Gate”, tomorrow", "Sather Gate"),
        ("¿cerca de Plaza Mayor?", "Plaza Mayor"),
        ("near  Sather   Gate", "Sather   Gate"),
        ("line one\nSather Gate", "one\nSather"),
        ("T1–T3 tonight", "T1–T3"),
        ("T1–T3 tonight", "T3"),
        ("show pic_0412.jpg, please", "pic_0412.jpg"),
    ],
)
def test_the_words_that_are_meant_can_be_copied(text: str, meant: str) -> None:
    spans = Spans.of([text])
    assert meant in spans.up_to(8)
    assert offered(spans, 8, meant)


def test_a_span_has_no_more_words_than_asked_for() -> None:
    assert words("one two - three", most=2) == ("one", "one two", "two", "two - three", "three")


def test_a_text_may_be_the_whole_turn() -> None:
    turn = " ".join(f"word{n}" for n in range(40))
    assert turn in words(turn, most=40)
    assert turn not in words(turn, most=39)


def test_newer_words_come_first_and_nothing_twice() -> None:
    assert words("compost bins", "landfill bins", most=1) == ("landfill", "bins", "compost")


def test_the_values_of_earlier_calls_can_be_said_again_whole() -> None:
    note = "the lid of the bin by the fountain is stuck and has been since Monday"
    call = Call("propose_ticket", {"note": note, "bins": ["B-1", "B-2"], "threshold_pct": 85})
    spans = Spans.of(["and now?"], calls=[call])
    assert {note, "B-1", "B-2"} <= set(spans.up_to(1))
    assert offered(spans, 1, note)
    assert spans.numbers == (85,)


def test_what_the_user_handed_over_can_be_copied_whole() -> None:
    assert "my picture 3.jpg" in Spans.of(["what is in it?"], given=["my picture 3.jpg"]).up_to(1)


def test_numbers_of_the_whole_thread_are_kept() -> None:
    assert Spans.of(["within 300 m", "over 80%", "only compost"]).numbers == (80, 300)


def test_a_turn_without_words_offers_nothing() -> None:
    for turns in ([], [""], ["?!"]):
        spans = Spans.of(turns)
        assert (spans.up_to(8), spans.pattern(8), spans.quoted(8), spans.numbers) == ((), "", (), ())


def test_no_span_crosses_what_cannot_be_copied() -> None:
    spans = Spans.of(["left\x00right one\x07 " + "x" * 500 + " two \ud800 three"])
    assert spans.up_to(8) == ("two", "three")
    json.dumps(spans.up_to(8), ensure_ascii=False).encode()


def test_words_that_json_escapes_are_listed_and_not_in_the_pattern() -> None:
    spans = Spans.of(['say "lid\\broken" now'])
    assert 'say "lid\\broken" now' in spans.quoted(8)
    assert not {'"', "\\"} & set(re.sub(r"\\(.)", "", spans.pattern(8)))


def _seconds_for(text: str) -> float:
    """CPU seconds, the least of five."""
    times = []
    for _ in range(5):
        started = time.process_time()
        spans = Spans.of([text] * 3)
        for most in (1, 4, 8, 40):
            spans.pattern(most)
        times.append(time.process_time() - started)
    return min(times)


def test_a_question_of_twenty_thousand_characters_stays_small_and_quick() -> None:
    chance = random.Random(0)
    long = " ".join("".join(chance.choices("abcdefgh", k=5)) for _ in range(3400))
    assert len(long) > 20_000
    spans = Spans.of([long] * 3)
    patterns = [spans.pattern(most) for most in (1, 4, 8, 40)]
    assert _seconds_for(f"{long} " * 4) < 8 * _seconds_for(long)
    assert sum(len(line.words) for line in spans.lines) <= NOW_WORDS + EARLIER_WORDS
    assert sum(map(len, patterns)) < 60_000
    assert long.split()[0] in spans.up_to(1)
    assert long.split()[-1] in spans.up_to(1)


TEXTS = st.text(st.sampled_from("ab c.,:;'\"\\/(-)#\n9é½"), max_size=40)


@given(TEXTS, st.integers(1, 4))
def test_pattern_and_list_together_take_exactly_the_spans(text: str, most: int) -> None:
    spans = Spans.of([text])
    allowed = set(spans.up_to(most))
    substrings = {text[a:b] for a in range(len(text)) for b in range(a + 1, len(text) + 1)}
    assert allowed <= substrings
    for said in substrings:
        assert offered(spans, most, said) == (said in allowed)


@given(st.lists(st.text(max_size=60), max_size=3))
def test_any_thread_gives_spans_that_are_literally_in_it(turns: list[str]) -> None:
    spans = Spans.of(turns)
    for span in spans.up_to(8):
        assert any(span in turn for turn in turns)
        span.encode()
    if spans.pattern(8):
        re.compile(spans.pattern(8))


def test_digits_of_names_are_no_numbers() -> None:
    assert Spans.of(["a round for Zone 4", "with two trucks"], names=["zone 4"]).numbers == (2,)
    assert Spans.of(["four trucks for zone 4"], names=["Zone 4"]).numbers == (4,)
    assert Spans.of(["zone 40 and zone 4"], names=["zone 4"]).numbers == (40,)
    assert Spans.of(["un camion"], names=["UN"]).numbers == (1,)


def test_what_is_said_in_percent_only_is_no_count() -> None:
    spans = Spans.of(["3 bins over 70 percent, fifty % or 80% there, höchstens 20 Prozent"])
    assert (spans.numbers, spans.counts) == ((3, 20, 50, 70, 80), (3,))
    assert Spans.of(["20 bins over 20 %"]).counts == (20,)


def test_no_span_lies_inside_a_stretch_that_is_left_out() -> None:
    spans = Spans.of(["the Monday crew on Monday morning"], given=["Monday", "Monday's list"])
    left = spans.outside(["Monday", "Monday morning"]).up_to(3)
    assert not {"Monday", "morning", "Monday morning"} & set(left)
    assert {"the Monday crew", "Monday crew", "on Monday morning", "Monday's list"} <= set(left)
    pattern = re.compile(spans.outside(["Monday", "Monday morning"]).pattern(3))
    assert pattern.match("Monday crew on")
    assert not pattern.match("Monday morning")
