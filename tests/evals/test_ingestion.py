"""The measurement of ingestion: real kills find nothing torn or lost, and it would see it if something were."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from evals.ingestion import Scene, figures

SPOILED = [
    "UPDATE search_documents SET text = 'version 1 version 2' WHERE row = (SELECT min(row) FROM search_documents)",
    "DELETE FROM search_words_1 WHERE rowid = (SELECT min(row) FROM search_documents)",
    "DELETE FROM search_documents WHERE row = (SELECT min(row) FROM search_documents)",
    "UPDATE search_vectors SET vector = zeroblob(128) WHERE turn = (SELECT min(turn) FROM search_vectors)",
]
RENAMED = "UPDATE search_documents SET id = 'requests/none' WHERE row = (SELECT max(row) FROM search_documents)"


def spoil(file: Path, statement: str, copy: Path) -> Path:
    """A copy of an index with a fault in it."""
    with sqlite3.connect(file) as whole, sqlite3.connect(copy) as spoiled:
        whole.backup(spoiled)
        spoiled.execute(statement)
    whole.close()
    spoiled.close()
    return copy


def test_no_document_is_torn_or_lost_by_kills() -> None:
    found = figures(kills=4)
    assert (found["torn"], found["lost"], found["ghosts"]) == (0, 0, 0)
    assert found["documents"] >= found["requests"] > 100


@pytest.mark.parametrize("fresh_url", [pytest.param("postgis", marks=pytest.mark.postgis)], indirect=True)
def test_no_document_is_torn_or_lost_beside_postgresql(fresh_url: str) -> None:
    found = figures(kills=4, url=fresh_url)
    assert (found["torn"], found["lost"], found["ghosts"]) == (0, 0, 0)


@pytest.mark.slow
def test_no_document_is_torn_or_lost_by_fifty_kills() -> None:
    found = figures(kills=50, seed=7)
    assert (found["torn"], found["lost"], found["ghosts"]) == (0, 0, 0)
    assert found["interrupted"] > 5  # else the kills came too late to mean anything


def test_what_is_torn_missing_or_left_over_is_counted(tmp_path: Path) -> None:
    scene = Scene(tmp_path, None)
    scene.kill_one(random.Random(1))
    whole = scene.compared()
    assert (scene.torn(), whole["lost"], whole["ghosts"]) == (0, 0, 0)
    index = scene.file
    for number, statement in enumerate(SPOILED):
        scene.file = spoil(index, statement, tmp_path / f"{number}.db")
        assert scene.torn() > 0, statement
    scene.file = spoil(index, RENAMED, tmp_path / "renamed.db")
    found = scene.compared()
    assert (found["lost"], found["ghosts"]) == (1, 1)
