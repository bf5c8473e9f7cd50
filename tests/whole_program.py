"""All parts of the program on the small city."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import app
from assistant.surfaces.parts import ApiParts
from domain.settings import Settings

SMALL_CITY = Path(__file__).parent / "small_city"


@contextmanager
def running(home: Path, **settings: object) -> Iterator[ApiParts]:
    """The parts with these settings, their files below `home`; closed whatever happens."""
    cities = home / "cities"
    cities.mkdir(exist_ok=True)
    if not (cities / "smalltown").exists():
        (cities / "smalltown").symlink_to(SMALL_CITY)
    told = {"home": home / "var", "cities_folder": cities, "city": "smalltown"}
    parts = app.build(Settings.model_validate({**told, **settings}))
    try:
        yield parts
    finally:
        parts.close()
