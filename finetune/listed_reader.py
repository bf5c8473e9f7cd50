r"""The reader of tools/listed_reader.py: MiniLM tuned on questions to invented tools, in 35 minutes of two threads.

    python -m finetune.listed_reader --threads 2 --out finetune/runs/listed.npz
    python -m finetune.listed_reader --threads 2 --init finetune/runs/listed.npz --questions 48000 --lr 1.5e-4 \
      --out finetune/adapter/roundsman-listed.npz

An eighth of the invented tools of finetune.rows, whole families together as there, and the frames that validation rows
are made of, are held back: the temperatures suit these, and of these are the figures at the end. A run that was broken
off goes on with `--resume`.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import torch
from pydantic import JsonValue
from torch import Tensor

from domain.errors import BadData
from domain.files import tree_digest
from domain.values import Call
from evals.bench import CITIES, bench
from finetune import annotated
from finetune.adapters import write_parts
from finetune.annotated_questions import annotated_question
from finetune.listed_net import Example, Net, example_of, losses_of
from finetune.listed_questions import ListedQuestion, Material, draw, texts_of
from finetune.listed_rows import read_listed, renamed
from finetune.minilm import Run, batches, changes_of, head_of, keep, optimiser_of, restore
from finetune.regressions import TEMPERATURES
from finetune.rows import CITY_SHARES, LISTED, ROOT, authors_of, read_lines, read_material, worlds_of
from finetune.stage import positive, run_stage, share
from finetune.training import native_bfloat16
from tools.listed import ListedTool
from tools.listed_filling import answer
from tools.listed_reader import ListedReader, load_listed_reader, made_for, reading_of
from tools.registry import TOOLS
from tools.tuned_minilm import reader
from tools.words import WORDS

DECLARED = ROOT / "frames" / "declared"
"""Invented tools that only this reader learns of, beside those of the adapter's rows."""
LEARNED_OF = (LISTED, DECLARED, annotated.QUESTIONS, annotated.BUSINESSES)
TOLD_EVERY, KEPT_EVERY = 50, 250
"""Steps."""
HEATED = {
    "serves": ("serves",), "said": ("said",), "chosen": ("chosen",), "stretches": ("slot_begins", "slot_ends"),
}  # fmt: skip
"""By kind of score the heads that are divided by its temperature."""


def material(*, held: bool, renamed_questions: int, seed: int, cities: Path) -> Material:
    """What questions are drawn from, training's part or the one that is held back."""
    shipped, chance = read_material(held=held), random.Random(f"{seed}-{held}")
    with ExitStack() as stack:
        worlds = worlds_of(stack.enter_context(bench(cities)), cities)
        authors = authors_of(worlds, read_lines(held=held), chance, held=held)
        shares = [CITY_SHARES[author.city.name] for author in authors]
        questions: list[tuple[str, ListedTool, Mapping[str, JsonValue]]] = []
        while len(questions) < renamed_questions:
            gold = chance.choices(authors, shares)[0].single()
            if gold.name in TOOLS:
                tool, call = renamed(gold, chance)
                questions.append((call.question, tool, call.parameters))
    alien = [each["text"] for each in shipped.borrowed]
    if held:
        return Material(shipped.listed, alien, questions)
    listed = [*shipped.listed, *read_listed(DECLARED)]
    return Material(listed, alien, questions, texts_of(listed))


def train_step(run: Run[Net], examples: Sequence[Example], *, half: bool) -> dict[str, float]:
    """One step; the mean loss of its questions by kind of score."""
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        scored = run.net(examples, run.masked)
    losses = losses_of(scored, examples)
    run.descend(torch.stack(list(losses.values())).sum() / len(examples))
    return {name: loss.item() / len(examples) for name, loss in losses.items()}


def heats_of(net: Net, examples: Sequence[Example]) -> dict[str, float]:
    """The temperature of least loss of each kind of score."""
    losses: dict[str, dict[float, Tensor]] = {name: {} for name in HEATED}
    with torch.no_grad():
        for at in range(0, len(examples), 64):
            part = examples[at : at + 64]
            scored = net(part)
            for heat in TEMPERATURES:
                for name, loss in losses_of(scored, part, dict.fromkeys(HEATED, heat)).items():
                    losses[name][heat] = losses[name].get(heat, torch.zeros(())) + loss
    return {name: min(of, key=lambda heat: float(of[heat])) for name, of in losses.items()}


def figures(served: ListedReader, questions: Sequence[ListedQuestion]) -> str:
    """Of the questions that a tool serves how often that is the one and the whole call is right, and how often none is
    called where none serves."""
    calls, names, none = list[bool](), list[bool](), list[bool]()
    for asked in questions:
        call = answer(served, asked.question, asked.tools)
        if asked.parameters is None:
            none.append(call.name in WORDS)
        else:
            names.append(call.name == asked.tools[0].name)
            calls.append(call == Call(asked.tools[0].name, dict(asked.parameters)))
    told = {"whole call": calls, "tool": names, "none where none serves": none}
    return ", ".join(f"{what} {sum(of) / max(len(of), 1):.3f} ({len(of)})" for what, of in told.items())


def steps_of(examples: Sequence[Example], batch: int, seed: int) -> Iterator[list[Example]]:
    """One epoch."""
    yield from batches(examples, batch, random.Random(seed))


def save(net: Net, file: Path, heats: Mapping[str, float], about: Mapping[str, object]) -> None:
    """What tuning changed, and the heads over their temperatures."""
    by_head = {head: heats[name] for name, heads in HEATED.items() for head in heads}
    stored = changes_of(net)
    for name, head in net.heads.items():
        stored |= head_of(name, head, [(slice(None), by_head.get(name, 1.0))])
    write_parts(file, stored, about)


def flags() -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--questions", type=positive, default=56_000)
    parser.add_argument(
        "--renamed", type=positive, default=6_000, help="questions to the registry's tools that are drawn from"
    )
    parser.add_argument("--people", type=share, default=0.25, help="share of people's annotated questions")
    parser.add_argument("--validation", type=positive, default=800)
    parser.add_argument("--cities", type=Path, default=CITIES)
    parser.add_argument("--lr", type=float, default=2e-4, help="of MiniLM's own weights; what is new learns faster")
    parser.add_argument(
        "--masked", type=share, default=0.08, help="share of the words' pieces that a look does not see"
    )
    parser.add_argument("--batch", type=positive, default=32, help="questions of a step")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--init", type=Path, help="a reader to go on from; without one MiniLM is")
    parser.add_argument("--threads", type=positive, default=1)
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint beside --out")
    return parser.parse_args()


def drawn(options: argparse.Namespace, count: int, *, held: bool) -> list[ListedQuestion]:
    """So many questions of one part; of what is held back none are annotated ones."""
    chance, people = random.Random(f"{options.seed}-{held}-questions"), 0 if held else round(count * options.people)
    of_registry = options.renamed // 8 if held else options.renamed
    found = material(held=held, renamed_questions=of_registry, seed=options.seed, cities=options.cities)
    invented = [draw(found, chance) for _ in range(count - people)]
    return [*invented, *(annotated_question(found.listed, chance) for _ in range(people))]


def main() -> None:
    """Draw questions, learn, suit the temperatures, write, and tell how well tools are read that were held back."""
    options = flags()
    if not options.out.parent.is_dir():
        raise BadData(f"{options.out}: there is no folder {options.out.parent} to write into")
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    read = reading_of(reader())
    begun = load_listed_reader(options.init) if options.init else None
    held = drawn(options, options.validation, held=True)
    examples = [example_of(each, read) for each in drawn(options, options.questions, held=False)]
    checkpoint, net = options.out.with_suffix(".pt"), Net(read)
    flags_told = ("questions", "people", "renamed", "lr", "masked", "batch", "seed")
    same = {name: getattr(options, name) for name in flags_told}
    if begun:
        net.start_from(begun)
        same["init"] = begun.digest
    making = {**made_for(reader()), **same, "tools": [tree_digest(each) for each in LEARNED_OF]}
    steps = list(steps_of(examples, options.batch, options.seed))
    run = Run(net, optimiser_of(net, options.lr), len(steps), options.lr, options.masked, making=making)
    if options.resume:
        restore(run, checkpoint)
    half, began, told = native_bfloat16(), time.monotonic(), dict[str, float]()
    for step in steps[run.step :]:
        for name, loss in train_step(run, step, half=half).items():
            told[name] = told.get(name, 0.0) + loss / TOLD_EVERY
        if run.step % TOLD_EVERY == 0:
            losses = ", ".join(f"{name} {loss:.3f}" for name, loss in told.items())
            print(f"step {run.step} of {run.total}, {time.monotonic() - began:.0f} s: {losses}", flush=True)
            told.clear()
        if run.step % KEPT_EVERY == 0:
            keep(run, checkpoint)
    heats = heats_of(net, [example_of(each, read) for each in held])
    save(net, options.out, heats, making)
    checkpoint.unlink(missing_ok=True)
    size = options.out.stat().st_size / 1e6
    told_of_held = figures(load_listed_reader(options.out), held)
    print(f"{options.out}: {size:.1f} MB; temperatures {heats}; tools held back: {told_of_held}")


if __name__ == "__main__":
    run_stage(main)
