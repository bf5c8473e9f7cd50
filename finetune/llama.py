"""A Llama for training on short rows with few cores: fused projections, LoRA beside them, no padding in a product.

The tokens of all rows lie in one flat axis T, and attention takes the rows one by one. Same arithmetic as transformers'
LlamaForCausalLM with a PEFT adapter (tests/finetune/test_training.py). LoRA: Hu et al. 2021, arXiv:2106.09685.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HEAD_CHUNK = 128  # rows of logits at a time: 128 x 49,152 in bf16 is 12.6 MB and stays in the cache

# One fused product each: (name, projections of the Hugging Face layer in the order of their rows).
GROUPS = (
    ("qkv", ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")),
    ("out", ("self_attn.o_proj",)),
    ("gate_up", ("mlp.gate_proj", "mlp.up_proj")),
    ("down", ("mlp.down_proj",)),
)
PROJECTIONS = tuple(name for _, names in GROUPS for name in names)


@dataclass(frozen=True)
class Lora:
    """Rank and alpha of the adapter; it adds alpha / rank * B A to every linear layer."""

    rank: int = 16
    alpha: float = 32.0


@dataclass(frozen=True)
class Batch:
    """Rows side by side. `ids`, `positions`: (T,). `sizes`: tokens of each row, summing to T. `at`: (K,) tokens whose
    successor counts, `labels`: (K,) those successors, `row_of`: (K,) their rows."""

    ids: Tensor
    positions: Tensor
    sizes: tuple[int, ...]
    at: Tensor
    labels: Tensor
    row_of: Tensor


class _Attend(torch.autograd.Function):  # type: ignore[misc]
    """Causal attention inside each row. `q` (T, G, S, D) already scaled, `k` and `v` (T, G, D); gives (T, G*S*D).

    Row by row is the fastest on a CPU: neither a mask over the whole axis nor padding to the longest row. The S queries
    that share a key (Ainslie et al. 2023, arXiv:2305.13245) stand under one another, so keys are never copied.
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, sizes: tuple[int, ...]) -> Tensor:
        longest = max(sizes)
        future = torch.full((longest, longest), -torch.inf, dtype=q.dtype).triu_(1)[:, None]
        mixed, weights = torch.empty_like(q), []
        for qr, kr, vr, out in zip(*(x.split(sizes) for x in (q, k, v, mixed)), strict=True):
            size, (groups, share, _) = len(qr), qr.shape[1:]
            scores = _stack(qr) @ kr.permute(1, 2, 0)
            scores.view(groups, size, share, size).add_(future[:size, :, :size])
            weights.append(torch.softmax(scores, -1))
            out.copy_((weights[-1] @ vr.transpose(0, 1)).view(groups, size, share, -1).transpose(0, 1))
        ctx.save_for_backward(q, k, v, *weights)
        ctx.sizes = sizes
        return mixed.flatten(1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        q, k, v, *weights = ctx.saved_tensors
        made = [torch.empty_like(x) for x in (q, k, v)]
        slopes = grads[0].view(q.shape)
        rows = zip(*(x.split(ctx.sizes) for x in (q, k, v, slopes, *made)), weights, strict=True)
        for qr, kr, vr, slope, dq, dk, dv, weight in rows:
            back = _stack(slope)
            dv.copy_((weight.transpose(1, 2) @ back).transpose(0, 1))
            scores = torch._softmax_backward_data(back @ vr.permute(1, 2, 0), weight, -1, weight.dtype)
            dq.copy_((scores @ kr.transpose(0, 1)).view(dq.shape[1], len(dq), dq.shape[2], -1).transpose(0, 1))
            dk.copy_((scores.transpose(1, 2) @ _stack(qr)).transpose(0, 1))
        return made[0], made[1], made[2], None


def _stack(x: Tensor) -> Tensor:
    """(L, G, S, D) -> (G, L*S, D)."""
    return x.transpose(0, 1).flatten(1, 2)


class _HeadLoss(torch.autograd.Function):  # type: ignore[misc]
    """Summed cross-entropy of (K, D) hidden states against (K,) labels under the (V, D) head, and the argmax hits (K,).

    The gradients are made in the forward pass, chunk by chunk, so the (K, V) logits never exist as a whole.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        total = torch.zeros((), dtype=torch.float32)
        hits, grads = [], []
        head_grad = torch.zeros(head.shape, dtype=torch.float32) if head.requires_grad else None
        for h, want in zip(hidden.split(HEAD_CHUNK), labels.split(HEAD_CHUNK), strict=True):
            logits = (h @ head.t()).float()
            hits.append(logits.argmax(-1) == want)
            logp = F.log_softmax(logits, -1)
            total -= logp.gather(1, want[:, None]).sum()
            if ctx.needs_input_grad[0]:
                slope = logp.exp_()
                slope[torch.arange(len(want)), want] -= 1.0
                low = slope.to(head.dtype)
                grads.append(low @ head)
                if head_grad is not None:
                    head_grad += low.t() @ h
        ctx.save_for_backward(torch.cat(grads) if grads else hidden.new_zeros(0), head_grad)
        found = torch.cat(hits)
        ctx.mark_non_differentiable(found)
        return total, found

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor | None, None]:
        hidden_grad, head_grad = ctx.saved_tensors
        return hidden_grad * grads[0].to(hidden_grad.dtype), None if head_grad is None else head_grad * grads[0], None


Weights = tuple[Tensor, Tensor | None, Tensor | None]


class _Project(torch.autograd.Function):  # type: ignore[misc]
    """x W^T + (x A^T) B^T for (T, in), with B already scaled; A and B may be None.

    The small products are added in place: autograd's own way makes a second (T, out) array and costs a quarter more.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, a: Tensor | None, b: Tensor | None) -> Tensor:
        y = x @ w.t()
        if a is None or b is None:
            ctx.save_for_backward(x, w, None, None, None)
            return y
        low = x @ a.t()
        ctx.save_for_backward(x, w, a, b, low)
        return y.addmm_(low, b.t())

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, w, a, b, low = ctx.saved_tensors
        slope = grads[0]
        back = slope @ w if ctx.needs_input_grad[0] else None
        if a is None:
            return back, slope.t() @ x if ctx.needs_input_grad[1] else None, None, None
        up = slope @ b
        if back is not None:
            back.addmm_(up, a)
        return back, None, up.t() @ x, slope.t() @ low


def _project(x: Tensor, weights: Weights) -> Tensor:
    """One fused linear layer."""
    return cast(Tensor, _Project.apply(x, *weights))


def _norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Root-mean-square norm in fp32 (Zhang and Sennrich 2019)."""
    wide = x.float()
    return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps)).to(x.dtype) * weight


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions on (T, H, D): halves, not pairs, as in Hugging Face's layout."""
    first, second = x.chunk(2, -1)
    return (x * cos + torch.cat((-second, first), -1) * sin).to(x.dtype)


def _split(qkv: Tensor, turn: tuple[Tensor, Tensor], shape: Shape) -> tuple[Tensor, Tensor, Tensor]:
    """Turned, scaled queries (T, G, S, D), turned keys and values (T, G, D) of the fused product (T, (GS + 2G) D)."""
    heads = qkv.view(qkv.shape[0], -1, shape.head_dim)
    q, k, v = heads.split([shape.heads, shape.groups, shape.groups], 1)
    q = _rotate(q, *turn) * shape.head_dim**-0.5
    return q.unflatten(1, (shape.groups, -1)), _rotate(k, *turn), v.contiguous()


def _add_norm(x: Tensor, more: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """The residual sum, and its norm."""
    x = x + more
    return x, _norm(x, weight, eps)


def _gate(gate_up: Tensor) -> Tensor:
    """SiLU-gated half (Shazeer 2020)."""
    gate, up = gate_up.chunk(2, -1)
    return F.silu(gate) * up


@dataclass(frozen=True)
class Shape:
    """Sizes of the model."""

    layers: int
    hidden: int
    heads: int
    groups: int
    head_dim: int
    eps: float
    theta: float


class Group(nn.Module):  # type: ignore[misc]
    """Projections that read the same input, as one product, with their LoRA matrices in fp32."""

    def __init__(self, parts: list[Tensor], lora: Lora | None, dtype: torch.dtype) -> None:
        super().__init__()
        fused = torch.cat(parts)
        self.sizes = [len(part) for part in parts]
        self.dtype, self.scale = dtype, lora.alpha / lora.rank if lora else 0.0
        self.weight = nn.Parameter(fused.to(dtype) if lora else fused.float(), requires_grad=lora is None)
        self.a = self.b = None
        if lora:
            bound = 1 / math.sqrt(fused.shape[1])  # kaiming_uniform with a = sqrt(5), PEFT's start
            self.a = nn.Parameter(torch.empty(len(parts) * lora.rank, fused.shape[1]).uniform_(-bound, bound))
            self.b = nn.ParameterList(torch.zeros(size, lora.rank) for size in self.sizes)

    def pieces(self) -> Weights:
        """(W, A, scaled block-diagonal B) in the computing type."""
        if self.a is None or self.b is None:
            return self.weight.to(self.dtype), None, None
        b = torch.block_diag(*self.b) if len(self.b) > 1 else self.b[0]
        return self.weight, self.a.to(self.dtype), (b * self.scale).to(self.dtype)


class TunedLlama(nn.Module):  # type: ignore[misc]
    """`weights` of a Hugging Face Llama with tied embeddings; all of them train when `lora` is None."""

    def __init__(self, model: Any, lora: Lora | None, dtype: torch.dtype, compiled: bool = False) -> None:
        super().__init__()
        cfg, full = model.config, lora is None
        if not cfg.tie_word_embeddings:
            raise ValueError("TunedLlama expects tied embeddings")
        self.shape = Shape(
            cfg.num_hidden_layers,
            cfg.hidden_size,
            cfg.num_attention_heads,
            cfg.num_key_value_heads,
            cfg.head_dim,
            cfg.rms_norm_eps,
            cfg.rope_parameters["rope_theta"],
        )
        self.dtype, self.lora = dtype, lora
        state = {name: value.detach() for name, value in model.model.state_dict().items()}

        def hold(value: Tensor) -> nn.Parameter:
            return nn.Parameter(value.float() if full else value.to(dtype), requires_grad=full)

        self.embed, self.final_norm = hold(state["embed_tokens.weight"]), hold(state["norm.weight"])
        self.norms = nn.ParameterList()
        self.groups = nn.ModuleList()
        for i in range(self.shape.layers):
            self.norms.extend(
                hold(state[f"layers.{i}.{n}.weight"]) for n in ("input_layernorm", "post_attention_layernorm")
            )
            self.groups.extend(
                Group([state[f"layers.{i}.{n}.weight"] for n in names], lora, dtype) for _, names in GROUPS
            )
        wrap: Callable[[Any], Any] = torch.compile(dynamic=True) if compiled else (lambda f: f)
        self._split, self._add_norm, self._gate = wrap(_split), wrap(_add_norm), wrap(_gate)

    def _turn(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """cos and sin, (T, 1, D)."""
        dim = self.shape.head_dim
        speed = 1.0 / self.shape.theta ** (torch.arange(0, dim, 2).float() / dim)
        angle = positions.float()[:, None, None] * speed
        both = torch.cat((angle, angle), -1)
        return both.cos().to(self.dtype), both.sin().to(self.dtype)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Summed loss over the counted tokens, and which of them the model would have said itself, (K,)."""
        dtype = self.dtype
        x = F.embedding(batch.ids, self.embed).to(dtype)
        turn = self._turn(batch.positions)
        read = _norm(x, self.norms[0].to(dtype), self.shape.eps)
        after = [norm.to(dtype) for norm in (*self.norms, self.final_norm)]
        for i in range(self.shape.layers):
            qkv, out, gate_up, down = (cast(Group, group).pieces() for group in self.groups[4 * i : 4 * i + 4])
            q, k, v = self._split(_project(read, qkv), turn, self.shape)
            mixed = cast(Tensor, _Attend.apply(q, k, v, batch.sizes))
            x, read = self._add_norm(x, _project(mixed, out), after[2 * i + 1], self.shape.eps)
            done = _project(self._gate(_project(read, gate_up)), down)
            x, read = self._add_norm(x, done, after[2 * i + 2], self.shape.eps)
        x = read.index_select(0, batch.at)
        loss, hits = cast(tuple[Tensor, Tensor], _HeadLoss.apply(x, self.embed.to(dtype), batch.labels))
        return loss, hits

    def trained(self) -> list[nn.Parameter]:
        """The parameters that learn."""
        return [p for p in self.parameters() if p.requires_grad]

    def projections(self) -> Iterator[tuple[str, Group, int]]:
        """(Hugging Face name, its group, its place in it) of every linear layer."""
        for index, group in enumerate(self.groups):
            for place, name in enumerate(GROUPS[index % 4][1]):
                yield f"model.layers.{index // 4}.{name}", cast(Group, group), place

    def adapter_state(self) -> dict[str, Tensor]:
        """The adapter under PEFT's names, fp32."""
        state: dict[str, Tensor] = {}
        for name, group, place in self.projections():
            if group.a is None or group.b is None:
                raise ValueError("full fine-tuning has no adapter")
            state[f"base_model.model.{name}.lora_A.weight"] = group.a.detach().chunk(len(group.sizes))[place].clone()
            state[f"base_model.model.{name}.lora_B.weight"] = group.b[place].detach().clone()
        return state

    def model_state(self) -> dict[str, Tensor]:
        """All weights under Hugging Face's names (without the tied head), fp32; of use after full fine-tuning."""
        state = {f"{n}.weight": g.weight.detach().split(g.sizes)[i].clone() for n, g, i in self.projections()}
        for i in range(self.shape.layers):
            state[f"model.layers.{i}.input_layernorm.weight"] = self.norms[2 * i].detach().clone()
            state[f"model.layers.{i}.post_attention_layernorm.weight"] = self.norms[2 * i + 1].detach().clone()
        return state | {"model.embed_tokens.weight": self.embed.detach(), "model.norm.weight": self.final_norm.detach()}
