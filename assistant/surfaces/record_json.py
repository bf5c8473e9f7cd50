"""A record of the ledger as JSON, for the terminal and the API."""

from __future__ import annotations

from typing import Any

from domain.ledger import LedgerRecord


def record_json(record: LedgerRecord) -> dict[str, Any]:
    """A record's place in the chain, and its entry with all that is not empty."""
    entry = record.entry.model_dump(mode="json", exclude_none=True)
    said = {name: value for name, value in entry.items() if value not in ([], {}, "")}
    return {"seq": record.seq, "hash": record.hash, "erased": record.erased, **said}
