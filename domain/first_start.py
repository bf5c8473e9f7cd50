"""The city of the settings, loaded from its folder when the records do not have it yet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from domain.errors import BadData
from domain.loading import load_city
from domain.operation import Operation, load_operation
from domain.settings import Settings
from domain.store import Store


def city_folder(settings: Settings, root: Path) -> Path | None:
    """The city's folder, looked for under `cities_folder` here and under `root`."""
    tried = (settings.cities_folder / settings.city, root / settings.cities_folder / settings.city)
    return next((folder for folder in tried if folder.is_dir()), None)


def operation_of(store: Store, settings: Settings, root: Path, clock: Callable[[], datetime]) -> Operation:
    """The loaded city. Raises BadData when it is neither in the records nor in a folder."""
    try:
        return load_operation(store, settings.city)
    except BadData:
        folder = city_folder(settings, root)
        if folder is None:
            raise
        load_city(store, folder, at=clock())
        return load_operation(store, settings.city)
