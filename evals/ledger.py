"""Suite `ledger`: is a record ever lost, doubled or forked when writers are killed, and is every tampering found?

    python -m evals ledger --rounds 250

Real processes append to one database and are killed with SIGKILL at random moments; whatever was under way is tried
again by their successors, as a surface would. Then a closed ledger is tampered with in every way of `evals.tampering`.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from multiprocessing.context import ForkProcess
from pathlib import Path
from random import Random

from sqlalchemy import text

from domain.clock import wall_clock
from domain.errors import BadData, LedgerUnavailable
from domain.ledger import Ledger, LedgerEntry, load_keys
from domain.store import Store
from evals.tampering import DEEDS, Victim, example

__all__ = ["figures"]

WRITERS = 4
EVERY = 16
START_S, LIFE_S = 5.0, 0.04  # longest wait for a writer's first event; longest life after it
MUTATIONS_A_ROUND = 40
SPEED_S = 3.0
PROCESSES = multiprocessing.get_context("fork")  # a child starts in milliseconds, with everything imported


def figures(rounds: int, seed: int = 0, url: str | None = None) -> dict[str, int | float]:
    """The suite's figures; `rounds` of 4 kills and 40 mutations each. Seconds: about 1 a round on two cores.

    `url` is an empty database to use for the killing instead of a SQLite file made for it. Raises BadData otherwise.
    """
    random = Random(seed)
    with tempfile.TemporaryDirectory(prefix="ledger-") as folder:
        home = Path(folder)
        scene = Scene(home / "kills", url or f"sqlite:///{home / 'kills.db'}")
        killed = scene.kill(rounds, random)
        speed = scene.measure_speed()
        scene.store.close()
        speed["bare_commits_per_s"] = bare_commits(home / "bare.db")
        return killed | speed | tampered(home / "tampering", rounds * MUTATIONS_A_ROUND, random)


@dataclass(frozen=True)
class Tried:
    """What one writer's notes say: the events it began, those it was told are kept with their seq, and how many of
    these had been kept already by a predecessor that did not live to hear it."""

    begun: list[str]
    kept: dict[str, int]
    unheard: int


@dataclass(frozen=True)
class Writer:
    """A process that appends; `noted` is the size of its notes in bytes when it started."""

    process: ForkProcess
    notes: Path
    noted: int

    def kill(self) -> None:
        """SIGKILL: nothing of the process runs after it."""
        os.kill(self.process.pid or 0, signal.SIGKILL)
        self.process.join()


class Scene:
    """A database, its keys and checkpoints, and the notes of the writers that were killed at it."""

    def __init__(self, home: Path, url: str) -> None:
        self.home, self.url, self.store = home, url, Store(url)
        home.mkdir(parents=True)
        load_keys(home)
        self.store.migrate()
        with self.store.read() as session:
            if session.execute(text("SELECT count(*) FROM ledger")).scalar_one():
                raise BadData("This measurement wants an empty ledger; give the URL of a database made for it.")
        ledger = self.ledger()
        ledger.append(_entry("first.0"), "first.0")  # the children then find everything loaded
        ledger.verify()
        self.store.close()  # no connection may pass into a child

    def ledger(self) -> Ledger:
        """The ledger, as each process opens it for itself."""
        return Ledger(self.store, load_keys(self.home), self.home / "checkpoints", wall_clock, EVERY)

    def kill(self, rounds: int, random: Random) -> dict[str, int | float]:
        """Kills a random writer at a random moment, 4 times a round, while the others go on; counts what came of it."""
        writers = [self._start(name) for name in range(WRITERS)]
        for _ in range(rounds * WRITERS):
            name = random.randrange(WRITERS)
            self._await_begin(writers[name])
            time.sleep(random.uniform(0, LIFE_S))
            writers[name].kill()
            writers[name] = self._start(name)
        for writer in writers:
            writer.kill()
        ledger, tried = self.ledger(), [self._notes(name) for name in range(WRITERS)]
        in_doubt = [event for notes in tried for event in notes.begun if event not in notes.kept]
        unheard = sum(notes.unheard for notes in tried)
        unheard += sum(not ledger.append(_entry(event), event).fresh for event in in_doubt)
        ledger.close()
        counted = self._count(ledger, tried)
        self.store.close()
        return {"kills": rounds * WRITERS, "unheard": unheard, **counted}

    def measure_speed(self) -> dict[str, int | float]:
        """Appends a second and their time in ms with 4 writers that nobody kills."""
        notes = [self.home / f"speed-{name}" for name in range(WRITERS)]
        writers = [PROCESSES.Process(target=self._race, args=(file,)) for file in notes]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        times = sorted(float(line) for file in notes for line in file.read_text().splitlines())
        return {
            "appends_per_s": round(len(times) / SPEED_S, 1),
            "append_p50_ms": round(times[len(times) // 2], 2),
            "append_p99_ms": round(times[len(times) * 99 // 100], 2),
        }

    def _start(self, name: int) -> Writer:
        process = PROCESSES.Process(target=self._write, args=(name,))
        process.start()
        return Writer(process, self._file(name), _size(self._file(name)))

    def _await_begin(self, writer: Writer) -> None:
        give_up = time.monotonic() + START_S
        while _size(writer.notes) <= writer.noted and time.monotonic() < give_up:
            time.sleep(0.002)

    def _write(self, name: int) -> None:
        """Until killed: first what the predecessor left in doubt, then event after event, noting each step."""
        self.store = Store(self.url)
        earlier, ledger = self._notes(name), self.ledger()
        doubt = [event for event in earlier.begun if event not in earlier.kept]
        notes = os.open(self._file(name), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        number = len(earlier.begun)
        while True:
            event = doubt.pop(0) if doubt else f"{name}.{(number := number + 1)}"
            os.write(notes, f"begun {event}\n".encode())
            try:
                ref = ledger.append(_entry(event), event)
                os.write(notes, f"kept {event} {ref.seq} {ref.fresh:d}\n".encode())
            except LedgerUnavailable:
                doubt.append(event)

    def _race(self, notes: Path) -> None:
        self.store = Store(self.url)
        ledger, times = self.ledger(), list[float]()
        end = time.monotonic() + SPEED_S
        while (start := time.monotonic()) < end:
            ledger.append(example(len(times)), f"{notes.name}-{len(times)}")
            times.append((time.monotonic() - start) * 1000)
        notes.write_text("\n".join(map(str, times)))

    def _file(self, name: int) -> Path:
        return self.home / f"notes-{name}"

    def _notes(self, name: int) -> Tried:
        file = self._file(name)
        lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
        begun = dict.fromkeys(line[1] for line in lines if line[0] == "begun")
        kept = [line for line in lines if line[0] == "kept"]
        return Tried(list(begun), {line[1]: int(line[2]) for line in kept}, sum(line[3] == "0" for line in kept))

    def _events(self) -> list[str]:
        """The event of each record, by seq."""
        with self.store.read() as session:
            return list(session.execute(text("SELECT thread FROM ledger ORDER BY seq")).scalars())

    def _count(self, ledger: Ledger, tried: list[Tried]) -> dict[str, int | float]:
        """Told kept but absent or elsewhere: lost. The same event twice: doubled. Two records on one: forked."""
        events = self._events()
        where = {event: seq for seq, event in enumerate(events, 1)}
        told = {event: seq for notes in tried for event, seq in notes.kept.items()}
        with self.store.read() as session:
            parents = Counter(session.execute(text("SELECT prev_hash FROM ledger")).scalars())
        return {
            "records": len(events),
            "lost": sum(where.get(event) != seq for event, seq in told.items()),
            "doubled": sum(count - 1 for count in Counter(events).values()),
            "forked": sum(count - 1 for count in parents.values()),
            "whole": int(ledger.verify().ok),
        }


def bare_commits(file: Path) -> float:
    """What this disk allows at most: commits a second of one writer to a bare table, as durable as the ledger's."""
    database = sqlite3.connect(file, isolation_level=None)
    database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE bare (body BLOB)")
    commits, start = 0, time.monotonic()
    while (passed := time.monotonic() - start) < SPEED_S / 3:
        database.execute("INSERT INTO bare VALUES (?)", (bytes(1000),))
        commits += 1
    database.close()
    return round(commits / passed, 1)


def tampered(home: Path, mutations: int, random: Random) -> dict[str, int | float]:
    """How many of `mutations` random deeds `verify` finds, and for how many it names where trust ends."""
    home.mkdir(parents=True)
    victim = Victim(home)
    found = named = 0
    for number in range(mutations):
        deed = DEEDS[number % len(DEEDS)](victim, random)
        verdict = victim.ledger(deed.keys).verify()
        found += not verdict.ok
        named += not verdict.ok and verdict.first_bad_seq == deed.first_bad
        victim.restore()
    false_alarms = int(not victim.ledger().verify().ok)
    victim.close()
    return {
        "mutations": mutations,
        "mutations_found": found,
        "mutations_named": named,
        "false_alarms": false_alarms,
    }


def _entry(event: str) -> LedgerEntry:
    """An event's record; every fourth is about an effect, which also writes a checkpoint."""
    entry = example(int(event.partition(".")[2]), thread=event)
    return entry.model_copy(update={"kind": "intent"}) if int(event.partition(".")[2]) % 4 == 0 else entry


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
