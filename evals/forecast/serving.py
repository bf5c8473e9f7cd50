"""How fast forecasts are served: a lookup in the table, a live what-if, an answer with its reasons, renewals.

The parts are those that serve: `tools/fill_table.py` over a real database in a temporary folder. Only where histories
and model come from is told here: those of the measurement. Times are told twice, as a clock on the wall shows them and
as seconds of this process' CPU, because a busy machine stretches only the first.

`refresh` is the hour's renewal with models at hand, over whole pasts. `cold` is the first one of a process, with all
its parts: the model read from its folder, `COLD_DAYS` of records of each bin read from the database and cleaned, rates
fitted, bands moved by what came of the last weeks, features and forecasts written.
"""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import JsonValue

from domain.clock import fixed_clock
from domain.ledger import Ledger, load_keys
from domain.operation import Operation, load_operation
from domain.ports import ModelIdentity
from domain.records import Bin, City, Site
from domain.store import Store
from domain.values import Actor, Call, Role
from engines.forecast.ensemble import Ensemble
from engines.forecast.history import BinHistory
from engines.forecast.member import Member
from engines.forecast.model_files import Label, to_files
from engines.forecast.rates import Rates, fit_rates
from engines.routing.distances import HaversineMatrix
from retrieval.sqlite_store import SqliteSearch
from tools.context import Ctx, ThreadView, Tuning
from tools.fill_models import FillModels, Forecaster, Identity, stocked_models
from tools.fill_table import FillTable
from tools.histories import Believed
from tools.refresh import Refresher
from tools.use import use

QUESTIONS = 300
RENEWED_BINS = 10_000
COLD_DAYS = 28
PUT_READING = "INSERT INTO readings (city, bin_id, read_at, fill_pct) VALUES (?, ?, ?, ?)"
CITY, SITE = "measured", "site"
THRESHOLD_PCT = 80.0
JsonObject = dict[str, JsonValue]


class Given(FillModels):
    """The histories and the member of a measurement, in place of those of the records."""

    def __init__(self, store: Store, histories: Sequence[BinHistory], member: Member, rates: Rates) -> None:
        super().__init__(store)
        self._given = {history.bin_id: history for history in histories}
        self._member, self._given_rates = member, rates

    def histories(self, city: Operation) -> Mapping[str, BinHistory]:
        """The histories given."""
        return self._given

    def believed(self, city: Operation, moment: datetime) -> Believed:
        """The histories given, whatever the moment."""
        return _Given(self._given)

    def rates(self, city: Operation, now: datetime) -> Rates:
        """The rates given, whatever the moment."""
        return self._given_rates

    def identity(self, city: Operation, at: datetime) -> Identity:
        """The member given."""
        return Identity(self._member.name, "measured")

    def forecaster(self, city: Operation, at: datetime) -> Forecaster:
        """The member given, ready."""
        return Forecaster(self.identity(city, at), self._member, self._given_rates)


class _Given(Believed):
    """Histories that are believed as they are."""

    def __init__(self, histories: Mapping[str, BinHistory]) -> None:
        super().__init__({}, np.datetime64(0, "s"))
        self._made = {bin_id: (history, ()) for bin_id, history in histories.items()}


@dataclass(frozen=True)
class Serving:
    """A city of a measurement in a database, and the parts that serve it at a moment."""

    store: Store
    city: Operation
    models: Given
    now: datetime
    folder: Path

    @functools.cached_property
    def asking(self) -> Ctx:
        """What tools get."""
        ledger = Ledger(self.store, load_keys(self.folder), self.folder / "checkpoints", fixed_clock(self.now))
        search = SqliteSearch(self.folder / "search.db", CITY, None)
        return Ctx(
            self.city, self.store, search, HaversineMatrix(), self.models, ledger, ModelIdentity("measured"),
            Actor("the manager", Role.manager), self.now, ThreadView("C-0001"), tuning=Tuning(surface="measurement"),
        )  # fmt: skip

    @property
    def table(self) -> FillTable:
        """The table of the store."""
        return FillTable(self.store, self.models)

    def renew(self) -> float:
        """CPU seconds of a renewal of all bins."""
        began = time.process_time()
        Refresher(self.store, self.models, self.city, fixed_clock(self.now)).whole()
        return time.process_time() - began


def serving_figures(
    histories: Sequence[BinHistory], member: Member, at: np.datetime64, *, renewed_bins: int = 0, seed: int = 0
) -> JsonObject:
    """`lookup_p99_ms` and `live_p99_ms` of single-bin questions at a local moment, with their CPU times.

    With `renewed_bins`, also `refresh_cpu_s` of so many bins (the histories given, again and again) on one core.
    """
    rates = fit_rates([history.until(at) for history in histories])
    with serving(histories, member, at, rates) as here:
        here.renew()
        chosen = np.random.default_rng(seed).choice([h.bin_id for h in histories], QUESTIONS)
        questions = [(str(bin_id), here.now + timedelta(minutes=n % 59)) for n, bin_id in enumerate(chosen)]
        found: JsonObject = {**_timed("lookup", here, questions, _look_up), **_timed("live", here, questions, _what_if)}
        found |= _timed("answer", here, questions, _answered)
    if renewed_bins:
        many = _repeated(histories, renewed_bins)
        with serving(many, member, at, rates) as here:
            found |= {"refresh_bins": renewed_bins, "refresh_cpu_s": round(here.renew(), 2)}
        found |= cold_figures(histories, member, at, renewed_bins)
    return found


def cold_figures(histories: Sequence[BinHistory], member: Member, at: np.datetime64, bins: int) -> JsonObject:
    """`cold_cpu_s` of the first renewal of a process that has nothing in memory, and how many readings it read."""
    since = at - np.timedelta64(COLD_DAYS, "D")
    lately = [_since(history.until(at), since) for history in histories]
    many = _repeated([history for history in lately if len(history.readings)], bins)
    with _stored(many, at) as (store, moment, folder):
        _put_readings(store, many)
        if isinstance(member, Ensemble):
            trained = Label("measured", moment - timedelta(days=COLD_DAYS))
            (folder / "models" / "measured").mkdir(parents=True)
            for name, data in to_files(member, trained).items():
                (folder / "models" / "measured" / name).write_bytes(data)
        began = time.process_time()
        models = stocked_models(store, CITY, (folder / "models",), moment - timedelta(days=1))
        renewal = Refresher(store, models, load_operation(store, CITY), fixed_clock(moment)).whole()
        spent = time.process_time() - began
    if renewal.bins != len(many) or renewal.generation is None:
        raise RuntimeError(f"the cold renewal came to {renewal}, not to {len(many)} bins")
    readings = sum(len(history.readings) for history in many)
    return {"cold_bins": len(many), "cold_readings": readings, "cold_cpu_s": round(spent, 2)}


def _since(history: BinHistory, since: np.datetime64) -> BinHistory:
    kept = history.read_at > since
    return BinHistory(
        history.bin_id, history.stream, history.site_id, read_at=history.read_at[kept],
        readings=history.readings[kept], step_pct=history.step_pct,
    )  # fmt: skip


def _put_readings(store: Store, histories: Sequence[BinHistory]) -> None:
    """The readings of all bins as records: millions, so past the mapper and as SQLite keeps times."""
    with store.write() as session:
        connection = session.connection()
        for history in histories:
            moments = (str(at).replace("T", " ") for at in history.read_at.astype("datetime64[us]"))
            rows = [(CITY, history.bin_id, *row) for row in zip(moments, history.readings.tolist(), strict=True)]
            connection.exec_driver_sql(PUT_READING, rows)


@contextmanager
def serving(histories: Sequence[BinHistory], member: Member, at: np.datetime64, rates: Rates) -> Iterator[Serving]:
    """These histories as a city in a database that is thrown away; `rates` are what forecasts are explained by."""
    known = [history.until(at) for history in histories]
    with _stored(known, at) as (store, moment, folder):
        yield Serving(store, load_operation(store, CITY), Given(store, known, member, rates), moment, folder)


@contextmanager
def _stored(histories: Sequence[BinHistory], at: np.datetime64) -> Iterator[tuple[Store, datetime, Path]]:
    """A database with a city of these bins and no records of them, its moment and its folder; thrown away."""
    moment = at.astype("datetime64[s]").astype(datetime).replace(tzinfo=UTC)
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="roundsman-")))
        store = ending.enter_context(closing(Store(f"sqlite:///{folder / 'roundsman.db'}")))
        store.migrate()
        _put_city(store, histories, moment)
        yield store, moment, folder


def _put_city(store: Store, histories: Sequence[BinHistory], moment: datetime) -> None:
    place = {"lat": 50.0, "lon": 14.4}
    with store.write() as session:
        session.add(
            City(
                name=CITY, title="Measured", timezone=str(ZoneInfo("UTC")), now_local=f"{moment:%Y-%m-%dT%H:%M:%S}",
                currency="EUR", assumptions={}, aliases={}, loaded_at=moment, digest="measured",
            )
        )  # fmt: skip
        session.add(Site(city=CITY, site_id=SITE, name=SITE, **place))
        session.flush()
        session.add_all(
            Bin(city=CITY, bin_id=h.bin_id, site_id=SITE, stream=h.stream, capacity_l=1000.0, status="", **place)
            for h in histories
        )


def _timed(
    name: str, here: Serving, questions: Sequence[tuple[str, datetime]], ask: Callable[[Serving, str, datetime], int]
) -> JsonObject:
    """p50, p95 and p99 of single questions, after the first, which loads what is kept."""
    ask(here, *questions[0])
    wall, cpu = [], []
    for bin_id, at in questions:
        began = time.perf_counter(), time.process_time()
        ask(here, bin_id, at)
        wall.append(time.perf_counter() - began[0])
        cpu.append(time.process_time() - began[1])
    return {
        f"{name}_p50_ms": _ms(wall, 50), f"{name}_p95_ms": _ms(wall, 95), f"{name}_p99_ms": _ms(wall, 99),
        f"{name}_cpu_p50_ms": _ms(cpu, 50), f"{name}_cpu_p95_ms": _ms(cpu, 95), f"{name}_cpu_p99_ms": _ms(cpu, 99),
    }  # fmt: skip


def _look_up(here: Serving, bin_id: str, at: datetime) -> int:
    foreseen = here.table.foresee(here.city, at, [bin_id])
    foreseen.forecasts(at, (24.0,), THRESHOLD_PCT)
    if not foreseen.looked_up:
        raise RuntimeError(f"the forecast of {bin_id} at {at} was not looked up but computed")
    return foreseen.looked_up


def _what_if(here: Serving, bin_id: str, at: datetime) -> int:
    """What if a truck came in three hours?"""
    return len(here.table.with_visits(here.city, at, 24.0, {bin_id: [at + timedelta(hours=3)]}).levels)


def _answered(here: Serving, bin_id: str, at: datetime) -> int:
    """How full will it be tomorrow? With reasons, chart and table, as the tool answers."""
    question = Call("forecast_fill", {"bins": [bin_id], "by": "tomorrow 18:00"})
    return len(use(question, replace(here.asking, now=at)).result.why)


def _ms(seconds: Sequence[float], share: float) -> float:
    return round(1000 * float(np.percentile(seconds, share)), 3)


def _repeated(histories: Sequence[BinHistory], bins: int) -> list[BinHistory]:
    """As many bins, each an object of its own, so that nothing is computed for two at once."""
    return [
        replace(histories[n % len(histories)], bin_id=f"{histories[n % len(histories)].bin_id}/{n}")
        for n in range(bins)
    ]
