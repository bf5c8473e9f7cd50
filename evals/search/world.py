"""A made-up city for measuring search: places in neighbourhoods, meanings in topics, words as seldom as in language.

Half of the topics belong to a neighbourhood, so that place and meaning go together there and are at odds elsewhere.
Everything comes from the seed, and each document from its number, so that no vector need be kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt

from domain.spatial import EARTH_RADIUS_M
from retrieval.store import Circle, Document

__all__ = ["Question", "World"]

Floats = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]
NEIGHBOURHOODS, TOPICS, TIED = 40, 300, 150
MIDDLE, HALF_WIDTH_M, SPREAD_M = (37.80, -122.27), 15_000.0, 900.0
DIMENSIONS = 384
NOISE = 1.2  # length of what a document has of its own, against 1 of its topic
WORDS, ZIPF, LENGTH, OF_TOPIC, TOPIC_WORDS = 30_000, 1.1, 22, 3, 12
BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
BLOCK = 10_000


@dataclass(frozen=True)
class Question:
    """What is asked: words, their meaning (a unit vector), and where."""

    text: str
    vector: Vectors
    circle: Circle


class World:
    """`bins` documents of a city. Their embedder is this world itself: it knows each document by its number."""

    name, dimensions = "made-up", DIMENSIONS

    def __init__(self, bins: int, seed: int) -> None:
        self.bins, self.seed = bins, seed
        rng = np.random.default_rng([seed, 1])
        middles = rng.uniform(-HALF_WIDTH_M, HALF_WIDTH_M, (NEIGHBOURHOODS, 2))
        self.neighbourhoods = rng.integers(0, NEIGHBOURHOODS, bins)
        self.metres = middles[self.neighbourhoods] + rng.normal(0, SPREAD_M, (bins, 2))
        tied = rng.integers(0, (TIED + NEIGHBOURHOODS - 1) // NEIGHBOURHOODS, bins) * NEIGHBOURHOODS
        own = (tied + self.neighbourhoods) % TIED
        self.topics = np.where(rng.random(bins) < 0.5, own, rng.integers(TIED, TOPICS, bins))
        self.home_of = np.arange(TIED) % NEIGHBOURHOODS
        self.middles = middles
        centres = rng.normal(size=(TOPICS, DIMENSIONS))
        self.centres = centres / np.linalg.norm(centres, axis=1, keepdims=True)
        self.lat = MIDDLE[0] + np.degrees(self.metres[:, 1] / EARTH_RADIUS_M)
        self.lon = MIDDLE[1] + np.degrees(self.metres[:, 0] / EARTH_RADIUS_M) / np.cos(np.radians(MIDDLE[0]))

    # ------------------------------------------------------------ documents

    def documents(self, first: int, last: int) -> list[Document]:
        """The documents from `first` on, without `last`."""
        rng = np.random.default_rng([self.seed, 2, first])
        words = self._drawn(rng, (last - first, LENGTH - OF_TOPIC)).tolist()
        said = rng.integers(0, TOPIC_WORDS, (last - first, OF_TOPIC)).tolist()
        rows = zip(range(first, last), said, words, strict=True)
        return [
            self._document(n, [*(_topic_word(int(self.topics[n]), w) for w in s), *map(_word, w)]) for n, s, w in rows
        ]

    def _document(self, number: int, words: Sequence[str]) -> Document:
        id_, at = f"requests/{number}", BEGAN + timedelta(minutes=number % 500_000)
        placed = float(self.lat[number]), float(self.lon[number])
        return Document(id_, "requests", f"Request {number}", _text(words), f"records:{id_}", *placed, at=at)

    def vectors(self, first: int, last: int) -> Vectors:
        """The unit vectors of the documents from `first` on, shape (last - first, 384)."""
        return self._vectors(np.arange(first, last))

    def embed(self, texts: Sequence[str]) -> Vectors:
        """The vectors of documents, known by their titles."""
        return self._vectors(np.array([int(text.split(".", 1)[0].removeprefix("Request ")) for text in texts]))

    def _vectors(self, numbers: npt.NDArray[np.int64]) -> Vectors:
        """Each document's own part is a slice of one long row of chance, begun where its number says."""
        begins = (numbers * 7_919) % (len(self._chance) - DIMENSIONS)
        own = self._chance[begins[:, None] + np.arange(DIMENSIONS)]
        raw = self.centres[self.topics[numbers]] + (NOISE / np.sqrt(DIMENSIONS)) * own
        unit: Vectors = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
        return unit

    @cached_property
    def _chance(self) -> Floats:
        return np.random.default_rng([self.seed, 3]).normal(size=4_000_037)

    # ------------------------------------------------------------ questions

    def questions(self, share: float, count: int, *, at_odds: bool = False) -> list[Question]:
        """Questions whose circle holds about `share` (0..1) of the documents.

        `at_odds`: about a topic of a neighbourhood, around a document as far from there as possible.
        """
        rng = np.random.default_rng([self.seed, 4, round(share * 1e6), at_odds])
        return [self._question(rng, share, at_odds) for _ in range(count)]

    def _question(self, rng: np.random.Generator, share: float, at_odds: bool) -> Question:
        topic = int(rng.integers(0, TIED if at_odds else TOPICS))
        about = self.metres[rng.integers(0, self.bins)]
        if at_odds:
            some = rng.integers(0, self.bins, 50)
            away = np.linalg.norm(self.metres[some] - self.middles[self.home_of[topic]], axis=1)
            about = self.metres[some[np.argmax(away)]]
        raw = self.centres[topic] + (NOISE / np.sqrt(DIMENSIONS)) * rng.normal(size=DIMENSIONS)
        words = [_topic_word(topic, int(rng.integers(0, TOPIC_WORDS))), *map(_word, self._drawn(rng, (2,)))]
        count = min(self.bins - 1, max(10, round(share * self.bins)))
        apart = np.partition(np.linalg.norm(self.metres - about, axis=1), [count - 1, count])
        between = float(
            apart[count - 1 : count + 1].mean()
        )  # no document stands on the edge, where rounding would decide
        radius_m = between if share < 1 else 4 * HALF_WIDTH_M
        lat = MIDDLE[0] + np.degrees(about[1] / EARTH_RADIUS_M)
        lon = MIDDLE[1] + np.degrees(about[0] / EARTH_RADIUS_M) / np.cos(np.radians(MIDDLE[0]))
        return Question(_text(words), (raw / np.linalg.norm(raw)).astype(np.float32), Circle(lat, lon, radius_m))

    @staticmethod
    def _drawn(rng: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
        """Words by rank, each as often as Zipf's law says."""
        ranks = np.arange(1, WORDS + 1, dtype=np.float64) ** -ZIPF
        return np.searchsorted(np.cumsum(ranks) / ranks.sum(), rng.random(shape))


def _text(words: Sequence[str]) -> str:
    return " ".join(words)


def _topic_word(topic: int, word: int) -> str:
    return f"topic{topic}x{word}"


def _word(rank: int) -> str:
    return f"word{rank}"
