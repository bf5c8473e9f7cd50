"""Pieces that an encoder of sentences has of its own, behind those of its vocabulary."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True)
class OwnPieces:
    """Cuts texts into pieces of a tokenizer's vocabulary and of its own: `kinds` are these, and the word of the
    vocabulary that each one begins as."""

    kinds: ClassVar[Mapping[str, str]]
    tokenizer: Tokenizer

    def own(self, kind: str) -> int:
        """The token of a kind, behind those of the vocabulary."""
        return self.vocabulary + list(self.kinds).index(kind)

    @functools.cached_property
    def vocabulary(self) -> int:
        """How many tokens the tokenizer knows."""
        return self.tokenizer.get_vocab_size()

    @functools.cached_property
    def mask(self) -> int:
        """The token that stands for any."""
        return self.marker("[MASK]")

    def begins_as(self) -> list[int]:
        """The tokens of the kinds' words."""
        return [self.marker(word) for word in self.kinds.values()]

    def marker(self, piece: str) -> int:
        """A token of the vocabulary. Raises ValueError for a piece that is none."""
        known: int | None = self.tokenizer.token_to_id(piece)
        if known is None:
            raise ValueError(f"the encoder's tokenizer knows no {piece}")
        return known
