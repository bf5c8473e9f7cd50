"""Tuning MiniLM (tools/tuned_minilm.py): its layers learn with heads of their own, its embeddings of words stay."""

from __future__ import annotations

import pickle
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AttentionInterface, BertModel
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from domain.errors import BadData
from finetune.adapters import write_whole
from tools.own_pieces import OwnPieces
from tools.parts_file import Array
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


def _single(
    _module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scaling: float | None = None,
    **_: object,
) -> tuple[Tensor, None]:  # fmt: skip
    """Attention in single precision, without dropout: where products are in bfloat16 its steps back take most of the
    time (torch 2.13 on a Xeon with AMX: a training step takes 0.4 of what it takes with dropout in bfloat16)."""
    with torch.autocast("cpu", enabled=False):
        seen = F.scaled_dot_product_attention(query.float(), key.float(), value.float(), mask, scale=scaling)
    return seen.transpose(1, 2).contiguous(), None


AttentionInterface.register("single", _single)
AttentionMaskInterface.register("single", sdpa_mask)


class Trunk(nn.Module):  # type: ignore[misc]
    """MiniLM with tokens of its own; nets add their heads. `dropout` is what MiniLM was made with; without it a step
    is much faster."""

    def __init__(self, read: OwnPieces, *, dropout: bool = True) -> None:
        super().__init__()
        attention = "sdpa" if dropout else "single"
        self.bert = BertModel.from_pretrained(base_folder(), add_pooling_layer=False, attn_implementation=attention)
        self.bert.train(dropout)  # it comes without
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


def with_masked(ids: Tensor, read: OwnPieces, share: float) -> Tensor:
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


# ---------------------------------------------------------------- a run

NetT = TypeVar("NetT", bound=Trunk)


@dataclass
class Run(Generic[NetT]):
    """A run under way: `step` of `total` steps are done. `masked`: the share of pieces that is masked at
    each look. `making`: what decides the weights that come out."""

    net: NetT
    optimiser: torch.optim.Optimizer
    total: int
    lr: float
    masked: float = 0.0
    step: int = 0
    making: Mapping[str, object] = field(default_factory=dict)

    def descend(self, loss: Tensor) -> None:
        """One step down the loss."""
        descend(self.net, self.optimiser, loss, rate_of(self.lr, self.step, self.total))
        self.step += 1


def restore(run: Run[Any], file: Path) -> None:
    """Go on where a checkpoint left off. Raises BadData without one, and for one of other rows, flags or tools."""
    if not file.is_file():
        raise BadData(f"{file}: nothing to resume; start without --resume")
    try:
        state = torch.load(file, weights_only=True)
        if state["making"] != dict(run.making):
            raise BadData(f"{file}: made of other flags, rows, tools or weights; resume with the same ones")
        run.net.load_state_dict(state["net"])
        run.optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["chance"])
        run.step = state["step"]
    except (KeyError, TypeError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise BadData(f"{file}: not a checkpoint of such a run ({error!r}); start without --resume") from error


def keep(run: Run[Any], file: Path) -> None:
    """A checkpoint, whole or not at all."""
    state = {"net": run.net.state_dict(), "optimiser": run.optimiser.state_dict(), "step": run.step}
    state["chance"] = torch.get_rng_state()
    write_whole(file, lambda path: torch.save({**state, "making": dict(run.making)}, path))


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
