"""Files of arrays beside the language model: what one is, for what it was made, and what numbers it holds."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from domain.errors import BadData

UNREADABLE = (
    OSError, ValueError, LookupError, TypeError, AttributeError, EOFError, SyntaxError, RuntimeError, ArithmeticError,
    BadZipFile, zlib.error, struct.error, TokenError,
)  # fmt: skip
"""What numpy, zipfile, tokenize and json raise for files that are something else or were damaged."""
Array = npt.NDArray[Any]
Parts = Mapping[str, Array]
"""Of a file, by name."""


@dataclass(frozen=True)
class FileKind:
    """What a file must be: its `name` in words and the `command` that makes one, and what it was `made_for` (the tools,
    the features, the weights)."""

    name: str
    command: str
    made_for: Mapping[str, str]

    def none(self, file: Path) -> BadData:
        """The error of a file that is none."""
        return BadData(f"{file} is no {self.name}; make one with {self.command}")


def read_parts(file: Path, kind: FileKind) -> Parts:
    """The parts of a file. Raises BadData when it is unreadable, and, with both and the command that makes a right one,
    when it was made for something else."""
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as stored:
            about: dict[str, Any] = json.loads(str(stored["about"]))
            made = {name: about.get(name) for name in kind.made_for}
            parts = {name: stored[name] for name in stored.files if name != "about"}
    except UNREADABLE as unreadable:
        raise kind.none(file) from unreadable
    for name, wanted in kind.made_for.items():
        if made[name] != wanted:
            told = f"its {name} is {made[name]}, needed is {wanted}"
            raise BadData(f"{file} does not fit: {told}; make one with {kind.command}")
    return parts
