"""What a follow-up keeps of the call before it: whoever goes on with one of its arguments goes on with all of them.

"Requests in Astoria in September?" and then "split those by reason": the model repeats the tool and the month, which
this turn does not say, so the turn goes on with the earlier question; a place that the model then leaves out was
forgotten, not withdrawn. Where a turn says everything anew, or denies or takes back anything ("forget paper", "not by
day", "all of them"), nothing is kept, and nothing of an argument whose value it names.

A question of nothing but a value ("and Hyde Park?") goes on too, whatever the model repeats (ellipsis; of 1,433 such
rows of training 1,424 keep all), and what it repeats stays where it was (in 7,680 of 7,680).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from pydantic import JsonValue

from domain.name_words import words_said
from domain.trucks import TRUCK, users_words
from domain.values import Call, Effect
from tools.denial import is_denied
from tools.mentions import words_marked
from tools.numbers import IN_PERCENT, numbers_in
from tools.registry import TOOLS, Tool
from tools.request_parts import tells_others_words
from tools.schedules import RECURRING

BIN_NEEDED = ("maintenance", "recovery")
"""Tickets that are about a bin."""
OF_A_TRUCK = re.compile(rf"\b{TRUCK}\b", re.I)
__all__ = [
    "CONNECTING",
    "NOT",
    "PART_OF",
    "crossed",
    "instead_of",
    "with_its_bin",
    "with_its_place",
    "with_its_subject",
    "with_kept",
]

OBJECTS = frozenset({"ref", "image"})
"""Kinds of arguments that name what a call is about: a plan, a decision, a picture. Such a call starts from that."""
INSTEAD = (
    {"near", "bins"}, {"trucks", "truck_count"}, {"serve", "min_fill_pct"},
)  # fmt: skip
"""Arguments of which one takes the place of the other."""
LEVELS = ("min_fill_pct", "max_fill_pct")
"""The least and the most; one takes the place of the other where both cannot be (`crossed`)."""
CONDITION = "condition"
"""What a watch waits for, in the user's words."""
PART_OF = {"within_m": "near", "until": "since", "compare_to": "since"}
"""Arguments that mean something only beside another one: kept as long as that one is the same."""
ANYTHING = re.compile(
    r"\b(?:all|any|every\w*|whole|whatever|regardless|total|overall|back|alle\w*|jede\w*|ganze?\w*|egal|überall|gesamt\w*"
    r"|tod[oa]s?|cualquier\w*|tou(?:s|te|tes|t)|n['’]importe|partout)\b",
    re.I,
)
"""Words that open what was narrowed."""
CONNECTING = frozenset(
    words_said(
        "and what how about for at in on the an of to but same now then also just only or with by near around from"
        " there ok okay yes well so please y qué e u o para en de del el la los las lo tal por sí bueno ahora entonces"
        " también und oder was ist mit für im am der die das den dem bei von um zu ja jetzt dann auch mal bitte noch"
        " et ou pour à le la les au aux du des oui bon alors maintenant donc quoi"
    )
)
"""Words that ask for nothing by themselves."""


SET = (
    r"(?:against|versus|vs\.?|than|relative to|compared? (?:to|with)|beside|next to|alongside|gegen(?:über)?|neben|als"
    r"|verglichen mit|im vergleich (?:zum?|mit)|contra|frente a|junto a|al lado de|comparad[oa]s? con"
    r"|contre|par rapport (?:à|au)|à côté de|comparée?s? (?:à|au|avec))"
)
BEHIND = r"(?:set |put |held )?(?:next to|beside|alongside|against|daneben|dagegen|al lado|junto a|à côté|en face)"
"""What sets the old beside the new: before a word, and behind it ("With June beside it")."""
SAME = re.compile(
    r"\b(?:same (?:thing|again|question|one|table|report)|instead|likewise|lo mismo|igual|en cambio"
    r"|dasselbe|das gleiche|stattdessen|la même chose|pareil|à la place)\b",
    re.I,
)
"""Who says so puts something new in the place of the old."""
NOT = (
    r"(?:and not|not|instead of|rather than|y no|no|en vez de|en lugar de|und nicht|nicht|statt|anstatt|et pas|pas"
    r"|au lieu de)"
)
"""What stands before a value that is taken back, as a regular expression."""
REPLACED = re.compile(
    rf"\b{NOT}\s+(?:(?:the|at|in|on|el|la|los|en|der|die|das|den|dem|bei|am|le|les|à|au)\s+)*([^,.;:!?()]+)", re.I
)
"""A denial and what it denies, up to the end of the clause."""
ELSEWHERE = re.compile(
    r"\b(?:plan\w*|rounds?|routes?|tours?|forecast\w*|predict\w*|runden?|vorhersag\w*|prognos\w*|recorridos?|vueltas?"
    r"|pron[oó]stic\w*|tournées?|prévisions?)\b",
    re.I,
)
"""What else than a decision on record can be explained."""
THERE = re.compile(r"\b(?:there|dort|all[íi]|ah[íi]|all[áa]|là(?:-bas)?)\b", re.I)
"""The adverb of a place that was named before, or what says that something exists."""
BE = r"is|are|was|were|be|been|being|isn|aren|wasn|weren|will|would|has|have|had|might|may|could|should|must|can"
BEFORE_IT_EXISTS = re.compile(
    r"\b(?:(?:is|are|was|were|will|would|might|may|could|should|must|can|has)(?:n['’]?t)?\s+|not\s+|see you\s+"
    r"|^you\s+|(?:hey|hi|hello)(?: you)?[\s,]+)$",
    re.I,
)
BEHIND_IT_EXISTS = re.compile(
    rf"['’](?:s|re|ll|d|ve)\b|\s+(?:(?:ever|never|also|still|already|really|just)\s+)*(?:{BE}|seems?|exists?|any|no)\b",
    re.I,
)
"""What stands right before and behind a "there" that is no place: a greeting, or something exists (or doesn't)."""
PRONOUN = r"(?:(?:it|that|this|them|the|der|die|das|dem|den|el|la|los|le|les) )*"


def with_kept(call: Call, before: Call | None, question: str, tools: Mapping[str, Tool] = TOOLS) -> Call:
    """The call with the arguments of the thread's call `before` it that it leaves out, where it goes on with that one.

    It does when it has the same tool and holds words or a number of that call which `question` does not say (a choice
    proves nothing, as a question can say it in any words), or when the question says a value of it and nothing else.
    Words that an argument has from another one of that call go back there, and a number that is all the question says
    takes the place of the only one before. Proposals, and tools that are about a plan, a decision or a picture, keep
    nothing else; but a watch for the condition before keeps the rest of that watch.
    """
    declared = tools.get(call.name)
    if declared is None or before is None or before.name != call.name:
        return call
    call = _number_in_place(call, before, question, declared)
    if not _asks(declared) and not _watches_on(call, before, question):
        return call
    opening = RECURRING.sub(" ", question) if CONDITION in call.parameters else question
    if is_denied(_without_replaced(question, before)) or ANYTHING.search(opening):
        return call
    call = _set_beside(_in_place(call, before, question, declared), before, question, declared)
    copied = {each.name for each in declared.arguments if each.words or each.schema.get("type") == "integer"}
    goes_on = any(
        name in copied and before.parameters.get(name) == value and not _says(question, value)
        for name, value in call.parameters.items()
    )
    if not goes_on and not _is_bare(question, call):
        return call
    earlier = before.parameters.items()
    left = {name: value for name, value in earlier if _fits(name, call, before) and not _says(question, value)}
    return Call(call.name, {**call.parameters, **left}) if left else call


def with_its_bin(call: Call, before: Call | None, question: str, marks: Sequence[str]) -> Call:
    """A ticket for the one bin that the call `before` it was about, where it needs one and the question names neither a
    bin nor a place or truck ("a ticket for it, the lid is broken"): its user would only be asked which.

    A complaint needs no bin ("the driver was rude").
    """
    needs = call.name == "propose_ticket" and call.parameters.get("kind") in BIN_NEEDED
    named = list(before.texts(("bins", "bin"))) if before and needs else []
    names = any(words_marked(kind, marks) for kind in ("bin", "site", "area", "truck"))
    broken = call.parameters.get("kind") == "maintenance" and OF_A_TRUCK.search(question)  # "the truck leaks oil"
    if names or broken or len(named) != 1 or not call.parameters.keys().isdisjoint(("bin", "near", "truck")):
        return call
    return Call(call.name, TOOLS[call.name].ordered({**call.parameters, "bin": named[0]}))


def with_its_place(call: Call, before: Call | None, question: str, marks: Sequence[str]) -> Call:
    """The call near the place that the call `before` it was near, where the question is about there and names no other
    place, bin or truck ("what was emptied there since Friday?"). In 468 of 472 such rows of training it is.

    What others say ("a note there says ...") is about where they are.
    """
    place = before.parameters.get("near") if before else None
    takes = call.name in TOOLS and any(each.name == "near" for each in TOOLS[call.name].arguments)
    names = any(words_marked(kind, marks) for kind in ("bin", "site", "area", "truck"))
    placed = not call.parameters.keys().isdisjoint(("near", "bins", "bin", "truck"))
    if place is None or not takes or placed or names or tells_others_words(question) or not says_there(question):
        return call
    return Call(call.name, TOOLS[call.name].ordered({**call.parameters, "near": place}))


def says_there(question: str) -> bool:
    """Whether a question says "there" of a place that was named before."""
    return any(
        not BEFORE_IT_EXISTS.search(question, 0, found.start()) and not BEHIND_IT_EXISTS.match(question, found.end())
        for found in THERE.finditer(question)
    )


def with_its_subject(call: Call, before: Call | None, question: str) -> Call:
    """An explanation of the decision whose record the call before told, where the question names nothing else to
    explain: without a subject it would be of the last plan."""
    decision = before.parameters.get("decision") if before and before.name == "audit_trail" else None
    named = not call.parameters.keys() <= {"question"} or ELSEWHERE.search(question)
    if call.name != "explain" or decision is None or named:
        return call
    return Call(call.name, TOOLS[call.name].ordered({**call.parameters, "subject": decision}))


def _without_replaced(question: str, before: Call) -> str:
    """The question without a denial of nothing but a value of the earlier call ("Soda Hall, not Evans")."""
    values = [set(words_said(text)) for text in before.texts()]

    def cut(found: re.Match[str]) -> str:
        words = set(words_said(found[1]))
        return "" if words and any(words <= value for value in values) else found[0]

    return REPLACED.sub(cut, question)


def _in_place(call: Call, before: Call, question: str, declared: Tool) -> Call:
    """The call with words that this question does not say in the argument that the earlier call had them in.

    Who asks for the same of another time compares it with nothing.
    """
    placed: dict[str, JsonValue] = {}
    for name, value in call.parameters.items():
        carried = isinstance(value, str) and declared.argument(name).words and not _says(question, value)
        homes = [each for each, said in before.parameters.items() if said == value and each not in call.parameters]
        moved = carried and before.parameters.get(name) != value and len(homes) == 1
        placed[homes[0] if moved else name] = value
    new, beside = placed.get("since"), placed.get("compare_to")
    replaced = beside is not None and beside == before.parameters.get("since") and not _says(question, beside)
    if replaced and new is not None and _says(question, new) and SAME.search(question):
        del placed["compare_to"]
    return Call(call.name, placed)


def _set_beside(call: Call, before: Call, question: str, declared: Tool) -> Call:
    """The call with a new time beside the earlier one where the question sets it there ("with June next to it")."""
    new, old = call.parameters.get("since"), before.parameters.get("since")
    compares = any(argument.name == "compare_to" for argument in declared.arguments)
    if not compares or not isinstance(new, str) or not isinstance(old, str) or new == old:
        return call
    said = re.escape(new)
    there = re.search(rf"\b{SET} {PRONOUN}{said}(?!\w)|(?<!\w){said},? {BEHIND}(?!\w)", question, re.I)
    beside = call.parameters.get("compare_to")
    if there is None or (beside is not None and (beside == old or _says(question, beside))):
        return call
    return Call(call.name, {**call.parameters, "since": old, "compare_to": new})


def _is_bare(question: str, call: Call) -> bool:
    """Whether a question says values of the call and nothing else."""
    values = [each for value in call.parameters.values() for each in (value if isinstance(value, list) else [value])]
    said = [value for value in values if _says(question, value)]
    words = {word for value in said if isinstance(value, str) for word in words_said(value)}
    numbers = [value for value in said if isinstance(value, int)]
    rest = [word for word in words_said(question) if word not in words and word not in CONNECTING]
    return bool(said) and all(set(numbers_in(word)) & set(numbers) for word in rest)


def _number_in_place(call: Call, before: Call, question: str, declared: Tool) -> Call:
    """The call with a bare number ("and with seven?") where the earlier call had its only one, of about that size."""
    numbers = {each.name for each in declared.arguments if each.schema.get("type") == "integer"}
    mine, old = ([name for name in each.parameters if name in numbers] for each in (call, before))
    if len(mine) != 1 or len(old) != 1:
        return call
    (name,), (home,) = mine, old
    now, was = call.parameters[name], before.parameters[home]
    if not isinstance(was, int) or not isinstance(now, int) or not was <= 2 * now <= 4 * was or "+" in question:
        return call
    percent = re.search(rf"\d{IN_PERCENT}", question, re.I) is not None and not home.endswith("_pct")
    if (
        percent
        or (name != home and {name, home} <= set(LEVELS))
        or not _is_bare(question, Call(call.name, {name: now}))
    ):
        return call
    refs = [a.name for a in declared.arguments if a.words and a.words.kind in OBJECTS and a.name in before.parameters]
    about = {each: before.parameters[each] for each in refs}
    others = {each: value for each, value in call.parameters.items() if each != name}
    return Call(call.name, declared.ordered({**about, **others, home: now}))


def _watches_on(call: Call, before: Call, question: str) -> bool:
    """Whether a watch is for the condition of the earlier one, which the question does not say again."""
    condition = call.parameters.get(CONDITION)
    return condition is not None and condition == before.parameters.get(CONDITION) and not _says(question, condition)


def _asks(declared: Tool) -> bool:
    """Whether all that a call wants stands in it."""
    return declared.effect is Effect.read and not any(a.words and a.words.kind in OBJECTS for a in declared.arguments)


def _fits(name: str, call: Call, before: Call) -> bool:
    """Whether an argument of the earlier call is missing in this one and nothing has taken its place."""
    taken = {name} | instead_of(name, [before.parameters[name]], call.parameters)
    if taken & call.parameters.keys():
        return False
    beside = PART_OF.get(name)
    if beside is None or beside not in before.parameters:
        return beside not in call.parameters
    return (
        call.parameters[beside] == before.parameters[beside]
        if beside in call.parameters
        else _fits(beside, call, before)
    )


def instead_of(name: str, values: Collection[JsonValue], own: Mapping[str, JsonValue]) -> set[str]:
    """The arguments of a call with parameters `own` that such a one takes the place of: a level that of the other level
    which none of its `values` goes with."""
    apart = {other for group in INSTEAD if name in group for other in group} - {name}
    if name in LEVELS and values and all(crossed({**own, name: value}) for value in values):
        apart |= set(LEVELS) - {name}
    return apart


def crossed(parameters: Mapping[str, JsonValue]) -> bool:
    """Whether no bin can have the levels, the least not being below the most."""
    least, most = map(parameters.get, LEVELS)
    return isinstance(least, int) and isinstance(most, int) and least >= most


def _says(question: str, value: JsonValue) -> bool:
    """Whether the question's own words hold a value, or one of a list."""
    if isinstance(value, list):
        return any(_says(question, each) for each in value)
    if isinstance(value, int):
        return value in numbers_in(question)
    wanted, said = words_said(users_words(str(value))), words_said(question)
    return any(said[at : at + len(wanted)] == wanted for at in range(len(said) - len(wanted) + 1))
