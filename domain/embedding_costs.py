"""What embeddings of a paid service have cost: a file of one line for each request, shared by all processes."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CostBook", "Spent"]

FILE = "embedding-costs.jsonl"


@dataclass(frozen=True)
class Spent:
    """Requests, tokens and US dollars; dollars count only models whose price is known."""

    requests: int = 0
    tokens: int = 0
    dollars: float = 0.0


class CostBook:
    """The costs under a home folder. Nothing of the texts is kept."""

    def __init__(self, home: Path) -> None:
        self._file = home / FILE

    def add(self, model: str, tokens: int, dollars: float) -> None:
        """Note one request: a single short write at the file's end, which no other process can cut in two."""
        line = json.dumps({"model": model, "tokens": tokens, "dollars": round(dollars, 9)}) + "\n"
        descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    def spent(self) -> Spent | None:
        """All that was noted; None when nothing ever was. A line that was cut by a full disk is passed over."""
        try:
            lines = self._file.read_text(encoding="utf-8").splitlines()
        except OSError:
            return None
        noted = [told for told in map(_read, lines) if told is not None]
        return Spent(len(noted), sum(tokens for tokens, _ in noted), sum(dollars for _, dollars in noted))


def _read(line: str) -> tuple[int, float] | None:
    try:
        told = json.loads(line)
        return int(told["tokens"]), float(told["dollars"])
    except (ValueError, KeyError, TypeError):
        return None
