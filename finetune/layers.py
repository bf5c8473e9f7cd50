"""The arithmetic of a Llama for training on short rows with few cores: functions of tensors with their own gradients.

The tokens of all rows lie in one flat axis T; after the last row come silent tokens that belong to none (packing.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F

WIDTH = 16  # row lengths are rounded up to it in a product: a new shape costs 2 ms of making its kernel
CHUNK = {"cpu": 128, "cuda": 2048}  # rows of logits at a time: 128 x 49,152 in bf16 is 12.6 MB and stays in the cache

Weights = tuple[Tensor, Tensor | None, Tensor | None]


def norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Root-mean-square norm in fp32 (Zhang and Sennrich 2019)."""
    wide = x.float()
    return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps)).to(x.dtype) * weight


def add_norm(x: Tensor, more: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """The residual sum, and its norm."""
    x = x + more
    return x, norm(x, weight, eps)


def gate(gate_up: Tensor) -> Tensor:
    """SiLU-gated half (Shazeer 2020)."""
    first, up = gate_up.chunk(2, -1)
    return F.silu(first) * up


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions on (T, H, D): halves, not pairs, as in Hugging Face's layout."""
    first, second = x.chunk(2, -1)
    return (x * cos + torch.cat((-second, first), -1) * sin).to(x.dtype)


def split_heads(qkv: Tensor, turn: tuple[Tensor, Tensor], heads: tuple[int, int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Turned, scaled queries (T, G, S, D), turned keys and values (T, G, D) of the fused product (T, (GS + 2G) D).

    `heads`: (GS, G, D). The S queries of a group share a key (Ainslie et al. 2023, arXiv:2305.13245).
    """
    count, groups, size = heads
    q, k, v = qkv.view(qkv.shape[0], -1, size).split([count, groups, groups], 1)
    q = rotate(q, *turn) * size**-0.5
    return q.unflatten(1, (groups, -1)), rotate(k, *turn), v.contiguous()


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


def project(x: Tensor, weights: Weights) -> Tensor:
    """One fused linear layer with its LoRA (Hu et al. 2021, arXiv:2106.09685)."""
    return cast(Tensor, _Project.apply(x, *weights))


class _AttendRows(torch.autograd.Function):  # type: ignore[misc]
    """Causal attention inside each row, row by row: the fastest on a CPU, with neither a mask over T nor real padding.

    A row's slice reaches up to WIDTH - 1 tokens into its neighbour, so that few shapes occur. That is harmless: the
    keys there lie in the future of every query that counts, and the weights of the queries there are set to zero. The
    S queries that share a key stand under one another, so keys are never copied.
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, sizes: tuple[int, ...]) -> Tensor:
        spans = _spans(sizes, len(q))
        widest = max(wide for _, _, wide in spans)
        future = torch.full((widest, widest), -torch.inf, dtype=q.dtype).triu_(1)[:, None]
        mixed, weights = _silent_after(q, sum(sizes)), []
        for start, size, wide in spans:
            qr, kr, vr = (x[start : start + wide] for x in (q, k, v))
            groups, share = qr.shape[1:3]
            scores = _stack(qr) @ kr.permute(1, 2, 0)
            by_query = scores.view(groups, wide, share, wide).add_(future[:wide, :, :wide])
            weight = torch.softmax(by_query, -1)
            weight[:, size:].zero_()
            weights.append(weight.view(groups, wide * share, wide))
            out = (weights[-1] @ vr.transpose(0, 1)).view(groups, wide, share, -1)
            mixed[start : start + size].copy_(out[:, :size].transpose(0, 1))
        ctx.save_for_backward(q, k, v, *weights)
        ctx.sizes = sizes
        return mixed.flatten(1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        q, k, v, *weights = ctx.saved_tensors
        slopes = grads[0].view(q.shape)
        dq, dk, dv = (_silent_after(x, sum(ctx.sizes)) for x in (q, k, v))
        for (start, size, wide), weight in zip(_spans(ctx.sizes, len(q)), weights, strict=True):
            qr, kr, vr, slope = (x[start : start + wide] for x in (q, k, v, slopes))
            row, back = slice(start, start + size), _stack(slope)
            dv[row].copy_((weight.transpose(1, 2) @ back).transpose(0, 1)[:size])
            scores = torch._softmax_backward_data(back @ vr.permute(1, 2, 0), weight, -1, weight.dtype)
            dq[row].copy_(
                (scores @ kr.transpose(0, 1)).view(len(weight), wide, q.shape[2], -1)[:, :size].transpose(0, 1)
            )
            dk[row].copy_((scores.transpose(1, 2) @ _stack(qr)).transpose(0, 1)[:size])
        return dq, dk, dv, None


def _spans(sizes: Sequence[int], tokens: int) -> list[tuple[int, int, int]]:
    """(start, size, width of its product) of each row."""
    spans, start = [], 0
    for size in sizes:
        spans.append((start, size, min(-(-size // WIDTH) * WIDTH, tokens - start)))
        start += size
    return spans


def _silent_after(like: Tensor, used: int) -> Tensor:
    """An unset tensor, zero from `used` on."""
    made = torch.empty_like(like)
    made[used:].zero_()
    return made


def _stack(x: Tensor) -> Tensor:
    """(L, G, S, D) -> (G, L*S, D)."""
    return x.transpose(0, 1).flatten(1, 2)


def _attend_padded(q: Tensor, k: Tensor, v: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """The same in one product over rows padded to the longest: few kernels, as a GPU wants it."""
    lengths = torch.tensor(sizes, device=q.device)
    column = torch.arange(max(sizes), device=q.device)
    real = column < lengths[:, None]
    at = torch.where(real, (lengths.cumsum(0) - lengths)[:, None] + column, 0)
    query, key, value = (x[at].transpose(1, 2) for x in (q.flatten(1, 2), k, v))
    out = F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=1.0, enable_gqa=True)
    mixed = out.transpose(1, 2)[real].flatten(1)
    return F.pad(mixed, (0, 0, 0, len(q) - len(mixed)))


def attend(q: Tensor, k: Tensor, v: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Causal attention inside each row. `q` (T, G, S, D) already scaled, `k` and `v` (T, G, D); gives (T, G*S*D)."""
    if q.device.type == "cpu":
        return cast(Tensor, _AttendRows.apply(q, k, v, sizes))
    return _attend_padded(q, k, v, sizes)


def soft(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probability (n,) of each label in fp32, and minus its slope over the (n, V) logits in their own type."""
    wide = logits.float()
    least = wide.logsumexp(-1, keepdim=True)
    own = torch.arange(wide.shape[1], device=wide.device) == labels[:, None]
    slope = ((wide - least).exp() - own.float()).to(logits.dtype)
    return (wide.gather(1, labels[:, None]) - least)[:, 0], slope


class _LogProbs(torch.autograd.Function):  # type: ignore[misc]
    """Log-probabilities of (K,) labels after (K, D) hidden states under the (V, D) head.

    The gradient of a hidden state is that of its own token alone, so it is made in the forward pass, chunk by chunk,
    and the (K, V) logits never exist as a whole. A head that trains itself makes them a second time.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, labels: Tensor, softly: Any) -> Tensor:
        chunk = CHUNK[hidden.device.type]
        found, slopes = [], []
        for h, want in zip(hidden.split(chunk), labels.split(chunk), strict=True):
            logp, slope = softly(h @ head.t(), want)
            found.append(logp)
            slopes.append(slope @ head)
        own_head = head.requires_grad
        ctx.save_for_backward(torch.cat(slopes), *((hidden, head, labels) if own_head else ()))
        ctx.softly, ctx.chunk = softly, chunk
        return torch.cat(found)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        slopes, *rest = ctx.saved_tensors
        weight = -grads[0][:, None]
        head_grad = None
        if rest:
            hidden, head, labels = rest
            head_grad = torch.zeros(head.shape, dtype=torch.float32, device=head.device)
            for h, want, g in zip(*(x.split(ctx.chunk) for x in (hidden, labels, weight)), strict=True):
                _, slope = ctx.softly(h @ head.t(), want)
                head_grad += slope.t() @ (h * g).to(h.dtype)
        return (slopes * weight).to(slopes.dtype), head_grad, None, None


def log_probs(hidden: Tensor, head: Tensor, labels: Tensor, softly: Any = soft) -> Tensor:
    """(K,) log-probabilities in fp32 of the labels; `softly` is `soft`, compiled or not."""
    return cast(Tensor, _LogProbs.apply(hidden, head, labels, softly))


def judge(hidden: Tensor, head: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Without gradients: the log-probabilities (K,), and whether each label is the likeliest token (K,)."""
    chunk = CHUNK[hidden.device.type]
    found, hits = [], []
    for h, want in zip(hidden.split(chunk), labels.split(chunk), strict=True):
        logits = (h @ head.t()).float()
        found.append((logits.gather(1, want[:, None]) - logits.logsumexp(-1, keepdim=True))[:, 0])
        hits.append(logits.argmax(-1) == want)
    return torch.cat(found), torch.cat(hits)
