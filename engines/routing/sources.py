"""A name for the text of all the compiled loops, so that code stored on disk is never older than its sources.

Numba's stored code knows only when its own file has changed, but holds what other files wrote into it. A field of this
name in the arguments' types makes a change of any of them another signature, which is compiled anew.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

SOURCES = (
    "anneal", "blinks", "compiled", "exact", "exchange", "model", "place", "ruin", "scan", "starts", "state",
    "timed_place", "times",
)  # fmt: skip


@cache
def source_mark() -> str:
    """The name: a hash of the files' text."""
    texts = [Path(__file__).with_name(f"{name}.py") for name in SOURCES]
    said = b"".join(text.read_bytes() for text in texts if text.exists())
    return f"source_{hashlib.sha256(said).hexdigest()[:12]}"
