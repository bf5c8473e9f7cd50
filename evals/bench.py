"""What suites share: a city loaded into a throw-away home, and the parts of the assistant without its surfaces."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from domain.clock import fixed_clock
from domain.errors import BadData
from domain.ledger import Ledger, load_keys
from domain.loading import load_city
from domain.operation import Operation, load_operation
from domain.ports import ModelIdentity
from domain.store import Store
from domain.values import Actor, Role
from engines.routing.distances import HaversineMatrix
from retrieval.indexing import index_city
from retrieval.sqlite_store import SqliteSearch
from tools.context import Ctx, ThreadView, Tuning
from tools.fill_models import FillModels

CITIES = Path(__file__).parent.parent / "cities"


@dataclass
class Bench:
    """A home that is thrown away, with cities loaded as they are asked for."""

    home: Path
    cities: Path
    store: Store
    ledger: Ledger
    fill: FillModels
    operations: dict[str, Operation] = field(default_factory=dict)
    searches: dict[str, SqliteSearch] = field(default_factory=dict)

    def operation(self, city: str) -> Operation:
        """A city, loaded from its folder on first use. Raises BadData when there is no such folder."""
        if city not in self.operations:
            folder = self.cities / city
            if not folder.is_dir():
                raise BadData(f"there is no city folder {folder}")
            load_city(self.store, folder, at=datetime.now(UTC))
            self.operations[city] = load_operation(self.store, city)
            search = SqliteSearch(self.home / "search.db", city, None)
            index_city(self.store, search, city, folder, embed_s=0.0)
            self.searches[city] = search
        return self.operations[city]

    def demo_time(self, city: str) -> str:
        """A city's own moment, local ISO: the end of its records. Raises BadData for an unknown city."""
        operation = self.operation(city)
        return f"{operation.demo_now.astimezone(operation.zone):%Y-%m-%dT%H:%M}"

    def ctx(self, city: str, role: str, now: str) -> Ctx:
        """What tools get in a case: local ISO `now`, plans solved in a tenth of a second."""
        operation = self.operation(city)
        distances = HaversineMatrix(operation.assumed("detour_factor", 1.3), operation.assumed("speed_kmh", 25.0))
        at = datetime.fromisoformat(now).replace(tzinfo=operation.zone)
        scopes = frozenset({"read", "propose"}) if role == "api" else frozenset()
        actor = Actor(f"the {role}", Role(role), scopes=scopes)
        return Ctx(
            operation, self.store, self.searches[city], distances, self.fill, self.ledger, ModelIdentity("measured"),
            actor, at, ThreadView("C-0001"), tuning=Tuning(solve_seconds=0.1, surface="measurement"),
        )  # fmt: skip


@contextmanager
def bench(cities: Path = CITIES) -> Iterator[Bench]:
    """A bench in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="roundsman-") as folder:
        home = Path(folder)
        store = Store(f"sqlite:///{home / 'roundsman.db'}")
        store.migrate()
        clock = fixed_clock(datetime.now(UTC))
        ledger = Ledger(store, load_keys(home), home / "checkpoints", clock)
        yield Bench(home, cities, store, ledger, FillModels(store))
        store.close()
