"""Keeps a city's index: up to date at a start, following while a server runs, made again when somebody asks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from domain.errors import BadData, NotNow, UnknownName
from domain.repositories.outbox import Waiting, waiting
from domain.search_counts import SearchCounts
from domain.store import Store
from retrieval.following import Followed, Follower, follow
from retrieval.indexing import INDEXED_KINDS, IndexReport, Rebuild, index_city, reindex
from retrieval.library import open_passage
from retrieval.store import RetrievalStore
from retrieval.tally import Tally

__all__ = ["IndexKeeper", "KeptStore"]

log = logging.getLogger(__name__)
PATTERNS_AFTER_S = 20.0
PATIENT_S = 60.0  # for what a person waits for
REPEAT_S = 30.0  # between looks whether another process left a text without vector, or a purge that had to wait
EMBED_S = 2.0  # between two tellings of progress

PATTERNS = "patterns"

Renew = Callable[[Store, RetrievalStore, str], int]
"""Makes the documents of findings of a city again where its records have changed; how many changed."""
Told = Callable[[str, int, int], None]


class KeptStore(RetrievalStore, Protocol):
    """A store that an index keeper looks after."""

    @property
    def tally(self) -> Tally:
        """What its searches did."""
        ...

    def embed_in_background(self) -> None:
        """Give vectors to all texts that have none, and end a purge that had to wait, in a thread that then ends."""
        ...

    def warm(self) -> None:
        """Read or count what searches need, so that the first need not wait for it. Raises StoreUnavailable."""
        ...

    def adopt_model(self) -> bool:
        """Forget the vectors of another model, so that they are made again; whether it did."""
        ...

    def purge(self) -> bool:
        """Overwrite what removed documents left behind; False when others are in the way: it happens later."""
        ...

    def close(self) -> None:
        """End threads and connections."""
        ...


class IndexKeeper:
    """The index of one city and what it is made from. Making one does nothing."""

    def __init__(
        self, store: Store, search: KeptStore, city: str, folder: Path | None, renew_patterns: Renew | None = None
    ) -> None:
        self._store, self._search, self._city, self._folder = store, search, city, folder
        self._renew_patterns = renew_patterns or _no_patterns
        self._follower = Follower(self.follow)
        self._repeating = Follower(search.embed_in_background, REPEAT_S)
        self._closing, self._patterns_after_s = threading.Event(), PATTERNS_AFTER_S
        self._warming = threading.Thread(target=self._warm, name="warming", daemon=True)
        self._looking = threading.Thread(target=self._look_for_patterns, name="patterns", daemon=True)

    def start(self, *, following: bool, patterns_after_s: float = PATTERNS_AFTER_S) -> None:
        """Bring the index up to date; `following`: keep it so until `close`, and look for patterns after a while.

        What first questions need is then read in a thread beside. Raises as `index_city`.
        """
        self._patterns_after_s = patterns_after_s
        report = index_city(self._store, self._search, self._city, self._folder)
        for fault in report.unread:
            log.warning("%s", fault)
        self._search.embed_in_background()
        if following:
            self._follower.start()
            self._repeating.start()
            self._warming.start()
            self._looking.start()

    def follow(self) -> Followed:
        """Take in what has changed since. Raises NotNow."""
        return follow(self._store, self._search, self._city)

    def _warm(self) -> None:
        try:
            self._search.warm()
        except NotNow as error:
            log.warning("the search could not be made ready, first questions take longer: %s", error)

    def _look_for_patterns(self) -> None:
        """Once, after the first questions had their time: it takes seconds of a core."""
        if self._closing.wait(self._patterns_after_s):
            return
        try:
            self._renew_patterns(self._store, self._search, self._city)
            self._search.embed_in_background()
        except (NotNow, BadData) as error:
            log.warning("the patterns in the records could not be looked for: %s", error)

    def forget(self) -> bool:
        """Take in all that waits and overwrite what that removed; False when some of it happens only later.

        What waits for other cities is taken in by whoever serves them. Raises NotNow, once the purge is noted where
        that could be.
        """
        try:
            followed = follow(self._store, self._search, self._city, budget_s=PATIENT_S, wait_s=PATIENT_S)
        except NotNow:
            with suppress(NotNow):
                self._search.purge()
            raise
        return self._search.purge() and not (followed.left or followed.foreign)

    def waiting(self) -> Waiting:
        """What the index does not show yet. Raises NotNow."""
        with self._store.read() as session:
            return waiting(session, self._city)

    def counted(self) -> SearchCounts:
        """What the searches of this process did."""
        return self._search.tally.counted()

    def reindex(self, kinds: Collection[str] = (), progress: Told | None = None) -> IndexReport:
        """Make documents of these kinds (all without) and the missing vectors; vectors of another model are forgotten.

        Raises as `retrieval.indexing.reindex`.
        """
        self._search.adopt_model()
        how = Rebuild(kinds or INDEXED_KINDS, progress)
        report = reindex(self._store, self._search, self._city, self._folder, how)
        if not kinds or PATTERNS in kinds:
            self._search.remember(PATTERNS, "")
            found = self._renew_patterns(self._store, self._search, self._city)
            report = replace(report, changed={**report.changed, PATTERNS: found})
        return report if report.faults else self._embedded(report, progress)

    def _embedded(self, report: IndexReport, progress: Told | None) -> IndexReport:
        """The report once all texts have vectors, or with the reason why some will not get one."""
        left, before = 1, 0
        try:
            while left and left != before:
                left, before = self._search.embed_pending(EMBED_S), left
                if progress is not None:
                    texts = self._search.health().texts
                    progress("meanings", texts - left, texts)
        except (NotNow, BadData) as error:
            health = self._search.health()
            return replace(report, without_meaning=health.texts - health.embedded, faults=(str(error),))
        return replace(report, without_meaning=left)

    def passage(self, ref: str) -> tuple[str, str]:
        """Title and text of the page's passage that an address names. Raises UnknownName, BadData."""
        if self._folder is None:
            raise UnknownName("page", ref)
        found = open_passage(self._folder, ref)
        return found.title, found.text

    def close(self) -> None:
        """End the threads and close the search."""
        self._closing.set()
        self._follower.close()
        self._repeating.close()
        if self._looking.is_alive():
            self._looking.join()
        self._search.close()
        if self._warming.is_alive():
            self._warming.join()


def _no_patterns(store: Store, search: RetrievalStore, city: str) -> int:
    return 0
