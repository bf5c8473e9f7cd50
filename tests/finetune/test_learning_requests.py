"""finetune/request_encoder.py: what is learned of messages, and that the same is served."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from app import SHIPPED_REQUESTS
from finetune.adapters import write_parts
from finetune.minilm import changes_of, head_of
from finetune.request_encoder import Net, Plan, example_of, learn, scores_of
from finetune.requests import Message
from tools.request_encoder import load_request_parts, made_for
from tools.request_parts import SCORES, gaps
from tools.thread_tokens import MOST_OF_MESSAGE
from tools.tuned_minilm import reader

TWO = "How full is Doe now? And when was it emptied last"
ONE = "How full is Doe now? And thanks for yesterday"
MESSAGES = [Message(TWO, ("[site Doe]",), (TWO.index("And"),)), Message(ONE, ("[site Doe]",), ())]


def test_a_message_becomes_the_pieces_behind_its_gaps_and_their_targets() -> None:
    read = reader()
    two, one = (example_of(each, read) for each in MESSAGES)
    ((at, begins),) = two.gaps
    assert read.tokenizer.id_to_token(two.tokens[at]) == "and"
    assert begins == 1
    assert [target for _, target in one.gaps] == [0]
    assert example_of(Message("bins", (), ()), read).gaps == ()


def test_gaps_that_are_not_read_have_no_scores(one_thread: None) -> None:
    long = Message("and show the bins, " * MOST_OF_MESSAGE, (), ())
    net = Net(reader())
    example = example_of(long, net.read)
    assert example.unread > 0
    scores = scores_of(net, [example, example_of(MESSAGES[0], net.read)])
    assert len(scores) == len(gaps(long.text, ())) + 1
    assert not scores[len(example.gaps) : -1].any()
    assert scores[0].any()


@pytest.mark.slow
def test_what_is_served_is_what_was_learned(tmp_path: Path, one_thread: None) -> None:
    torch.manual_seed(7)
    net = Net(reader())
    examples = [example_of(each, net.read) for each in MESSAGES]
    losses = [loss for _, _, loss in learn(net, examples * 400, Plan(2e-4, 0.1, 7), half=False)]
    assert losses[-1] < losses[0] / 4
    grams = dict(np.load(SHIPPED_REQUESTS, allow_pickle=False))
    parts = {name: grams[name] for name in ("table", "scale", "weights", "bias")}
    parts |= {**changes_of(net), **head_of("begins", net.begins, [(SCORES, 2.0)])}
    write_parts(tmp_path / "requests.npz", parts, made_for(net.read))
    served = load_request_parts(tmp_path / "requests.npz").encoder
    learnt = (scores_of(net, examples) / 2.0).log_softmax(-1)
    for each, (no, yes) in zip(MESSAGES, learnt.tolist(), strict=True):
        (odds,) = served.odds(each.text, each.marks, gaps(each.text, each.marks)).values()
        assert odds == pytest.approx(yes - no, abs=0.2)
        assert (odds > 0) == bool(each.begins)
