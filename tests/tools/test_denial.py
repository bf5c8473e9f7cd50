"""Words that deny, and those that only look like it."""

from __future__ import annotations

import pytest

from tools.denial import denied, is_denied


@pytest.mark.parametrize(
    "text",
    ["not by day", "T2 is out", "the lift's off today", "paper is fine", "leave glass out", "take T2 off the list",
     "out of order", "ohne Glas", "sin papel", "sauf le verre", "it isn't full", "forget the level"],
)  # fmt: skip
def test_what_denies(text: str) -> None:
    assert is_denied(text)


@pytest.mark.parametrize(
    "text",
    ["fine, and compost?", "ok fine now glass", "find out which are full", "feel free to add glass", "off we go then",
     "work out a round for tonight", "start off with T1"],
)  # fmt: skip
def test_what_does_not(text: str) -> None:
    assert not is_denied(text)


def test_a_denial_counts_in_its_own_clause() -> None:
    said = "not glass, paper over 50"
    assert denied(said, said.index("glass"))
    assert not denied(said, said.index("paper"))
