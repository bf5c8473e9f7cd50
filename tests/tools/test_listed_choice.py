"""The tool that is likely and near is chosen, and none where declining is likelier than that."""

from __future__ import annotations

from tools.listed import ListedTool
from tools.listed_choice import NEUTRAL, WEIGHT, chosen
from tools.listed_filling import LEAST

QUEUE, ROSTER = (ListedTool(name, "", {}) for name in ("queue", "roster"))


def test_of_two_equally_near_tools_the_likelier_is_chosen() -> None:
    assert chosen([QUEUE, ROSTER], [0.3, 0.3], [-4.0, -1.0, -9.0]) is ROSTER


def test_of_two_equally_likely_tools_the_nearer_is_chosen() -> None:
    assert chosen([QUEUE, ROSTER], [0.4, 0.3], [-2.0, -2.0, -9.0]) is QUEUE


def test_a_near_tool_is_called_although_the_model_would_decline() -> None:
    assert chosen([QUEUE], [0.5], [-3.0, -0.1]) is QUEUE
    assert chosen([QUEUE], [0.0], [-0.5, -1.0]) is None


def test_at_the_neutral_cosine_the_model_decides_alone() -> None:
    assert chosen([QUEUE], [NEUTRAL], [-1.0, -2.0]) is QUEUE
    assert chosen([QUEUE], [NEUTRAL], [-2.0, -1.0]) is None
    assert chosen([QUEUE], [NEUTRAL + 2 / WEIGHT], [-2.0, -1.0]) is QUEUE


def test_without_tools_none_is_chosen() -> None:
    assert chosen([], [], [-1.0]) is None


def test_a_reader_takes_the_cosines_place_and_the_model_counts_less_beside_it() -> None:
    assert chosen([QUEUE, ROSTER], [0.9, 0.0], [-1.0, -1.0, -1.0], [1.0, 2.0]) is ROSTER
    assert chosen([QUEUE, ROSTER], [0.9, 0.0], [-1.0, -9.0, -1.0], [1.0, 2.0]) is QUEUE
    assert chosen([QUEUE, ROSTER], [0.9, 0.9], [-1.0, -1.0, -1.0], [LEAST - 0.5, LEAST - 0.1]) is None
    assert chosen([QUEUE, ROSTER], [0.9, 0.9], [-1.0, -1.0, -1.0], [LEAST - 0.5, LEAST + 0.1]) is ROSTER
    assert chosen([QUEUE], [0.0], [-1.0, -9.0], [LEAST - 1]) is QUEUE
