"""Suite `ingestion`: is a document ever torn or lost when whoever writes the index is killed?

    python -m evals ingestion --kills 50

A real process changes requests, adds and removes some, and brings the index up to date after each change or builds it
anew; it is killed with SIGKILL at a random moment and a successor goes on. Every request carries its version in title,
note and reason, so a document of two versions is seen. At the end the index is compared with one made from nothing.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkProcess
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
from sqlalchemy import delete, select

from domain.errors import BadData
from domain.records import City, Request
from domain.repositories.outbox import waiting
from domain.store import Store
from domain.upsert import upsert
from retrieval.following import follow
from retrieval.indexing import Rebuild, index_city, reindex
from retrieval.sqlite_store import SqliteSearch

__all__ = ["figures"]

CITY = "killtown"
REQUESTS = 400
AT_ONCE = 25  # requests changed in one transaction
MANY = 5_000  # requests changed at once, for the speed
REBUILDS = 0.1  # share of steps that build the index anew
START_S, LIFE_S = 10.0, 0.25  # longest wait for a writer's first step; longest life after it
DAY = datetime(2025, 9, 1, tzinfo=UTC)
COLUMNS = (
    "city", "request_id", "opened_at", "due_at", "closed_at", "on_time", "status", "title", "kind", "reason", "note",
    "place", "area", "source", "lat", "lon",
)  # fmt: skip
DIMENSIONS = 32
PROCESSES = multiprocessing.get_context("fork")  # a child starts in milliseconds, with everything imported


class HashedMeaning:
    """An embedder whose vectors are a text's own hash: a vector beside the wrong text is seen."""

    name = "hashed"
    dimensions = DIMENSIONS

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit vectors, shape (len(texts), 32)."""
        rows = [np.frombuffer(hashlib.sha256(text.encode()).digest(), dtype=np.uint8) for text in texts]
        vectors = np.array(rows, dtype=np.float32).reshape(len(texts), DIMENSIONS) + 1
        unit: npt.NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


def figures(kills: int, seed: int = 0, url: str | None = None) -> dict[str, int | float]:
    """The suite's figures; about half a second a kill.

    `torn`: documents of two versions, without their words, or with another text's vector, seen after any of the kills.
    `lost`: documents that an index made from nothing has and this one lacks or has otherwise; `ghosts`: the reverse.
    `follow_*_ms`: CPU of taking in one of many changes, one alone, and of looking when nothing waits; no vectors.
    `url` is an empty database for the records instead of a SQLite file; the index then has a file of its own.
    """
    random = Random(seed)
    with tempfile.TemporaryDirectory(prefix="ingestion-") as folder:
        scene = Scene(Path(folder), url)
        torn = interrupted = 0
        for _ in range(kills):
            scene.kill_one(random)
            interrupted += scene.behind()
            torn += scene.torn()
        return {"kills": kills, "interrupted": interrupted, "torn": torn, **scene.compared(), **scene.speed()}


class Scene:
    """Records, their index, and the file in which a writer notes that it has begun."""

    def __init__(self, home: Path, url: str | None) -> None:
        self.home, self.url = home, url or f"sqlite:///{home / 'records.db'}"
        self.file = home / "records.db" if url is None else home / "search.db"
        self.notes = home / "notes"
        store = Store(self.url)
        store.migrate()
        with store.write() as session:
            session.add(
                City(
                    name=CITY, title="Killtown", timezone="UTC", now_local="2025-09-01T08:00", currency="USD",
                    assumptions={}, aliases={}, loaded_at=DAY, digest="",
                )
            )  # fmt: skip
            upsert(session, Request, ("city", "request_id"), [_row(number, 0) for number in range(REQUESTS)])
        search = self.search()
        index_city(store, search, CITY, None)
        search.close()
        store.close()  # no connection may pass into a child

    def search(self, file: Path | None = None) -> SqliteSearch:
        """The index, as each process opens it for itself."""
        return SqliteSearch(file or self.file, CITY, HashedMeaning())

    def kill_one(self, random: Random) -> None:
        """A writer, killed at a random moment of its work."""
        began = self._noted()
        process = PROCESSES.Process(target=self._write, args=(random.getrandbits(32),))
        process.start()
        give_up = time.monotonic() + START_S
        while self._noted() == began and time.monotonic() < give_up:
            time.sleep(0.002)
        time.sleep(random.uniform(0, LIFE_S))
        _kill(process)

    def _noted(self) -> int:
        return self.notes.stat().st_size if self.notes.exists() else 0

    def _write(self, seed: int) -> None:
        """Until killed: change something, then bring the index up to date or build it anew."""
        random, store, search = Random(seed), Store(self.url), self.search()
        version = seed
        while True:
            with self.notes.open("a") as notes:
                notes.write(".")
            version += 1
            _change(store, random, version)
            if random.random() < REBUILDS:
                reindex(store, search, CITY, None, Rebuild(("requests",)))
            else:
                follow(store, search, CITY, wait_s=1.0)

    def behind(self) -> int:
        """Whether the writer left changes that the index does not show: 1 or 0."""
        store = Store(self.url)
        with store.read() as session:
            found = int(waiting(session, CITY).changes > 0)
        store.close()
        return found

    def torn(self) -> int:
        """Documents that are not whole; a damaged file counts as one."""
        connection = sqlite3.connect(self.file)
        damaged = connection.execute("PRAGMA integrity_check").fetchone() != ("ok",)
        rows = connection.execute(
            "SELECT d.id, d.title, d.text, d.fields, w.title, w.text, t.text, v.vector FROM search_documents d"
            " LEFT JOIN search_words_1 w ON w.rowid = d.row LEFT JOIN search_texts t ON t.number = d.meaning"
            " LEFT JOIN search_vectors v ON v.text = d.meaning"
        ).fetchall()
        wordless = connection.execute(
            "SELECT count(*) FROM search_words_1 WHERE rowid NOT IN (SELECT row FROM search_documents)"
        ).fetchone()[0]
        connection.close()
        return int(damaged) + int(wordless) + sum(not _whole(*row) for row in rows)

    def compared(self) -> dict[str, int | float]:
        """Follow to the end, and hold the index against one made from nothing."""
        store, search, anew = Store(self.url), self.search(), self.search(self.home / "anew.db")
        began = time.process_time()
        follow(store, search, CITY, budget_s=600, wait_s=10)
        repaired_s = time.process_time() - began
        found = _documents(self.file)
        with store.read() as session:
            requests = len(list(session.scalars(select(Request.request_id))))
        index_city(store, anew, CITY, None)
        right = _documents(self.home / "anew.db")
        for each in (search, anew):
            each.close()
        store.close()
        lost = sum(found.get(id_) != told for id_, told in right.items())
        ghosts = len(found.keys() - right.keys())
        told = {"requests": requests, "documents": len(right), "lost": lost, "ghosts": ghosts}
        return {**told, "last_following_cpu_s": round(repaired_s, 3)}

    def speed(self) -> dict[str, int | float]:
        """CPU of following, in the index that was made last."""
        store, search = Store(self.url), SqliteSearch(self.home / "anew.db", CITY)
        taken: dict[str, float] = {}
        for name, numbers in (("many", range(MANY)), ("one", range(1)), ("no", range(0))):
            with store.write() as session:
                upsert(session, Request, ("city", "request_id"), [_row(number, len(taken)) for number in numbers])
            began = time.process_time()
            if follow(store, search, CITY, budget_s=600, wait_s=10).foreign:
                raise BadData("The index that was made last does not follow.")
            taken[name] = (time.process_time() - began) * 1000 / max(1, len(numbers))
        for each in (search, store):
            each.close()
        return {f"follow_{name}_change_ms": round(ms, 3) for name, ms in taken.items()}


def _change(store: Store, random: Random, version: int) -> None:
    """One transaction: some requests get a new version (they may be new ones), now and then some are removed."""
    numbers = random.sample(range(REQUESTS * 2), AT_ONCE)
    with store.write() as session:
        if random.random() < 0.2:
            gone = [_id(number) for number in numbers]
            session.execute(delete(Request).where(Request.city == CITY, Request.request_id.in_(gone)))
        else:
            upsert(session, Request, ("city", "request_id"), [_row(number, version) for number in numbers])


def _id(number: int) -> str:
    return f"Q{number:05d}"


def _row(number: int, version: int) -> dict[str, object]:
    """A request of a version; every second one is closed, and has a note."""
    closed_at = DAY + timedelta(hours=1) if (number + version) % 2 else None
    told = {
        "city": CITY, "request_id": _id(number), "opened_at": DAY, "closed_at": closed_at,
        "title": f"Version {version}", "note": f"version {version} " * 40, "reason": f"version {version}",
    }  # fmt: skip
    return {**dict.fromkeys(COLUMNS), **told}


def _whole(id_: str, title: str, text: str, fields: str, *beside: str | bytes | None) -> bool:
    """Title, text and fields of one version; the same words in the index; the text's own vector, if it has one."""
    words_title, words_text, meaning, vector = beside
    version = title.removeprefix("Version ")
    one_version = f'"version {version}"' in fields and set(text.rstrip(".").split()) <= {"version", version}
    own_text = isinstance(meaning, str) and meaning.startswith(title) and (title, text) == (words_title, words_text)
    right = HashedMeaning().embed([str(meaning)])[0].astype("<f4").tobytes()
    return one_version and own_text and vector in {None, right}


def _documents(file: Path) -> dict[str, tuple[str, ...]]:
    """All that an index says, by id."""
    connection = sqlite3.connect(file)
    rows = connection.execute("SELECT id, kind, title, text, fields FROM search_documents").fetchall()
    connection.close()
    return {row[0]: tuple(row[1:]) for row in rows}


def _kill(process: ForkProcess) -> None:
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
