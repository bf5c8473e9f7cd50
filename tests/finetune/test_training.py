"""Training a two-layer Llama: right arithmetic, exact resumption, and an adapter that PEFT and llama.cpp read alike."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from domain.errors import BadData
from finetune.export import Heads, export, gguf_tensors, interleave
from finetune.llama import Lora, TunedLlama
from finetune.packing import Row, collate, epoch_steps, read_rows
from finetune.sft import Plan, Run, load_checkpoint, probe_speed, save_weights, train, validate
from prompts.render import Setting, Turn, render

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
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
BASE = Path("tiny")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Two threads on a busy machine wait for each other longer than these products take."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tiny_llama() -> Any:
    """Two layers, three query heads on one key head, tied embeddings: the embedded model's family."""
    torch.manual_seed(5)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=48,
            intermediate_size=96,
            num_hidden_layers=2,
            num_attention_heads=3,
            num_key_value_heads=1,
            head_dim=16,
            tie_word_embeddings=True,
            rms_norm_eps=1e-5,
            initializer_range=0.2,
            rope_parameters={"rope_theta": 100000.0, "rope_type": "default"},
        )
    )


def some_rows(count: int = 24, seed: int = 1) -> list[Row]:
    """Rows of 6 to 20 random tokens whose completion repeats the prompt's last ones: learnable."""
    rng = random.Random(seed)
    rows = []
    for _ in range(count):
        prompt = [rng.randrange(3, VOCABULARY) for _ in range(rng.randint(4, 16))]
        rows.append(Row((*prompt, *prompt[-2:], 2), len(prompt)))
    return rows


def tuned(plan: Plan = PLAN) -> TunedLlama:
    torch.manual_seed(plan.seed)
    return TunedLlama(tiny_llama(), None if plan.full else Lora(plan.rank, plan.alpha), getattr(torch, plan.dtype))


def shaken(net: TunedLlama, size: float = 0.1) -> TunedLlama:
    """The same with random adapter weights, so that B is not zero."""
    dice = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for parameter in net.trained():
            parameter.copy_(torch.randn(parameter.shape, generator=dice) * size)
    return net


def a_run(out: Path, plan: Plan = PLAN, total: int = 12) -> Run:
    net = tuned(plan)
    optimiser = torch.optim.AdamW(net.trained(), plan.lr, weight_decay=0.0, fused=True)
    return Run(plan, net, optimiser, some_rows(), some_rows(8, seed=2), out, total)


def row_loss(model: Any, row: Row) -> torch.Tensor:
    """Summed loss of one row by transformers' own code."""
    ids = torch.tensor([row.ids])
    labels = ids.clone()
    labels[:, : row.quiet] = -100
    loss: torch.Tensor = model(ids, labels=labels).loss * (len(row.ids) - row.quiet)
    return loss


def with_peft(net: TunedLlama) -> Any:
    """transformers + PEFT holding the adapter of `net`."""
    from peft import LoraConfig, get_peft_model

    assert net.lora is not None
    model = get_peft_model(
        tiny_llama(),
        LoraConfig(
            r=net.lora.rank,
            lora_alpha=net.lora.alpha,
            lora_dropout=0.0,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
    )
    state = net.adapter_state()
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data.copy_(state.pop(name.replace(".default", "")))
    assert not state
    return model


@pytest.mark.parametrize(
    ("dtype", "loss_tolerance", "slope_tolerance"), [("float32", 1e-5, 1e-4), ("bfloat16", 1e-2, 0.1)]
)
def test_loss_and_gradients_are_those_of_peft(dtype: str, loss_tolerance: float, slope_tolerance: float) -> None:
    rows, net = some_rows(), shaken(TunedLlama(tiny_llama(), Lora(4, 8.0), getattr(torch, dtype)))
    reference = with_peft(net)
    expected = sum(row_loss(reference, row) for row in rows)
    expected.backward()
    loss, _ = net(collate(rows))
    loss.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=loss_tolerance)
    slopes = {n.replace(".default", ""): p.grad for n, p in reference.named_parameters() if "lora_" in n}
    for name, group, place in net.projections():
        mine = {"A": group.a.grad.chunk(len(group.sizes))[place], "B": group.b[place].grad}
        for letter, slope in mine.items():
            other = slopes[f"base_model.model.{name}.lora_{letter}.weight"]
            assert (slope - other).norm() <= slope_tolerance * other.norm(), (name, letter)


def test_full_gradients_are_those_of_transformers() -> None:
    rows, reference = some_rows(), tiny_llama()
    expected = sum(row_loss(reference, row) for row in rows)
    expected.backward()
    net = TunedLlama(tiny_llama(), None, torch.float32)
    loss, _ = net(collate(rows))
    loss.backward()
    layer = reference.model.layers[1]
    pairs = [
        (net.groups[6].weight.grad, torch.cat([layer.mlp.gate_proj.weight.grad, layer.mlp.up_proj.weight.grad])),
        (net.norms[2].grad, layer.input_layernorm.weight.grad),
        (net.embed.grad, reference.model.embed_tokens.weight.grad),
    ]
    for mine, other in pairs:
        assert (mine - other).norm() <= 1e-4 * other.norm()


def test_packed_rows_have_the_loss_of_the_rows_alone() -> None:
    rows, net = some_rows(), shaken(tuned())
    with torch.no_grad():
        together = net(collate(rows))[0].item()
        alone = sum(net(collate([row]))[0].item() for row in rows)
    assert together == pytest.approx(alone, rel=1e-5)


def test_only_the_completion_counts() -> None:
    row = Row((5, 6, 7, 8, 9, 2), 4)
    batch = collate([Row((3, 4), 1), row])
    assert batch.at.tolist() == [0, 5, 6]
    assert batch.labels.tolist() == [4, 9, 2]
    assert batch.positions.tolist() == [0, 1, 0, 1, 2, 3, 4, 5]


def test_an_epoch_has_every_row_once_in_an_order_of_its_own() -> None:
    rows = some_rows()
    first, again, second = (epoch_steps(rows, 120, 60, f"3/{epoch}") for epoch in (0, 0, 1))
    flat = [row for step in first for packed in step for row in packed]
    assert sorted(r.ids for r in flat) == sorted(r.ids for r in rows)
    assert first == again
    assert first != second
    assert all(sum(len(row.ids) for row in packed) <= 60 for step in first for packed in step)


def test_training_learns_its_rows(tmp_path: Path) -> None:
    run = a_run(tmp_path, total=60)
    run.val = run.rows[:8]
    before, _ = validate(run.net, run.val, 60)
    train(run, BASE, save_every_s=1e9, val_every=20)
    after, _ = validate(run.net, run.val, 60)
    assert after < 0.5 * before
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "val_loss" in line] == [20, 40, 60]
    assert len([line for line in lines if "tokens_s" in line]) == 60


def test_val_exact_is_the_share_of_rows_that_greedy_decoding_says() -> None:
    net, rows = shaken(tuned()), some_rows(12)
    with torch.no_grad():
        said = [net(collate([row]))[1].tolist() for row in rows]
    assert not all(hit for hits in said for hit in hits)
    lucky = []  # rows whose completion is what the network says
    for row in rows[:5]:
        ids = list(row.ids[: row.quiet])
        for _ in range(3):
            said_next = net(collate([Row((*ids, i), len(ids)) for i in range(VOCABULARY)]))[1]
            ids.append(int(said_next.nonzero().item()))
        lucky.append(Row(tuple(ids), row.quiet))
    wrong = [row for row, hits in zip(rows, said, strict=True) if not all(hits)][:5]
    assert validate(net, lucky + wrong, 60)[1] == pytest.approx(5 / (5 + len(wrong)))


class PowerCut(torch.optim.AdamW):
    """An optimiser that fails for good after so many steps."""

    steps_left = 5

    def step(self, closure: Any = None) -> Any:
        if not self.steps_left:
            raise KeyboardInterrupt
        self.steps_left -= 1
        return super().step(closure)


@pytest.mark.parametrize("full", [False, True])
def test_a_killed_run_resumed_ends_bit_for_bit_like_an_undisturbed_one(tmp_path: Path, full: bool) -> None:
    plan = Plan(**{**PLAN.__dict__, "full": full, "lr": 1e-3})
    runs = [a_run(tmp_path / name, plan) for name in ("whole", "cut", "cut")]
    for run in runs[:2]:
        run.out.mkdir()
    train(runs[0], BASE, save_every_s=1e9, val_every=1000)
    runs[1].optimiser = PowerCut(runs[1].net.trained(), plan.lr, weight_decay=0.0, fused=True)
    with pytest.raises(KeyboardInterrupt):
        train(runs[1], BASE, save_every_s=0, val_every=1000)
    runs[2].total = 0
    load_checkpoint(runs[2])
    assert (runs[2].step, runs[2].total) == (5, 12)
    train(runs[2], BASE, save_every_s=1e9, val_every=1000)
    for one, other in zip(runs[0].net.trained(), runs[2].net.trained(), strict=True):
        assert torch.equal(one, other)


def test_a_run_is_not_resumed_with_other_flags(tmp_path: Path) -> None:
    train(a_run(tmp_path, total=1), BASE, save_every_s=1e9, val_every=1000)
    other = a_run(tmp_path, Plan(**{**PLAN.__dict__, "lr": 1e-3}))
    with pytest.raises(BadData, match="other flags or rows"):
        load_checkpoint(other)
    with pytest.raises(BadData, match="nothing to resume"):
        load_checkpoint(a_run(tmp_path / "elsewhere"))


def test_a_run_asked_to_stop_saves_and_can_go_on(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    run.stop = True
    train(run, BASE, save_every_s=1e9, val_every=1000)
    again = a_run(tmp_path)
    load_checkpoint(again)
    assert again.step == 0
    assert again.total == 12


def test_the_speed_probe_leaves_the_weights_alone(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    before = [p.detach().clone() for p in run.net.trained()]
    assert probe_speed(run) > 0
    assert all(torch.equal(a, b) for a, b in zip(before, run.net.trained(), strict=True))


def test_peft_loads_the_saved_adapter_and_finds_the_same_loss(tmp_path: Path) -> None:
    from peft import PeftModel

    run = a_run(tmp_path)
    shaken(run.net)
    save_weights(run, BASE)
    loaded = PeftModel.from_pretrained(tiny_llama(), tmp_path)
    rows = some_rows(6)
    with torch.no_grad():
        mine = run.net(collate(rows))[0].item()
        theirs = sum(row_loss(loaded, row).item() for row in rows)
    assert theirs == pytest.approx(mine, rel=2e-3)  # saved in fp16


def test_transformers_loads_a_fully_tuned_model_and_finds_the_same_loss(tmp_path: Path) -> None:
    base = tmp_path / "base"
    tiny_llama().save_pretrained(base)
    run = a_run(tmp_path, Plan(**{**PLAN.__dict__, "full": True, "lr": 1e-3}), total=3)
    train(run, base, save_every_s=1e9, val_every=1000)
    loaded = LlamaForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    rows = some_rows(6)
    with torch.no_grad():
        mine = run.net(collate(rows))[0].item()
        theirs = sum(row_loss(loaded, row).item() for row in rows)
    assert theirs == pytest.approx(mine, rel=1e-2)  # saved in bf16


class Letters:
    """A tokenizer of one token a character."""

    def encode(self, text: str, add_special_tokens: bool) -> list[int]:
        assert not add_special_tokens
        return [ord(letter) for letter in text]


def a_line(**changes: object) -> str:
    """A line as `finetune.rows` writes it, with `changes`."""
    row = {
        "kind": "single",
        "setting": {"city": "berkeley", "role": "manager", "tools": "", "today": ""},
        "turns": [{"question": "bins near Evans", "marks": [], "steps": []}],
        "call": '{"name":"find_bins","parameters":{"near":"Evans"}}',
    }
    return json.dumps(row | changes)


@pytest.mark.parametrize(("style", "end"), [("small", "<|im_end|>"), ("llama3", "<|eot_id|>")])
def test_a_row_is_the_served_prompt_and_the_call_with_the_end_token_of_its_style(
    tmp_path: Path, style: str, end: str
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(a_line() + "\n")
    (row,) = read_rows(file, Letters(), 2000, style)
    prompt = render(style, Setting("berkeley", "manager"), [Turn("bins near Evans")])
    assert "".join(map(chr, row.ids[: row.quiet])) == prompt
    assert "".join(map(chr, row.ids[row.quiet :])) == '{"name":"find_bins","parameters":{"near":"Evans"}}' + end


def test_an_unknown_style_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"no prompt style chatml; there are small, llama3"):
        read_rows(tmp_path / "rows.jsonl", Letters(), 2000, "chatml")


@pytest.mark.parametrize(
    "line",
    [
        '{"prompt": "a", "completion": "b"}',
        "[]",
        "{",
        a_line(call=1),
        a_line(setting={"town": "berkeley"}),
        a_line(turns=[{"question": "a"}]),
        a_line(turns=[{"question": 60 * "long ", "marks": [], "steps": []}]),
    ],
)
def test_a_bad_row_is_named_by_its_line(tmp_path: Path, line: str) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(a_line() + "\n" + line + "\n")
    with pytest.raises(BadData, match=r"rows\.jsonl:2"):
        read_rows(file, Letters(), 250)


# ---------------------------------------------------------------- export


def test_interleaved_rows_turn_in_pairs_as_halves_turn_apart() -> None:
    heads, size = 3, 16
    rng = np.random.default_rng(0)
    x, angle = rng.normal(size=(heads, size)), rng.normal(size=size // 2)
    first, second = x[:, : size // 2], x[:, size // 2 :]
    halves = np.concatenate(
        [first * np.cos(angle) - second * np.sin(angle), second * np.cos(angle) + first * np.sin(angle)], 1
    )
    even, odd = (interleave(x.reshape(-1, 1), heads).reshape(heads, -1, 2)[..., i] for i in (0, 1))
    pairs = np.stack([even * np.cos(angle) - odd * np.sin(angle), odd * np.cos(angle) + even * np.sin(angle)], -1)
    assert interleave(halves.reshape(-1, 1), heads).ravel() == pytest.approx(pairs.ravel())


def test_an_exported_adapter_has_llama_cpps_names_and_shapes(tmp_path: Path) -> None:
    import gguf

    run = a_run(tmp_path)
    shaken(run.net)
    save_weights(run, BASE)
    export(tmp_path, tmp_path / "a.gguf", Heads(3, 1), {"schema_hash": "s1", "base_digest": "b2", "data_digest": "d3"})
    file = gguf.GGUFReader(tmp_path / "a.gguf")
    said = {key: field.contents() for key, field in file.fields.items()}
    assert (said["general.architecture"], said["general.type"], said["adapter.type"]) == ("llama", "adapter", "lora")
    assert said["adapter.lora.alpha"] == 8.0
    assert [said[f"roundsman.{k}"] for k in ("schema_hash", "base_digest", "data_digest")] == ["s1", "b2", "d3"]
    tensors = {t.name: t.data for t in file.tensors}
    assert len(tensors) == 2 * 7 * 2
    state = run.net.adapter_state()
    down = state["base_model.model.model.layers.1.mlp.down_proj.lora_B.weight"].half().numpy()
    assert np.array_equal(tensors["blk.1.ffn_down.weight.lora_b"], down)
    query = state["base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight"].half().numpy()
    assert np.array_equal(tensors["blk.0.attn_q.weight.lora_b"], interleave(query, 3))
    assert tensors["blk.0.attn_q.weight.lora_a"].shape == (4, 48)
    assert tensors["blk.0.attn_q.weight.lora_b"].dtype == np.float16


def test_a_matrix_without_a_place_in_llama_cpp_is_refused() -> None:
    with pytest.raises(BadData, match="lm_head"):
        list(gguf_tensors({"base_model.model.lm_head.lora_A.weight": np.zeros((4, 48))}, Heads(3, 1)))


def llama_cpp_logprobs(adapter: Path, prompt: str) -> dict[int, float]:
    """Token id -> log-probability of llama.cpp's 20 best next tokens for the packaged base with `adapter`."""
    import xllamacpp

    from finetune.base import gguf_file

    params = xllamacpp.CommonParams()
    params.model.path = str(gguf_file())
    params.n_ctx, params.n_parallel, params.cpuparams.n_threads, params.verbosity, params.port = 256, 1, 1, 0, 0
    params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0)]
    server = xllamacpp.Server(params)
    said = server.handle_completions({"prompt": prompt, "temperature": 0.0, "n_predict": 1, "logprobs": 20})
    (first,) = said["choices"][0]["logprobs"]["content"]
    return {top["id"]: top["logprob"] for top in first["top_logprobs"]}


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(300)
def test_llama_cpp_and_torch_agree_on_the_exported_adapter_and_not_on_unturned_heads(tmp_path: Path) -> None:
    """Strong random LoRA on the heads' projections, so that rows in the wrong order could not pass."""
    from finetune.base import load_base

    model, tokenizer = load_base(torch.float32, tmp_path)
    run = a_run(tmp_path, PLAN)
    run.net = TunedLlama(model, Lora(4, 8.0), torch.float32)
    with torch.no_grad():
        for name, group, place in run.net.projections():
            if name.endswith(("q_proj", "k_proj")) and ".0." not in name:
                group.b[place].normal_(0.0, 0.5, generator=torch.Generator().manual_seed(place))
    save_weights(run, BASE)
    export(tmp_path, tmp_path / "right.gguf", Heads(9, 3), {})
    export(tmp_path, tmp_path / "wrong.gguf", Heads(288, 96), {})  # heads of two rows: nothing moves
    prompt = "<|im_start|>user\nWhich bins near the harbour overflow tomorrow?<|im_end|>\n<|im_start|>assistant\n"
    ids = tokenizer.encode(prompt, add_special_tokens=False)
    from peft import PeftModel

    with torch.no_grad():
        logits = PeftModel.from_pretrained(model, tmp_path)(torch.tensor([ids])).logits[0, -1]
    logp = torch.log_softmax(logits, -1)
    apart = {
        name: np.mean(
            [abs(logp[i].item() - said) for i, said in llama_cpp_logprobs(tmp_path / f"{name}.gguf", prompt).items()]
        )
        for name in ("right", "wrong")
    }
    assert apart["right"] < 0.2
    assert apart["wrong"] > 5 * apart["right"]
