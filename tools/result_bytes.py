"""The bytes of a result: what the ledger keeps the hash of, and what a replay must give again."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from pydantic import JsonValue

from domain.values import Result

MADE = "P-made"


def result_bytes(result: Result[Any]) -> bytes:
    """Canonical JSON: keys sorted, no spaces, UTF-8; without `ms` and `*_ms`, which no two runs share.

    The id of a plan that the call itself stored is given anew each time, so it stands as MADE, wherever it occurs.
    """
    plain = _timeless(result.model_dump(mode="json"))
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    made = getattr(result.facts, "plan_id", None)
    return (re.sub(rf"(?<![\w-]){re.escape(made)}(?![\w-])", MADE, text) if made else text).encode()


def result_hash(result: Result[Any]) -> str:
    """SHA-256 of `result_bytes`, in hexadecimal."""
    return hashlib.sha256(result_bytes(result)).hexdigest()


def _timeless(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {key: _timeless(each) for key, each in value.items() if key != "ms" and not key.endswith("_ms")}
    return [_timeless(each) for each in value] if isinstance(value, list) else value
