"""Rows of prompt and completion, as tokens, side by side in batches of about equal size."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from domain.errors import BadData
from finetune.llama import Batch
from prompts.render import END
from prompts.row import from_json


@dataclass(frozen=True)
class Row:
    """Token ids of prompt and completion; the first `quiet` of them carry no loss."""

    ids: tuple[int, ...]
    quiet: int


def encode(prompt: str, completion: str, tokenizer: Any) -> Row:
    """Prompt and completion tokenised apart, as in serving; the completion ends with the style's end token."""
    head = tokenizer.encode(prompt, add_special_tokens=False)
    return Row((*head, *tokenizer.encode(completion, add_special_tokens=False)), len(head))


def read_rows(path: Path, tokenizer: Any, longest: int, style: str = "small") -> list[Row]:
    """All rows of a JSON-lines file in a style of prompts/render.py.

    Raises BadData with the line of one that is malformed or over `longest` tokens.
    """
    if style not in END:
        raise BadData(f"there is no prompt style {style}; there are {', '.join(END)}")
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            said = from_json(line)
            row = encode(said.prompt(style), said.completion(style), tokenizer)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadData(f"{path}:{number}: not a row as `python -m finetune.rows` writes them ({error!r})") from error
        if not 0 < row.quiet < len(row.ids) <= longest:
            raise BadData(f"{path}:{number}: {len(row.ids)} tokens, {row.quiet} of prompt; at most {longest} fit")
        rows.append(row)
    if not rows:
        raise BadData(f"{path}: no rows")
    return rows


def pack(rows: Sequence[Row], tokens: int) -> list[list[Row]]:
    """Rows in their order, cut into packs of at most `tokens` tokens."""
    packs: list[list[Row]] = []
    room = 0
    for row in rows:
        if not packs or len(row.ids) > room:
            packs.append([])
            room = tokens
        packs[-1].append(row)
        room -= len(row.ids)
    return packs


def epoch_steps(rows: Sequence[Row], step_tokens: int, micro_tokens: int, seed: str) -> list[list[list[Row]]]:
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
        at.extend(range(start + row.quiet - 1, start + size - 1))
        labels.extend(row.ids[row.quiet :])
        row_of.extend([number] * (size - row.quiet))
    flat = [torch.tensor(x, dtype=torch.long) for x in (ids, positions, at, labels, row_of)]
    return Batch(flat[0], flat[1], tuple(len(row.ids) for row in rows), *flat[2:])
