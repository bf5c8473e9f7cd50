"""python -m finetune.rows --out finetune/runs/rows.jsonl [--turns 36000] [--seed 0] [--fresh AUTHOR ...]
        [--without AUTHOR ...]

Training rows, derived: a frame gives words and gold call together, the cities give the names, the registry checks the
call, the calendar reads its times, and what the product would show beside a question (its mentions) is added by the
product's own code. Writes rows as prompts/row.py stores them, and a validation file of held-out frames and held-out
names beside them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import random
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from domain.errors import BadData
from domain.files import file_digest
from domain.values import Call
from evals.bench import CITIES, Bench, bench
from evals.listed_tools import tool_order
from finetune.adapters import seed_beside
from finetune.authors import Author, Lines, World
from finetune.carriers import read_carriers
from finetune.fillers import read_city
from finetune.frames import Frame, read_frames
from finetune.listed_rows import ListedFrames, nearest_first, read_listed
from finetune.stage import run_stage
from finetune.threads import drawn_row, seeded
from prompts.row import Row, to_json
from tools.coverage import TURN_END, kind_of, left_out
from tools.registry import TOOLS
from tools.said_numbers import numbers_said

ROOT = Path(__file__).parent
LISTED = ROOT / "frames" / "listed"
"""The invented tools."""
FRAME_FILES = [*TOOLS, "followups", "clarify", "decline", "reply", "tails", "asked"]
MIX = {"call": 0.27, "follow": 0.27, "after": 0.05, "two": 0.05, "asked": 0.035, "clarify": 0.035, "decline": 0.075,
       "reply": 0.04, "quoted": 0.015, "listed": 0.16}  # fmt: skip
"""Shares of the kinds of rows, after the published mixes for closed tool sets."""
CITY_SHARES = {"berkeley": 0.6, "boston": 0.22, "montevideo": 0.18}
FRESH_WEIGHT = 4
"""How often a frame of a fresh author counts, beside those that the adapter to go on from was trained on."""
LONGEST_PROMPT = 1_500
"""Characters; longer threads are drawn again."""


@dataclass(frozen=True)
class Material:
    """All that rows are drawn from: text of other people's business, and invented tools."""

    borrowed: Sequence[dict[str, str]]
    listed: Sequence[ListedFrames]


def draw(authors: Sequence[Author], material: Material, count: int) -> Iterator[Row]:
    """`count` distinct rows in the shares of MIX."""
    seen: set[str] = set()
    chance = authors[0].chance
    shares = [CITY_SHARES.get(author.city.name, 0.2) for author in authors]
    made = 0
    while made < count:
        kind = chance.choices(list(MIX), list(MIX.values()))[0]
        author = chance.choices(authors, shares)[0]
        row = drawn_row(author, kind, material.borrowed, material.listed)
        if row is None:
            continue
        if kind == "listed":
            row = nearest_first(row, tool_order())
        prompt = row.prompt("small")
        if prompt in seen or len(prompt) > LONGEST_PROMPT:
            continue
        seen.add(prompt)
        made += 1
        yield row


def validation_frame(frame: Frame) -> bool:
    """An eighth of the frames, by hash, is never trained on."""
    return hashlib.sha256(frame.text.encode()).digest()[0] % 8 == 0


def validation_tool(tool: ListedFrames) -> bool:
    """An eighth of the invented tools likewise, whole families together."""
    return hashlib.sha256((tool.family or tool.name).encode()).digest()[0] % 8 == 0


def read_material(*, held: bool) -> Material:
    """The shipped text: training's part, or validation's."""
    lines = (ROOT / "data" / "clinc150_sample.jsonl").read_text(encoding="utf-8").splitlines()
    borrowed = [json.loads(line) for number, line in enumerate(lines) if (number % 8 == 0) == held]
    listed = [tool for tool in read_listed(LISTED) if validation_tool(tool) == held]
    return Material(borrowed, listed)


def read_lines(*, held: bool, fresh: Collection[str] = (), without: Collection[str] = ()) -> Lines:
    """All frames of one part but those of the authors left out (`without`); those of the `fresh` ones FRESH_WEIGHT
    times. Raises BadData for an author who is none."""
    frames = {name: read_frames(ROOT / "frames", name) for name in FRAME_FILES}
    if odd := {*fresh, *without} - {frame.author for each in frames.values() for frame in each}:
        raise BadData(f"no frames of {', '.join(sorted(odd))} in {ROOT / 'frames'}")
    part = {
        name: [f for f in each if validation_frame(f) == held and f.author not in without]
        for name, each in frames.items()
    }
    more = {name: [f for f in each if f.author in fresh] * (FRESH_WEIGHT - 1) for name, each in part.items()}
    return Lines({name: each + more[name] for name, each in part.items()}, read_carriers())


@dataclass(frozen=True)
class Part:
    """What one file of rows is to hold; `held`: frames, names and tools that are never trained on."""

    count: int
    seed: int
    lines: Lines
    held: bool


def write_part(file: Path, part: Part, worlds: dict[Path, World]) -> None:
    """One file of rows, its seed beside it, and what it holds."""
    lines, material = part.lines, read_material(held=part.held)
    chance = seeded(f"{part.seed}-{'validation' if part.held else 'rows'}")
    authors = authors_of(worlds, lines, chance, held=part.held)
    rows = list(draw(authors, material, part.count))
    file.write_text("".join(to_json(row) + "\n" for row in rows), encoding="utf-8")
    seed_beside(file).write_text(f"{part.seed}\n", encoding="utf-8")
    digest = file_digest(file)[:12]
    print(f"{file}: {len(rows)} rows, {digest}, {dict(Counter(row.kind for row in rows))}")
    print("  marks that calls take in for each left out, logarithms:", *map(_rounded, taken_in(rows)))
    print("  frames:", {name: len(frames) for name, frames in lines.frames.items()}, "tools:", len(material.listed))


def taken_in(rows: Sequence[Row]) -> tuple[dict[str, float], dict[str, float]]:
    """By kind, the logarithm of how many marks are taken in for each that is left out: by the calls up to a tool's, and
    by all calls of a turn that then ends (the GAINS of tools/coverage.py).
    """
    within: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    ended: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    for row in rows:
        newest, call = row.turns[-1], Call.read(row.call)
        at_end = call.name == TURN_END and bool(newest.steps)
        if row.kind == "listed" or not (call.name in TOOLS or at_end):
            continue
        said = (*newest.marks, *numbers_said(newest.question, newest.marks))
        left = left_out(said, [call, *(Call.read(step.call) for step in newest.steps)])
        marks, missed = ended if at_end else within
        marks.update(map(kind_of, said))
        missed.update(map(kind_of, left))
    return _odds(*within), _odds(*ended)


def _odds(marks: Mapping[str, int], missed: Mapping[str, int]) -> dict[str, float]:
    """Half a mark is added to either side, so that none has no end (Haldane 1956)."""
    return {kind: math.log((marks[kind] - missed[kind] + 0.5) / (missed[kind] + 0.5)) for kind in sorted(marks)}


def _rounded(odds: Mapping[str, float]) -> dict[str, float]:
    return {kind: round(value, 1) for kind, value in odds.items()}


def worlds_of(where: Bench, cities: Path) -> dict[Path, World]:
    """The loaded cities that rows are drawn for, by their folders."""
    return {cities / name: World.of(where.operation(name)) for name in CITY_SHARES}


def authors_of(worlds: Mapping[Path, World], lines: Lines, chance: random.Random, *, held: bool) -> list[Author]:
    """One author a city, in the order of CITY_SHARES; `held`: of the names that are held back."""
    return [Author(read_city(folder, held=held), lines, chance, world) for folder, world in worlds.items()]


def main() -> None:
    """Write the training and the validation rows and print what they hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "rows.jsonl")
    parser.add_argument("--turns", type=int, default=36_000)
    parser.add_argument("--validation", type=int, default=800)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cities", type=Path, default=CITIES)
    parser.add_argument("--fresh", nargs="*", default=[], metavar="AUTHOR", help="whose frames are drawn more often")
    parser.add_argument("--without", nargs="*", default=[], metavar="AUTHOR", help="whose frames are left out")
    options = parser.parse_args()
    lines = read_lines(held=False, fresh=options.fresh, without=options.without)
    training = Part(options.turns, options.seed, lines, held=False)
    validation = Part(options.validation, options.seed, read_lines(held=True), held=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        worlds = worlds_of(stack.enter_context(bench(options.cities)), options.cities)
        write_part(options.out, training, worlds)
        write_part(options.out.with_name("validation.jsonl"), validation, worlds)


if __name__ == "__main__":
    run_stage(main)
