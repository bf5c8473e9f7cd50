"""A merged folder says what base and adapter say together, and another base's adapter is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tiny import BASE, LARGE, PLAN, SMALL, a_run, shaken, some_rows, tiny_llama, tuned
from transformers import LlamaForCausalLM

from domain.errors import BadData
from finetune.adapters import Making, describe, write_making
from finetune.base import Base, open_base
from finetune.merge import merge
from finetune.training import save_weights

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
    pytest.mark.usefixtures("one_thread"),
]


def an_adapter(folder: Path, sizes: dict[str, object], base: Base | None = None) -> Path:
    """A folder with a strong random adapter."""
    folder.mkdir()
    run = a_run(folder)
    run.net = shaken(tuned(PLAN, sizes))
    if base:
        run.making = Making("sft", base.name, base.digest, "d", "s", "small-2", 24, {})
    save_weights(run, BASE)
    return folder


def next_tokens(model: LlamaForCausalLM) -> torch.Tensor:
    """The likeliest token after each token of some rows: about 300."""
    with torch.no_grad():
        return torch.cat([model(torch.tensor([row.ids])).logits[0].argmax(-1) for row in some_rows()])


def test_a_merged_model_of_several_files_says_what_base_and_adapter_say(tmp_path: Path) -> None:
    from peft import PeftModel

    model = tiny_llama(LARGE)
    model.save_pretrained(tmp_path / "base", max_shard_size="100KB")
    base = open_base(tmp_path / "base")
    adapter = an_adapter(tmp_path / "a", LARGE, base)
    merge(describe(adapter), base, tmp_path / "merged")
    assert len(list((tmp_path / "merged").glob("model-*.safetensors"))) > 1
    merged = LlamaForCausalLM.from_pretrained(tmp_path / "merged", dtype=torch.float32)
    plain = next_tokens(model)
    theirs = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    for name, value in theirs.state_dict().items():  # bf16 keeps 8 bits
        assert torch.allclose(merged.state_dict()[name], value, rtol=2**-8, atol=1e-6), name
    said, expected = next_tokens(merged), next_tokens(theirs)
    assert (said == expected).float().mean() > 0.97
    assert (plain == expected).float().mean() < 0.5
    assert merged.config.rope_parameters["rope_type"] == "llama3"
    said = json.loads((tmp_path / "merged" / "config.json").read_text())
    assert said["dtype"] == "bfloat16"
    assert describe(adapter).making == Making(**json.loads((tmp_path / "merged" / "training.json").read_text()))


def test_an_adapter_of_another_base_is_refused_with_both_digests(tmp_path: Path) -> None:
    tiny_llama(LARGE).save_pretrained(tmp_path / "base")
    base = open_base(tmp_path / "base")
    adapter = an_adapter(tmp_path / "a", LARGE, Base(tmp_path / "other", "f00d" * 16))
    with pytest.raises(BadData, match=f"f00df00df00d .*given is {base.digest[:12]}"):
        merge(describe(adapter), base, tmp_path / "merged")


def test_an_adapter_that_does_not_say_its_base_is_refused_by_its_shapes(tmp_path: Path) -> None:
    tiny_llama(LARGE).save_pretrained(tmp_path / "base")
    with pytest.raises(BadData, match="another base"):
        merge(describe(an_adapter(tmp_path / "a", PLAN_SIZES)), open_base(tmp_path / "base"), tmp_path / "merged")


PLAN_SIZES = LARGE | {"hidden_size": 48, "intermediate_size": 96}


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    tiny_llama().save_pretrained(tmp_path / "base")
    adapter = an_adapter(tmp_path / "a", SMALL)
    with pytest.raises(BadData, match="not empty"):
        merge(describe(adapter), open_base(tmp_path / "base"), adapter)
    assert describe(adapter).rank == 4


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (None, "no readable config.json"),
        ({"model_type": "mistral"}, "unknown base, a mistral"),
        ({"model_type": "llama"}, "no model"),
    ],
)
def test_a_folder_that_is_no_llama_is_named(tmp_path: Path, config: dict[str, str] | None, said: str) -> None:
    if config is not None:
        (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(BadData, match=said):
        open_base(tmp_path)


def test_a_folder_without_an_adapter_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="no adapter here"):
        describe(tmp_path / "nowhere")
    an_adapter(tmp_path / "a", SMALL)
    write_making(tmp_path / "a", Making("sft", "x", "b", "d", "s", "p", 1, {}))
    (tmp_path / "a" / "training.json").write_text("{}")
    with pytest.raises(BadData, match="not a record of training"):
        describe(tmp_path / "a")
