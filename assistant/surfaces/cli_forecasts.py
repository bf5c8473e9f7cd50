"""`roundsman refresh`: renew the table of forecasts; and the same after a load."""

from __future__ import annotations

from pathlib import Path

import typer

from assistant.surfaces.failures import clear, fail, show
from assistant.surfaces.terminal import CITY, Terminal
from domain.clock import fixed_clock
from domain.errors import NotNow
from domain.first_start import model_shelves
from domain.operation import load_operation
from domain.settings import Settings
from domain.store import Store
from tools.fill_models import stocked_models
from tools.refresh import Refresher, Renewal


def add_refresh(cli: typer.Typer, terminal: Terminal) -> None:
    """The command, on the command line."""

    @cli.command()
    @clear
    def refresh(city: str | None = CITY) -> None:
        """Compute the forecasts of all bins into the table, as a server does at each full hour."""
        with terminal.parts(city=city) as parts:
            if parts.forecasts is None:
                raise NotNow("There is no table of forecasts to renew.")
            renewal = parts.forecasts.refresher.whole()
        if renewal.generation is None:
            fail("another writer renews the same table now; its forecasts will do.")
        show(renewal_text(renewal))


def renew_after_load(store: Store, settings: Settings, folder: Path, city: str) -> Renewal:
    """The forecasts of a city's own moment, after its records were loaded. Raises StoreUnavailable."""
    operation = load_operation(store, city)
    models = stocked_models(store, city, model_shelves(settings, folder, city), operation.demo_now)
    return Refresher(store, models, operation, fixed_clock(operation.demo_now)).whole()


def renewal_text(renewal: Renewal) -> str:
    """What a renewal did, as a line."""
    if renewal.generation is None:
        return "forecasts: being renewed by another writer"
    done = f"{renewal.bins:,} bins computed" if renewal.bins else "unchanged since they were computed"
    return f"forecasts: {done} (generation {renewal.generation:,})"
