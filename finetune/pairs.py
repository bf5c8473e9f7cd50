"""python -m finetune.pairs --rows finetune/runs/rows.jsonl --out finetune/runs/pairs.jsonl [--pairs 4000] [--seed 0]

Pairs for finetune.prefer, by rule: beside a row's own call a near miss of it, of the kinds that a model makes (Ross et
al. 2025, arXiv:2504.18851, pair call, question back and refusal likewise). A row is used once, as far as one of the
kinds fits it; each kind that fits is as likely.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import tools  # noqa: F401  # declares them
from domain.errors import BadData
from domain.files import file_digest
from domain.values import Call
from finetune.row_file import rows_in, tools_listed
from finetune.stage import run_stage
from prompts.row import Row, to_json
from tools.coverage import TURN_END
from tools.listed_parameters import required_of
from tools.registry import TOOLS, Argument
from tools.words import WORDS

REFUSAL = Call("decline", {"reason": "out_of_scope"})
ENDING = Call(TURN_END, {"text": "{{results}}"})
FINAL = (REFUSAL.name, ENDING.name)
NearMiss = Callable[[Row, Call, random.Random], Call | None]


def declined(row: Row, call: Call, chance: random.Random) -> Call | None:
    """A refusal where there is a tool for it."""
    return None if call.name in FINAL else REFUSAL


def called(row: Row, call: Call, chance: random.Random) -> Call | None:
    """A bare call, which asks back for what it lacks, where no tool fits."""
    bare = [name for name, required in needs(row).items() if not required]
    return Call(chance.choice(bare)) if bare and call.name == REFUSAL.name else None


def ended(row: Row, call: Call, chance: random.Random) -> Call | None:
    """The answer after the first of two calls."""
    return ENDING if row.turns[-1].steps and call.name not in FINAL else None


def repeated(row: Row, call: Call, chance: random.Random) -> Call | None:
    """The same call once more, where the answer is due."""
    steps = row.turns[-1].steps
    return Call.read(steps[-1].call) if steps and call.name == ENDING.name else None


def dropped(row: Row, call: Call, chance: random.Random) -> Call | None:
    """The call of a tool without one of its arguments."""
    if not call.parameters or call.name in WORDS:
        return None
    lost = chance.choice(list(call.parameters))
    return Call(call.name, {name: value for name, value in call.parameters.items() if name != lost})


def moved(row: Row, call: Call, chance: random.Random) -> Call | None:
    """A value in another argument of its kind: left out instead of served."""
    if call.name not in TOOLS:
        return None
    tool = TOOLS[call.name]
    free = [argument for argument in tool.arguments if argument.name not in call.parameters]
    pairs = [(name, other.name) for name in call.parameters for other in free if _alike(tool.argument(name), other)]
    if not pairs:
        return None
    name, other = chance.choice(pairs)
    kept = {each: value for each, value in call.parameters.items() if each != name}
    return Call(call.name, tool.ordered({**kept, other: call.parameters[name]}))


def other_tool(row: Row, call: Call, chance: random.Random) -> Call | None:
    """The same arguments given to another tool that takes them all."""
    if call.name not in TOOLS or not call.parameters:
        return None
    takers = [n for n, tool in TOOLS.items() if n != call.name and call.parameters.keys() <= _names(tool.arguments)]
    return Call(chance.choice(takers), call.parameters) if takers else None


NEAR_MISSES: Mapping[str, NearMiss] = {
    miss.__name__: miss for miss in (declined, called, ended, repeated, dropped, moved, other_tool)
}


def needs(row: Row) -> dict[str, set[str]]:
    """The tools that a row's model may call, by name what each requires."""
    beside, listed = tools_listed(row.setting.tools)
    own = {name: {a.name for a in tool.arguments if a.required} for name, tool in TOOLS.items() if beside}
    return own | {tool.name: set(required_of(tool.parameters)) for tool in listed}


def is_whole(row: Row, call: Call) -> bool:
    """Whether a decoder could write the call: it has what its tool requires."""
    return call.name in WORDS or needs(row).get(call.name, set()) <= call.parameters.keys()


def pairs_of(rows: Sequence[Row], count: int, chance: random.Random) -> Iterator[tuple[str, Row, Call]]:
    """Up to `count` near misses with their kind and row, in random order of the rows."""
    for row in chance.sample(rows, len(rows)):
        if not count:
            return
        right = Call.read(row.call)
        found = {name: wrong for name, miss in NEAR_MISSES.items() if (wrong := miss(row, right, chance)) is not None}
        kinds = [name for name, wrong in found.items() if wrong != right and is_whole(row, wrong)]
        if kinds:
            kind = chance.choice(kinds)
            count -= 1
            yield kind, row, found[kind]


def _alike(one: Argument, other: Argument) -> bool:
    """Whether both hold the same kind of names, written in the same type."""
    return (
        one.words is not None
        and other.words is not None
        and ((one.words.kind, one.schema.get("type")) == (other.words.kind, other.schema.get("type")))
    )


def _names(arguments: Sequence[Argument]) -> set[str]:
    return {argument.name for argument in arguments}


def main() -> None:
    """Write the pairs and print what they hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    made = list(pairs_of(rows_in(options.rows), options.pairs, random.Random(options.seed)))
    if not made:
        raise BadData(f"{options.rows}: no row has a near miss")
    lines = [{**json.loads(to_json(row)), "rejected": wrong.text()} for _, row, wrong in made]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    kinds = dict(Counter(kind for kind, _, _ in made))
    print(f"{options.out}: {len(made)} pairs, {file_digest(options.out)[:12]}, {kinds}")


if __name__ == "__main__":
    run_stage(main)
