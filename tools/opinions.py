"""Several experts' opinions of one thread as one: the product of their probabilities, made to sum to one again.

A product of experts (Hinton 2002): what any of them rules out stays ruled out, and those that are sure count for more.
Each counts as much as the language model does beside them.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Protocol, TypeVar

import numpy as np

from tools.argument_classifier import Told
from tools.call_classifier import Thread
from tools.mentions import Mention

Key = TypeVar("Key", bound=Hashable)


class CallExpert(Protocol):
    """Has an opinion of which call a thread is for, and of its choices."""

    def likely(self, thread: Thread) -> Mapping[str, float]:
        """The natural log-probability of each name."""
        ...

    def likely_choices(self, thread: Thread, tool: str) -> Mapping[str, Mapping[str | None, float]]:
        """By argument of a call of `tool` (or of a word) the natural log-probability of each choice; None: left out."""
        ...


class ArgumentExpert(Protocol):
    """Has an opinion of which argument of a call takes in each mark."""

    def likely_roles(self, thread: Thread, tool: str) -> Told:
        """By mark the natural log-probability of each argument of a call of `tool`; None: that none takes it in."""
        ...

    def staying(self, thread: Thread) -> Mapping[Mention, float]:
        """By mark of trucks the natural logarithm of the odds that they are left out."""
        ...


def pooled(opinions: Sequence[Mapping[Key, float]]) -> dict[Key, float]:
    """One distribution of those of all experts, over what each of them knows."""
    first, *others = opinions
    if not others:
        return dict(first)
    known = [key for key in first if all(key in each for each in others)]
    sums = np.array([sum(each[key] for each in opinions) for key in known])
    return dict(zip(known, (sums - np.logaddexp.reduce(sums)).tolist(), strict=True)) if known else {}


@dataclass(frozen=True)
class CallOpinions:
    """The pool of experts on calls, at least one."""

    experts: tuple[CallExpert, ...]

    def likely(self, thread: Thread) -> dict[str, float]:
        """As of CallExpert."""
        return pooled([each.likely(thread) for each in self.experts])

    def likely_choices(self, thread: Thread, tool: str) -> dict[str, dict[str | None, float]]:
        """As of CallExpert."""
        told = [each.likely_choices(thread, tool) for each in self.experts]
        return {argument: pooled([each[argument] for each in told]) for argument in told[0]}


@dataclass(frozen=True)
class ArgumentOpinions:
    """The pool of experts on arguments, at least one."""

    experts: tuple[ArgumentExpert, ...]

    def likely_roles(self, thread: Thread, tool: str) -> Told:
        """As of ArgumentExpert, of the marks that any of them tells of."""
        told = [each.likely_roles(thread, tool) for each in self.experts]
        marks = dict.fromkeys(mark for each in told for mark in each)
        return {mark: pooled([each[mark] for each in told if mark in each]) for mark in marks}

    def staying(self, thread: Thread) -> dict[Mention, float]:
        """As of ArgumentExpert: the mean, for the odds from which on a truck stays are those of one expert."""
        told = [each.staying(thread) for each in self.experts]
        marks = dict.fromkeys(mark for each in told for mark in each)
        return {mark: mean(each[mark] for each in told if mark in each) for mark in marks}


def of_calls(*experts: CallExpert | None) -> CallExpert | None:
    """The pool of the experts that there are; None without any."""
    there = tuple(each for each in experts if each is not None)
    return CallOpinions(there) if there else None


def of_arguments(*experts: ArgumentExpert | None) -> ArgumentExpert | None:
    """The pool of the experts that there are; None without any."""
    there = tuple(each for each in experts if each is not None)
    return ArgumentOpinions(there) if there else None
