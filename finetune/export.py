"""A PEFT adapter folder as the GGUF LoRA file that llama.cpp loads beside the base weights, and back.

    python -m finetune.export --adapter FOLDER --out FILE.gguf --rows train.jsonl
    python -m finetune.export --to-peft FILE.gguf --out FOLDER

llama.cpp turns neighbouring pairs of a query or key head (its NORM rope) where Hugging Face turns its two halves, so
GGUF files of Llama models carry the rows of q_proj and k_proj in another order. An adapter's B has the same rows and
must follow; A reads the input and stays. Tensors: A as (rank, in), B as (out, rank), in fp16 (lossless both ways), or
with `--q8` in llama.cpp's Q8_0 (blocks of 32 numbers with one scale: half the size, ranks that are multiples of 32).
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
from domain.files import file_digest
from finetune.adapters import Making, describe, write_adapter, write_making
from finetune.base import Base, open_base
from finetune.stage import run_stage

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
PEFT_NAMES = {short: name for name, short in GGUF_NAMES.items()}
PEFT_KEY = re.compile(r"base_model\.model\.model\.layers\.(\d+)\.([a-z_.]+)\.lora_([AB])\.weight")
GGUF_KEY = re.compile(r"blk\.(\d+)\.([a-z_]+)\.weight\.lora_([ab])")
BLOCK = 32  # numbers of a row that share a scale in Q8_0
MARKS = ("schema_hash", "base_digest", "data_digest", "prompt_hash")


@dataclass(frozen=True)
class Heads:
    """Heads of the base model: of the queries, and of the keys and values."""

    query: int
    key: int

    def of(self, name: str) -> int:
        """How many of them a GGUF projection's rows hold; 0 where nothing turns."""
        return {"attn_q": self.query, "attn_k": self.key}.get(name, 0)


def read_heads(base: Path) -> Heads:
    """From a Hugging Face folder's config.json."""
    said = json.loads((base / "config.json").read_text())
    return Heads(said["num_attention_heads"], said["num_key_value_heads"])


def interleave(rows: Array, heads: int) -> Array:
    """(heads * D, r) with each head's halves apart -> the same rows with the halves' partners side by side."""
    size, rank = rows.shape
    return rows.reshape(heads, 2, size // heads // 2, rank).swapaxes(1, 2).reshape(size, rank)


def separate(rows: Array, heads: int) -> Array:
    """The inverse of `interleave`."""
    size, rank = rows.shape
    return rows.reshape(heads, size // heads // 2, 2, rank).swapaxes(1, 2).reshape(size, rank)


def gguf_tensors(adapter: Mapping[str, Array], heads: Heads) -> Iterator[tuple[str, Array]]:
    """(GGUF name, fp16 array) of each of the adapter's tensors. Raises BadData for one llama.cpp has no place for."""
    for key, value in sorted(adapter.items()):
        match = PEFT_KEY.fullmatch(key)
        if not match or match[2] not in GGUF_NAMES:
            raise BadData(f"{key}: not a LoRA matrix of a Llama's linear layers")
        name = GGUF_NAMES[match[2]]
        if match[3] == "B" and heads.of(name):
            value = interleave(value, heads.of(name))
        yield f"blk.{match[1]}.{name}.weight.lora_{match[3].lower()}", np.ascontiguousarray(value, dtype=np.float16)


def peft_tensors(adapter: Mapping[str, Array], heads: Heads) -> Iterator[tuple[str, Array]]:
    """The inverse of `gguf_tensors`."""
    for key, value in sorted(adapter.items()):
        match = GGUF_KEY.fullmatch(key)
        if not match or match[2] not in PEFT_NAMES:
            raise BadData(f"{key}: not a LoRA matrix of a Llama's linear layers")
        if match[3] == "b" and heads.of(match[2]):
            value = separate(value, heads.of(match[2]))
        name = f"base_model.model.model.layers.{match[1]}.{PEFT_NAMES[match[2]]}.lora_{match[3].upper()}.weight"
        yield name, np.ascontiguousarray(value)


def export(adapter: Path, out: Path, heads: Heads, marks: Mapping[str, str], small: bool = False) -> None:
    """Write `adapter` as GGUF, in Q8_0 when `small`; `marks` become metadata `roundsman.<key>`.

    So does the digest of the adapter's own weights: a measurement of the file is one of the folder (finetune/card.py).
    """
    import gguf
    from safetensors.numpy import load_file

    said = describe(adapter)
    if small and said.rank % BLOCK:
        raise BadData(f"{adapter}: --q8 needs a rank that is a multiple of {BLOCK}, this adapter has {said.rank}")
    writer = gguf.GGUFWriter(out, arch="llama")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, said.alpha)
    for key, value in {**marks, "weights_digest": file_digest(said.weights)}.items():
        writer.add_string(f"roundsman.{key}", value)
    kind = gguf.GGMLQuantizationType.Q8_0
    for name, array in gguf_tensors(load_file(said.weights), heads):
        if small:
            writer.add_tensor(name, gguf.quants.quantize(array.astype(np.float32), kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def to_peft(file: Path, out: Path, base: Base) -> None:
    """A GGUF adapter as a PEFT folder: the very numbers in PEFT's order. BadData for another base's, and for Q8_0."""
    import gguf
    import torch

    try:
        reader = gguf.GGUFReader(file)
        said = {key: field.contents() for key, field in reader.fields.items()}
        alpha = float(said[gguf.Keys.Adapter.LORA_ALPHA])
    except (ValueError, IndexError, KeyError, OSError) as error:
        raise BadData(f"{file}: not a GGUF adapter ({error!r})") from error
    marks: dict[str, Any] = {name: str(said.get(f"roundsman.{name}", "")) for name in MARKS}
    if marks["base_digest"] and marks["base_digest"] != base.digest:
        raise BadData(
            f"{file} is an adapter of another base: its base_digest is {marks['base_digest']}, given is {base.digest}"
        )
    if any(tensor.tensor_type != gguf.GGMLQuantizationType.F16 for tensor in reader.tensors):
        raise BadData(f"{file}: only fp16 adapters go back without loss; take the file that was not made with --q8")
    tensors = {tensor.name: tensor.data for tensor in reader.tensors}
    state = {name: torch.tensor(value) for name, value in peft_tensors(tensors, read_heads(base.folder))}
    out.mkdir(parents=True, exist_ok=True)
    write_adapter(out, state, alpha, base.name)
    write_making(out, Making(stage="export --to-peft", base=base.name, rows=0, plan={}, **marks))


def marks_of(adapter: Path, rows: Path | None, base: Base, retool: bool = False) -> dict[str, str]:
    """The metadata that a served adapter must carry: what its training.json says, else what is so now.

    `retool`: today's tool-schema hash, for tools that have changed only in what this style of prompt doesn't show.
    """
    import tools  # noqa: F401  # declares them
    from tools.registry import registry_version

    made = describe(adapter).making
    if made and made.base_digest != base.digest:
        raise BadData(f"{adapter} is an adapter of another base: of {made.base}, given is {base.name}")
    if made is None and rows is None:
        raise BadData(f"{adapter} has no training.json: give the rows it was tuned on with --rows")
    return {
        "schema_hash": made.schema_hash if made and not retool else registry_version(),
        "base_digest": base.digest,
        "data_digest": file_digest(rows) if rows else made.data_digest if made else "",
        "prompt_hash": made.prompt_hash if made else "",
    }


def main() -> None:
    """Export as the flags say."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = p.add_mutually_exclusive_group(required=True)
    source.add_argument("--adapter", type=Path, help="a PEFT folder")
    source.add_argument("--to-peft", type=Path, metavar="FILE", help="the other way round: a GGUF adapter")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--rows", type=Path, help="the rows it was tuned on; their digest goes with it")
    p.add_argument("--base", type=Path, help="the Hugging Face folder it was tuned on; the packaged one when left out")
    p.add_argument("--q8", action="store_true", help="Q8_0 instead of fp16")
    p.add_argument("--retool", action="store_true", help="mark it for today's tools, not for those of its training")
    args = p.parse_args()
    base = open_base(args.base)
    if args.to_peft:
        to_peft(args.to_peft, args.out, base)
        print(f"{args.out}: {describe(args.out).making}")
        return
    marks = marks_of(args.adapter, args.rows, base, args.retool)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    export(args.adapter, args.out, read_heads(base.folder), marks, args.q8)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB, {marks}")


if __name__ == "__main__":
    run_stage(main)
