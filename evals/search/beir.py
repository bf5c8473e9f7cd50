"""A folder in BEIR layout: documents, questions, and which document answers which (Thakur et al. 2021)."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domain.errors import BadData

__all__ = ["Collection", "Passage", "read_beir"]


@dataclass(frozen=True)
class Passage:
    """A document of the collection."""

    id: str
    title: str
    text: str


@dataclass(frozen=True)
class Collection:
    """Documents, the judged questions by id, and of each the grade (> 0) of every document that answers it, by id."""

    passages: Sequence[Passage]
    questions: Mapping[str, str]
    grades: Mapping[str, Mapping[str, float]]


def read_beir(folder: Path, split: str = "test") -> Collection:
    """The judged questions of a split: `corpus.jsonl`, `queries*.jsonl`, `qrels/SPLIT.tsv` or `qrels_SPLIT.tsv`.

    Raises BadData, with the file and line, for what is missing or cannot be read.
    """
    passages = [
        Passage(_text(row, "_id", where), str(row.get("title") or ""), str(row.get("text") or ""))
        for row, where in _rows(folder / "corpus.jsonl")
    ]
    files = sorted(folder.glob("queries*.jsonl"))
    if not files:
        raise BadData(f"{folder} has no queries.jsonl")
    questions = {_text(row, "_id", where): _text(row, "text", where) for file in files for row, where in _rows(file)}
    grades = _grades(_judged(folder, split))
    unknown = sorted(grades.keys() - questions.keys())
    if unknown:
        raise BadData(f"{folder}: question {unknown[0]} is judged, but no queries*.jsonl has it")
    if not passages or not grades:
        raise BadData(f"{folder} has {len(passages)} documents and {len(grades)} judged questions")
    return Collection(passages, {each: questions[each] for each in grades}, grades)


def _judged(folder: Path, split: str) -> Path:
    """The file of judgements of a split; where a folder has only one, that one is meant by "test"."""
    for file in (folder / "qrels" / f"{split}.tsv", folder / f"qrels_{split}.tsv"):
        if file.is_file():
            return file
    there = sorted({*folder.glob("qrels*.tsv"), *folder.glob("qrels/*.tsv")})
    if split == "test" and len(there) == 1:
        return there[0]
    raise BadData(
        f"{folder} has no judgements qrels/{split}.tsv; there is {', '.join(f.name for f in there) or 'none'}"
    )


def _grades(file: Path) -> dict[str, dict[str, float]]:
    """Grades above 0 by question and document; lines of question, document and grade, with that heading or without."""
    found: dict[str, dict[str, float]] = {}
    with file.open(encoding="utf-8", newline="") as lines:
        for number, row in enumerate(csv.reader(lines, delimiter="\t"), 1):
            if number == 1 and row[-1:] == ["score"]:
                continue
            try:
                question, document, grade = row[0], row[-2], float(row[-1])
            except (IndexError, ValueError) as error:
                raise BadData(f"{file}:{number}: not a question, a document and a grade with tabs between") from error
            if grade > 0:
                found.setdefault(question, {})[document] = grade
    return found


def _rows(file: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """The objects of a file of JSON lines, each with where it stands."""
    try:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    row = json.loads(line)
                    if not isinstance(row, dict):
                        raise BadData(f"{file}:{number}: not a JSON object")
                    yield row, f"{file}:{number}"
    except OSError as error:
        raise BadData(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BadData(f"{file} is not JSON lines in UTF-8: {error}") from error


def _text(row: Mapping[str, Any], name: str, where: str) -> str:
    value = row.get(name)
    if not isinstance(value, str | int):
        raise BadData(f"{where}: no {name}")
    return str(value)
