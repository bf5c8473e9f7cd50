"""What patterns are looked for in: spans of filling, emptyings found full, days of requests, as units of a subject."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from sqlalchemy import select

from domain.operation import Operation
from domain.records import Request, Site
from domain.store import Store
from engines.forecast.history import BinHistory
from engines.patterns import Units
from tools.histories import read_histories

__all__ = ["DAYS", "Place", "Subject", "bin_subjects", "called_subjects"]

Floats = npt.NDArray[np.float64]
Question = Literal["fills", "full", "called"]
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "weekend")
"""The conditions of a question about weekdays; a weekend is Saturday and Sunday."""
HOUR_S, DAY_S, WEEK_S = 3_600.0, 86_400.0, 604_800.0
MONDAY_S = 4 * DAY_S  # 1970-01-05
EARLIER = 0.7  # share of the units that the patterns are looked for in; the others confirm
SHORTEST_H, LONGEST_H = 6.0, 14 * 24.0  # of a span between emptyings
FALL_PCT = 5.0  # readings that fall by more than noise are an emptying
MANY_READINGS = 100
ALL = "all"
FULL_PCT = 95.0
FEWEST_UNITS, FEWEST_REQUESTS = 60, 150


@dataclass(frozen=True)
class Place:
    """Where a subject is: a site, or a neighbourhood; `evidence` names the records that it rests on."""

    name: str
    site_id: str | None
    area: str | None
    lat: float | None
    lon: float | None
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Subject:
    """Units, and what they are about: one place, or one for each condition.

    `last_s` is when the last unit was whole, in seconds of the wall clock: a level's moment, a day's end.
    """

    question: Question
    units: Units
    conditions: tuple[str, ...]
    places: tuple[Place, ...]
    last_s: float
    stream: str | None = None


# ---------------------------------------------------------------- filling by weekday


def bin_subjects(store: Store, city: Operation) -> list[Subject]:
    """All subjects that rest on levels of bins."""
    histories = list(read_histories(store, city).values())
    with store.read() as session:
        sites = {site.site_id: site for site in session.scalars(select(Site).where(Site.city == city.name))}
    return [*_filled(histories, sites, city), *_found_full(histories, sites)]


def _filled(histories: Sequence[BinHistory], sites: Mapping[str, Site], city: Operation) -> Iterator[Subject]:
    """How fast bins fill on each weekday: those of each stream, and of each site and stream."""
    groups: dict[tuple[str, str], list[BinHistory]] = defaultdict(list)
    for history in histories:
        groups[history.stream, history.site_id].append(history)
        groups[history.stream, ALL].append(history)
    for (stream, site_id), held in sorted(groups.items()):
        spans = np.concatenate([_spans(number, history) for number, history in enumerate(held)])
        if len(spans) >= FEWEST_UNITS:
            units = _span_units(f"fills/{stream}/{site_id}", spans[np.argsort(spans[:, 1], kind="stable")])
            whole = Place(f"all sites of {city.title}", None, None, None, None, ("records:emptyings",))
            place = whole if site_id == ALL else _site_place(sites[site_id], held)
            yield Subject("fills", units, DAYS, (place,), float(units.at.max()), stream)


def _spans(number: int, history: BinHistory) -> Floats:
    """From, to (s of the wall clock), percent filled, and the bin's number: shape (n, 4)."""
    read = len(history.readings) >= MANY_READINGS
    times = (history.read_at if read else history.emptied_at).astype(np.float64)
    levels = history.readings if read else history.levels
    if len(times) < 2:
        return np.empty((0, 4))
    start, end = times[:-1], times[1:]
    gained = np.diff(levels) if read else levels[1:]
    hours = (end - start) / HOUR_S
    known = ~np.isnan(gained) & (hours <= LONGEST_H)
    known &= (gained >= -FALL_PCT) & (hours > 0) if read else hours >= SHORTEST_H
    spans: Floats = np.stack([start, end, gained, np.full(len(start), float(number))], axis=1)[known]
    return spans


def _span_units(name: str, spans: Floats) -> Units:
    """Spans of one bin, length, time of day and quarter could change places, were all weekdays alike."""
    start, end, gained, number = spans.T
    hours = (end - start) / HOUR_S
    days = np.round(hours / 24) * 24
    by_length = np.where(days > 0, 100 + days, start % DAY_S // (3 * HOUR_S) * 10 + np.round(hours))
    quarter = end // (365.25 / 4 * DAY_S)
    strata = np.unique(np.stack([number, by_length, quarter], axis=1), axis=0, return_inverse=True)[1]
    share = (_weekday_seconds(end) - _weekday_seconds(start)) / (end - start)[:, None]
    return Units(name, gained, hours, _with_weekend(share), strata.reshape(-1).astype(np.int64), end, _split(end))


def _weekday_seconds(moment: Floats) -> Floats:
    """Seconds of each weekday since the first Monday of 1970, shape (n, 7)."""
    weeks, rest = np.divmod(moment - MONDAY_S, WEEK_S)
    begun: Floats = np.clip(rest[:, None] - DAY_S * np.arange(7), 0, DAY_S)
    return weeks[:, None] * DAY_S + begun


# ---------------------------------------------------------------- found full


def _found_full(histories: Sequence[BinHistory], sites: Mapping[str, Site]) -> Iterator[Subject]:
    """Emptyings of each stream and month, each found full or not, by site."""
    by_stream: dict[str, list[BinHistory]] = defaultdict(list)
    for history in histories:
        by_stream[history.stream].append(history)
    for stream, held in sorted(by_stream.items()):
        named = sorted({history.site_id for history in held})
        rows = np.concatenate([_emptyings(named.index(history.site_id), history) for history in held])
        if len(rows) < FEWEST_UNITS or len(named) < 2:
            continue
        rows = rows[np.argsort(rows[:, 0], kind="stable")]
        at, level, site = rows.T
        month = at.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)
        share = (site[:, None] == np.arange(len(named))).astype(np.float64)
        full = (level >= FULL_PCT).astype(np.float64)
        units = Units(f"full/{stream}", full, np.ones(len(rows)), share, month, at, _split(at), one_sided=True)
        places = tuple(_site_place(sites[s], [h for h in held if h.site_id == s]) for s in named)
        yield Subject("full", units, tuple(named), places, float(at.max()), stream)


def _emptyings(site: int, history: BinHistory) -> Floats:
    """Time, level and the site's number, of emptyings of a known level: shape (n, 3)."""
    known = ~np.isnan(history.levels)
    times = history.emptied_at.astype(np.float64)
    rows: Floats = np.stack([times, history.levels, np.full(len(times), float(site))], axis=1)[known]
    return rows


# ---------------------------------------------------------------- requests by weekday


def called_subjects(store: Store, city: Operation) -> list[Subject]:
    """Requests a day: of each title against all requests, of each title in a neighbourhood against that title's."""
    with store.read() as session:
        columns = select(Request.request_id, Request.opened_at, Request.title, Request.area, Request.lat, Request.lon)
        rows = session.execute(columns.where(Request.city == city.name).order_by(Request.opened_at)).all()
    local = [row[1].astimezone(city.zone).replace(tzinfo=None) for row in rows]
    local = [moment for moment in local if moment.date() < local[-1].date()]  # the newest day is not over
    if not local:
        return []
    rows = rows[: len(local)]
    days = np.array(local, dtype="datetime64[D]").astype(np.int64)
    days -= days.min()
    first = np.datetime64(min(local), "D").astype(np.int64)
    ends_s = float(first + days.max() + 1) * DAY_S
    groups: dict[tuple[str, str | None], list[int]] = defaultdict(list)
    for number, (_, _, title, area, _, _) in enumerate(rows):
        if title:
            groups[title, None].append(number)
            if area:
                groups[title, area].append(number)
    counted = {key: np.bincount(days[numbers], minlength=days.max() + 1) for key, numbers in groups.items()}
    whole = np.bincount(days)
    found = []
    for (title, area), numbers in sorted(groups.items(), key=lambda item: (item[0][0], item[0][1] or "")):
        if len(numbers) >= FEWEST_REQUESTS:
            against = whole if area is None else counted[title, None]
            units = _day_units(f"called/{title}/{area or 'all'}", counted[title, area], against, int(first))
            place = _requests_place(title, area, [rows[number] for number in numbers])
            found.append(Subject("called", units, DAYS, (place,), ends_s))
    return found


def _day_units(name: str, counts: npt.NDArray[np.int64], against: npt.NDArray[np.int64], first: int) -> Units:
    """Days of one week could change places, were the share of these requests the same on all weekdays."""
    days = np.flatnonzero(against) + first
    value = counts[against > 0].astype(np.float64)
    base = against[against > 0] * (counts.sum() / against.sum())
    week, weekday = np.divmod(days - 4, 7)
    at = days.astype(np.float64) * DAY_S
    return Units(name, value, base, _with_weekend(np.eye(7)[weekday]), week.astype(np.int64), at, _split(at))


def _requests_place(title: str, area: str | None, rows: Sequence[Sequence[object]]) -> Place:
    located = np.array([(row[4], row[5]) for row in rows if area and row[4] is not None], dtype=np.float64)
    lat, lon = located.mean(axis=0).tolist() if len(located) else (None, None)
    evidence = tuple(f"records:requests/{row[0]}" for row in rows[-3:])
    named = f"“{title}” requests in {area}" if area else f"“{title}” requests"
    return Place(named, None, area, lat, lon, evidence)


# ---------------------------------------------------------------- both


def _split(at: Floats) -> float:
    """The moment before which most of the units lie, at a day's beginning."""
    return float(np.quantile(at, EARLIER) // DAY_S * DAY_S)


def _site_place(site: Site, histories: Sequence[BinHistory]) -> Place:
    evidence = tuple(f"records:emptyings/{history.bin_id}" for history in histories)
    return Place(site.name, site.site_id, site.area, site.lat, site.lon, evidence)


def _with_weekend(weekdays: Floats) -> Floats:
    """Seven columns and an eighth, Saturday and Sunday together."""
    return np.column_stack([weekdays, weekdays[:, 5:].sum(axis=1)])
