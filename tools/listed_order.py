"""In which order listed tools stand in a prompt: the nearest in meaning to the question first.

A small model that was tuned on one set of tools tells unknown ones apart badly, an encoder of sentences does it well;
so the encoder proposes and the model decides (retrieval of tools: Qin et al. 2023, ToolLLM, arXiv 2307.16789). The
order is a hint only: every tool stays in the prompt and may be called.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from domain.ports import Embedder
from tools.listed import ListedTool

WORD_EDGE = re.compile(r"(?<=[a-z])(?=[A-Z])|_")
MOST_KEPT = 4_096
"""Vectors of tools kept in memory, 1.5 kB each."""


class ToolOrder:
    """Sorts tools by the cosine between a question and each tool's name and first sentence; keeps tools' vectors."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._kept: dict[str, npt.NDArray[np.float32]] = {}

    def nearest_first(self, question: str, tools: Sequence[ListedTool]) -> list[ListedTool]:
        """The same tools, equally near ones in the order given. Raises ModelUnavailable without the encoder."""
        if len(tools) < 2:
            return list(tools)
        return [tools[row] for row in np.argsort(-np.array(self.nearness(question, tools)), kind="stable")]

    def nearness(self, question: str, tools: Sequence[ListedTool]) -> list[float]:
        """The cosine between the question and each tool. Raises ModelUnavailable without the encoder."""
        asked = self._embedder.embed([question])[0]
        return [float(cosine) for cosine in self._vectors([_meaning(tool) for tool in tools]) @ asked]

    def _vectors(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        unknown = [text for text in dict.fromkeys(texts) if text not in self._kept]
        if unknown:
            if len(self._kept) + len(unknown) > MOST_KEPT:
                self._kept.clear()
                unknown = list(dict.fromkeys(texts))
            self._kept.update(zip(unknown, self._embedder.embed(unknown), strict=True))
        return np.stack([self._kept[text] for text in texts])


def _meaning(tool: ListedTool) -> str:
    """What a signature says of its purpose: so a tool read back from its signature stands at the same place."""
    about = tool.signature().partition(") - ")[2]
    return f"{WORD_EDGE.sub(' ', tool.name).lower()}: {about}"
