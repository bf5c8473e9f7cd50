"""Reads the cells of a city folder's rows, each as one type; what cannot be read is a `RowProblem` that says why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite
from zoneinfo import ZoneInfo

__all__ = ["Cells", "Known", "LocalTimes", "RowProblem"]

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
CLOCK_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
YES, NO = frozenset({"yes", "true", "1", "ontime"}), frozenset({"no", "false", "0", "overdue"})


class RowProblem(ValueError):
    """A cell that cannot be read; the message says what was found and what is wanted."""


@dataclass
class LocalTimes:
    """Turns the city's local times into UTC, and counts the hours that a clock change doubles or skips.

    A doubled time is taken as the earlier of the two. A skipped one (no clock showed it) is taken as if the clock had
    not been moved yet, so 02:30 becomes 03:30 of the new time (PEP 495, fold = 0).
    """

    zone: ZoneInfo
    doubled: int = 0
    skipped: int = 0

    def utc(self, local: datetime) -> datetime:
        """The moment of a local time; a time with an offset of its own keeps it. Raises OverflowError at the edges."""
        if local.tzinfo is not None:
            return local.astimezone(UTC)
        moment = local.replace(tzinfo=self.zone).astimezone(UTC)
        if local.replace(tzinfo=self.zone, fold=1).astimezone(UTC) != moment:
            if moment.astimezone(self.zone).replace(tzinfo=None) == local:
                self.doubled += 1
            else:
                self.skipped += 1
        return moment


@dataclass(frozen=True)
class Known:
    """What rows may refer to: the sites and their positions, the bins, and the city's clock."""

    times: LocalTimes
    sites: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    bins: frozenset[str] = frozenset()


class Cells:
    """One row's cells by column; each method reads one as a type and raises RowProblem."""

    def __init__(self, cells: Mapping[str, str], known: Known) -> None:
        self._cells, self.known = cells, known

    def maybe(self, column: str) -> str | None:
        """Text, or None when blank or when the file has no such column."""
        value = self._cells.get(column, "").strip()
        if "\0" in value:
            raise RowProblem(f"{column} holds a NUL character")
        return value or None

    def text(self, column: str) -> str:
        """Text that must be there."""
        value = self.maybe(column)
        if value is None:
            raise RowProblem(f"{column} is empty")
        return value

    def maybe_number(self, column: str, least: float, most: float) -> float | None:
        """A number from `least` to `most`, or None when blank."""
        value = self.maybe(column)
        if value is None:
            return None
        try:
            number = float(value)
        except ValueError:
            raise RowProblem(f"{column} is {value!r:.60}, not a number") from None
        if not isfinite(number) or not least <= number <= most:
            raise RowProblem(f"{column} is {value:.60}, not within {least:g} to {most:g}")
        return number

    def number(self, column: str, least: float, most: float) -> float:
        """A number that must be there."""
        value = self.maybe_number(column, least, most)
        if value is None:
            raise RowProblem(f"{column} is empty")
        return value

    def maybe_point(self) -> tuple[float, float] | None:
        """`lat` and `lon` in degrees; both or neither."""
        lat, lon = self.maybe_number("lat", -90, 90), self.maybe_number("lon", -180, 180)
        if (lat is None) != (lon is None):
            raise RowProblem("lat and lon must both be given, or neither")
        return None if lat is None or lon is None else (lat, lon)

    def point(self) -> tuple[float, float]:
        """`lat` and `lon` that must be there."""
        found = self.maybe_point()
        if found is None:
            raise RowProblem("lat and lon are empty")
        return found

    def maybe_moment(self, column: str) -> datetime | None:
        """An ISO time, local unless it has an offset; None when blank."""
        value = self.maybe(column)
        if value is None:
            return None
        try:
            return self.known.times.utc(datetime.fromisoformat(value))
        except (ValueError, OverflowError):
            raise RowProblem(f"{column} is {value!r:.60}, not a time like 2025-08-31T23:55") from None

    def moment(self, column: str) -> datetime:
        """A time that must be there."""
        value = self.maybe_moment(column)
        if value is None:
            raise RowProblem(f"{column} is empty")
        return value

    def clock_time(self, column: str) -> str | None:
        """A local "HH:MM", or None when blank."""
        value = self.maybe(column)
        if value is not None and not CLOCK_TIME.fullmatch(value):
            raise RowProblem(f"{column} is {value!r:.60}, not a time of day like 06:00")
        return value

    def weekdays(self, column: str) -> list[str]:
        """Days as ["Mon", "Thu"], in the week's order, from "Mon,Thu" or "Thu Mon"."""
        said = {day[:3].capitalize() for day in re.split(r"[\s,;/]+", self.maybe(column) or "") if day}
        if not said <= set(WEEKDAYS):
            raise RowProblem(f"{column} is {self.maybe(column)!r:.60}, not days like Mon,Thu")
        return [day for day in WEEKDAYS if day in said]

    def yes_no(self, column: str) -> bool | None:
        """True, False, or None when blank."""
        value = self.maybe(column)
        if value is None:
            return None
        if value.lower() not in YES | NO:
            raise RowProblem(f"{column} is {value!r:.60}, neither yes nor no")
        return value.lower() in YES

    def one_of(self, column: str, known: Mapping[str, object] | frozenset[str], where: str) -> str:
        """Text that must be one of the known ids."""
        value = self.text(column)
        if value not in known:
            raise RowProblem(f"{column} {value!r:.60} is not in {where}")
        return value
