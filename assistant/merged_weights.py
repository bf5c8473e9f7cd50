"""The embedded model's weights with its adapter merged in, which the engine computes a quarter faster than both apart.

LoRA beside 4-bit weights costs the engine two small products more for each of the model's, and its 4-bit kernels are
slower than its 8-bit ones. So `make setup` writes W + (alpha / rank) B A (Hu et al. 2021, section 4.1) of each
weight in 8 bits (Q8_0: blocks of 32 with one scale in fp16) into a cache, and the engine takes that file. Where there
is none, base and adapter are served apart: it costs only the speed.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from gguf import GGUFReader, GGUFWriter, ReaderTensor

KEPT = 2
"""Merged files that stay in a cache; each has 145 MB for the packaged model."""
PREFIX = "merged-"
FORMAT = "q8_0-1"
"""Changes with what is written, so that older files are not taken."""
BLOCK = 32
Q8_0_FILE = 7
"""`general.file_type` of a file that is mostly Q8_0."""

Floats = npt.NDArray[np.float32]


def cache_folder() -> Path | None:
    """Where the merged files of this user are kept; None for a user without a home."""
    try:
        return Path.home() / ".cache" / "roundsman"
    except RuntimeError:
        return None


def merged_file(base_digest: str, adapter_digest: str, folder: Path) -> Path:
    """Where the weights of a base and an adapter together are kept."""
    name = hashlib.sha256(f"{FORMAT} {base_digest} {adapter_digest}".encode()).hexdigest()[:24]
    return folder / f"{PREFIX}{name}.gguf"


def write_merged(base: Path, adapter: Path, file: Path) -> bool:
    """Write the GGUF file of `base` with `adapter` merged in, and forget older ones; False where it cannot be."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(base, adapter, file)
        _forget_older(file.parent)
    except (OSError, ValueError, LookupError, MemoryError, NotImplementedError):
        return False
    return True


def _forget_older(folder: Path) -> None:
    """Delete all merged files but those last written."""
    found = sorted(folder.glob(f"{PREFIX}*.gguf"), key=lambda each: each.stat().st_mtime, reverse=True)
    for file in found[KEPT:]:
        with suppress(OSError):
            file.unlink()


def _write(base: Path, adapter: Path, file: Path) -> None:
    """The file, whole or not at all."""
    from gguf import GGUFReader, GGUFWriter

    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".merging-", suffix=".gguf")
    os.close(handle)
    try:
        whole = GGUFReader(base)
        writer = GGUFWriter(name, str(whole.fields["general.architecture"].contents()))
        _copy_fields(whole, writer)
        _add_merged(whole, GGUFReader(adapter), writer)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        Path(name).replace(file)
    finally:
        Path(name).unlink(missing_ok=True)


def _copy_fields(whole: GGUFReader, writer: GGUFWriter) -> None:
    from gguf import GGUFValueType

    for name, field in whole.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        kind, inner = field.types[0], field.types[1] if field.types[0] == GGUFValueType.ARRAY else None
        value = Q8_0_FILE if name == "general.file_type" else field.contents()
        writer.add_key_value(name, value, kind, inner)


def _add_merged(whole: GGUFReader, low: GGUFReader, writer: GGUFWriter) -> None:
    """Each tensor of the base: a weight that the adapter changes in 8 bits, every other as it is."""
    from gguf import GGMLQuantizationType

    factors = {each.name: _floats(each) for each in low.tensors}
    alpha = float(low.fields["adapter.lora.alpha"].contents())
    for tensor in whole.tensors:
        a, b = factors.pop(f"{tensor.name}.lora_a", None), factors.pop(f"{tensor.name}.lora_b", None)
        if a is None or b is None:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
            continue
        weight = _floats(tensor) + (b @ a) * (alpha / len(a))
        writer.add_tensor(tensor.name, in_8_bits(weight), raw_dtype=GGMLQuantizationType.Q8_0)
    if factors:
        raise KeyError(f"the base has no {next(iter(factors))}")


def _floats(tensor: ReaderTensor) -> Floats:
    """A tensor's numbers, (rows, columns); all blocks at once where its kind has them, which is five times faster."""
    from gguf import GGML_QUANT_SIZES, quants

    data, kind = np.asarray(tensor.data), tensor.tensor_type
    blocks = getattr(quants, kind.name, None)
    if blocks is None or not hasattr(blocks, "dequantize_blocks"):
        plain: Floats = quants.dequantize(data, kind)
        return plain
    found: Floats = blocks.dequantize_blocks(data.reshape(-1, GGML_QUANT_SIZES[kind][1]))
    return found.reshape(len(data), -1)


def in_8_bits(weight: Floats) -> npt.NDArray[np.uint8]:
    """Rows of Q8_0: of each 32 numbers a scale in fp16 and 32 signed bytes. `weight`: (rows, a multiple of 32)."""
    blocks = weight.reshape(len(weight), -1, BLOCK)
    scale = np.abs(blocks).max(2, keepdims=True) / 127
    inverse = np.divide(1, scale, out=np.zeros_like(scale), where=scale > 0)
    steps = np.rint(blocks * inverse).astype(np.int8)
    packed = np.concatenate([scale.astype(np.float16).view(np.uint8), steps.view(np.uint8)], 2)
    return packed.reshape(len(weight), -1)
