"""An exported adapter is what llama.cpp reads: names, order of rows, and the same next tokens as torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import BASE, FP32, PLAN, a_run, shaken

from domain.errors import BadData
from finetune.base import load_base, load_tokenizer, open_base
from finetune.export import Heads, export, gguf_tensors, interleave
from finetune.llama import Lora, TunedLlama
from finetune.training import save_weights

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
