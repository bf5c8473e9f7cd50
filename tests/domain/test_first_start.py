"""A start finds a whole city in the records, or makes it whole."""

from __future__ import annotations

import shutil
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from domain.first_start import operation_of
from domain.loading import load_city
from domain.records import Emptying
from domain.settings import Settings
from domain.store import Store

AT = datetime(2025, 9, 1, tzinfo=UTC)


def emptyings(store: Store) -> int:
    with store.read() as session:
        return session.scalar(select(func.count()).select_from(Emptying)) or 0


def start(store: Store, folder: Path) -> None:
    given = {"home": folder.parent, "city": folder.name, "cities_folder": folder.parent}
    settings = Settings.model_validate(given)
    operation_of(store, settings, folder.parent, lambda: AT)


def cut_short(store: Store, folder: Path) -> Path:
    """Loads the city without its emptyings, as a kill after bins.csv leaves it; they are in the folder again."""
    city = folder.rename(folder.with_name("smalltown"))
    (packed,) = city.glob("emptyings.csv*")
    aside = shutil.move(packed, city.parent / packed.name)
    store.migrate()
    load_city(store, city, at=AT)
    shutil.move(aside, packed)
    return city


def test_a_load_that_was_cut_short_is_finished_by_the_next_start(small_city_folder: Path, tmp_path: Path) -> None:
    with closing(Store(f"sqlite:///{tmp_path / 'cut.db'}")) as store:
        city = cut_short(store, small_city_folder)
        assert emptyings(store) == 0
        start(store, city)
        assert emptyings(store) > 0


def test_a_city_loaded_from_another_folder_is_left_alone(small_city_folder: Path, tmp_path: Path) -> None:
    with closing(Store(f"sqlite:///{tmp_path / 'own.db'}")) as store:
        city = cut_short(store, small_city_folder)
        with (city / "city.toml").open("a") as changed:
            changed.write("# another city of the same name\n")
        start(store, city)
        assert emptyings(store) == 0
