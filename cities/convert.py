"""Turns an open-data source folder into a city folder, byte for byte the same every time.

    python cities/convert.py berkeley --source FOLDER [--out FOLDER]

FOLDER holds the files that the city's SOURCES.md names. The output folder (default: `cities/NAME`) must already hold
`city.toml`, whose `[counts]` table, always the last one, is rewritten. What people wrote by hand (`assumptions.toml`,
`handbook/`, the aliases) is never touched. Nothing is measured or guessed here: every column is copied from the source
or computed from it by the rule in the docstring of the function that makes it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import from_berkeley
import from_boston
import from_montevideo
from tables import Tables, columns_of, write_counts, write_csv

CITIES: Mapping[str, Callable[[Path], Tables]] = {
    "berkeley": from_berkeley.convert,
    "boston": from_boston.convert,
    "montevideo": from_montevideo.convert,
}


def convert(city: str, source: Path, out: Path) -> dict[str, int]:
    """Writes the city's tables and counts into `out` and returns the counts by file name."""
    tables = CITIES[city](source)
    counts = {name: write_csv(out / name, rows, columns_of(name, rows)) for name, rows in tables.items()}
    write_counts(out / "city.toml", counts)
    return counts


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("city", choices=sorted(CITIES))
    parser.add_argument("--source", type=Path, required=True, help="folder with the source files of SOURCES.md")
    parser.add_argument("--out", type=Path, help="city folder to write (default: cities/NAME)")
    given = parser.parse_args()
    convert(given.city, given.source, given.out or Path(__file__).parent / given.city)


if __name__ == "__main__":
    main()
