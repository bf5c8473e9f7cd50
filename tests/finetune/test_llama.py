"""The network has the loss and gradients of transformers + PEFT, for both bases' kinds and both devices' paths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from tiny import (
    FP32,
    LARGE,
    PLAN,
    SMALL,
    VOCABULARY,
    peft_of,
    row_loss,
    shaken,
    some_rows,
    tiny_llama,
    tuned,
)

from domain.errors import BadData
from finetune import layers
from finetune.llama import Computing, Lora, TunedLlama
from finetune.packing import Row, collate

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
    pytest.mark.usefixtures("one_thread"),
]
BF16 = Computing(torch.bfloat16)


Slopes = dict[str, torch.Tensor]


def peft_s(state: Slopes, sizes: dict[str, Any], rows: list[Row]) -> tuple[float, Slopes]:
    """Summed loss and every adapter gradient by transformers + PEFT."""
    reference = peft_of(state, Lora(PLAN.rank, PLAN.alpha), sizes)
    expected = sum(row_loss(reference, row) for row in rows)
    expected.backward()
    return expected.item(), {n.replace(".default", ""): p.grad for n, p in reference.named_parameters() if "lora_" in n}


def assert_like_peft(
    make: Callable[[], TunedLlama], sizes: dict[str, Any], rows: list[Row], tolerances: tuple[float, float]
) -> None:
    """The same loss and gradients; one model in memory at a time."""
    expected, slopes = peft_s(make().adapter_state(), sizes, rows)
    net = make()
    loss = -net(collate(rows)).sum()
    loss.backward()
    assert loss.item() == pytest.approx(expected, rel=tolerances[0])
    for name, group, place in net.projections():
        mine = {"A": group.a.grad.chunk(len(group.sizes))[place], "B": group.b[place].grad}
        for letter, slope in mine.items():
            other = slopes[f"base_model.model.{name}.lora_{letter}.weight"]
            assert (slope - other).norm() <= tolerances[1] * other.norm(), (name, letter)


@pytest.mark.parametrize("sizes", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize(("computing", "tolerances"), [(FP32, (1e-5, 1e-4)), (BF16, (1e-2, 0.1))], ids=["fp32", "bf16"])
def test_loss_and_gradients_are_those_of_peft(
    sizes: dict[str, Any], computing: Computing, tolerances: tuple[float, float]
) -> None:
    assert_like_peft(
        lambda: shaken(tuned(PLAN, sizes, computing)), sizes, some_rows(60), tolerances
    )  # 180 counted tokens: two chunks of logits


@pytest.mark.parametrize("sizes", [SMALL, LARGE], ids=["small", "large"])
def test_layers_made_again_in_the_backward_pass_have_the_same_gradients(sizes: dict[str, Any]) -> None:
    assert_like_peft(
        lambda: shaken(tuned(PLAN, sizes, replace(FP32, recompute=True))), sizes, some_rows(), (1e-5, 1e-4)
    )


def test_without_its_scaling_the_rotation_would_be_seen() -> None:
    """So that the test above could fail: the same weights with plain positions have another loss."""
    plain = LARGE | {"rope_parameters": SMALL["rope_parameters"] | {"rope_theta": 500000.0}}
    losses = [-shaken(tuned(PLAN, sizes))(collate(some_rows())).sum().item() for sizes in (LARGE, plain)]
    assert abs(losses[0] - losses[1]) > 1e-3 * losses[0]


@pytest.mark.parametrize("sizes", [SMALL, LARGE], ids=["small", "large"])
def test_full_gradients_are_those_of_transformers(sizes: dict[str, Any]) -> None:
    rows, reference = some_rows(60), tiny_llama(sizes)
    expected = sum(row_loss(reference, row) for row in rows)
    expected.backward()
    net = TunedLlama(tiny_llama(sizes), None, FP32)
    (-net(collate(rows)).sum()).backward()
    layer = reference.model.layers[1]
    pairs = [
        (net.groups[6].weight.grad, torch.cat([layer.mlp.gate_proj.weight.grad, layer.mlp.up_proj.weight.grad])),
        (net.norms[2].grad, layer.input_layernorm.weight.grad),
        (net.embed.grad, reference.model.embed_tokens.weight.grad),
    ]
    if net.own_head is not None:
        pairs.append((net.own_head.grad, reference.lm_head.weight.grad))
    for mine, other in pairs:
        assert (mine - other).norm() <= 1e-4 * other.norm()


def test_a_token_s_own_weight_reaches_its_gradient() -> None:
    """Objectives weigh tokens unlike one another: the gradient is the sum of the tokens' own, each times its weight."""
    rows = some_rows(4)
    weights = torch.linspace(-1, 2, sum(row.counted for row in rows))
    together = shaken(tuned())
    (together(collate(rows)) * weights).sum().backward()
    apart = shaken(tuned())
    for i, weight in enumerate(weights):
        (apart(collate(rows))[i] * weight).backward()
    for one, other in zip(together.trained(), apart.trained(), strict=True):
        assert torch.allclose(one.grad, other.grad, rtol=1e-3, atol=1e-5)


def test_rows_padded_into_one_product_attend_as_rows_one_by_one() -> None:
    """The GPU's path, on the CPU: values and gradients."""
    sizes, dice = (5, 17, 1, 9), torch.Generator().manual_seed(3)
    shapes = ((64, 2, 3, 8), (64, 2, 8), (64, 2, 8))
    inputs = [torch.randn(shape, generator=dice).requires_grad_() for shape in shapes]
    again = [x.detach().clone().requires_grad_() for x in inputs]
    weight = torch.randn(64, 48, generator=dice)
    one, other = layers.attend(*inputs, sizes), layers._attend_padded(*again, sizes)
    assert torch.allclose(one, other, atol=1e-5)
    for out in (one, other):
        (out * weight).sum().backward()
    for x, y in zip(inputs, again, strict=True):
        assert torch.allclose(x.grad, y.grad, atol=1e-5)


@pytest.mark.slow  # the compiler takes its time
@pytest.mark.timeout(300)
def test_compiled_parts_find_the_same_log_probabilities() -> None:
    rows = some_rows(6)
    plain, compiled = (shaken(tuned(PLAN, SMALL, replace(FP32, compiled=c))) for c in (False, True))
    assert torch.allclose(plain(collate(rows)), compiled(collate(rows)), atol=1e-4)


def test_packed_rows_have_the_loss_of_the_rows_alone() -> None:
    rows, net = some_rows(), shaken(tuned())
    together = net.judge(collate(rows))[0].sum().item()
    alone = sum(net.judge(collate([row]))[0].sum().item() for row in rows)
    assert together == pytest.approx(alone, rel=1e-5)


def test_judged_tokens_have_the_log_probabilities_of_training() -> None:
    rows, net = some_rows(60), shaken(tuned())
    logp, hits = net.judge(collate(rows))
    assert torch.allclose(logp, net(collate(rows)), atol=1e-5)
    assert 0 < hits.sum() < len(hits)
    assert (logp[hits].exp() >= 1 / VOCABULARY).all()


@pytest.mark.parametrize("change", [{"attention_bias": True}, {"hidden_act": "gelu"}, {"mlp_bias": True}])
def test_a_base_with_other_arithmetic_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadData, match="without biases only"):
        TunedLlama(tiny_llama(SMALL | change), Lora(4, 8.0), FP32)


def test_an_adapter_of_other_sizes_is_refused() -> None:
    net = tuned()
    with pytest.raises(BadData, match=r"is \(4, 64\), this run needs \(4, 48\)"):
        net.load_adapter(tuned(PLAN, LARGE).adapter_state())
    short = dict(list(net.adapter_state().items())[:-2])
    with pytest.raises(BadData, match="another base"):
        net.load_adapter(short)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_layers_of_llama_31_8b_have_peft_s_loss_and_gradients() -> None:
    """The true widths: 4,096, 14,336, 32 query and 8 key heads, 128,256 tokens; about 9 GB of memory."""
    wide = LARGE | {
        "vocab_size": 128256,
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "initializer_range": 0.02,
        "rope_parameters": LARGE["rope_parameters"] | {"original_max_position_embeddings": 8192},
    }
    assert_like_peft(lambda: shaken(tuned(PLAN, wide), 0.02), wide, some_rows(6), (1e-4, 1e-3))
