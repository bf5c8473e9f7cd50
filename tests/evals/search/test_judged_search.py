"""The retrieval suite: what it reads, what it refuses, how it counts, and that a wrong ranking shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from embedders import ConceptEmbedder

from domain.errors import BadData
from evals.search.beir import read_beir
from evals.search.judged import Asked, figures
from evals.search.kept import KeptEmbedder
from evals.search.quality import ndcg, paired_bootstrap, recall

CORPUS = [("d1", "Rats", "rats at the corner"), ("d2", "", "snow on the path"), ("d3", "Overflow", "the bin is full")]
QUESTIONS = [("q1", "vermin"), ("q2", "snow path"), ("q3", "not judged")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three documents, two judged questions: one answered by words, one by meaning alone."""
    made = tmp_path / "tiny"
    (made / "qrels").mkdir(parents=True)
    corpus = [json.dumps({"_id": id_, "title": title, "text": text}) for id_, title, text in CORPUS]
    (made / "corpus.jsonl").write_text("\n".join(corpus) + "\n\n", encoding="utf-8")
    questions = [json.dumps({"_id": id_, "text": text}) for id_, text in QUESTIONS]
    (made / "queries.jsonl").write_text("\n".join(questions), encoding="utf-8")
    lines = "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td3\t0\nq2\td2\t1\n"
    (made / "qrels" / "test.tsv").write_text(lines, encoding="utf-8")
    return made


def test_a_folder_is_read_whole_and_a_grade_of_nothing_is_no_answer(folder: Path) -> None:
    collection = read_beir(folder)
    assert [p.id for p in collection.passages] == ["d1", "d2", "d3"]
    assert collection.questions == {"q1": "vermin", "q2": "snow path"}
    assert collection.grades == {"q1": {"d1": 2.0}, "q2": {"d2": 1.0}}


def test_judgements_beside_the_corpus_and_in_the_older_four_columns_are_read(folder: Path) -> None:
    (folder / "qrels_train.tsv").write_text("q2\t0\td3\t1\n", encoding="utf-8")
    assert read_beir(folder, "train").grades == {"q2": {"d3": 1.0}}


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("corpus.jsonl", '{"_id": "d1"}\n{"title": "x"}\n', r"corpus.jsonl:2: no _id"),
        ("corpus.jsonl", "not json\n", "is not JSON lines"),
        ("corpus.jsonl", "[1]\n", "corpus.jsonl:1: not a JSON object"),
        ("corpus.jsonl", "", "has 0 documents"),
        ("qrels/test.tsv", "q1 d1 1\n", "test.tsv:1: not a question"),
        ("qrels/test.tsv", "q9\td1\t1\n", "question q9 is judged, but no"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(folder: Path, file: str, text: str, said: str) -> None:
    (folder / file).write_text(text, encoding="utf-8")
    with pytest.raises(BadData, match=said):
        read_beir(folder)


def test_a_missing_file_or_split_is_said_with_what_there_is(folder: Path) -> None:
    with pytest.raises(BadData, match=r"no judgements qrels/dev\.tsv; there is test\.tsv"):
        read_beir(folder, "dev")
    (folder / "queries.jsonl").unlink()
    with pytest.raises(BadData, match=r"no queries\.jsonl"):
        read_beir(folder)


def test_gain_is_discounted_by_rank_and_weighed_by_grade() -> None:
    grades = {"a": 2.0, "b": 1.0}
    assert ndcg(["a", "b"], grades) == 1
    assert ndcg(["b", "a"], grades) == pytest.approx(0.8597, abs=1e-4)  # (1 + 2 / 1.585) / (2 + 1 / 1.585)
    assert ndcg(["x", "a"], {"a": 1.0}) == pytest.approx(0.6309, abs=1e-4)
    assert ndcg(["x"] * 10 + ["a"], grades) == 0
    assert recall(["x", "a"], grades, 2) == 0.5
    assert recall(["x", "a"], grades, 1) == 0


def test_the_bootstrap_is_paired_and_tells_a_gain_from_noise() -> None:
    theirs = [0.1 * (n % 10) for n in range(200)]
    gain, low, high = paired_bootstrap([value + 0.05 for value in theirs], theirs)
    assert gain == pytest.approx(0.05)
    assert low == pytest.approx(high) == pytest.approx(0.05)  # the questions differ, the gain does not
    noise = [value + (0.2 if n % 2 else -0.2) for n, value in enumerate(theirs)]
    _, low, high = paired_bootstrap(noise, theirs)
    assert low < 0 < high


def test_the_suite_measures_words_meaning_and_both(folder: Path, tmp_path: Path) -> None:
    found, baselines, cases = figures(Asked(folder, "test", tmp_path / "kept", sweep=True), ConceptEmbedder())
    assert cases == 2
    assert found["ndcg10_bm25"] == 0.5  # no document holds the word "vermin"
    assert found["ndcg10_dense"] == found["ndcg10_hybrid"] == found["recall100_hybrid"] == 1
    swept = found["ndcg10_by_alpha"]
    assert isinstance(swept, dict)
    assert (swept["0"], swept["1"]) == (0.5, 1)
    assert found["feedback_minus_hybrid"] == {"mean": 0, "ci95": [0, 0]}
    assert {*baselines} == {"bm25", "dense", "rrf", "min_max"}
    assert baselines["min_max"] == {"ndcg10_hybrid": 1, "recall100_hybrid": 1}
    assert found["hybrid_minus_min_max"] == {"mean": 0, "ci95": [0, 0]}
    assert found["hybrid_minus_best_single"] == {"single": "dense", "mean": 0, "ci95": [0, 0]}


def test_vectors_made_once_are_not_made_again(tmp_path: Path) -> None:
    first, second = ConceptEmbedder(), ConceptEmbedder()
    before = KeptEmbedder(first, tmp_path)
    vectors = before.embed(["rats", "snow", "rats"])
    before.close()
    after = KeptEmbedder(second, tmp_path)
    assert (after.embed(["snow", "rats"]) == vectors[[1, 0]]).all()
    assert (second.seen, after.made) == ([], 0)
    after.close()


def test_vectors_of_another_model_are_not_taken_for_its_own(tmp_path: Path) -> None:
    for embedder in (ConceptEmbedder("one"), ConceptEmbedder("two")):
        kept = KeptEmbedder(embedder, tmp_path)
        kept.embed(["rats"])
        kept.close()
        assert embedder.seen == ["rats"]
