"""A PEFT adapter folder as the GGUF LoRA file that llama.cpp loads beside the base weights.

    python -m finetune.export --adapter FOLDER --out FILE.gguf --rows train.jsonl

llama.cpp turns neighbouring pairs of a query or key head (its NORM rope) where Hugging Face turns its two halves, so
GGUF files of Llama models carry the rows of q_proj and k_proj in another order. An adapter's B has the same rows and
must follow; A reads the input and stays. Tensors: fp16, A as (rank, in), B as (out, rank).
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from domain.errors import BadData

Array = npt.NDArray[Any]
GGUF_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
PEFT_KEY = re.compile(r"base_model\.model\.model\.layers\.(\d+)\.([a-z_.]+)\.lora_([AB])\.weight")


@dataclass(frozen=True)
class Heads:
    """Heads of the base model: of the queries, and of the keys and values."""

    query: int
    key: int


def read_heads(base: Path) -> Heads:
    """From a Hugging Face folder's config.json."""
    said = json.loads((base / "config.json").read_text())
    return Heads(said["num_attention_heads"], said["num_key_value_heads"])


def interleave(rows: Array, heads: int) -> Array:
    """(heads * D, r) with each head's halves apart -> the same rows with the halves' partners side by side."""
    size, rank = rows.shape
    return rows.reshape(heads, 2, size // heads // 2, rank).swapaxes(1, 2).reshape(size, rank)


def gguf_tensors(adapter: Mapping[str, Array], heads: Heads) -> Iterator[tuple[str, Array]]:
    """(GGUF name, fp16 array) of each of the adapter's tensors. Raises BadData for one llama.cpp has no place for."""
    turned = {"attn_q": heads.query, "attn_k": heads.key}
    for key, value in sorted(adapter.items()):
        match = PEFT_KEY.fullmatch(key)
        if not match or match[2] not in GGUF_NAMES:
            raise BadData(f"{key}: not a LoRA matrix of a Llama's linear layers")
        name = GGUF_NAMES[match[2]]
        if match[3] == "B" and name in turned:
            value = interleave(value, turned[name])
        yield f"blk.{match[1]}.{name}.weight.lora_{match[3].lower()}", np.ascontiguousarray(value, dtype=np.float16)


def read_adapter(folder: Path) -> tuple[dict[str, Array], float]:
    """(tensors under PEFT's names, alpha) of a PEFT folder. Raises BadData for variants that llama.cpp cannot say."""
    from safetensors.numpy import load_file

    config_file = folder / "adapter_config.json"
    if not config_file.is_file():
        raise BadData(f"{folder}: no adapter_config.json; give the folder that finetune.sft wrote")
    config = json.loads(config_file.read_text())
    if config["peft_type"] != "LORA" or any(config.get(k) for k in ("use_rslora", "use_dora", "modules_to_save")):
        raise BadData(f"{config_file}: only plain LoRA can be exported")
    return load_file(folder / "adapter_model.safetensors"), float(config["lora_alpha"])


def export(adapter: Path, out: Path, heads: Heads, marks: Mapping[str, str]) -> None:
    """Write `adapter` as GGUF; `marks` become metadata `roundsman.<key>`."""
    import gguf

    tensors, alpha = read_adapter(adapter)
    writer = gguf.GGUFWriter(out, arch="llama")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
    for key, value in marks.items():
        writer.add_string(f"roundsman.{key}", value)
    for name, array in gguf_tensors(tensors, heads):
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    """Export as the flags say."""
    import tools  # noqa: F401  # declares them
    from finetune.base import BASE_CACHE, base_folder, file_digest, gguf_file
    from tools.registry import registry_version

    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--adapter", type=Path, required=True)
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--rows", type=Path, required=True, help="the rows it was tuned on; their digest goes with it")
    p.add_argument("--base", type=Path, help="the Hugging Face folder it was tuned on; the packaged one when left out")
    args = p.parse_args()
    marks = {
        "schema_hash": registry_version(),
        "base_digest": file_digest(gguf_file()),
        "data_digest": file_digest(args.rows),
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    export(args.adapter, args.out, read_heads(args.base or base_folder(BASE_CACHE)), marks)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB, {marks}")


if __name__ == "__main__":
    main()
