"""Rows of prompt and completion, as tokens, side by side in batches of about equal size."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch

import tools  # noqa: F401  # declares them
from domain.errors import BadData
from finetune.layers import WIDTH
from finetune.llama import Batch
from finetune.row_file import each_line, tools_listed
from prompts import row as row_file
from prompts.render import END
from prompts.row import from_json
from tools.registry import tool_block

FULL = 64  # a pass is filled up to a multiple of it with silent tokens, so that few shapes of products occur


class Sized(Protocol):
    """What takes room in a pass."""

    @property
    def size(self) -> int:
        """Tokens."""
        ...


Item = TypeVar("Item", bound=Sized)


@dataclass(frozen=True)
class Row:
    """Token ids of prompt and completion; the first `quiet` of them carry no loss, but for those at `earlier`."""

    ids: tuple[int, ...]
    quiet: int
    earlier: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Tokens."""
        return len(self.ids)

    @property
    def counted(self) -> int:
        """Tokens that carry loss."""
        return len(self.ids) - self.quiet + len(self.earlier)

    def learned(self) -> list[int]:
        """Places of the tokens that carry loss."""
        return [*self.earlier, *range(self.quiet, len(self.ids))]


def encode(prompt: str, completion: str, tokenizer: Any) -> Row:
    """Prompt and completion tokenised apart, as in serving; the completion ends with the style's end token."""
    head = tokenizer.encode(prompt, add_special_tokens=False)
    return Row((*head, *tokenizer.encode(completion, add_special_tokens=False)), len(head))


def with_earlier(row: Row, begin: Sequence[int], end: Sequence[int]) -> Row:
    """The row with loss on the assistant's earlier turns as well: from behind `begin` to its `end`, which counts."""
    ends = _behind(row.ids, end)
    places: list[int] = []
    for at in _behind(row.ids[: row.quiet - 1], begin):
        places.extend(range(at, next(stop for stop in ends if stop > at)))
    return replace(row, earlier=tuple(places))


def _behind(ids: tuple[int, ...], what: Sequence[int]) -> list[int]:
    """The place behind each time that `ids` says `what`."""
    wanted, width = tuple(what), len(what)
    return [at for at in range(width, len(ids) + 1) if ids[at - width : at] == wanted]


def with_tools(row: row_file.Row, style: str) -> row_file.Row:
    """The row as it is served: Llama 3.1's prompt shows whole declarations, of all tools or of those that it lists."""
    if style != "llama3":
        return row
    return replace(row, setting=replace(row.setting, tools=_declared(row.setting.tools)))


def _declared(block: str) -> str:
    """A row's block of signatures as declarations; beside the registry's own unless it lists the only tools."""
    beside, listed = tools_listed(block)
    return "\n".join([*([tool_block()] if beside else []), *(tool.declaration() for tool in listed)])


def read_rows(path: Path, tokenizer: Any, longest: int, style: str = "small") -> list[Row]:
    """All rows of a JSON-lines file in a style of prompts/render.py.

    Raises BadData with the line of one that is malformed or over `longest` tokens.
    """

    def one(line: str) -> Row:
        said = with_tools(from_json(line), style)
        return encode(said.prompt(style), said.completion(style), tokenizer)

    return read_lines(path, one, longest, style)


def read_lines(path: Path, one: Callable[[str], Item], longest: int, style: str) -> list[Item]:
    """`one` of each line of a file; BadData names the line that is none or has over `longest` tokens."""
    if style not in END:
        raise BadData(f"there is no prompt style {style}; there are {', '.join(END)}")
    items = []
    for number, item in each_line(path, one):
        if item.size > longest:
            raise BadData(f"{path}:{number}: {item.size} tokens; at most {longest} fit (--micro-tokens)")
        items.append(item)
    return items


def pack(rows: Sequence[Item], tokens: int) -> list[list[Item]]:
    """Rows in their order, cut into packs of at most `tokens` tokens."""
    packs: list[list[Item]] = []
    room = 0
    for row in rows:
        if not packs or row.size > room:
            packs.append([])
            room = tokens
        packs[-1].append(row)
        room -= row.size
    return packs


def epoch_steps(rows: Sequence[Item], step_tokens: int, micro_tokens: int, seed: str) -> list[list[list[Item]]]:
    """One epoch in seeded random order: steps of packs. A step has step_tokens / micro_tokens packs."""
    order = list(rows)
    random.Random(seed).shuffle(order)
    packs = pack(order, micro_tokens)
    each = max(1, round(step_tokens / micro_tokens))
    return [packs[i : i + each] for i in range(0, len(packs), each)]


def collate(rows: Sequence[Row]) -> Batch:
    """Rows as one batch; a token predicts its successor, so the last prompt token is the first that counts."""
    ids: list[int] = []
    positions: list[int] = []
    at: list[int] = []
    labels: list[int] = []
    row_of: list[int] = []
    for number, row in enumerate(rows):
        start, size = len(ids), len(row.ids)
        ids.extend(row.ids)
        positions.extend(range(size))
        learned = row.learned()
        at.extend(start + place - 1 for place in learned)
        labels.extend(row.ids[place] for place in learned)
        row_of.extend([number] * row.counted)
    silent = -(len(ids) + WIDTH) % FULL + WIDTH  # at least WIDTH, for the last row's slice (layers.py)
    ids.extend([0] * silent)
    positions.extend([0] * silent)
    flat = [torch.tensor(x, dtype=torch.long) for x in (ids, positions, at, labels, row_of)]
    return Batch(flat[0], flat[1], tuple(len(row.ids) for row in rows), *flat[2:])
