"""Tuning MiniLM (tools/tuned_minilm.py): its layers learn with heads of their own, its embeddings of words stay."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import BertModel

from tools.parts_file import Array
from tools.thread_tokens import Reader
from tools.tuned_minilm import CHANGED, base_folder, base_weights

LEVELS = 15
"""What a change of a weight is rounded to, on either side of nothing: that is 6 % of the change, and makes two members
smaller than 16 MB."""


class Tokens(Protocol):
    """An example."""

    @property
    def tokens(self) -> tuple[int, ...]:
        """What is read."""
        ...


Item = TypeVar("Item", bound=Tokens)


class Trunk(nn.Module):  # type: ignore[misc]
    """MiniLM with tokens of its own; nets add their heads."""

    def __init__(self, read: Reader) -> None:
        super().__init__()
        self.bert = BertModel.from_pretrained(base_folder(), add_pooling_layer=False, attn_implementation="sdpa")
        self.bert.train()  # it comes without dropout
        self.bert.embeddings.requires_grad_(False)
        words, self.read = self.bert.embeddings.word_embeddings.weight, read
        self.own = nn.Parameter(words[torch.tensor(read.begins_as())].detach().clone())

    def states(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """(rows, tokens, WIDTH), and their means (rows, WIDTH)."""
        known = self.bert.embeddings.word_embeddings.weight
        embedded = F.embedding(ids, torch.cat((known, self.own)))
        seen = self.bert(inputs_embeds=embedded, attention_mask=mask).last_hidden_state
        return seen, (seen * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)

    def new(self) -> list[nn.Parameter]:
        """What begins at nothing: own tokens and heads."""
        return [value for name, value in self.named_parameters() if not name.startswith("bert.")]


def padded(examples: Sequence[Tokens]) -> tuple[Tensor, Tensor]:
    """Ids and mask, (rows, tokens)."""
    longest = max(len(each.tokens) for each in examples)
    ids = torch.zeros(len(examples), longest, dtype=torch.long)
    mask = torch.zeros(len(examples), longest)
    for row, each in enumerate(examples):
        ids[row, : len(each.tokens)] = torch.tensor(each.tokens)
        mask[row, : len(each.tokens)] = 1
    return ids, mask


def batches(examples: Sequence[Item], size: int, chance: random.Random) -> list[list[Item]]:
    """One epoch: batches of examples of like length, in random order."""
    order = chance.sample(list(examples), len(examples))
    made = []
    for start in range(0, len(order), size * 50):
        alike = sorted(order[start : start + size * 50], key=lambda each: len(each.tokens))
        made += [alike[at : at + size] for at in range(0, len(alike), size)]
    chance.shuffle(made)
    return made


def with_masked(ids: Tensor, read: Reader, share: float) -> Tensor:
    """Ids of which a share of the words' pieces is masked; the pieces of kinds stay, and so do padding and separators,
    which come before the mask in MiniLM's vocabulary."""
    words = (ids > read.mask) & (ids < read.vocabulary)
    return torch.where(words & (torch.rand(ids.shape) < share), read.mask, ids)


def optimiser_of(net: Trunk, lr: float) -> torch.optim.Optimizer:
    """AdamW; the heads and the own tokens, which begin at nothing, learn ten times as fast."""
    groups = [{"params": list(net.bert.encoder.parameters()), "times": 1.0}, {"params": net.new(), "times": 10.0}]
    return torch.optim.AdamW(groups, lr, weight_decay=0.01)


def rate_of(lr: float, step: int, total: int) -> float:
    """Linear warm-up over the first twentieth, then straight to zero."""
    warm = max(1, total // 20)
    return lr * min((step + 1) / warm, (total - step) / (total - warm + 1))


def descend(net: Trunk, optimiser: torch.optim.Optimizer, loss: Tensor, rate: float) -> None:
    """One step down the loss."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["times"]
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimiser.step()


# ---------------------------------------------------------------- the file


def changes_of(net: Trunk) -> dict[str, Array]:
    """The own tokens in fp16; the change of each matrix of the layers in LEVELS with a scale a row, of each vector in
    fp16."""
    base, stored = base_weights(), {"own": net.own.detach().numpy().astype(np.float16)}
    for name, value in net.bert.state_dict().items():
        if name.startswith(CHANGED):
            change = value.numpy() - base[name]
            if change.ndim == 2:
                scale = np.maximum(np.abs(change).max(1), 1e-12) / LEVELS
                stored[name], stored[f"{name}.scale"] = np.round(change / scale[:, None]).astype(np.int8), scale
            else:
                stored[name] = change.astype(np.float16)
    return stored


def head_of(name: str, head: nn.Linear, heats: Sequence[tuple[slice, float]]) -> dict[str, Array]:
    """A head over the temperatures of its parts, in fp16."""
    stored = {}
    for part in ("weight", "bias"):
        kept = getattr(head, part).detach().clone()
        for of, heat in heats:
            kept[of] /= heat
        stored[f"{name}.{part}"] = kept.numpy().astype(np.float16)
    return stored
