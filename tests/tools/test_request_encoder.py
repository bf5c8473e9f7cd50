"""tools/request_encoder.py: two experts on where a request begins, and which files they take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app import SHIPPED_REQUESTS
from domain.errors import BadData
from tools.request_encoder import SEEN, RequestParts, load_request_parts, made_for
from tools.request_parts import gaps
from tools.thread_tokens import KINDS, MOST_OF_MESSAGE
from tools.tuned_minilm import CHANGED, WIDTH, WORDS, base_weights, reader, states_of

ASKED = "How full is Doe now? And when was it emptied last, thanks"
MARKS = ("[site Doe]",)


@pytest.fixture(scope="module")
def shipped() -> RequestParts:
    return load_request_parts(SHIPPED_REQUESTS)


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    return dict(np.load(SHIPPED_REQUESTS, allow_pickle=False))


def written(file: Path, parts: dict[str, Any]) -> Path:
    np.savez(file, **parts)
    return file


def test_the_odds_of_a_gap_are_those_of_both_experts(shipped: RequestParts) -> None:
    places = gaps(ASKED, MARKS)
    told = shipped.encoder.odds(ASKED, MARKS, places)
    assert list(told) == places == list(shipped.odds(ASKED, MARKS))
    for at, odds in shipped.odds(ASKED, MARKS).items():
        assert odds == pytest.approx(shipped.grams.odds(ASKED, MARKS, at) + told[at])
    assert shipped.begins(ASKED, MARKS) == [ASKED.index("And")]


def test_behind_what_the_encoder_reads_the_n_grams_tell_alone(shipped: RequestParts) -> None:
    message = "And how full is bin 12 now? " * MOST_OF_MESSAGE
    odds, last = shipped.odds(message, ()), gaps(message, ())[-1]
    assert last not in shipped.encoder.odds(message, (), gaps(message, ()))
    assert odds[last] == shipped.grams.odds(message, (), last)


def test_the_encoder_reads_a_name_by_its_kind_and_the_whole_message(shipped: RequestParts) -> None:
    place = ASKED.index("And")
    (one,) = shipped.encoder.odds(ASKED, MARKS, [place]).values()
    (other,) = shipped.encoder.odds(ASKED.replace("Doe", "Moe"), ("[site Moe]",), [place]).values()
    (longer,) = shipped.encoder.odds(ASKED.replace("thanks", "wenn es passt"), MARKS, [place]).values()
    assert one == pytest.approx(other)
    assert one != pytest.approx(longer)
    assert shipped.encoder.odds(ASKED, MARKS, []) == {}


@pytest.mark.parametrize(("block", "piece"), [(0, "and"), (1, "##s")])
def test_the_head_reads_the_pieces_on_either_side_of_a_gap(
    tmp_path: Path, stored: dict[str, Any], block: int, piece: str
) -> None:
    only = np.zeros((2, SEEN), np.float16)
    only[1, block * WIDTH : (block + 1) * WIDTH] = np.sign(np.arange(WIDTH) % 3 - 1.5)
    head = {"begins.weight": only, "begins.bias": np.zeros(2, np.float16)}
    encoder = load_request_parts(written(tmp_path / "block.npz", stored | head)).encoder
    message, place = "bins and trucks", 5
    tokens, begins = encoder.reader.message(message, (), [place])
    seen = states_of(encoder.weights, encoder.own, tokens, encoder.reader.vocabulary)
    at = begins[place] - block
    (odds,) = encoder.odds(message, (), [place]).values()
    assert encoder.reader.tokenizer.id_to_token(tokens[at]) == piece
    assert odds == pytest.approx(float(seen[at] @ only[1, block * WIDTH : (block + 1) * WIDTH]), rel=1e-4)


def test_a_head_of_nothing_leaves_it_to_the_n_grams(tmp_path: Path, stored: dict[str, Any]) -> None:
    nothing = {"begins.weight": np.zeros((2, SEEN), np.float16), "begins.bias": np.zeros(2, np.float16)}
    parts = load_request_parts(written(tmp_path / "even.npz", stored | nothing))
    place = ASKED.index("And")
    assert parts.odds(ASKED, MARKS)[place] == pytest.approx(parts.grams.odds(ASKED, MARKS, place))


@pytest.mark.parametrize("name", ["features_hash", "base_digest"])
def test_a_file_of_other_features_or_weights_is_refused(tmp_path: Path, stored: dict[str, Any], name: str) -> None:
    about = json.dumps({**made_for(reader()), name: "abc"})
    with pytest.raises(BadData, match=rf"{name} is abc, needed is .*python -m finetune\.requests"):
        load_request_parts(written(tmp_path / "other.npz", stored | {"about": np.array(about)}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bias", np.zeros(3, np.float32)),
        ("table", None),
        ("scale", np.array(0.1, np.float32)),
        ("own", np.zeros((1, WIDTH))),
        ("own", np.full((len(KINDS), WIDTH), np.nan)),
        ("begins.bias", np.array(["x"])),
        ("begins.weight", np.zeros((3, SEEN))),
        (next(name for name in base_weights() if name.startswith(CHANGED)), None),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, stored: dict[str, Any], name: str, value: object) -> None:
    parts = {key: each for key, each in {**stored, name: value}.items() if each is not None}
    with pytest.raises(BadData, match="no classifier of requests"):
        load_request_parts(written(tmp_path / "damaged.npz", parts))


def test_the_embeddings_of_words_are_held_once(shipped: RequestParts) -> None:
    assert shipped.encoder.weights[WORDS] is base_weights()[WORDS]


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="no classifier of requests"):
        load_request_parts(tmp_path / "none.npz")
