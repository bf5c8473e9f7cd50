"""Is the ledger whole? Walks the records, then holds the head and the checkpoints against what was found.

`domain/verify_standalone.py` says the same in its own words, for somebody who would rather not trust this page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from domain.chain import GENESIS, Row, grow, leaf, message, root, seal
from domain.checkpoints import Checkpoint

__all__ = ["FaultKind", "Head", "Verdict", "examine", "examine_tail"]

FaultKind = Literal["edit", "gap", "reorder", "truncation", "fork", "key"]


class Head(NamedTuple):
    """Where the ledger says it ends."""

    seq: int
    hash: bytes
    peaks: bytes


@dataclass(frozen=True)
class Verdict:
    """What verifying found. `records` were read, the first `covered` of them are under a signed checkpoint.

    `first_bad_seq` is the first record that cannot be trusted, None when all can or the fault is in no record.
    """

    ok: bool
    records: int
    first_bad_seq: int | None
    kind: FaultKind | None
    sentence: str
    covered: int = 0


class Fault(NamedTuple):
    """A fault, the record it starts at, and what it means."""

    kind: FaultKind
    seq: int | None
    why: str


Scan = Callable[[], Iterator[Row]]


class _Walk:
    """One pass: every seal and link, and (with `sizes`) the tree's root at each of them."""

    def __init__(self, key: bytes, sizes: Iterable[int] | None) -> None:
        self.key, self.sizes = key, None if sizes is None else frozenset(sizes)
        self.seq, self.last, self.peaks = 0, GENESIS, tuple[bytes, ...]()
        self.roots: dict[int, bytes] = {0: root(())}

    def holds(self, row: Row) -> bool:
        """Takes the next record; False when it is not the one that belongs here."""
        data = message(row)
        if row.seq != self.seq + 1 or row.prev_hash != self.last or seal(self.key, data) != row.hash:
            return False
        if self.sizes is not None:
            self.peaks = grow(self.peaks, self.seq, leaf(data))
            if row.seq in self.sizes:
                self.roots[row.seq] = root(self.peaks)
        self.seq, self.last = row.seq, row.hash
        return True


def examine(scan: Scan, head: Head | None, checkpoints: list[Checkpoint], key: bytes) -> Verdict:
    """Everything: all records, the head, all checkpoints. `scan` begins a new pass over the records by seq."""
    walk = _Walk(key, (checkpoint.size for checkpoint in checkpoints))
    fault, records = None, 0
    for row in scan():
        records += 1
        if not fault and not walk.holds(row):
            fault = _name_fault(row, walk, scan)
    fault = fault or _head_fault(walk, head) or _checkpoint_fault(walk, checkpoints)
    covered = max((c.size for c in checkpoints if walk.roots.get(c.size) == c.root and not c.fault), default=0)
    return _verdict(fault, records, covered)


def examine_tail(scan: Scan, head: Head | None, newest: Checkpoint | None, key: bytes, records: int) -> Verdict:
    """The quick look: the records from the newest checkpoint on, their number, the head and that checkpoint's size.

    `scan` begins at record `newest.size` (which is taken as the anchor), or at the first one without a checkpoint.
    """
    walk = _Walk(key, None)
    rows, covered = scan(), newest.size if newest else 0
    if newest and newest.fault:
        return _verdict(Fault(newest.fault, None, f"the checkpoint {newest.file} was changed"), records, 0)
    for row in rows:
        if walk.seq == 0 and covered:  # the anchor: its own link is not looked at
            walk.seq, walk.last = covered - 1, row.prev_hash
        if not walk.holds(row):
            return _verdict(_name_fault(row, walk, scan), records, covered)
    if walk.seq < covered:
        return _verdict(_cut(walk.seq or records, covered, "a signed checkpoint"), records, covered)
    fault = _head_fault(walk, head)
    if not fault and records != walk.seq:
        fault = Fault("gap", None, "records older than the newest checkpoint are missing; verify everything")
    return _verdict(fault, records, covered)


def _genuine(key: bytes, row: Row) -> bool:
    return seal(key, message(row)) == row.hash


def _name_fault(row: Row, walk: _Walk, scan: Scan) -> Fault:
    """Which fault it is that `row` stands where record `walk.seq + 1` belongs."""
    key, wanted = walk.key, walk.seq + 1
    if row.seq > wanted:
        return Fault("gap", wanted, f"record {wanted} is missing")
    if row.seq == wanted and _genuine(key, row):
        return Fault("fork", max(1, walk.seq), f"record {wanted} is genuine but follows another record {walk.seq}")
    others = list(scan())
    if _is_another(key, row, max(len(others), others[-1].seq) + 1):
        if any(_genuine(key, other._replace(seq=wanted)) and other.prev_hash == walk.last for other in others):
            return Fault("reorder", wanted, f"from record {wanted} on, records stand in another order")
        return Fault("gap", wanted, f"record {wanted} is missing and later ones were moved up")
    if len(others) > 1 and not any(_genuine(key, other) for other in others):
        return Fault("key", 1, "no record fits the key: it is not the one the ledger was sealed with")
    return Fault("edit", wanted, f"record {wanted} was changed or put in")


def _is_another(key: bytes, row: Row, last: int) -> bool:
    """Whether the record is genuine under another number."""
    return any(_genuine(key, row._replace(seq=seq)) for seq in range(1, last + 1))


def _head_fault(walk: _Walk, head: Head | None) -> Fault | None:
    head = head or Head(0, GENESIS, b"")
    if head.seq > walk.seq:
        return _cut(walk.seq, head.seq, "the ledger's own head")
    if head.seq < walk.seq:
        return Fault("edit", head.seq + 1, f"there are records behind number {head.seq}, where the ledger ends")
    if head.hash != walk.last or (walk.sizes is not None and head.peaks != b"".join(walk.peaks)):
        return Fault("edit", walk.seq, "the row that says where the ledger ends was changed")
    return None


def _checkpoint_fault(walk: _Walk, checkpoints: list[Checkpoint]) -> Fault | None:
    good = 0
    for checkpoint in sorted(checkpoints, key=lambda found: found.size):
        if checkpoint.fault == "key":
            return Fault("key", None, f"the checkpoint {checkpoint.file} is signed by somebody else")
        if checkpoint.fault:
            return Fault("edit", None, f"the checkpoint {checkpoint.file} was changed")
        if checkpoint.size > walk.seq:
            return _cut(walk.seq, checkpoint.size, f"the signed checkpoint {checkpoint.file}")
        if walk.roots[checkpoint.size] != checkpoint.root:
            why = f"the records up to {checkpoint.size} are not those of the signed checkpoint {checkpoint.file}"
            return Fault("fork", good + 1, why)
        good = checkpoint.size
    return None


def _cut(records: int, expected: int, witness: str) -> Fault:
    return Fault("truncation", records + 1, f"{witness} knows {expected} records, but they end at {records}")


def _verdict(fault: Fault | None, records: int, covered: int) -> Verdict:
    if fault:
        where = f" First record not to trust: {fault.seq}." if fault.seq else ""
        return Verdict(False, records, fault.seq, fault.kind, f"The ledger is not whole: {fault.why}.{where}", covered)
    noun = "record" if records == 1 else "records"
    sentence = f"The ledger is whole: {records} {noun}, {covered} of them under a signed checkpoint."
    return Verdict(True, records, None, None, sentence, covered)
