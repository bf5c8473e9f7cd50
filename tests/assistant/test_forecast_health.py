"""`roundsman doctor` says how old the table of forecasts is, and when its renewal fails."""

from __future__ import annotations

import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))

from scene import NOW, a_ctx

from assistant.health import Examined, health_of
from assistant.unavailable import NoModel
from domain.clock import fixed_clock
from domain.repositories.predictions import NewGeneration, begin_generation
from domain.store import Store
from tools.fill_models import FillModels
from tools.refresh import Refresher, Ticking


def test_the_doctor_tells_the_tables_age_and_a_renewal_that_died(store: Store, tmp_path: Path) -> None:
    ctx = a_ctx(store, tmp_path)
    later = NOW + timedelta(hours=1, minutes=30)

    def told() -> tuple[bool, str]:
        refresher = Refresher(store, FillModels(store), ctx.city, fixed_clock(later))
        ticking = Ticking(refresher, fixed_clock(later))
        parts = Examined(store, ctx.ledger, NoModel("no weights"), ctx.search, ctx.city, ticking)
        (health,) = [each for each in health_of(parts) if each.name == "forecasts"]
        assert not health.needed
        return health.ok, health.detail

    assert told() == (True, "no table of these records yet; computed when asked")
    Refresher(store, FillModels(store), ctx.city, fixed_clock(NOW)).whole()
    ok, detail = told()
    assert (ok, "has not been renewed since" in detail) == (False, True)
    hour = NOW + timedelta(hours=1)
    with store.write() as session:
        begin_generation(session, NewGeneration("smalltown", hour, ctx.city.digest, "m", "1", True, 12, hour))
    ok, detail = told()
    assert (ok, "1 h 30 min old" in detail) == (False, True)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_doctor_tells_a_table_that_nobody_renews_and_a_thread_that_ended(store: Store, tmp_path: Path) -> None:
    ctx = a_ctx(store, tmp_path)
    Refresher(store, FillModels(store), ctx.city, fixed_clock(NOW)).whole()

    def told(ticking: Ticking) -> tuple[bool, str]:
        parts = Examined(store, ctx.ledger, NoModel("no weights"), ctx.search, ctx.city, ticking)
        (health,) = [each for each in health_of(parts) if each.name == "forecasts"]
        return health.ok, health.detail

    later = NOW + timedelta(hours=5)
    old = Ticking(Refresher(store, FillModels(store), ctx.city, fixed_clock(later)), fixed_clock(later))
    assert told(old) == (
        False,
        "table of 2025-09-01 08:00; the forecasts are those of 2025-09-01 08:00, 5 h 0 min old: "
        "the table has not been renewed since",
    )

    def stopped() -> datetime:
        raise SystemExit

    dead = Ticking(Refresher(store, FillModels(store), ctx.city, fixed_clock(NOW)), stopped)
    dead.begin()
    for thread in threading.enumerate():
        if thread.name == "forecast table":
            thread.join(timeout=10)
    assert told(dead) == (
        False, "table of 2025-09-01 08:00; the thread that renews the table has ended: restart the server"
    )  # fmt: skip
