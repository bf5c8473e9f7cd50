"""Streams by what people call them, alone ("recycling") or inside a longer phrase ("the Zellerbach compost bin")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain.errors import AmbiguousName, UnknownName
from domain.name_words import BIN_WORDS, fold, tokens
from domain.names import CHOICES, Named, NameIndex

Words = tuple[str, ...]
TRANSLATED: Mapping[str, str] = {
    "compost": "Kompost, Biomüll, Bioabfall, Bioabfälle, Biogut, Biotonne, compostable, compostables, orgánico,"
    " orgánicos, orgánica, orgánicas, residuos orgánicos, biodéchets, déchets organiques, déchets verts, organique,"
    " organiques",
    "trash": "Restmüll, Restabfall, Hausmüll, Restmülltonne, basura, residuos mezclados, residuos sólidos, ordures,"
    " ordures ménagères, déchets résiduels, tout-venant",
    "recycling": "Recycling, Wertstoffe, Recyclingmaterial, reciclaje, reciclable, reciclables, recyclage, recyclable",
    "bottles": "Flaschen, botellas, bouteilles",
    "cans": "Dosen, latas, canettes",
    "bottles and cans": "Flaschen und Dosen, botellas y latas, bouteilles et canettes",
    "paper": "Papier, Altpapier, papel",
    "cardboard": "Pappe, Karton, Kartonagen, cartón, carton",
    "glass": "Glas, Altglas, vidrio, verre",
    "plastic": "Plastik, Kunststoff, Kunststoffe, plástico, plásticos, plastique, plastiques",
    "metal": "Metall, Altmetall, metales, métal, métaux",
}
"""What a stream that people call so in English is called in German, Spanish and French, by commas."""


class StreamWords:
    """The streams of one city and their spoken names, ready to be asked."""

    def __init__(self, streams: Mapping[str, Sequence[str]]) -> None:
        self._names = tuple(streams)
        self._index = NameIndex([Named(name, name, tuple(said)) for name, said in streams.items()])
        streams = {name: [*said, *_translations((name, *said))] for name, said in streams.items()}
        self._phrases: dict[Words, str] = {}
        for name, said in streams.items():
            for words in map(tokens, (name, *said)):
                if not set(words) <= BIN_WORDS:  # in a phrase, "containers" are bins of any stream
                    self._phrases.setdefault(words, name)
        self._said = {fold(word) for name, said in streams.items() for word in (name, *said)}
        self._longest = max(map(len, self._phrases), default=0)

    def stream(self, words: str) -> str:
        """The stream by the records' name ("compost" -> "Compostables"). Raises UnknownName, AmbiguousName.

        The city's own words are found with slips too, their translations as they are: "tour" is no "tout-venant".
        """
        verdict = self._index.find(words)
        if verdict.one:
            return verdict.one.key
        if (translated := self._phrases.get(tokens(words))) is not None:
            return translated
        if verdict.matches:
            raise AmbiguousName("stream", words, [match.name for match in verdict.matches])
        raise UnknownName("stream", words, [match.name for match in verdict.nearest] or self._names[:CHOICES])

    def words(self) -> frozenset[str]:
        """The words of all names and spoken names, as domain/name_words.py writes them."""
        return self._index.words()

    def is_name(self, words: str) -> bool:
        """Whether the words are a stream and nothing else."""
        return tokens(words) in self._phrases

    def is_spoken(self, words: str) -> bool:
        """Whether the words are a stream as it is said, plurals and all: "Can" of "can you" is none."""
        return fold(words) in self._said and self.is_name(words)

    def named_in(self, words: str) -> list[str]:
        """The streams named anywhere in the words, each once."""
        return list(dict.fromkeys(self._phrases[phrase] for phrase, _ in self._spans(tokens(words))))

    def without(self, words: str) -> str:
        """The words, folded, without the streams they name."""
        said = list(tokens(words))
        for phrase, start in reversed(self._spans(tuple(said))):
            del said[start : start + len(phrase)]
        return " ".join(said)

    def _spans(self, said: Words) -> list[tuple[Words, int]]:
        """(phrase, start) of the stream phrases in the words, the longest first at each place, without overlap."""
        spans: list[tuple[Words, int]] = []
        start = 0
        while start < len(said):
            sizes = range(min(self._longest, len(said) - start), 0, -1)
            phrase = next(
                (said[start : start + size] for size in sizes if said[start : start + size] in self._phrases), ()
            )
            if phrase:
                spans.append((phrase, start))
            start += len(phrase) or 1
        return spans


def _translations(said: Sequence[str]) -> list[str]:
    """A stream's names in the other languages, of its English ones."""
    return [each for word in map(fold, said) if word in TRANSLATED for each in TRANSLATED[word].split(", ")]
