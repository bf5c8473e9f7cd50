"""What a tool gets beside its arguments: the records, the clock, the person, the thread. No globals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from domain.ledger import Ledger
from domain.operation import Operation
from domain.ports import MatrixProvider, ModelIdentity
from domain.store import Store
from domain.values import Actor
from engines.routing.stopping import Progress as Progress  # what a follower is told
from tools.fill_models import FillModels

if TYPE_CHECKING:
    from retrieval.store import RetrievalStore


@dataclass(frozen=True)
class AskedFor:
    """What a forecast was asked for: by when, and which level counts as full."""

    by: datetime
    threshold_pct: int


@dataclass(frozen=True)
class ThreadView:
    """What tools may know of the conversation: its id and the newest plan, subject and decision in it.

    `last_subject` is the newest plan or "forecast"; `first_bin` the id of the bin that the newest list began with: what
    "why is it first?" is about. `forecast` is what the newest forecast was asked for. `said` are the user's earlier
    words, oldest first: a time that a call carries over is read in the sentence it came from.
    """

    thread_id: str
    last_plan: str | None = None
    last_subject: str | None = None
    last_decision: str | None = None
    earlier_time: datetime | None = None
    first_bin: str | None = None
    forecast: AskedFor | None = None
    said: tuple[str, ...] = ()


def _waits() -> bool:
    return False


@dataclass(frozen=True)
class Watching:
    """Who follows a call: `progress` is told how far a search is, `ended` asked whether to take the best so far.

    Both are called from the thread that searches, about ten times a second. `left` says that nobody waits for the
    result any more: then nothing may be stored of it.
    """

    progress: Callable[[Progress], None]
    ended: Callable[[], bool]
    left: Callable[[], bool] = _waits


@dataclass(frozen=True)
class Tuning:
    """What a run of the tools may vary: the seed of every chance, the seconds of the solver, who asks from where, and
    who follows the search. A replay (`replaying`) looks for no patterns anew."""

    seed: int = 0
    solve_seconds: float = 2.0
    surface: str = "terminal"
    watching: Watching | None = None
    replaying: bool = False


@dataclass(frozen=True)
class Ctx:
    """Everything a tool may use. `now` is aware, in the city's zone; records after it do not exist for the tool."""

    city: Operation
    store: Store
    search: RetrievalStore
    distances: MatrixProvider
    fill: FillModels
    ledger: Ledger
    model: ModelIdentity
    actor: Actor
    now: datetime
    thread: ThreadView
    question: str = ""
    tuning: Tuning = field(default_factory=Tuning)

    @property
    def abandoned(self) -> bool:
        """Whether whoever asked has stopped waiting: past the tool's deadline, or gone."""
        return self.tuning.watching is not None and self.tuning.watching.left()

    @property
    def zone(self) -> ZoneInfo:
        """The city's time zone."""
        return self.city.zone
