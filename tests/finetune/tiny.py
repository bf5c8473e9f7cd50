"""Two-layer Llamas of both bases' kinds, rows for them, and a run: what the tests of training share."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from finetune.llama import Computing, Lora, TunedLlama
from finetune.packing import Row
from finetune.sft import Supervised
from finetune.training import Plan, Run

VOCABULARY = 211
PLAN = Plan(
    rank=4,
    alpha=8.0,
    lr=2e-2,
    warmup=0.1,
    weight_decay=0.0,
    clip=1.0,
    step_tokens=120,
    micro_tokens=60,
    seed=3,
    full=False,
    dtype="float32",
)
FP32 = Computing(torch.float32)
BASE = Path("tiny")
SMALL: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "tie_word_embeddings": True,
    "rms_norm_eps": 1e-5,
    "initializer_range": 0.2,
    "rope_parameters": {"rope_theta": 100000.0, "rope_type": "default"},
}
"""Three query heads on one key head, tied embeddings: the embedded model's kind."""
LARGE = SMALL | {
    "hidden_size": 64,
    "intermediate_size": 224,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "tie_word_embeddings": False,
    "rope_parameters": {
        "rope_theta": 500000.0,
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 16,
    },
}
"""Llama 3.1 8B's kind: a head of its own, four query heads on a key head, scaled rotary positions (of 16, so that rows
of 20 tokens feel it)."""


def tiny_llama(sizes: dict[str, Any] = SMALL) -> Any:
    """Random weights, the same each time."""
    torch.manual_seed(5)
    return LlamaForCausalLM(LlamaConfig(**sizes))


def some_rows(count: int = 24, seed: int = 1) -> list[Row]:
    """Rows of 6 to 20 random tokens whose completion repeats the prompt's last ones: learnable."""
    rng = random.Random(seed)
    rows = []
    for _ in range(count):
        prompt = [rng.randrange(3, VOCABULARY) for _ in range(rng.randint(4, 16))]
        rows.append(Row((*prompt, *prompt[-2:], 2), len(prompt)))
    return rows


def tuned(plan: Plan = PLAN, sizes: dict[str, Any] = SMALL, computing: Computing = FP32) -> TunedLlama:
    """The network of a plan."""
    torch.manual_seed(plan.seed)
    return TunedLlama(tiny_llama(sizes), None if plan.full else Lora(plan.rank, plan.alpha), computing)


def shaken(net: TunedLlama, size: float = 0.1) -> TunedLlama:
    """The same with random adapter weights, so that B is not zero."""
    dice = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for parameter in net.trained():
            parameter.copy_(torch.randn(parameter.shape, generator=dice) * size)
    return net


def a_run(out: Path, plan: Plan = PLAN, total: int = 12) -> Run:
    """Supervised, of 24 rows."""
    net = tuned(plan)
    optimiser = torch.optim.AdamW(net.trained(), plan.lr, weight_decay=0.0, fused=True)
    return Run(plan, net, optimiser, Supervised(some_rows(), some_rows(8, seed=2)), out, total)


def row_loss(model: Any, row: Row) -> torch.Tensor:
    """Summed loss of one row by transformers' own code."""
    ids = torch.tensor([row.ids])
    labels = ids.clone()
    labels[:, : row.quiet] = -100
    loss: torch.Tensor = model(ids, labels=labels).loss * row.counted
    return loss


def with_peft(net: TunedLlama, sizes: dict[str, Any] = SMALL) -> Any:
    """transformers + PEFT holding the adapter of `net`."""
    assert net.lora is not None
    return peft_of(net.adapter_state(), net.lora, sizes)


def peft_of(state: dict[str, torch.Tensor], lora: Lora, sizes: dict[str, Any]) -> Any:
    """transformers + PEFT holding an adapter."""
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(
        tiny_llama(sizes),
        LoraConfig(
            r=lora.rank,
            lora_alpha=lora.alpha,
            lora_dropout=0.0,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
    )
    state = dict(state)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data.copy_(state.pop(name.replace(".default", "")))
    assert not state
    return model


def a_line(**changes: object) -> str:
    """A line as `finetune.rows` writes it, with `changes`."""
    row = {
        "kind": "single",
        "setting": {"city": "berkeley", "role": "manager", "tools": "", "today": ""},
        "turns": [{"question": "bins near Evans", "marks": [], "steps": []}],
        "call": '{"name":"find_bins","parameters":{"near":"Evans"}}',
    }
    return json.dumps(row | changes)


class Letters:
    """A tokenizer of one token a character."""

    def encode(self, text: str, add_special_tokens: bool) -> list[int]:
        """Code points."""
        assert not add_special_tokens
        return [ord(letter) for letter in text]
