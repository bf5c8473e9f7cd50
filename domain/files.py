"""What a file or a folder holds, as one SHA-256: equal digests, equal bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path


def file_digest(file: Path) -> str:
    """SHA-256 of a file's bytes, hex."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def tree_digest(path: Path) -> str:
    """A file's digest; of a folder, that of its files' names and digests in the names' order."""
    if path.is_file():
        return file_digest(path)
    whole = hashlib.sha256()
    for file in sorted(each for each in path.rglob("*") if each.is_file()):
        whole.update(f"{file.relative_to(path).as_posix()}\0{file_digest(file)}\n".encode())
    return whole.hexdigest()
