"""A Llama for training on short rows: fused projections, LoRA beside them, no padding in a product (layers.py).

Same arithmetic as transformers' LlamaForCausalLM with a PEFT adapter (tests/finetune/test_llama.py), for SmolLM2-135M
on a CPU and Llama 3.1 8B on a GPU alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from domain.errors import BadData
from finetune import layers

# One fused product each: (name, projections of the Hugging Face layer in the order of their rows).
GROUPS = (
    ("qkv", ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")),
    ("out", ("self_attn.o_proj",)),
    ("gate_up", ("mlp.gate_proj", "mlp.up_proj")),
    ("down", ("mlp.down_proj",)),
)
ROTARY = {"default", "linear", "llama3"}  # scalings that don't depend on the row's length


@dataclass(frozen=True)
class Lora:
    """Rank and alpha of the adapter; it adds alpha / rank * B A to every linear layer."""

    rank: int = 16
    alpha: float = 32.0


@dataclass(frozen=True)
class Computing:
    """How products are made: their type, where, and with element-wise parts compiled or not.

    `recompute`: a layer's inner results are made again in the backward pass instead of kept (gradient checkpointing:
    about a third slower, a tenth of the memory).
    """

    dtype: torch.dtype = torch.bfloat16
    device: str = "cpu"
    compiled: bool = False
    recompute: bool = False


@dataclass(frozen=True)
class Batch:
    """Rows side by side. `ids`, `positions`: (T,), silent tokens last. `sizes`: tokens of each row. `at`: (K,) tokens
    whose successor counts, `labels`: (K,) those successors, `row_of`: (K,) their rows."""

    ids: Tensor
    positions: Tensor
    sizes: tuple[int, ...]
    at: Tensor
    labels: Tensor
    row_of: Tensor


@dataclass(frozen=True)
class Shape:
    """Sizes of the model."""

    layers: int
    heads: tuple[int, int, int]  # of queries, of keys, and the size of one
    eps: float
    turn_scale: float


class Group(nn.Module):  # type: ignore[misc]
    """Projections that read the same input, as one product, with their LoRA matrices in fp32."""

    def __init__(self, parts: list[Tensor], lora: Lora | None, computing: Computing) -> None:
        super().__init__()
        fused, device = torch.cat(parts), computing.device
        self.sizes = [len(part) for part in parts]
        self.dtype, self.scale = computing.dtype, lora.alpha / lora.rank if lora else 0.0
        kept = fused.to(device, computing.dtype if lora else torch.float32)
        self.weight = nn.Parameter(kept, requires_grad=lora is None)
        self.a = self.b = None
        if lora:
            bound = 1 / math.sqrt(fused.shape[1])  # kaiming_uniform with a = sqrt(5), PEFT's start
            start = torch.empty(len(parts) * lora.rank, fused.shape[1], dtype=torch.float32).uniform_(-bound, bound)
            self.a = nn.Parameter(start.to(device))
            self.b = nn.ParameterList(
                torch.zeros(size, lora.rank, dtype=torch.float32, device=device) for size in self.sizes
            )

    def pieces(self) -> layers.Weights:
        """(W, A, scaled block-diagonal B) in the computing type."""
        if self.a is None or self.b is None:
            return self.weight.to(self.dtype), None, None
        b = torch.block_diag(*self.b) if len(self.b) > 1 else self.b[0]
        return self.weight, self.a.to(self.dtype), (b * self.scale).to(self.dtype)


def check_family(config: Any) -> None:
    """Raises BadData for a model whose arithmetic is not this file's."""
    rope = (config.rope_parameters or {}).get("rope_type") if config.model_type == "llama" else None
    if rope not in ROTARY or config.hidden_act != "silu" or config.attention_bias or config.mlp_bias:
        raise BadData(f"cannot tune a {config.model_type} of this kind: Llama models without biases only")


class TunedLlama(nn.Module):  # type: ignore[misc]
    """The weights of a Hugging Face Llama; all of them train when `lora` is None, else the adapter alone."""

    def __init__(self, model: Any, lora: Lora | None, computing: Computing) -> None:
        super().__init__()
        from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

        cfg, full = model.config, lora is None
        check_family(cfg)
        rotary = LlamaRotaryEmbedding(cfg)
        heads = (cfg.num_attention_heads, cfg.num_key_value_heads, cfg.head_dim)
        self.shape = Shape(cfg.num_hidden_layers, heads, cfg.rms_norm_eps, rotary.attention_scaling)
        self.speed = rotary.inv_freq.float().to(computing.device)
        self.computing, self.lora = computing, lora
        state = {name: value.detach() for name, value in model.model.state_dict().items()}

        def hold(value: Tensor) -> nn.Parameter:
            return nn.Parameter(
                value.to(computing.device, torch.float32 if full else computing.dtype), requires_grad=full
            )

        self.embed, self.final_norm = hold(state["embed_tokens.weight"]), hold(state["norm.weight"])
        self.own_head = None if cfg.tie_word_embeddings else hold(model.lm_head.weight.detach())
        self.norms = nn.ParameterList()
        self.groups = nn.ModuleList()
        for i in range(self.shape.layers):
            self.norms.extend(
                hold(state[f"layers.{i}.{n}.weight"]) for n in ("input_layernorm", "post_attention_layernorm")
            )
            self.groups.extend(
                Group([state[f"layers.{i}.{n}.weight"] for n in names], lora, computing) for _, names in GROUPS
            )
        wrap: Callable[[Any], Any] = torch.compile(dynamic=True) if computing.compiled else (lambda f: f)
        self._split, self._add_norm, self._gate, self._soft = (
            wrap(f) for f in (layers.split_heads, layers.add_norm, layers.gate, layers.soft)
        )

    def _turn(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """cos and sin, (T, 1, D)."""
        angle = positions.float()[:, None, None] * self.speed
        both, scale = torch.cat((angle, angle), -1), self.shape.turn_scale
        return (both.cos() * scale).to(self.computing.dtype), (both.sin() * scale).to(self.computing.dtype)

    def _layer(self, i: int, x: Tensor, read: Tensor, turn: tuple[Tensor, Tensor], sizes: Any) -> tuple[Tensor, Tensor]:
        """The residual stream after layer i, and its norm for the next one."""
        qkv, out, gate_up, down = (cast(Group, group).pieces() for group in self.groups[4 * i : 4 * i + 4])
        mid, last = (
            norm.to(self.computing.dtype) for norm in (self.norms[2 * i + 1], [*self.norms, self.final_norm][2 * i + 2])
        )
        q, k, v = self._split(layers.project(read, qkv), turn, self.shape.heads)
        mixed = layers.attend(q, k, v, sizes)
        x, read = self._add_norm(x, layers.project(mixed, out), mid, self.shape.eps)
        done = layers.project(self._gate(layers.project(read, gate_up)), down)
        x, read = self._add_norm(x, done, last, self.shape.eps)
        return x, read

    def _hidden(self, batch: Batch) -> Tensor:
        """(K, D): what the head reads, of the tokens that count."""
        x = F.embedding(batch.ids, self.embed).to(self.computing.dtype)
        turn = self._turn(batch.positions)
        read = layers.norm(x, self.norms[0].to(self.computing.dtype), self.shape.eps)
        again = self.computing.recompute and torch.is_grad_enabled()
        for i in range(self.shape.layers):
            if again:
                x, read = checkpoint(self._layer, i, x, read, turn, batch.sizes, use_reentrant=False)
            else:
                x, read = self._layer(i, x, read, turn, batch.sizes)
        return read.index_select(0, batch.at)

    def _head(self) -> Tensor:
        return (self.embed if self.own_head is None else self.own_head).to(self.computing.dtype)

    def forward(self, batch: Batch) -> Tensor:
        """Log-probability of each counted token, (K,) in fp32."""
        batch = on_device(batch, self.computing.device)
        return layers.log_probs(self._hidden(batch), self._head(), batch.labels, self._soft)

    def judge(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The same without gradients, and whether the model would have said the token itself, (K,); both on the CPU."""
        batch = on_device(batch, self.computing.device)
        with torch.no_grad():
            logp, hits = layers.judge(self._hidden(batch), self._head(), batch.labels)
        return logp.cpu(), hits.cpu()

    def trained(self) -> list[nn.Parameter]:
        """The parameters that learn."""
        return [p for p in self.parameters() if p.requires_grad]

    def projections(self) -> Iterator[tuple[str, Group, int]]:
        """(Hugging Face name, its group, its place in it) of every linear layer."""
        for index, group in enumerate(self.groups):
            for place, name in enumerate(GROUPS[index % 4][1]):
                yield f"model.layers.{index // 4}.{name}", cast(Group, group), place

    def _adapter_parts(self) -> Iterator[tuple[str, Tensor]]:
        """(PEFT's name, the part of a trained tensor that has it)."""
        for name, group, place in self.projections():
            if group.a is None or group.b is None:
                raise ValueError("full fine-tuning has no adapter")
            yield f"base_model.model.{name}.lora_A.weight", group.a.detach().chunk(len(group.sizes))[place]
            yield f"base_model.model.{name}.lora_B.weight", group.b[place].detach()

    def adapter_state(self) -> dict[str, Tensor]:
        """The adapter under PEFT's names, fp32, on the CPU."""
        return {name: part.cpu().clone() for name, part in self._adapter_parts()}

    def load_adapter(self, state: Mapping[str, Tensor]) -> None:
        """Start from an adapter under PEFT's names. Raises BadData when a tensor is missing or of another size."""
        parts = dict(self._adapter_parts())
        if odd := sorted(parts.keys() ^ state.keys()):
            raise BadData(f"the adapter is of another base: {odd[0]} and {len(odd) - 1} other tensors don't match")
        for name, part in parts.items():
            if part.shape != state[name].shape:
                raise BadData(f"the adapter's {name} is {tuple(state[name].shape)}, this run needs {tuple(part.shape)}")
            part.copy_(state[name])

    def model_state(self) -> dict[str, Tensor]:
        """All weights under Hugging Face's names (no tied head), fp32; of use after full fine-tuning."""
        state = {f"{n}.weight": g.weight.detach().split(g.sizes)[i].clone() for n, g, i in self.projections()}
        for i in range(self.shape.layers):
            state[f"model.layers.{i}.input_layernorm.weight"] = self.norms[2 * i].detach().clone()
            state[f"model.layers.{i}.post_attention_layernorm.weight"] = self.norms[2 * i + 1].detach().clone()
        head = {} if self.own_head is None else {"lm_head.weight": self.own_head.detach()}
        state |= head | {
            "model.embed_tokens.weight": self.embed.detach(),
            "model.norm.weight": self.final_norm.detach(),
        }
        return {name: value.cpu() for name, value in state.items()}


def on_device(batch: Batch, device: str) -> Batch:
    """The batch's tensors there."""
    if device == "cpu":
        return batch
    ids, positions, at, labels = (
        x.to(device, non_blocking=True) for x in (batch.ids, batch.positions, batch.at, batch.labels)
    )
    return Batch(ids, positions, batch.sizes, at, labels, batch.row_of)
