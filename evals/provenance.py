"""What a figure was measured on: the program, its command line, the bytes it read, the model and the machine."""

from __future__ import annotations

import argparse
import platform
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from pydantic import JsonValue

from assistant.local_model import adapter_metadata, packaged_weights, usable_cores
from domain.files import file_digest, tree_digest
from tools.beside import BESIDE

JsonObject = dict[str, JsonValue]
OURS = Path(__file__).parent
SHIPPED = OURS.parent / "finetune" / "adapter" / "roundsman-small.gguf"
READER = "roundsman-listed.npz"
"""The reader of listed tools (tools/listed_reader.py), beside the adapter."""
WEIGHTS = "adapter_model.safetensors"
"""The file of an adapter folder that holds its numbers (PEFT)."""
READ = ("data", "rows", "synthetic")
"""Options that name what a suite reads."""
SECRET = re.compile(r"//[^/@\s]*@")
"""A user and password in a URL."""
CPU_INFO = Path("/proc/cpuinfo")


def program(folder: Path = OURS) -> JsonObject:
    """The commit that `folder` is of, and whether a tracked file differs from it; "unknown" and None without git."""
    commit, changes = _git(folder, "rev-parse", "--short", "HEAD"), _git(folder, "status", "--porcelain", "-uno")
    return {"commit": commit or "unknown", "dirty": None if changes is None else bool(changes)}


def _git(folder: Path, *words: str) -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    said = subprocess.run([git, "-C", str(folder), *words], capture_output=True, text=True, check=False)
    return said.stdout.strip() if said.returncode == 0 else None


def command_line(words: Sequence[str]) -> str:
    """What to type again, without passwords."""
    return SECRET.sub("//", shlex.join(["python", "-m", "evals", *words]))


def inputs(options: argparse.Namespace) -> JsonObject:
    """Path and SHA-256 of each file or folder that the options name to read."""
    found = {name: getattr(options, name, None) for name in READ}
    return {
        name: {"path": str(path), "sha256": tree_digest(path)}
        for name, path in found.items()
        if isinstance(path, Path) and path.exists()
    }


def model(options: argparse.Namespace) -> JsonObject | None:
    """Which weights were asked, or None for a suite that asks none.

    Of a server only its name for the model is known; an adapter that `--adapter` names is what it is said to hold.
    Raises ModelUnavailable where the embedded weights are missing.
    """
    if not hasattr(options, "adapter"):
        return None
    given = adapter_file(options.adapter)
    if options.engine:
        said = None if given == SHIPPED else _adapter(given)
        beside = _beside(options, used=options.style == "small")
        return {"server": options.model, "style": options.style, "said_adapter": said, **beside}
    base = packaged_weights()
    return {
        "base": {"file": base.name, "sha256": file_digest(base)},
        "adapter": _adapter(given),
        **_beside(options, used=given is not None),
        **_reader(options),
    }


def adapter_file(words: str) -> Path | None:
    """What `--adapter` names: `shipped`, `none`, or a file (a folder, of a server's)."""
    return _named(words, SHIPPED)


def _beside(options: argparse.Namespace, *, used: bool) -> JsonObject:
    return {name: _told(file_beside(options, name) if used else None) for name in BESIDE}


def _told(file: Path | None) -> JsonObject | None:
    return {"file": file.name, "sha256": file_digest(file)} if file else None


def file_beside(options: argparse.Namespace, name: str) -> Path | None:
    """What an option of BESIDE names: `shipped`, `none`, or a file; None for a suite without that option."""
    return _named(getattr(options, name, "none"), SHIPPED.with_name(BESIDE[name].file))


def reader_file(options: argparse.Namespace) -> Path | None:
    """What `--reader` names: `shipped`, `none`, or a file; None for a suite without listed tools, and where it has no
    say: beside the untuned model, a server, or free values."""
    unheard = options.adapter == "none" or options.engine or options.free
    return _named("none" if unheard else getattr(options, "reader", "none"), SHIPPED.with_name(READER))


def _named(words: str, shipped: Path) -> Path | None:
    return {"shipped": shipped, "none": None}.get(words, Path(words))


def _reader(options: argparse.Namespace) -> JsonObject:
    """The file of `--reader`, of a suite that has listed tools."""
    return {"reader": _told(reader_file(options))} if hasattr(options, "reader") else {}


def _adapter(file: Path | None) -> JsonObject | None:
    """The digest of an adapter's file, and the marks that it carries; None without one."""
    weights = file / WEIGHTS if file and file.is_dir() else file
    if weights is None or not weights.is_file():
        return None
    marks = adapter_metadata(weights) if weights.suffix == ".gguf" else {}
    own = {name.removeprefix("roundsman."): said for name, said in marks.items() if name.startswith("roundsman.")}
    return {"file": weights.name, "sha256": file_digest(weights), **own}


def machine() -> JsonObject:
    """The processor's name and how many of its cores this process may use."""
    told = CPU_INFO.read_text(encoding="utf-8", errors="replace") if CPU_INFO.is_file() else ""
    name = re.search(r"^model name\s*:\s*(.+)$", told, re.MULTILINE)
    return {"cpu": name.group(1) if name else platform.processor() or platform.machine(), "cores": usable_cores()}
