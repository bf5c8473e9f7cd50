"""Preference tuning of an adapter by DPO (Rafailov et al. 2023, arXiv:2305.18290): the right call, not the near miss.

    python -m finetune.prefer --rows pairs.jsonl --val val_pairs.jsonl --init finetune/runs/a --out finetune/runs/b

A line of pairs is a row of finetune.rows with "rejected": a call's text beside "call". The reference is the adapter in
`--init`: it is asked once, before the first step, and its answers stay in the folder (reference.json). Everything else
is as in finetune.sft: the folder, the log, `--resume`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from domain.files import file_digest
from finetune.adapters import write_whole
from finetune.base import Base, load_tokenizer
from finetune.llama import TunedLlama
from finetune.packing import Row, collate, encode, epoch_steps, pack, read_lines, with_tools
from finetune.stage import run_stage
from finetune.training import Plan, add_flags, go
from prompts.render import END
from prompts.row import from_json

REFERENCE = "reference.json"


@dataclass(frozen=True)
class Pair:
    """One prompt with two completions; `ahead` is by how much the reference prefers the chosen one, in nats."""

    chosen: Row
    rejected: Row
    ahead: float = 0.0

    @property
    def size(self) -> int:
        """Tokens of both."""
        return self.chosen.size + self.rejected.size


Packs = Sequence[Sequence[Pair]]


def read_pairs(path: Path, tokenizer: Any, longest: int, style: str) -> list[Pair]:
    """All pairs of a JSON-lines file. Raises BadData with the line of one that is malformed or too long."""

    def one(line: str) -> Pair:
        said, rejected = with_tools(from_json(line), style), json.loads(line)["rejected"]
        if not isinstance(rejected, str) or rejected == said.call:
            raise ValueError("rejected must be another call than the row's own")
        prompt = said.prompt(style)
        return Pair(encode(prompt, said.completion(style), tokenizer), encode(prompt, rejected + END[style], tokenizer))

    return read_lines(path, one, longest, style)


def both(packed: Sequence[Pair]) -> list[Row]:
    """Chosen, rejected, chosen, rejected, ..."""
    return [row for pair in packed for row in (pair.chosen, pair.rejected)]


def by_row(logp: Tensor, row_of: Tensor, rows: int) -> Tensor:
    """(K,) log-probabilities of tokens as those of whole completions, (rows,)."""
    return torch.zeros(rows, device=logp.device).index_add(0, row_of.to(logp.device), logp)


def dpo_loss(completions: Tensor, ahead: Tensor, beta: float) -> tuple[Tensor, Tensor]:
    """Summed loss, and the margins over the reference (N,), of (2N,) log-probabilities: chosen, rejected, ..."""
    margins = completions[0::2] - completions[1::2] - ahead
    return -F.logsigmoid(beta * margins).sum(), margins


def judge_pairs(net: TunedLlama, pairs: Sequence[Pair], tokens: int) -> tuple[Tensor, float]:
    """(2N,) log-probabilities of all completions, in order, and the share of chosen ones that greedy decoding says."""
    found, right = [], 0
    for packed in pack(pairs, tokens):
        rows = both(packed)
        batch = collate(rows)
        logp, hits = net.judge(batch)
        found.append(by_row(logp, batch.row_of, len(rows)))
        right += int((by_row((~hits).float(), batch.row_of, len(rows))[0::2] == 0).sum())
    return torch.cat(found), right / len(pairs)


def with_reference(net: TunedLlama, pairs: Sequence[Pair], tokens: int) -> list[Pair]:
    """The pairs with what the network, as it stands, thinks of them."""
    said, _ = judge_pairs(net, pairs, tokens)
    ahead = (said[0::2] - said[1::2]).tolist()
    return [replace(pair, ahead=value) for pair, value in zip(pairs, ahead, strict=True)]


@dataclass(frozen=True)
class Preferred:
    """Prefer the chosen call by more than the reference does; `Plan.keep` weighs the chosen call's own loss beside it
    (Pang et al. 2024, arXiv:2404.19733), which holds its probability up."""

    pairs: Sequence[Pair]
    val: Sequence[Pair]
    beta: float
    keep: float

    @property
    def size(self) -> int:
        """Pairs."""
        return len(self.pairs)

    def steps(self, plan: Plan, epoch: int) -> Sequence[Packs]:
        """Steps of packs, in the plan's order."""
        return epoch_steps(self.pairs, plan.step_tokens, plan.micro_tokens, f"{plan.seed}/{epoch}")

    def learn(self, net: TunedLlama, step: Packs) -> dict[str, float]:
        """Gradients of the mean loss of a pair; `right` is the share of pairs whose margin has grown."""
        count = sum(len(packed) for packed in step)
        total, margin, right = 0.0, 0.0, 0
        for packed in step:
            batch = collate(both(packed))
            completions = by_row(net(batch), batch.row_of, 2 * len(packed))
            ahead = torch.tensor([pair.ahead for pair in packed], device=completions.device)
            loss, margins = dpo_loss(completions, ahead, self.beta)
            lengths = torch.tensor([pair.chosen.counted for pair in packed], device=completions.device)
            loss = (loss - self.keep * (completions[0::2] / lengths).sum()) / count
            loss.backward()
            total, margin = total + loss.item(), margin + margins.sum().item()
            right += int((margins > 0).sum())
        tokens = float(sum(pair.size for packed in step for pair in packed))
        return {"loss": total, "margin": margin / count, "right": right / count, "tokens": tokens}

    def check(self, net: TunedLlama, plan: Plan) -> dict[str, float]:
        """On the validation pairs: loss, share of chosen calls likelier than their near miss, and share said whole."""
        if not self.val:
            return {}
        said, exact = judge_pairs(net, self.val, plan.micro_tokens)
        loss, margins = dpo_loss(said, torch.tensor([pair.ahead for pair in self.val]), self.beta)
        prefers = (said[0::2] > said[1::2]).float().mean().item()
        figures = {"val_loss": loss.item() / len(self.val), "val_margin": margins.mean().item()}
        return figures | {"val_prefers": prefers, "val_exact": exact}


def referenced(net: TunedLlama, path: Path, pairs: Sequence[Pair], plan: Plan, out: Path) -> list[Pair]:
    """`with_reference`, or the answers that the folder holds already for this file and adapter."""
    key = f"{file_digest(path)} {plan.init} {plan.style} {plan.dtype}"
    store = out / REFERENCE
    known: dict[str, list[float]] = json.loads(store.read_text()) if store.is_file() else {}
    if key not in known:
        known[key] = [pair.ahead for pair in with_reference(net, pairs, plan.micro_tokens)]
        write_whole(store, lambda part: part.write_text(json.dumps(known)))
    return [replace(pair, ahead=value) for pair, value in zip(pairs, known[key], strict=True)]


def parse() -> argparse.Namespace:
    """The flags."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_flags(p, lr=1e-4)
    p.add_argument("--beta", type=float, default=0.1, help="how hard a margin over the reference is pressed")
    p.add_argument("--keep", type=float, default=0.0, help="weight of the chosen call's own loss, per token")
    p.set_defaults(stage="prefer")
    args = p.parse_args()
    if not args.init:
        p.error("--init: preference tuning starts from an adapter, which is its reference")
    return args


def main() -> None:
    """Train as the flags say."""
    args = parse()

    def pairs_of(plan: Plan, net: TunedLlama, base: Base) -> Preferred:
        tokenizer = load_tokenizer(base)
        pairs, val = (
            referenced(net, path, read_pairs(path, tokenizer, plan.micro_tokens, plan.style), plan, args.out)
            if path
            else []
            for path in (args.rows, args.val)
        )
        return Preferred(pairs, val, args.beta, args.keep)

    go(args, {"beta": args.beta, "keep": args.keep}, pairs_of)


if __name__ == "__main__":
    run_stage(main)
