"""Supervised tuning of a Llama on rows of finetune.rows; writes a PEFT adapter folder (or, with --full, a model).

    python -m finetune.sft --rows train.jsonl --val val.jsonl --out finetune/runs/a --epochs 3
    python -m finetune.sft --rows train.jsonl --val val.jsonl --out finetune/runs/a --epochs 3 --resume

Rows are rendered in a style of prompts/render.py (`--style`); loss falls on the completion and its end token only,
unless `--earlier` says that it falls on the assistant's earlier turns as well. The
folder holds the adapter (adapter_config.json, adapter_model.safetensors), training.json, log.jsonl, and checkpoint.pt
while the run can still go on. A killed run continues exactly where its last checkpoint left off; SIGTERM and Ctrl-C
write one first. `--init FOLDER` starts from an adapter.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from domain.errors import BadData
from finetune.base import Base, load_tokenizer
from finetune.llama import TunedLlama
from finetune.packing import Row, collate, epoch_steps, pack, read_rows, with_earlier
from finetune.stage import run_stage
from finetune.training import Plan, add_flags, go
from prompts.render import BEGIN, END

Packs = Sequence[Sequence[Row]]


def validate(net: TunedLlama, rows: Sequence[Row], micro_tokens: int) -> tuple[float, float]:
    """Mean loss of a counted token, and the share of rows whose whole completion greedy decoding would say."""
    loss, counted, right = 0.0, 0, 0
    for packed in pack(rows, micro_tokens):
        batch = collate(packed)
        logp, hits = net.judge(batch)
        loss -= logp.sum().item()
        counted += len(hits)
        wrong = torch.zeros(len(packed)).index_add_(0, batch.row_of, (~hits).float())
        right += int((wrong == 0).sum())
    return loss / counted, right / len(rows)


@dataclass(frozen=True)
class Supervised:
    """Say the completion: minus its log-probability, a mean over the counted tokens of a step."""

    rows: Sequence[Row]
    val: Sequence[Row]

    @property
    def size(self) -> int:
        """Rows."""
        return len(self.rows)

    def steps(self, plan: Plan, epoch: int) -> Sequence[Packs]:
        """Steps of packs, in the plan's order."""
        return epoch_steps(self.rows, plan.step_tokens, plan.micro_tokens, f"{plan.seed}/{epoch}")

    def learn(self, net: TunedLlama, step: Packs) -> dict[str, float]:
        """Gradients of the mean loss of a counted token."""
        counted = sum(row.counted for packed in step for row in packed)
        total = 0.0
        for packed in step:
            loss = -net(collate(packed)).sum()
            (loss / counted).backward()
            total += loss.item()
        return {"loss": total / counted, "tokens": float(sum(row.size for packed in step for row in packed))}

    def check(self, net: TunedLlama, plan: Plan) -> dict[str, float]:
        """Validation loss and share of completions said whole."""
        if not self.val:
            return {}
        loss, exact = validate(net, self.val, plan.micro_tokens)
        return {"val_loss": loss, "val_exact": exact}


def parse() -> argparse.Namespace:
    """The flags."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_flags(p, lr=2e-3)
    p.add_argument("--full", action="store_true", help="tune all weights instead of an adapter; wants an lr near 1e-4")
    p.add_argument("--earlier", action="store_true", help="loss on the assistant's earlier turns of a thread too")
    p.set_defaults(stage="sft")
    return p.parse_args()


def main() -> None:
    """Train as the flags say."""
    args = parse()
    if args.full and args.init:
        raise BadData("--full tunes a whole model: merge the adapter first (finetune.merge) and give it as --base")

    def rows_of(plan: Plan, _: TunedLlama, base: Base) -> Supervised:
        tokenizer = load_tokenizer(base)
        rows, val = (
            read_rows(path, tokenizer, plan.micro_tokens, plan.style) if path else [] for path in (args.rows, args.val)
        )
        if plan.earlier:
            turn = [tokenizer.encode(mark[plan.style], add_special_tokens=False) for mark in (BEGIN, END)]
            rows = [with_earlier(row, *turn) for row in rows]
        return Supervised(rows, val)

    go(args, {"earlier": args.earlier}, rows_of)


if __name__ == "__main__":
    run_stage(main)
