"""The city of the settings, loaded from its folder when the records do not have it yet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from domain.errors import BadData
from domain.loading import load_city, was_cut_short
from domain.operation import Operation, load_operation
from domain.settings import Settings
from domain.store import Store


def city_folder(settings: Settings, root: Path) -> Path | None:
    """The city's folder, looked for under `cities_folder` here and under `root`."""
    tried = (settings.cities_folder / settings.city, root / settings.cities_folder / settings.city)
    return next((folder for folder in tried if folder.is_dir()), None)


def model_shelves(settings: Settings, folder: Path | None, city: str) -> tuple[Path, ...]:
    """Where a city's trained fill models lie: under home those registered here, in its folder those that ship."""
    own = settings.home / "models" / city / "fill"
    return (own,) if folder is None else (own, folder / "models" / "fill")


def operation_of(store: Store, settings: Settings, root: Path, clock: Callable[[], datetime]) -> Operation:
    """The loaded city; a load that was cut short (a full disk, a kill) is finished first.

    Raises BadData when the city is neither in the records nor in a folder, and StoreUnavailable.
    """
    folder = city_folder(settings, root)
    try:
        operation = load_operation(store, settings.city)
    except BadData:
        if folder is None:
            raise
    else:
        if folder is None or not _cut_short(store, folder):
            return operation
    load_city(store, folder, at=clock())
    return load_operation(store, settings.city)


def _cut_short(store: Store, folder: Path) -> bool:
    try:
        return was_cut_short(store, folder)
    except BadData:  # the folder cannot be read any more; the records stand without it
        return False
