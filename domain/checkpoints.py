"""Signed checkpoints: how many records there are and the root of their tree, kept in a second place.

Each is one small file, a C2SP signed note (https://c2sp.org/tlog-checkpoint): origin, size, root, blank line, Ed25519
signature. Cutting the ledger's tail, or rewriting it with the sealing key in hand, contradicts one of them.
"""

from __future__ import annotations

import os
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from domain.ledger_keys import ORIGIN, PUBLIC_FILE, Keys, key_hash

__all__ = ["Checkpoint", "Checkpoints"]


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint as it was found: `fault` is "edit" for a changed file and "key" for a stranger's signature."""

    file: str
    size: int
    root: bytes
    fault: Literal["edit", "key"] | None = None


class Checkpoints:
    """The folder of checkpoints. Files are only ever added; an existing one is never written over."""

    def __init__(self, folder: Path, keys: Keys) -> None:
        self.folder, self._keys = folder, keys

    def add(self, size: int, root: bytes) -> None:
        """Signs and keeps a checkpoint, safe on the disk before it returns; nothing to do when it is there already.

        Raises OSError when the folder cannot be written.
        """
        file = self._file(size)
        if file.exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        public = self.folder / PUBLIC_FILE
        if not public.exists():
            _write_safely(public, self._keys.vkey + "\n")
        _write_safely(file, self._note(size, root))

    def contradicts(self, size: int, root: bytes) -> bool:
        """Whether a checkpoint of this size was kept that says another root."""
        file = self._file(size)
        return file.exists() and file.read_text(encoding="utf-8") != self._note(size, root)

    def newest_size(self) -> int:
        """The size of the newest checkpoint by its file name; 0 when there is none."""
        return max((int(file.stem) for file in self._files()), default=0)

    def read(self, newest_only: bool = False) -> list[Checkpoint]:
        """All checkpoints (or the newest alone), by size, each with its fault if it has one."""
        files = sorted(self._files(), key=lambda file: int(file.stem))
        return [self._read(file) for file in (files[-1:] if newest_only else files)]

    def _files(self) -> Iterator[Path]:
        return (file for file in self.folder.glob("*.checkpoint") if file.stem.isascii() and file.stem.isdigit())

    def _file(self, size: int) -> Path:
        return self.folder / f"{size:012d}.checkpoint"

    def _note(self, size: int, root: bytes) -> str:
        text = f"{ORIGIN}\n{size}\n{b64encode(root).decode()}\n"
        signer = key_hash(self._keys.signing_key.public_key())
        signature = b64encode(signer + self._keys.signing_key.sign(text.encode())).decode()
        return f"{text}\n— {ORIGIN} {signature}\n"

    def _read(self, file: Path) -> Checkpoint:
        """Ed25519 (RFC 8032) signs the same text always the same, so a good file is what signing again would give."""
        size = int(file.stem)
        try:
            note = file.read_bytes().decode("utf-8")
            root = b64decode(note.split("\n")[2], validate=True)
            signer = b64decode(note.split("\n\n")[1].split(" ")[2])[:4]
        except (OSError, ValueError, IndexError):
            return Checkpoint(file.name, size, b"", "edit")
        if note == self._note(size, root):
            return Checkpoint(file.name, size, root)
        ours = signer == key_hash(self._keys.signing_key.public_key())
        return Checkpoint(file.name, size, root, "edit" if ours else "key")


def _write_safely(file: Path, content: str) -> None:
    """The whole file or none of it, on the disk when this returns."""
    with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=".making-", delete=False, encoding="utf-8") as made:
        made.write(content)
        made.flush()
        os.fchmod(made.fileno(), 0o644)  # public: an auditor reads it under another name
        os.fsync(made.fileno())
    Path(made.name).replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
