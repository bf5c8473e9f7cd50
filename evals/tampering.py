"""What somebody with the database file (and sometimes the sealing key) may do to a ledger, one random deed at a time.

Each deed changes the file through SQLite itself, past every line of Roundsman, and says where the ledger stops being
true: the first record not to trust. `Victim.restore` undoes it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from domain.chain import GENESIS, Row, grow, leaf, message, seal
from domain.clock import fixed_clock
from domain.ledger import Keys, Ledger, LedgerCall, LedgerEntry, load_keys
from domain.ledger_keys import new_keys
from domain.store import Store

__all__ = ["DEEDS", "Deed", "Victim", "example"]

NOON = datetime(2025, 9, 1, 12, tzinfo=UTC)
TEXTS = ("at", "kind", "decision_id", "thread", "idem_key", "key_id")
BYTES = ("body", "asked_ciphertext", "prev_hash", "hash")


def example(number: int, thread: str = "t-1") -> LedgerEntry:
    """A decision like any other, the same for the same number."""
    return LedgerEntry(
        kind="decision", at=NOON, thread=thread, actor=f"person {number % 3}", role="manager", surface="api",
        city="berkeley", question=f"Which bins near gate {number} overflow by tomorrow noon?", answer="None of them.",
        calls=(LedgerCall(name="forecast_fill", parameters={"near": f"gate {number}"}, seed=number, ms=12.5),),
    )  # fmt: skip


@dataclass(frozen=True)
class Deed:
    """What was done. `first_bad` is where trust ends (None: in no record); `keys` are the verifier's, maybe swapped."""

    name: str
    first_bad: int | None
    keys: Keys


class Victim:
    """A closed ledger of `records` in a SQLite file under `home`, checkpointed every `every` and at its end."""

    def __init__(self, home: Path, records: int = 20, every: int = 6) -> None:
        self.home, self.every, self.checkpoints = home, every, home / "checkpoints"
        self.store, self.keys = Store(f"sqlite:///{home / 'ledger.db'}"), load_keys(home)
        self.store.migrate()
        ledger = self.ledger()
        for number in range(1, records + 1):
            ledger.append(example(number), sha256(bytes([number])).hexdigest())  # no change makes one key another
        ledger.close()
        self.file = sqlite3.connect(home / "ledger.db", isolation_level=None)
        self.file.execute("PRAGMA synchronous=OFF")
        for (trigger,) in self.file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            self.file.execute(f"DROP TRIGGER {trigger}")
        self.rows = [Row(*row) for row in self.file.execute("SELECT * FROM ledger ORDER BY seq")]
        self.head = self.file.execute("SELECT * FROM ledger_head").fetchone()
        self.notes = {note: note.read_bytes() for note in self.checkpoints.iterdir()}

    def ledger(self, keys: Keys | None = None) -> Ledger:
        """The ledger as its verifier opens it."""
        return Ledger(self.store, keys or self.keys, self.checkpoints, fixed_clock(NOON), self.every)

    def write(self, rows: list[Row], head_follows: bool = False) -> None:
        """Replaces all records; with `head_follows` the head is made to fit the last of them."""
        self.file.execute("BEGIN")
        self.file.execute("DELETE FROM ledger")
        self.file.executemany("INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        if head_follows:
            peaks: tuple[bytes, ...] = ()
            for size, row in enumerate(rows):
                peaks = grow(peaks, size, leaf(message(row)))
            end = (rows[-1].seq, rows[-1].hash) if rows else (0, GENESIS)
            self.file.execute("UPDATE ledger_head SET seq = ?, hash = ?, peaks = ?", (*end, b"".join(peaks)))
        self.file.execute("COMMIT")

    def restore(self) -> None:
        """Everything as it was before the deed."""
        self.write(self.rows)
        self.file.execute("DELETE FROM ledger_head")
        self.file.execute("INSERT INTO ledger_head VALUES (?, ?, ?, ?)", self.head)
        for note, content in self.notes.items():
            note.write_bytes(content)

    def close(self) -> None:
        """Lets go of the file."""
        self.file.close()
        self.store.close()


def edit(victim: Victim, random: Random) -> Deed:
    """Changes one byte, character or number of one field of one record."""
    at = random.randrange(len(victim.rows))
    field = random.choice((*TEXTS, *BYTES, "refers_to"))
    old = getattr(victim.rows[at], field)
    changed = victim.rows[at]._replace(**{field: _changed(old, random)})
    victim.write([*victim.rows[:at], changed, *victim.rows[at + 1 :]])
    return Deed(f"edit {field}", at + 1, victim.keys)


def delete(victim: Victim, random: Random) -> Deed:
    """Takes out one record that is not the last; maybe moves the later ones up and mends the link and the head."""
    at = random.randrange(len(victim.rows) - 1)
    rest = [*victim.rows[:at], *victim.rows[at + 1 :]]
    moved_up = random.random() < 0.5
    victim.write(_linked(_numbered(rest), at) if moved_up else rest, head_follows=moved_up)
    return Deed("delete", at + 1, victim.keys)


def insert(victim: Victim, random: Random) -> Deed:
    """Puts in a record of one's own, anywhere, and mends numbers, links and head."""
    at = random.randrange(len(victim.rows) + 1)
    model = random.choice(victim.rows)
    new = model._replace(
        idem_key=f"new-{random.random()}", body=_flipped(model.body, random), hash=random.randbytes(32)
    )
    victim.write(_linked(_numbered([*victim.rows[:at], new, *victim.rows[at:]]), at), head_follows=True)
    return Deed("insert", at + 1, victim.keys)


def reorder(victim: Victim, random: Random) -> Deed:
    """Swaps two records; maybe mends the links."""
    first, second = sorted(random.sample(range(len(victim.rows)), 2))
    rows = list(victim.rows)
    rows[first], rows[second] = rows[second], rows[first]
    rows = _numbered(rows)
    victim.write(_linked(rows, first) if random.random() < 0.5 else rows)
    return Deed("reorder", first + 1, victim.keys)


def truncate(victim: Victim, random: Random) -> Deed:
    """Cuts the tail and mends the head, so that only a checkpoint knows better."""
    kept = random.randrange(len(victim.rows))
    victim.write(victim.rows[:kept], head_follows=True)
    return Deed("truncate", kept + 1, victim.keys)


def fork(victim: Victim, random: Random) -> Deed:
    """With the sealing key in hand: rewrites history from one record on, maybe longer than it was, flawlessly."""
    at = random.randrange(len(victim.rows))
    rows, last = victim.rows[:at], victim.rows[at - 1].hash if at else GENESIS
    for row in [*victim.rows[at:], *victim.rows[: random.randrange(3)]]:
        body = _flipped(row.body, random) if len(rows) == at else row.body
        row = row._replace(seq=len(rows) + 1, idem_key=f"fork-{len(rows)}", body=body, prev_hash=last)
        last = seal(victim.keys.hmac_key, message(row))
        rows.append(row._replace(hash=last))
    victim.write(rows, head_follows=True)
    return Deed("fork", at // victim.every * victim.every + 1, victim.keys)  # the first that no good checkpoint covers


def swap_key(victim: Victim, random: Random) -> Deed:
    """Another sealing key, or another key for the checkpoints, than the ledger was made with."""
    strange = new_keys()
    if random.random() < 0.5:
        return Deed("swap sealing key", 1, replace(victim.keys, hmac_key=strange.hmac_key))
    return Deed("swap signing key", None, replace(victim.keys, signing_key=strange.signing_key))


def change_head(victim: Victim, random: Random) -> Deed:
    """Changes what the database says about where the ledger ends."""
    size = len(victim.rows)
    field = random.choice(("hash", "peaks", "seq"))
    head = dict(zip(("seq", "hash", "peaks"), victim.head[1:], strict=True))
    head[field] = random.randrange(size) if field == "seq" else _flipped(head[field], random)
    victim.file.execute("UPDATE ledger_head SET seq = :seq, hash = :hash, peaks = :peaks", head)
    return Deed(f"change head's {field}", head["seq"] + 1 if field == "seq" else size, victim.keys)


def change_checkpoint(victim: Victim, random: Random) -> Deed:
    """Changes one byte of one checkpoint."""
    note = random.choice([note for note in victim.notes if note.suffix == ".checkpoint"])
    note.write_bytes(_flipped(victim.notes[note], random))
    return Deed("change checkpoint", None, victim.keys)


DEEDS: tuple[Callable[[Victim, Random], Deed], ...] = (
    edit, delete, insert, reorder, truncate, fork, swap_key, change_head, change_checkpoint,
)  # fmt: skip


def _numbered(rows: list[Row]) -> list[Row]:
    return [row._replace(seq=number) for number, row in enumerate(rows, 1)]


def _linked(rows: list[Row], start: int) -> list[Row]:
    """Links that look right from `start` on; the seals cannot."""
    return [
        row._replace(prev_hash=(rows[at - 1].hash if at else GENESIS)) if at >= start else row
        for at, row in enumerate(rows)
    ]


def _changed(old: object, random: Random) -> Any:
    if isinstance(old, bytes):
        return _flipped(old, random)
    if isinstance(old, str):
        at = random.randrange(len(old) + 1)
        return old[:at] + chr(random.randrange(33, 127)) + old[at:]
    return random.randrange(1, 100)


def _flipped(old: bytes, random: Random) -> bytes:
    """One bit turned, or one byte more or fewer."""
    at = random.randrange(len(old))
    turned = bytes([old[at] ^ 1 << random.randrange(8)])
    return old[:at] + random.choice((turned, turned, turned, b"", old[at : at + 1] * 2)) + old[at + 1 :]
