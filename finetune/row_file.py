"""Reading files of rows, for the stages that do without a tokenizer."""

from __future__ import annotations

from pathlib import Path

from domain.errors import BadData
from domain.values import Call
from prompts.row import Row, from_json


def rows_in(file: Path) -> list[Row]:
    """The rows of a file. Raises BadData for a file that cannot be read or has none, and with the line that is none."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as unreadable:
        raise BadData(f"{file}: cannot be read ({unreadable})") from unreadable
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            rows.append(from_json(line))
            Call.read(rows[-1].call)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadData(f"{file}:{number}: not a row as `python -m finetune.rows` writes them ({error!r})") from error
    if not rows:
        raise BadData(f"{file}: no rows")
    return rows
