"""Whether a call takes anything from what was said and found before its message: a plan, a time, a name.

Where an earlier request of the same message is still open, "send it" means what that one was to give, nothing older.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from domain.name_words import fold, words_said
from domain.trucks import users_words
from domain.values import Call
from tools.arguments import Words
from tools.follow_up import says_there
from tools.listed_parameters import is_number
from tools.mentions import words_marked
from tools.neighbours import is_relative
from tools.numbers import numbers_in
from tools.registry import TOOLS
from tools.request_parts import CONDITION
from tools.resolve import TIMES

WATCH = "propose_watch"
REFERS = "ref"
"""The kind of arguments that name a plan or a decision; their defaults stand for the newest one."""

SEVERAL = re.compile(
    r"\b(?:those|these(?! days)|them|they|es[oa]s|ell[oa]s|denen|daf[üu]r|ce(?:ux|lles)(?:-l[àa]|-ci)?)\b",
    re.I,
)
SEVERAL_THINGS = re.compile(
    r"\b(?:bin|truck|round|route|plan|ticket|crew|driver|complaint|pickup|site|overflow)s\b", re.I
)
ONE = re.compile(r"\b(?:it|its|th(?:is|at) one)\b", re.I)
ONE_THING = re.compile(r"\b(?:an?|the|my|our|this|every)\s+\w", re.I)
"""Pronouns, and what they may stand for when it stands before them."""
OTHERWISE = re.compile(r"\b(?:otherwise|else|if not|sonst|ansonsten|sinon|si no|de lo contrario)\b", re.I)


def leans(call: Call, message: str) -> bool:
    """Whether the call refers to the newest plan, subject or decision, counts from a time that was asked before, or
    holds a name, a number or words that the message does not say."""
    said, numbers = frozenset(words_said(message)), numbers_in(message)
    declared = TOOLS[call.name].arguments if call.name in TOOLS else ()
    for argument in declared:
        value = call.parameters.get(argument.name, argument.default)
        if is_number(value) and value != argument.default and value not in numbers:
            return True
        if argument.words is None:
            continue
        if argument.words.kind == REFERS and value == argument.default:
            return True
        beside = any(name in call.parameters for name in argument.words.apart)
        if any(_leans(text, argument.words, said, beside) for text in call.texts([argument.name])):
            return True
    return False


def _leans(text: str, of: Words, said: frozenset[str], beside: bool) -> bool:
    """Of one value; `beside`: another of the call tells what a relative time counts from."""
    if text in of.also:
        return False
    return (of.kind in TIMES and not beside and is_relative(text)) or not said.issuperset(words_said(users_words(text)))


def depends(question: str, call: Call) -> bool:
    """Whether a request holds under a condition only ("if so, plan a round"); but a watch is for one of its own."""
    if call.name == WATCH:
        return False
    return bool(CONDITION.search(fold(question)) or OTHERWISE.search(question))


def points_back(question: str, marks: Sequence[str]) -> bool:
    """Whether a request says "there", "those" or "it" and names nothing that these could be: no bin, place or truck,
    and before them nothing of their number ("plan a round for those", but not "plan a round and send it")."""
    if any(words_marked(kind, marks) for kind in ("bin", "site", "area", "truck")):
        return False
    pairs = ((SEVERAL, SEVERAL_THINGS), (ONE, ONE_THING))
    found = ((pronoun.search(question), thing) for pronoun, thing in pairs)
    return says_there(question) or any(it and not thing.search(question, 0, it.start()) for it, thing in found)
