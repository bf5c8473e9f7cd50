"""Long texts in passages that an embedding model reads whole, cut at sentences by LlamaIndex's splitter."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llama_index.core.node_parser import SentenceSplitter

__all__ = ["Chunk", "chunks", "pieces"]

LONGEST, SHARED = 200, 30  # pieces in a passage, and those it shares with the one before; the model reads 256
PIECE = re.compile(r"\w{1,6}|[^\w\s]")  # close to the word pieces of BERT's vocabulary, and never fewer
SENTENCE = re.compile(r"[^.!?]*[.!?]+[\"')\]]*\s*|[^.!?]+$")


@dataclass(frozen=True)
class Chunk:
    """Where a passage stands in its text: from `start` to `end`, in characters."""

    start: int
    end: int


def pieces(text: str) -> list[str]:
    """The text in the pieces by which its length is counted."""
    return PIECE.findall(text)


def chunks(text: str) -> list[Chunk]:
    """The passages of a text with single white space, in order; together they hold all of it. None of an empty one.

    LlamaIndex is imported (three seconds) only for a text that is too long for one passage.
    """
    if not text:
        return []
    if len(pieces(text)) <= LONGEST:
        return [Chunk(0, len(text))]
    found: list[Chunk] = []
    start = 0
    for part in _splitter().split_text(text):
        start = text.index(part, start)
        found.append(Chunk(start, start + len(part)))
        start += 1
    return found


@cache
def _splitter() -> SentenceSplitter:
    """Sentences by a rule of our own: the splitter's default wants NLTK's word lists, which linked installs refuse."""
    from llama_index.core.node_parser import SentenceSplitter

    return SentenceSplitter(
        chunk_size=LONGEST, chunk_overlap=SHARED, tokenizer=pieces, chunking_tokenizer_fn=SENTENCE.findall
    )
