"""The chain: what a record's seal covers, and the Merkle tree over all records. Values in, values out.

A record's seal is HMAC-SHA256 (RFC 2104) over its fields, each led by its length (8 bytes, big-endian), behind a word
of its own, so that no other use of the key can yield a seal. The previous seal is one of the fields: the records form a
chain. The tree is that of RFC 6962 section 2.1: leaves hash 0x00 + the same bytes, nodes 0x01 + left + right.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import NamedTuple

__all__ = ["GENESIS", "Row", "grow", "leaf", "message", "root", "seal", "split_peaks"]

GENESIS = bytes(32)  # what the first record has for a previous seal
RECORD = b"roundsman ledger record v1\n"


class Row(NamedTuple):
    """One record as it is stored; the order is that of `domain.ledger_records.LedgerRow`."""

    seq: int
    at: str
    kind: str
    decision_id: str
    thread: str
    refers_to: int | None
    idem_key: str
    key_id: str
    body: bytes
    asked_ciphertext: bytes
    prev_hash: bytes
    hash: bytes


def message(row: Row) -> bytes:
    """The bytes under the seal: every field but the seal itself. Text that is no UTF-8 keeps its bytes."""
    fields = [_as_bytes(value) for value in row[:-1]]
    return RECORD + b"".join(len(field).to_bytes(8, "big") + field for field in fields)


def seal(key: bytes, data: bytes) -> bytes:
    """The seal over a record's `message`, 32 bytes."""
    return hmac.digest(key, data, "sha256")


def leaf(data: bytes) -> bytes:
    """The hash of a leaf of the tree."""
    return sha256(b"\x00" + data).digest()


def grow(peaks: tuple[bytes, ...], size: int, new: bytes) -> tuple[bytes, ...]:
    """The peaks after the leaf hash `new` joins a tree of `size` leaves: complete subtrees of equal size unite."""
    while size & 1:
        new, peaks, size = _node(peaks[-1], new), peaks[:-1], size >> 1
    return (*peaks, new)


def root(peaks: tuple[bytes, ...]) -> bytes:
    """The root of the tree that has these peaks, left to right."""
    if not peaks:
        return sha256(b"").digest()
    top = peaks[-1]
    for peak in reversed(peaks[:-1]):
        top = _node(peak, top)
    return top


def split_peaks(stored: bytes) -> tuple[bytes, ...]:
    """Peaks that were stored one behind the other."""
    return tuple(stored[i : i + 32] for i in range(0, len(stored), 32))


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _as_bytes(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    return b"" if value is None else str(value).encode("utf-8", "surrogateescape")
