"""Which listed tool a question is for: what the language model finds likely, and what an encoder finds near or fitting.

A model of 135 million parameters that was tuned on one set of tools tells unknown ones apart at 0.5 to 0.8 and declines
too often; the cosine of question and tool is as good, and its mistakes are others. So the two are added (retrieval of
tools as a prior: Qin et al. 2023, ToolLLM, arXiv 2307.16789), and declining competes with the sum. A reader that was
tuned to tell which tool serves (decision 29) takes the cosine's place, and the model counts a quarter beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

from tools.listed import ListedTool
from tools.listed_filling import LEAST

WEIGHT, NEUTRAL = 20.0, 0.1
"""Log-probability that a cosine of 1 is worth, and the cosine that speaks neither for a call nor against it.

Chosen on 28 + 34 calls and 10 + 16 requests to decline, of evals/cases/new_tools_dev.jsonl and of invented tools that
training held back (finetune/LOG.md, 2026-11-27); every weight from 10 to 30 gains as much.
"""
SHARE = 0.25
"""What the language model's log-odds count beside a reader's. Of 260 questions to tools that training held back tool or
declining is right in 88.5 %, at 0 in 88.1, at 1 in 80.8 (finetune/LOG.md, 2026-12-01)."""
MOST_WEIGHED = 8
"""Tools that are weighed, the nearest; each costs about a dozen tokens."""


def chosen(
    tools: Sequence[ListedTool], nearness: Sequence[float], likely: Sequence[float], serves: Sequence[float] = ()
) -> ListedTool | None:
    """The tool that the question is for, None when it is for none of them.

    `nearness` are cosines, `likely` log-probabilities of a call of each tool, and of `decline` at the end; `serves` are
    what a reader (tools/listed_reader.py) finds of each tool, if there is one: it takes the cosines' place.
    """
    *calls, declining = likely
    odds = [weight - declining for weight in calls]
    scores = [WEIGHT * (cosine - NEUTRAL) + own for own, cosine in zip(odds, nearness, strict=True)]
    if serves:
        scores = [SHARE * own + other for own, other in zip(odds, serves, strict=True)]
    best = max(range(len(scores)), key=scores.__getitem__, default=None)
    return tools[best] if best is not None and scores[best] > (LEAST if serves else 0) else None
