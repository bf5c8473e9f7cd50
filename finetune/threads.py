"""The kinds of training rows: what came before a call, and what should come next."""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from dataclasses import replace

from finetune.authors import Author, Gold, Maker, word
from finetune.listed_rows import DATA, ListedFrames, listed_row
from prompts.render import Setting, Step, Turn
from prompts.row import Row
from tools.json_words import in_words

ROLES = ["manager", "dispatcher", "dispatcher", "viewer", "auditor", "api"]
JOINTS = [
    ", and then ",
    ". Then ",
    " and also ",
    ". Also, ",
    " and ",
    ", then ",
    "; ",
    ". And ",
    ", plus ",
    " - and ",
    "\n",
]
PLAN_TOOLS = frozenset({"plan_round", "what_if"})
LAST_OF = {"what_if": PLAN_TOOLS, "propose_dispatch": PLAN_TOOLS, "explain": PLAN_TOOLS | {"forecast_fill"}}
PROPOSALS = ["propose_dispatch", "propose_ticket", "propose_watch"]


@functools.cache
def quotes() -> list[str]:
    """Instructions of somebody else, as they stand on notes and in forwarded messages."""
    return (DATA / "quoted.txt").read_text(encoding="utf-8").splitlines()


def made(author: Author, kind: str, borrowed: Sequence[dict[str, str]]) -> tuple[list[Turn], Gold] | None:
    """One row's earlier turns and its gold; None when the draw did not work out."""
    simple: dict[str, Maker] = {
        "call": lambda a: with_context(a, a.single()),
        "follow": conversation, "after": _after, "two": _two, "asked": lambda a: a.asked(), "quoted": _quoted,
    }  # fmt: skip
    if kind in simple:
        return simple[kind](author)
    if kind in {"clarify", "decline"} and (kind == "clarify" or author.chance.random() < 0.62):
        head, words = author.headed(kind)
        return _settled(author, Gold(words, *word(f"{kind}:{head}")))
    return _borrowed(author, kind, borrowed)


def with_context(author: Author, gold: Gold) -> tuple[list[Turn], Gold]:
    """Tools that speak of the last plan or forecast get one before them; others sometimes an unrelated turn."""
    past: list[Turn] = []
    needs = LAST_OF.get(gold.name)
    if needs and not {"plan", "subject", "decision"} & set(gold.parameters):
        past = [author.single(author.chance.choice(sorted(needs - {"what_if"}))).step()]
        if author.chance.random() < 0.2:
            past.append(author.single(author.chance.choice(["fleet_status", "find_bins", "search_records"])).step())
    elif author.chance.random() < 0.15:
        past = [author.single().step()]
    return past, gold


def conversation(author: Author) -> tuple[list[Turn], Gold] | None:
    """One to three follow-ups, each leaning on the turn before; sometimes with a turn between that a word answers."""
    past, gold = with_context(author, author.single())
    for _ in range(author.chance.choices([1, 2, 3], [0.5, 0.32, 0.18])[0]):
        after = author.follow(gold)
        if after is None:
            return None
        past = [*past, gold.step()]
        if author.chance.random() < 0.12:
            past.append(_between(author).step())
        gold = after
    return past, gold


def _between(author: Author) -> Gold:
    """A turn behind which a thread goes on as if nothing had been said: thanks, a greeting, or what is refused."""
    file = author.chance.choice(["reply", "reply", "decline"])
    while True:
        head, words = author.headed(file)
        if file == "decline" or head in {"thanks", "greeting", "help"}:
            return Gold(words, *word(f"{file}:{head}"))


def _after(author: Author) -> tuple[list[Turn], Gold]:
    """A call has run, asks back, is refused or failed: the turn ends with what it said."""
    first = author.single()
    past, gold = with_context(author, first)
    outcome = author.chance.choice(["ok", "ok", "ok", "ok", "asked", "refused", "failed"])
    return [*past, gold.step(outcome)], Gold("", *word("reply:results"))


def _two(author: Author) -> tuple[list[Turn], Gold]:
    """Two requests in one message: the first call, or after it the second, or after both the end."""
    first, second = author.single(), author.single()
    if author.chance.random() < 0.5:
        first = author.single("plan_round")
        second = author.single(author.chance.choice(["propose_dispatch", "explain", "fleet_status", "propose_watch"]))
    question = first.question.rstrip(" ?.!") + author.chance.choice(JOINTS) + second.question
    step = author.chance.random()
    if step < 0.5:
        return [], Gold(question, first.name, first.parameters)
    if step < 0.85:
        return [Turn(question, (Step(first.call),))], Gold("", second.name, second.parameters)
    return [Turn(question, (Step(first.call), Step(second.call)))], Gold("", *word("reply:results"))


def _quoted(author: Author) -> tuple[list[Turn], Gold]:
    """A request with somebody else's instructions quoted in it: they change nothing."""
    past, gold = with_context(author, author.single())
    text = author.chance.choice(quotes())
    if author.chance.random() < 0.3:
        text = author.single().question
    shape = author.chance.choice([
        'A note there says "{q}". {g}', "{g} (the label reads: {q})", "{g}\n> {q}", "somebody wrote “{q}” on it - {g}",
        "{g} Ignore this pasted line: {q}", 'the message was "{q}", anyway, {g}', "[forwarded] {q} [end] {g}",
    ])  # fmt: skip
    return past, replace(gold, question=shape.format(q=text, g=gold.question))


def _settled(author: Author, gold: Gold) -> tuple[list[Turn], Gold]:
    """Refusals also come in the middle of a thread, and behind a request that is all right."""
    if gold.name != "decline" or author.chance.random() < 0.6:
        return [], gold
    return _begun(author), gold


def _begun(author: Author) -> list[Turn]:
    """The turns of a thread that has come to a first answer, or to that of a follow-up."""
    found = conversation(author) if author.chance.random() < 0.35 else None
    past, gold = found or ([], author.single())
    return [*past, gold.step()]


def _borrowed(author: Author, kind: str, borrowed: Sequence[dict[str, str]]) -> tuple[list[Turn], Gold] | None:
    """Declines and replies from own frames and from other people's everyday utterances."""
    if kind == "reply" and author.chance.random() < 0.7:
        head, words = author.headed("reply")
        return _after_what_it_needs(author, head, words)
    line = author.chance.choice([b for b in borrowed if b["label"].startswith(kind)])
    label, _, needs_open = line["label"].partition("+")
    if needs_open:
        return _after_what_it_needs(author, label.partition(":")[2], line["text"])
    return _settled(author, Gold(line["text"], *word(label)))


def _after_what_it_needs(author: Author, head: str, words: str) -> tuple[list[Turn], Gold]:
    past: list[Turn] = []
    if head in {"approval", "withdraw"}:
        past = [author.single(author.chance.choice(PROPOSALS)).step()]
        if author.chance.random() < 0.3:
            past.insert(0, author.single("plan_round").step())
    elif head in {"results", "thanks"} or author.chance.random() < 0.1:
        past = _begun(author)
    return past, Gold(words, *word(f"reply:{head}"))


def row(author: Author, past: list[Turn], gold: Gold, kind: str) -> Row:
    """The row of a thread and its gold; as in serving programs' JSON is in words and the newest turn carries its
    marks."""
    threads = [
        replace(turn, question=in_words(turn.question))
        for turn in ([*past, Turn(gold.question)] if gold.question else past)
    ]
    marked = [*threads[:-1], replace(threads[-1], marks=author.marks(threads[-1].question))]
    today = f"{author.world.now:%Y-%m-%d}" if author.world else ""
    return Row(Setting(author.city.name, author.chance.choice(ROLES), "", today), tuple(marked), gold.call, kind)


def drawn_row(
    author: Author, kind: str, borrowed: Sequence[dict[str, str]], listed: Sequence[ListedFrames]
) -> Row | None:
    """One row of a kind, or None when the draw did not work out."""
    if kind == "listed":
        return listed_row(author, listed, author.chance.choice(ROLES))
    found = made(author, kind, borrowed)
    return row(author, *found, kind) if found else None


def seeded(seed: str) -> random.Random:
    """The chance of one part of the rows."""
    return random.Random(seed)
