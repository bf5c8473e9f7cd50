"""Reading files of rows, and the tools that a row lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from domain.errors import BadData
from domain.values import Call
from prompts.render import ALSO_LISTED, ONLY_LISTED
from prompts.row import Row, from_json
from tools.listed import ListedTool

Read = TypeVar("Read")


def rows_in(file: Path) -> list[Row]:
    """The rows of a file. Raises BadData as `each_line` does."""
    return [row for _, row in each_line(file, _with_its_call)]


def each_line(file: Path, one: Callable[[str], Read]) -> Iterator[tuple[int, Read]]:
    """The lines' numbers from 1 on, with `one` of each line.

    Raises BadData for a file that cannot be read or has none, and with the line that is no row.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as unreadable:
        raise BadData(f"{file}: cannot be read ({unreadable})") from unreadable
    if not lines:
        raise BadData(f"{file}: no rows")
    for number, line in enumerate(lines, 1):
        try:
            read = one(line)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadData(f"{file}:{number}: not a row as `python -m finetune.rows` writes them ({error!r})") from error
        yield number, read


def _with_its_call(line: str) -> Row:
    row = from_json(line)
    Call.read(row.call)
    return row


def tools_listed(block: str) -> tuple[bool, list[ListedTool]]:
    """Whether our own tools can be called beside those that a row's block lists, and these. Raises BadData for a block
    with another header."""
    header, *lines = block.split("\n")
    if header not in {"", ONLY_LISTED, ALSO_LISTED}:
        raise BadData(f"a row's tools begin with {ONLY_LISTED!r} or {ALSO_LISTED!r}, not with {header!r}")
    return header != ONLY_LISTED, [ListedTool.of_signature(line) for line in lines]
