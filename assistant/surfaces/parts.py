"""What every surface is given: the parts that app.py builds, in one value."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from assistant.ports import Asks, Decides, Follower, ToolRun
from domain.clock import Clock, wall_clock
from domain.ledger import Ledger
from domain.operation import Operation
from domain.ports import ModelRegister
from domain.repositories.outbox import Waiting
from domain.search_counts import SearchCounts
from domain.settings import Settings
from domain.store import Store
from domain.values import Actor, Call
from tools.refresh import Ticking


@dataclass(frozen=True)
class PartHealth:
    """One part as `roundsman doctor` and `/readyz` show it. `advice` says what to do when it is not `ok`.

    `needed` is False for a part whose loss has a fallback: Roundsman then answers with less, and says so.
    """

    name: str
    ok: bool
    detail: str = ""
    advice: str = ""
    needed: bool = True


class RunTool(Protocol):
    """Runs one tool for an actor; a follower is told of a long search. Raises AskAgain, NotPermitted, NotNow."""

    def __call__(self, call: Call, actor: Actor, follower: Follower | None = None) -> Awaitable[ToolRun]:
        """One tool."""
        ...


class Indexed(Protocol):
    """What making an index again did: documents by kind, texts without a vector, seconds, and why not more."""

    @property
    def changed(self) -> Mapping[str, int]:
        """Documents written or removed, by kind."""
        ...

    @property
    def without_meaning(self) -> int:
        """Texts that are found by their words alone."""
        ...

    @property
    def faults(self) -> tuple[str, ...]:
        """Why, and what to do."""
        ...

    @property
    def unread(self) -> tuple[str, ...]:
        """Pages that could not be read, and why."""
        ...


class Index(Protocol):
    """The search index, which follows the records. What reads a store raises NotNow when it cannot be used."""

    def waiting(self) -> Waiting:
        """Changes of the records that the index does not show yet."""
        ...

    def forget(self) -> bool:
        """Take all of them in now and overwrite what that removed; False when some of it happens only later."""
        ...

    def reindex(self, kinds: Collection[str] = (), progress: Callable[[str, int, int], None] | None = None) -> Indexed:
        """Make documents of these kinds (all without) and missing vectors again; `progress` is told kind, done, all."""
        ...

    def counted(self) -> SearchCounts:
        """What the searches of this process did."""
        ...

    def passage(self, ref: str) -> tuple[str, str]:
        """Title and text of a page's passage. Raises UnknownName, BadData."""
        ...


@dataclass(frozen=True)
class Limits:
    """What a server takes on. Beyond `questions_at_once` it refuses at once instead of letting everybody wait."""

    body_bytes: int = 64 * 1024
    questions_at_once: int = 16
    keep_alive_s: float = 15.0


def _nothing() -> None:
    """For parts that hold nothing open."""


@dataclass(frozen=True)
class ApiParts:
    """Everything the surfaces use. `close` ends what was started (model engine, connections, last checkpoint).

    `index`, `forecasts` and `register` are None where there is none to look after. `clock` is the operation's, which in
    a demo shows another day; `wall` is the computer's.
    """

    asks: Asks
    decides: Decides
    store: Store
    ledger: Ledger
    operation: Operation
    run_tool: RunTool
    health: Callable[[], list[PartHealth]]
    settings: Settings
    index: Index | None = None
    forecasts: Ticking | None = None
    register: ModelRegister | None = None
    clock: Clock = wall_clock
    wall: Clock = wall_clock
    close: Callable[[], None] = _nothing
    limits: Limits = field(default_factory=Limits)
