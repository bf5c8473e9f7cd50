"""The call classifier of tools/call_classifier.py, made of rows of finetune.rows in some minutes on one core.

    python -m finetune.calls --rows train.jsonl --val validation.jsonl --out finetune/adapter/roundsman-calls.npz

Rows with listed tools are left out. N-grams are dropped at random while it learns ("word dropout": Iyyer et al. 2015),
so that no single one decides, and the logarithms of its probabilities are divided by the temperature that suits the
validation rows best (Guo et al. 2017, arXiv:1706.04599), whose frames and names training never saw.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import tools  # noqa: F401  # declares them
from domain.errors import BadData
from domain.files import file_digest
from domain.values import Call
from finetune.stage import run_stage
from prompts.render import Step
from prompts.row import Row, from_json
from tools.call_classifier import BUCKETS, Made, Thread, features, made_for, names

SEED = 7
BATCH = 256
TEMPERATURES = [2 ** (step / 4) for step in range(-8, 13)]


@dataclass(frozen=True)
class Examples:
    """Rows as numbers: the `buckets` of each row's features and the place of its call's name."""

    buckets: Sequence[Tensor]
    targets: Tensor


def thread_of(row: Row) -> Thread:
    """What the classifier reads of a row."""
    now, before = row.turns[-1], row.turns[-2] if len(row.turns) > 1 else None
    earlier, steps = (before.question, before.steps) if before else ("", ())
    return Thread(now.question, now.marks, tuple(map(_made, now.steps)), earlier, tuple(map(_made, steps)))


def _made(step: Step) -> Made:
    return Made(Call.read(step.call), step.outcome)


def read_examples(file: Path) -> Examples:
    """The rows of a file that list no tools. Raises BadData for a file that cannot be read or has none."""
    try:
        rows = [from_json(line) for line in file.read_text(encoding="utf-8").splitlines()]
        own = [row for row in rows if not row.setting.tools]
        targets = [names().index(Call.read(row.call).name) for row in own]
    except (OSError, ValueError, KeyError, TypeError) as unreadable:
        raise BadData(f"{file} does not hold rows of python -m finetune.rows: {unreadable}") from unreadable
    if not own:
        raise BadData(f"{file} has no row without listed tools")
    return Examples([torch.tensor(features(thread_of(row))) for row in own], torch.tensor(targets))


class Regression(nn.Module):  # type: ignore[misc]
    """The table and the weights of the names."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.table = nn.EmbeddingBag(BUCKETS, size, mode="sum")
        nn.init.normal_(self.table.weight, std=0.05)
        self.heads = nn.Linear(size, len(names()))

    def forward(self, buckets: Sequence[Tensor]) -> Tensor:
        """Scores of the names, (rows, N)."""
        counts = torch.tensor([len(each) for each in buckets])
        starts = torch.cat((torch.zeros(1, dtype=torch.long), counts.cumsum(0)[:-1]))
        summed = self.table(torch.cat(list(buckets)), starts)
        scores: Tensor = self.heads(summed / counts.clamp(min=1).sqrt()[:, None])
        return scores


def batches(examples: Examples, dropped: float, chance: random.Random) -> Iterator[tuple[list[Tensor], Tensor]]:
    """One epoch in random order, a share of each row's features dropped."""
    order = list(range(len(examples.buckets)))
    chance.shuffle(order)
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        kept = [each[torch.rand(len(each)) >= dropped] for each in (examples.buckets[row] for row in rows)]
        yield kept, examples.targets[rows]


def scores_of(net: Regression, examples: Examples) -> Tensor:
    """All rows' scores, (rows, N)."""
    with torch.no_grad():
        starts = range(0, len(examples.buckets), BATCH)
        return torch.cat([net(examples.buckets[at : at + BATCH]) for at in starts])


def learn(net: Regression, rows: Examples, epochs: int, lr: float, dropped: float) -> Iterator[float]:
    """The mean loss of each epoch; the rate falls straight to zero."""
    chance = random.Random(SEED)
    optimiser = torch.optim.AdamW(net.parameters(), lr, weight_decay=0.0)
    steps = epochs * -(-len(rows.buckets) // BATCH)
    falling = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / (steps + 1))
    for _ in range(epochs):
        total = 0.0
        for kept, targets in batches(rows, dropped, chance):
            loss = F.cross_entropy(net(kept), targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            falling.step()
            total += loss.item() * len(kept)
        yield total / len(rows.buckets)


def temperature_of(scores: Tensor, targets: Tensor) -> float:
    """The temperature of least loss."""
    return min(TEMPERATURES, key=lambda heat: F.cross_entropy(scores / heat, targets).item())


def save(net: Regression, file: Path, temperature: float, about: Mapping[str, object]) -> None:
    """The table in 8 bits with one scale a column, the weights of the names in fp32."""
    table = net.table.weight.detach().numpy()
    scale = np.abs(table).max(0, keepdims=True) / 127
    with file.open("wb") as out:
        np.savez_compressed(
            out,
            table=np.round(table / scale).astype(np.int8),
            scale=scale.astype(np.float32),
            weights=net.heads.weight.detach().numpy() / np.float32(temperature),
            bias=net.heads.bias.detach().numpy() / np.float32(temperature),
            about=json.dumps(about),
        )


def main() -> None:
    """Learn, suit the temperature, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--val", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, default=64, help="columns of the table")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--lr", type=float, default=1e-2)
    parser.add_argument("--dropped", type=float, default=0.5, help="share of the n-grams left out at each look")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(SEED)
    rows, validation = read_examples(options.rows), read_examples(options.val)
    net = Regression(options.size)
    for epoch, loss in enumerate(learn(net, rows, options.epochs, options.lr, options.dropped), 1):
        print(f"epoch {epoch}: loss {loss:.4f}", flush=True)
    scores = scores_of(net, validation)
    temperature = temperature_of(scores, validation.targets)
    loss = F.cross_entropy(scores / temperature, validation.targets).item()
    right = (scores.argmax(-1) == validation.targets).float().mean().item()
    about = {**made_for(), "data_digest": file_digest(options.rows), "rows": len(rows.buckets)}
    save(net, options.out, temperature, about)
    size = options.out.stat().st_size / 1e6
    print(
        f"{options.out}: {size:.1f} MB; {len(validation.buckets)} validation rows: right {right:.4f}, loss {loss:.4f}"
    )
    print(f"temperature {temperature:.2f}")


if __name__ == "__main__":
    run_stage(main)
