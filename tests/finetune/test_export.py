"""An exported adapter is what llama.cpp reads: names, order of rows, and the same next tokens as torch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from tiny import BASE, FP32, PLAN, a_run, shaken, tiny_llama

from domain.errors import BadData
from finetune.adapters import Described, Making, describe, read_adapter, write_adapter, write_making
from finetune.base import Base, load_base, load_tokenizer, open_base
from finetune.export import Heads, export, gguf_tensors, interleave, marks_of, read_heads, to_peft
from finetune.llama import Lora, TunedLlama
from finetune.merge import merge
from finetune.training import save_weights
from prompts.render import Setting, Step, Turn, render
from tools.registry import registry_version

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
    pytest.mark.usefixtures("one_thread"),
]


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


def a_base(folder: Path, digest: str = "b2") -> Base:
    """A folder with the tiny model's config."""
    tiny_llama().config.save_pretrained(folder / "base")
    return Base(folder / "base", digest)


def test_an_exported_adapter_comes_back_bit_for_bit(tmp_path: Path) -> None:
    run = a_run(tmp_path / "a")
    run.out.mkdir()
    shaken(run.net)
    save_weights(run, BASE)
    export(run.out, tmp_path / "a.gguf", Heads(3, 1), {"schema_hash": "s1", "base_digest": "b2", "data_digest": "d3"})
    to_peft(tmp_path / "a.gguf", tmp_path / "back", a_base(tmp_path))
    there, back = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("a", "back"))
    assert there.keys() == back.keys()
    assert all(np.array_equal(there[name], back[name]) for name in there)
    said = describe(tmp_path / "back")
    assert (said.rank, said.alpha) == (4, 8.0)
    assert said.making is not None
    assert (said.making.schema_hash, said.making.data_digest) == ("s1", "d3")


def test_a_file_of_another_base_does_not_come_back_and_both_digests_are_said(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    save_weights(run, BASE)
    export(tmp_path, tmp_path / "a.gguf", Heads(3, 1), {"base_digest": "f00d"})
    with pytest.raises(BadData, match="base_digest is f00d, given is b2"):
        to_peft(tmp_path / "a.gguf", tmp_path / "back", a_base(tmp_path))


def test_a_file_that_is_no_adapter_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"no such thing")
    with pytest.raises(BadData, match=r"a\.gguf: not a GGUF adapter"):
        to_peft(tmp_path / "a.gguf", tmp_path / "back", a_base(tmp_path))


def test_the_small_form_is_half_as_large_and_within_a_hundredth(tmp_path: Path) -> None:
    import gguf

    plan = replace(PLAN, rank=32)
    run = a_run(tmp_path, plan)
    shaken(run.net)
    state = {name: value for name, value in run.net.adapter_state().items() if "q_proj" in name or "k_proj" in name}
    state = {name: value.repeat(1, 2) if value.shape[1] == 48 else value for name, value in state.items()}
    write_adapter(tmp_path, state, 64.0, "tiny")  # rows of 96 and 32 numbers: whole blocks
    for name, small in (("half", False), ("small", True)):
        export(tmp_path, tmp_path / f"{name}.gguf", Heads(3, 1), {}, small)
    half, small = ({t.name: t for t in gguf.GGUFReader(tmp_path / f"{n}.gguf").tensors} for n in ("half", "small"))
    for name, tensor in small.items():
        again = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        assert tensor.tensor_type == gguf.GGMLQuantizationType.Q8_0
        assert np.abs(again - half[name].data).max() < 0.01 * np.abs(half[name].data).max()
        assert tensor.n_bytes < 0.54 * half[name].n_bytes


def test_the_small_form_of_another_rank_is_refused(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    save_weights(run, BASE)
    with pytest.raises(BadData, match="multiple of 32, this adapter has 4"):
        export(tmp_path, tmp_path / "a.gguf", Heads(3, 1), {}, small=True)


def test_marks_are_those_of_the_training_and_another_base_s_adapter_gets_none(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    save_weights(run, BASE)
    with pytest.raises(BadData, match="give the rows"):
        marks_of(tmp_path, None, a_base(tmp_path))
    write_making(tmp_path, Making("sft", "tiny", "b2", "d3", "s1", "small-2", 24, {}))
    marks = marks_of(tmp_path, None, a_base(tmp_path))
    assert marks == {"schema_hash": "s1", "base_digest": "b2", "data_digest": "d3", "prompt_hash": "small-2"}
    assert marks_of(tmp_path, None, a_base(tmp_path), retool=True)["schema_hash"] == registry_version()
    with pytest.raises(BadData, match="adapter of another base"):
        marks_of(tmp_path, None, a_base(tmp_path, "b9"))


def llama_cpp(adapter: Path) -> Any:
    """The packaged base with `adapter`."""
    import xllamacpp

    from finetune.base import gguf_file

    params = xllamacpp.CommonParams()
    params.model.path = str(gguf_file())
    params.n_ctx, params.n_parallel, params.cpuparams.n_threads, params.verbosity, params.port = 256, 1, 1, 0, 0
    params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0)]
    return xllamacpp.Server(params)


def llama_cpp_logprobs(adapter: Path, prompt: str) -> dict[int, float]:
    """Token id -> log-probability of llama.cpp's 20 best next tokens."""
    server = llama_cpp(adapter)
    said = server.handle_completions({"prompt": prompt, "temperature": 0.0, "n_predict": 1, "logprobs": 20})
    (first,) = said["choices"][0]["logprobs"]["content"]
    return {top["id"]: top["logprob"] for top in first["top_logprobs"]}


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(300)
def test_llama_cpp_and_torch_agree_on_the_exported_adapter_and_not_on_unturned_heads(tmp_path: Path) -> None:
    """Strong random LoRA on the heads' projections, so that rows in the wrong order could not pass."""
    base = open_base(None)
    model, tokenizer = load_base(base, torch.float32), load_tokenizer(base)
    run = a_run(tmp_path, PLAN)
    run.net = TunedLlama(model, Lora(4, 8.0), FP32)
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


NEAR = '{"name":"forecast_fill","parameters":{"near":"Sather Gate","by":"tomorrow"}}'
THREADS = [
    [
        Turn(
            "Which bins near Sather Gate will overflow by tomorrow noon?",
            (),
            ("[site Sather Gate]", "[time tomorrow noon]"),
        )
    ],
    [
        Turn("Which bins near Sather Gate will overflow tomorrow?", (Step(NEAR),)),
        Turn("only compost", (), ("[stream compost]",)),
    ],
    [Turn("Plan tonight's round for two trucks.", (), ("[time tonight]",))],
    [Turn("who won the match yesterday?", (), ("[time yesterday]",))],
]


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(600)
def test_the_shipped_adapter_says_the_same_through_every_door(tmp_path: Path) -> None:
    """Greedy: llama.cpp with the shipped file, llama.cpp with its small form (of rank 32), and the merged folder in
    torch. The file comes back as PEFT and goes out again byte for byte."""
    from transformers import LlamaForCausalLM

    base, shipped = open_base(None), Path("finetune/adapter/roundsman-small.gguf")
    to_peft(shipped, tmp_path / "peft", base)
    marks = {k: v for k, v in marks_of(tmp_path / "peft", None, base).items() if v}
    heads = read_heads(base.folder)
    export(tmp_path / "peft", tmp_path / "again.gguf", heads, marks)
    import gguf

    first, again = (
        {t.name: t.data for t in gguf.GGUFReader(file).tensors} for file in (shipped, tmp_path / "again.gguf")
    )
    assert first.keys() == again.keys()
    assert all(np.array_equal(first[name], again[name]) for name in first)
    widen(describe(tmp_path / "peft"), tmp_path / "wide", 32)
    export(tmp_path / "wide", tmp_path / "small.gguf", heads, marks, small=True)
    merge(describe(tmp_path / "peft"), base, tmp_path / "merged")
    model, tokenizer = LlamaForCausalLM.from_pretrained(tmp_path / "merged", dtype=torch.float32), load_tokenizer(base)
    servers = [llama_cpp(shipped), llama_cpp(tmp_path / "small.gguf")]
    for turns in THREADS:
        prompt = render("small", Setting("berkeley", "manager"), turns)
        ids = torch.tensor([tokenizer.encode(prompt, add_special_tokens=False)])
        out = model.generate(ids, do_sample=False, max_new_tokens=40, pad_token_id=2)[0, ids.shape[1] :]
        torch_says = tokenizer.decode(out, skip_special_tokens=True).strip()
        asked = {"prompt": prompt, "temperature": 0.0, "n_predict": 40, "max_tokens": 40, "stop": ["<|im_end|>"]}
        said = [server.handle_completions(asked)["choices"][0]["text"].strip() for server in servers]
        assert torch_says.startswith("{")
        assert said == [torch_says, torch_says]


def widen(adapter: Described, folder: Path, rank: int) -> None:
    """The same adapter with silent ranks added: zeros in A and B, and alpha in proportion."""
    state = {}
    for name, value in read_adapter(adapter).items():
        shape = (rank, value.shape[1]) if ".lora_A." in name else (len(value), rank)
        state[name] = torch.zeros(shape, dtype=value.dtype)
        state[name][: len(value), : value.shape[1]] = value
    folder.mkdir()
    write_adapter(folder, state, adapter.alpha * rank / adapter.rank, adapter.base)
