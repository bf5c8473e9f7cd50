"""How people write the ids of bins: with or without "bin", "#", "B-", leading zeros or the letters of the records."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from rapidfuzz.distance import OSA
from rapidfuzz.process import extract

from domain.errors import UnknownName
from domain.name_words import fold
from domain.names import NEAREST

BIN_WORD = r"(?:bins?|container|contenedor(?:es)?|behalter|tonne|bac)"
NUMBER_WORD = r"(?:#|no\.?|number|nr\.?|id)"
SHORTEST_ALONE = 4  # digits that are plainly an id in the middle of other words


class BinIds:
    """The ids of one city, ready to be asked."""

    def __init__(self, bin_ids: Sequence[str]) -> None:
        self._known = {compact(bin_id): bin_id for bin_id in bin_ids}
        self._spelt = {fold(bin_id): bin_id for bin_id in bin_ids}
        self._prefixes = {re.sub(r"\d+$", "", key) for key in self._known} | {""}
        digits = Counter(_digits(bin_id) for bin_id in bin_ids)
        for bin_id in bin_ids:
            if digits[_digits(bin_id)] == 1:
                self._known.setdefault(_digits(bin_id), bin_id)

    def get(self, words: str) -> str | None:
        """The bin of an id, or None when the words are not just the id of a bin."""
        return self._known.get(compact(words))

    def is_written(self, words: str) -> bool:
        """Whether the words are an id, of a bin or of none."""
        prefix, number = re.sub(r"\d+$", "", compact(words)), re.search(r"\d+$", compact(words))
        return self.get(words) is not None or bool(number and prefix in self._prefixes)

    def find(self, words: str) -> str:
        """The bin of an id. Raises UnknownName with the nearest real ids."""
        found = self.get(words)
        if found is None:
            near = extract(compact(words), list(self._known), scorer=OSA.distance, limit=None)
            raise UnknownName(
                "bin", words.strip(), list(dict.fromkeys(self._known[key] for key, _, _ in near))[:NEAREST]
            )
        return found

    def inside(self, words: str) -> list[str]:
        """The ids that stand among other words, spelt as the records spell them and too long for a house number."""
        spelt = [token for token in re.findall(r"[\w-]+", fold(words)) if token in self._spelt]
        return [self._spelt[token] for token in spelt if len(token) >= SHORTEST_ALONE]


def compact(text: str) -> str:
    """A bin's id without "bin", "#", "B-", leading zeros, spaces and hyphens."""
    plain = re.sub(rf"^{BIN_WORD}\b", "", fold(text).strip().removeprefix("the "))
    plain = re.sub(rf"^\s*{NUMBER_WORD}\s*(?=\S*\d)", "", plain)
    bare = re.sub(r"[^a-z0-9]+", "", re.sub(r"^\s*b\s*-?\s*(?=\d)", "", plain))
    return re.sub(r"^([a-z]*)0+(?=\d)", r"\1", bare)


def _digits(bin_id: str) -> str:
    return compact("".join(re.findall(r"\d", bin_id)))
