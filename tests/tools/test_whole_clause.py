"""A note and a condition reach to the end of the user's clause, and no further."""

from __future__ import annotations

import pytest

from domain.values import Call
from tools.whole_clause import LONGEST_WORDS, with_whole_clauses


def note(said: str, question: str) -> object:
    """The note of a ticket that the model gave `said`."""
    ticket = Call("propose_ticket", {"kind": "maintenance", "note": said})
    return with_whole_clauses(ticket, [question]).parameters["note"]


@pytest.mark.parametrize(
    ("question", "whole"),
    [
        ("P12: lid torn off again, send somebody", "lid torn off again"),
        ("ticket for P12, lid torn off by the wind.", "lid torn off by the wind"),
        ('caller: "lid torn off since noon" - maintenance please', "lid torn off since noon"),
        ("lid torn off since 12.30 today! P12", "lid torn off since 12.30 today"),
        ("lid torn off at P12 - urgent", "lid torn off at P12"),
        ("lid torn off", "lid torn off"),
        ("lid torn off at P12 please", "lid torn off at P12"),
        ("lid torn off at P12 so open a maintenance ticket", "lid torn off at P12"),
        ("slid torn off: lid torn off by the wind", "lid torn off by the wind"),
        ("lid torn off at P12 and what is T3 doing", "lid torn off at P12"),
    ],
)
def test_a_note_is_read_on_to_the_end_of_its_clause(question: str, whole: str) -> None:
    assert note("lid torn off", question) == whole


def test_a_condition_is_read_on_too() -> None:
    watch = Call("propose_watch", {"condition": "a bin at the pier", "threshold_pct": 80})
    told = with_whole_clauses(watch, ["tell me when a bin at the pier passes 80 %, every morning"])
    assert told.parameters == {"condition": "a bin at the pier passes 80 %", "threshold_pct": 80}


def test_words_of_another_argument_stay_out_of_the_clause() -> None:
    ticket = Call("propose_ticket", {"kind": "recovery", "note": "gate was shut", "when": "tomorrow noon"})
    assert with_whole_clauses(ticket, ["gate was shut for tomorrow noon"]).parameters["note"] == "gate was shut"


def test_words_of_an_earlier_turn_and_other_texts_stay_as_they_are() -> None:
    assert note("lid torn off", "and make it urgent") == "lid torn off"
    search = Call("search_records", {"query": "lid torn off", "kind": "requests"})
    assert with_whole_clauses(search, ["lid torn off near the pier"]) is search
    assert with_whole_clauses(Call("no_such_tool", {"note": "a"}), ["a b"]).parameters == {"note": "a"}


def test_a_clause_without_end_is_not_taken() -> None:
    assert note("lid torn off", "lid torn off " + "and so on " * LONGEST_WORDS) == "lid torn off"


def test_a_note_of_an_earlier_turn_ends_where_its_clause_did() -> None:
    ticket = Call("propose_ticket", {"kind": "maintenance", "note": "the latch is bent like", "bin": "1515786"})
    said = ["1515786, forgive me", "the latch is bent like a banana. can you write it up", "bins near the pier"]
    assert with_whole_clauses(ticket, said).parameters["note"] == "the latch is bent like a banana"
    assert with_whole_clauses(ticket, ["the latch is bent like new", *said]).parameters["note"].endswith("like new")


def test_a_text_that_a_program_sent_is_the_whole_note() -> None:
    said = ["ticket: recovery, text: gate was locked, crew turned back; bin: 8166, other: gate shut, dog"]
    ticket = Call("propose_ticket", {"kind": "recovery", "note": "gate was locked"})
    sent = ("gate was locked, crew turned back", "gate shut, dog")
    assert with_whole_clauses(ticket, said, sent).parameters["note"] == sent[0]
    assert with_whole_clauses(ticket, said).parameters["note"] == "gate was locked"
    gate = Call("propose_ticket", {"kind": "recovery", "note": "gate"})
    assert with_whole_clauses(gate, said, sent).parameters["note"] != sent[0]  # either could be meant
    assert with_whole_clauses(ticket, ["gate was locked"], sent).parameters["note"] == "gate was locked"  # of another
