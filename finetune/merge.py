"""An adapter added into its base for good: a Hugging Face folder in bf16, which any server loads.

    python -m finetune.merge --adapter finetune/runs/a --out finetune/runs/merged
    python -m finetune.merge --adapter finetune/runs/big --base Llama-3.1-8B-Instruct --out finetune/runs/merged-8b

Shard by shard, so that 16 GB of weights need the memory of one shard. W + alpha / rank * B A is summed in fp32.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from domain.errors import BadData
from finetune.adapters import Described, check_base, describe, read_adapter, write_making
from finetune.base import Base, open_base, weight_files
from finetune.stage import run_stage

if TYPE_CHECKING:
    from torch import Tensor

PEFT_PREFIX = "base_model.model."
NOT_COPIED = {".safetensors", ".bin", ".gguf", ".pth"}


def additions(adapter: Described) -> dict[str, tuple[Tensor, Tensor]]:
    """Base tensor name -> (A, scaled B), fp32."""
    state = {name: value.float() for name, value in read_adapter(adapter).items()}
    found = {}
    for name, a in state.items():
        if name.endswith(".lora_A.weight"):
            stem = name.removesuffix(".lora_A.weight")
            b = state[f"{stem}.lora_B.weight"] * (adapter.alpha / adapter.rank)
            found[f"{stem.removeprefix(PEFT_PREFIX)}.weight"] = (a, b)
    return found


def merged(weights: Mapping[str, Tensor], added: Mapping[str, tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    """A shard's tensors in bf16 with what belongs to them added. Raises BadData where shapes don't fit."""
    import torch

    found = {}
    for name, weight in weights.items():
        if name in added:
            a, b = added[name]
            if weight.shape != (len(b), a.shape[1]):
                raise BadData(f"the adapter is of another base: {name} is {tuple(weight.shape)} there")
            weight = weight.float() + b @ a
        found[name] = weight.to(torch.bfloat16).contiguous()
    return found


def merge(adapter: Described, base: Base, out: Path) -> None:
    """Write the folder. Raises BadData when the adapter is not of this base, or the folder holds something."""
    from safetensors.torch import load_file, save_file

    check_base(adapter, base)
    if out.exists() and any(out.iterdir()):
        raise BadData(f"{out} is not empty; choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    added = additions(adapter)
    left = set(added)
    index: dict[str, str] = {}
    for shard in weight_files(base.folder):
        tensors = merged(load_file(shard), added)
        left -= tensors.keys()
        save_file(tensors, out / shard.name, {"format": "pt"})
        index |= dict.fromkeys(tensors, shard.name)
    if left:
        raise BadData(f"the adapter is of another base: it has no {min(left)}")
    _copy_rest(base.folder, out, index)
    if adapter.making:
        write_making(out, adapter.making)


def _copy_rest(base: Path, out: Path, index: Mapping[str, str]) -> None:
    """Config (now bf16), tokenizer, and the index of a model in several files."""
    for file in base.iterdir():
        if file.is_file() and file.suffix not in NOT_COPIED and not file.name.endswith(".index.json"):
            (out / file.name).write_bytes(file.read_bytes())
    config = json.loads((base / "config.json").read_text())
    config.pop("torch_dtype", None)
    (out / "config.json").write_text(json.dumps(config | {"dtype": "bfloat16"}, indent=2) + "\n")
    if len(set(index.values())) > 1:
        whole = sum(file.stat().st_size for file in out.glob("model*.safetensors"))
        said = {"metadata": {"total_size": whole}, "weight_map": dict(index)}
        (out / "model.safetensors.index.json").write_text(json.dumps(said, indent=1) + "\n")


def main() -> None:
    """Merge as the flags say."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--adapter", type=Path, required=True)
    p.add_argument("--base", type=Path, help="a Hugging Face Llama folder; the packaged weights when left out")
    p.add_argument("--out", type=Path, required=True)
    args = p.parse_args()
    merge(describe(args.adapter), open_base(args.base), args.out)
    print(f"{args.out}: {sum(file.stat().st_size for file in args.out.iterdir()) / 1e6:.0f} MB")


if __name__ == "__main__":
    run_stage(main)
