"""The PEFT folder that the stages hand to one another, and what it says of its making (`training.json`)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from domain.errors import BadData
from finetune.base import Base

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS, CONFIG, MAKING = "adapter_model.safetensors", "adapter_config.json", "training.json"


@dataclass(frozen=True)
class Making:
    """What weights were made of: digests are SHA-256 in hex, `plan` the flags that decide the outcome.

    `rows_seed` is that of finetune.rows; None where the rows came from elsewhere or do not say.
    """

    stage: str
    base: str
    base_digest: str
    data_digest: str
    schema_hash: str
    prompt_hash: str
    rows: int
    plan: dict[str, Any]
    rows_seed: int | None = None


@dataclass(frozen=True)
class Described:
    """An adapter folder's config. `making` is None in folders that other programs wrote."""

    folder: Path
    rank: int
    alpha: float
    base: str
    making: Making | None

    @property
    def weights(self) -> Path:
        """The tensors' file."""
        return self.folder / WEIGHTS


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside, then rename: a reader sees the old file or the new one."""
    part = path.with_name(path.name + ".part")
    write(part)
    os.replace(part, path)  # noqa: PTH105


def write_adapter(folder: Path, state: Mapping[str, Tensor], alpha: float, base: str) -> None:
    """The PEFT folder, fp16. `state` has PEFT's names; `base` is the name that PEFT shows."""
    import torch
    from safetensors.torch import save_file

    low = {name: value.to(torch.float16).contiguous() for name, value in state.items()}
    rank = min(len(value) for name, value in low.items() if ".lora_A." in name)
    write_whole(folder / WEIGHTS, lambda part: save_file(low, part, {"format": "pt"}))
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "inference_mode": True,
        "target_modules": sorted({name.split(".")[-3] for name in low}),
    }
    write_whole(folder / CONFIG, lambda part: part.write_text(json.dumps(config, indent=2) + "\n"))


def write_making(folder: Path, making: Making) -> None:
    """`training.json` beside the weights."""
    write_whole(folder / MAKING, lambda part: part.write_text(json.dumps(asdict(making), indent=1) + "\n"))


def read_making(folder: Path) -> Making | None:
    """What `training.json` says, or None. Raises BadData when it is not ours."""
    path = folder / MAKING
    if not path.is_file():
        return None
    try:
        return Making(**json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise BadData(f"{path}: not a record of training ({error})") from error


def seed_beside(rows: Path) -> Path:
    """The file in which finetune.rows keeps the seed of a file of rows."""
    return rows.with_suffix(".seed")


def seed_of(rows: Path) -> int | None:
    """The seed that a file of rows was drawn with, or None when nothing beside it says so."""
    said = seed_beside(rows).read_text(encoding="utf-8").strip() if seed_beside(rows).is_file() else ""
    return int(said) if said.isdecimal() else None


def describe(folder: Path) -> Described:
    """The adapter in a PEFT folder. Raises BadData for a missing one and for variants other than plain LoRA."""
    path = folder / CONFIG
    if not path.is_file() or not (folder / WEIGHTS).is_file():
        raise BadData(f"{folder}: no adapter here; give a folder that finetune.sft, prefer or export --to-peft wrote")
    try:
        said = json.loads(path.read_text())
        plain = said["peft_type"] == "LORA" and not any(
            said.get(key) for key in ("use_rslora", "use_dora", "modules_to_save")
        )
        found = Described(
            folder, said["r"], float(said["lora_alpha"]), str(said["base_model_name_or_path"]), read_making(folder)
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BadData(f"{path}: not a PEFT config ({error!r})") from error
    if not plain:
        raise BadData(f"{path}: plain LoRA only")
    return found


def check_base(adapter: Described, base: Base) -> None:
    """Raises BadData, with both digests, for an adapter that was made on another base."""
    made = adapter.making
    if made and made.base_digest != base.digest:
        raise BadData(
            f"{adapter.folder} is an adapter of another base: its base_digest is {made.base_digest[:12]} "
            f"({made.base}), given is {base.digest[:12]} ({base.name})"
        )
    if not made and adapter.base.startswith("smollm2-") and adapter.base != base.name:
        raise BadData(f"{adapter.folder} is an adapter of another base: of {adapter.base}, given is {base.name}")


def read_adapter(adapter: Described) -> dict[str, Tensor]:
    """Its tensors under PEFT's names, on the CPU."""
    from safetensors.torch import load_file

    state: dict[str, Tensor] = load_file(adapter.weights)
    return state


def write_parts(file: Path, parts: Mapping[str, npt.NDArray[Any]], about: Mapping[str, object]) -> None:
    """A file of arrays, and what they are made of."""

    def write(path: Path) -> None:
        with path.open("wb") as out:
            np.savez_compressed(out, **parts, about=json.dumps(about))  # type: ignore[arg-type]

    write_whole(file, write)
