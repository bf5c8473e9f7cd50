"""What a dispatcher calls a place is understood in the shipped cities, and never one place for another."""

from __future__ import annotations

import csv
import functools
import tomllib
from pathlib import Path

import pytest

from domain.errors import AmbiguousName, UnknownName
from domain.places import AreaName, Gazetteer, SiteName

CITIES = Path(__file__).parents[2] / "cities"
LOEWS = "Tremont 30th and Avery St (Loews Theatre)"


@functools.cache
def names_of(city: str) -> Gazetteer:
    """The sites and areas of a shipped city, with what people call them."""
    told = tomllib.loads((CITIES / city / "city.toml").read_text(encoding="utf-8")).get("aliases", {}).get("places", {})
    spoken = {name: tuple(words) for name, words in told.items()}
    with (CITIES / city / "sites.csv").open(encoding="utf-8", newline="") as sites:
        named = [
            SiteName(row["site_id"], row["name"], float(row["lat"]), float(row["lon"]), spoken.get(row["name"], ()))
            for row in csv.DictReader(sites)
        ]
    with (CITIES / city / "places.csv").open(encoding="utf-8", newline="") as places:
        areas = [
            AreaName(
                row["name"], row["kind"], float(row["lat"]), float(row["lon"]), aliases=spoken.get(row["name"], ())
            )
            for row in csv.DictReader(places)
        ]
    return Gazetteer(named, areas, [], [], {})


@pytest.mark.parametrize(
    ("city", "words", "name"),
    [
        ("berkeley", "the theatre", "U04 Zellerbach"), ("berkeley", "theater", "U04 Zellerbach"),
        ("berkeley", "Zellerbach Playhouse", "U04 Zellerbach"), ("berkeley", "Zellerbach Auditorium", "U04 Zellerbach"),
        ("berkeley", "Wheeler Auditorium", "U28 Wheeler"), ("boston", "the theatre", LOEWS),
    ],
)  # fmt: skip
def test_a_theatre_is_found_by_what_people_call_it(city: str, words: str, name: str) -> None:
    assert names_of(city).place(words).name == name


@pytest.mark.parametrize("city", ["berkeley", "boston"])
@pytest.mark.parametrize("words", ["Greek Theatre", "Wang Theatre"])
def test_another_theatre_than_the_records_know_is_asked_back(city: str, words: str) -> None:
    with pytest.raises(UnknownName) as asked:
        names_of(city).place(words)
    assert asked.value.choices == (("U04 Zellerbach",) if city == "berkeley" else (LOEWS,))


def test_the_auditorium_may_be_either_of_two_halls() -> None:
    with pytest.raises(AmbiguousName) as asked:
        names_of("berkeley").place("the auditorium")
    assert set(asked.value.choices) == {"U04 Zellerbach", "U28 Wheeler"}
