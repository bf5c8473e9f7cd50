"""The plain baseline for tool names: tf-idf of words and letters, logistic regression, trained on the training rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import JsonValue

from domain.errors import BadData
from evals.cases_file import Case
from prompts.row import from_json


def tool_names(rows: Path, cases: Sequence[Case]) -> dict[str, JsonValue]:
    """`tool_right` on the one-turn cases that want one call. Raises BadData for rows that cannot be read."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    texts, names = _read(rows)
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4), sublinear_tf=True, min_df=3)
    model = make_pipeline(make_union(words, letters), LogisticRegression(C=10.0, max_iter=200))
    model.fit(texts, names)
    wanted = [c.turns[0] for c in cases if len(c.turns) == 1 and c.turns[0].expect and len(c.turns[0].expect) == 1]
    said = model.predict([turn.user for turn in wanted])
    hits = [
        name in {choice.expect[0].name for choice in turn.choices() if choice.expect}
        for turn, name in zip(wanted, said, strict=True)
    ]
    return {"tool_right": round(sum(hits) / len(hits), 4) if hits else None, "turns": len(hits)}


def _read(rows: Path) -> tuple[list[str], list[str]]:
    """Questions and first names of the single-turn rows."""
    texts, names = [], []
    try:
        for line in rows.read_text(encoding="utf-8").splitlines():
            row = from_json(line)
            if row.kind == "call":
                texts.append(row.question)
                names.append(json.loads(row.call)["name"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadData(f"{rows} does not hold training rows: {error}") from error
    if not texts:
        raise BadData(f"{rows} holds no single-turn rows")
    return texts, names
