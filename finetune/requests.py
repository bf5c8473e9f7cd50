r"""The classifier of tools/request_encoder.py, made of messages that are put together here, in minutes of a core.

    python -m finetune.requests --out finetune/adapter/roundsman-requests.npz

Requests are those of finetune.rows: drawn of the frames for the loaded cities, alone or as the follow-up of the
one before it ("and how full is it now?"). What people say around and between them are the shapes of
data/message_shapes.txt, of one request or of several. An eighth of frames and shapes is never trained on: by messages
of those the temperatures are chosen and the figures are told.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import torch

from domain.errors import BadData
from domain.typed_text import cleaned
from evals.bench import CITIES, bench
from finetune import request_encoder as encoder
from finetune.adapters import write_parts
from finetune.authors import Author, Gold
from finetune.minilm import changes_of, head_of
from finetune.regressions import SEED, Examples, Plan, Regressions, learn, scores_of, table_of, temperature_of
from finetune.request_encoder import Message
from finetune.rows import CITY_SHARES, authors_of, read_lines, worlds_of
from finetune.stage import run_stage
from finetune.training import native_bfloat16
from tools.registry import TOOLS
from tools.request_encoder import SURE, made_for
from tools.request_parts import SCORES, features, gaps
from tools.tuned_minilm import reader

SHAPES = Path(__file__).parent / "data" / "message_shapes.txt"
PLACE = re.compile(r"\b([ABC])\b")
KINDS = {"bare": 0.28, "A": 0.25, "words": 0.07, "AB": 0.34, "ABC": 0.06}
"""Shares of messages: a request alone, with talk around it, no request of a tool, several."""
LEANING = 0.5
"""How often a later request is to lean on the one before."""
SHORT = 0.7
"""How often a request of several is a short one."""
TOLD_EVERY = 50
"""Steps."""


def read_shapes(file: Path = SHAPES, *, held: bool) -> dict[str, list[str]]:
    """Training's shapes or validation's, by the places in them. Raises BadData for a line with other places."""
    found: dict[str, list[str]] = {"A": [], "AB": [], "ABC": []}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("# "):
            continue
        places = "".join(PLACE.findall(line))
        if places not in found:
            raise BadData(f"{file.name}:{number}: the places A, then B, then C belong into a shape, not {places!r}")
        if (hashlib.sha256(line.encode()).digest()[0] % 8 == 0) == held:
            found[places].append(line)
    return found


def drawn(authors: Sequence[Author], shapes: dict[str, list[str]], count: int) -> Iterator[Message]:
    """`count` messages in the shares of KINDS."""
    chance = authors[0].chance
    shares = [CITY_SHARES.get(author.city.name, 0.2) for author in authors]
    made_so_far = 0
    while made_so_far < count:
        author = chance.choices(authors, shares)[0]
        message = _drawn(author, shapes, chance.choices(list(KINDS), list(KINDS.values()))[0])
        if message is not None and "{" not in message.text:
            made_so_far += 1
            yield message


def _drawn(author: Author, shapes: dict[str, list[str]], kind: str) -> Message | None:
    if kind == "bare":
        return _message(author, _request(author, SHORT / 2).question)
    if kind == "words":
        return _message(author, author.headed(author.chance.choice(["clarify", "decline", "reply"]))[1])
    return joined(author, author.chance.choice(shapes[kind]), requests(author, len(kind)))


def requests(author: Author, count: int) -> list[str]:
    """Requests of one message, in the order in which they are made."""
    gold = _request(author, SHORT if count > 1 else SHORT / 2)
    said = [gold.question]
    while len(said) < count:
        leaning = author.follow(gold) if author.chance.random() < LEANING else None
        another = leaning and leaning.name in TOOLS and leaning.name != gold.name  # else it may be a correction
        gold = leaning if leaning and another else _request(author, SHORT)
        said.append(gold.question)
    return said


def _request(author: Author, short: float) -> Gold:
    """A request; with that chance the shortest of three, as people put things who want several."""
    drawn_of = 3 if author.chance.random() < short else 1
    return min((author.single() for _ in range(drawn_of)), key=lambda gold: len(gold.question.split()))


def joined(author: Author, shape: str, said: Sequence[str]) -> Message | None:
    """The requests in a shape; None where what is between two of them could not part them."""
    said = [cleaned(each) for each in said]
    pieces, text, ends, starts = PLACE.split(shape), "", [], []
    for at, (piece, request) in enumerate(zip(pieces[::2], said, strict=False)):
        text += piece
        starts.append(len(text))
        text += _fitted(request, text, pieces[2 * at + 2], author.chance)
        ends.append(len(text))
    text += pieces[-1]
    marks = author.marks(text)
    places = gaps(text, marks)
    between = [[gap for gap in places if end <= gap <= start] for end, start in zip(ends[:-1], starts[1:], strict=True)]
    return Message(text, marks, tuple(found[0] for found in between)) if all(between) else None


def _fitted(request: str, before: str, behind: str, chance: random.Random) -> str:
    """The request with the capital letter and the end that its place wants, mostly."""
    inside = before.rstrip() and before.rstrip()[-1] not in ".?!:" and request[1:2].islower()
    if inside and request[:2] != "I " and chance.random() < 0.7:
        request = request[:1].lower() + request[1:]
    if behind and not behind[0].isspace():
        return request.rstrip(" .?!,;:") or request
    ends = request.rstrip()[-1:] in ".?!"
    shown = behind.strip() and behind.strip()[0].isalpha() and behind.strip()[0].isupper() and not ends
    return request + "." if shown and chance.random() < 0.8 else request


def _message(author: Author, text: str) -> Message:
    text = cleaned(text)
    return Message(text, author.marks(text), ())


def examples_of(messages: Sequence[Message]) -> Examples:
    """Each gap of the messages, and whether a request begins there."""
    read = [
        (torch.tensor(features(each.text, each.marks, gap)), [int(gap in each.begins)])
        for each in messages
        for gap in gaps(each.text, each.marks)
    ]
    return Examples([buckets for buckets, _ in read], torch.tensor([target for _, target in read]))


def figures(messages: Sequence[Message], odds: torch.Tensor) -> str:
    """By the number of requests, how many messages are told apart rightly. `odds`: of each gap, in their order."""
    told = iter(odds.tolist())
    right: dict[int, list[bool]] = {}
    for each in messages:
        begins = tuple(gap for gap in gaps(each.text, each.marks) if next(told) > 0)
        right.setdefault(len(each.begins) + 1, []).append(begins == each.begins)
    return ", ".join(f"of {n} {sum(of) / len(of):.3f} ({len(of)})" for n, of in sorted(right.items()))


def draw_all(options: argparse.Namespace) -> tuple[list[Message], list[Message]]:
    """The messages of training and of validation."""
    with ExitStack() as stack:
        worlds, both = worlds_of(stack.enter_context(bench(options.cities)), options.cities), []
        for held, count in ((False, options.messages), (True, options.validation)):
            chance = random.Random(f"{options.seed}-{held}")
            authors = authors_of(worlds, read_lines(held=held), chance, held=held)
            both.append(list(drawn(authors, read_shapes(held=held), count)))
    return both[0], both[1]


def flags() -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--messages", type=int, default=24_000)
    parser.add_argument("--validation", type=int, default=2_500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cities", type=Path, default=CITIES)
    parser.add_argument("--size", type=int, default=16, help="columns of the n-grams' table")
    parser.add_argument("--epochs", type=int, default=4, help="of the n-grams")
    parser.add_argument("--lr", type=float, default=3e-3, help="of the n-grams")
    parser.add_argument("--dropped", type=float, default=0.5, help="share of the n-grams left out at each look")
    parser.add_argument("--encoder-lr", type=float, default=2e-4, help="of MiniLM's own weights")
    parser.add_argument("--masked", type=float, default=0.1, help="share of the words' pieces that a look does not see")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def learnt_grams(training: Sequence[Message], options: argparse.Namespace) -> Regressions:
    """The n-grams, of all gaps of these messages."""
    rows = examples_of(training)
    torch.manual_seed(SEED)
    net = Regressions(options.size, 2)
    plan = Plan(options.size, options.epochs, options.lr, options.dropped)
    for epoch, loss in enumerate(learn(net, rows, plan, [SCORES], SEED), 1):
        print(f"{len(training)} messages, {len(rows.buckets)} gaps, epoch {epoch}: loss {loss:.4f}", flush=True)
    return net


def learnt_encoder(training: Sequence[Message], options: argparse.Namespace) -> encoder.Net:
    """The encoder, of the same."""
    torch.manual_seed(SEED)
    read, plan = reader(), encoder.Plan(options.encoder_lr, options.masked, SEED)
    net, examples = encoder.Net(read), [encoder.example_of(each, read) for each in training]
    for step, of, loss in encoder.learn(net, examples, plan, half=native_bfloat16()):
        if step % TOLD_EVERY == 0 or step == of:
            print(f"encoder, step {step} of {of}: loss {loss:.3f}", flush=True)
    return net


def main() -> None:
    """Draw messages, learn both experts, suit their temperatures, write."""
    options = flags()
    torch.set_num_threads(options.threads)
    training, validation = draw_all(options)
    grams, tuned = learnt_grams(training, options), learnt_encoder(training, options)
    held, read = examples_of(validation), reader()
    by_grams = scores_of(grams, held)
    by_encoder = encoder.scores_of(tuned, [encoder.example_of(each, read) for each in validation])
    heats = [temperature_of(scores, held.targets, [SCORES]) for scores in (by_grams, by_encoder)]
    digest = hashlib.sha256("\0".join(each.text for each in training).encode()).hexdigest()
    parts = table_of(grams, torch.full((2,), heats[0]))
    parts |= {**changes_of(tuned), **head_of("begins", tuned.begins, [(SCORES, heats[1])])}
    write_parts(options.out, parts, {**made_for(read), "data_digests": [digest]})
    size = options.out.stat().st_size / 1e6
    print(f"{options.out}: {size:.2f} MB; temperatures {heats}; messages of validation told apart rightly:")
    odds = [(scores[:, 1] - scores[:, 0]) / heat for scores, heat in zip((by_grams, by_encoder), heats, strict=True)]
    for who, of in (("n-grams", odds[0]), ("encoder", odds[1]), ("both", odds[0] + odds[1] - SURE)):
        print(f"{who}: {figures(validation, of)}")


if __name__ == "__main__":
    run_stage(main)
