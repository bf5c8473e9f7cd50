"""Operational patterns: what the records say again and again, as documents that a search finds.

Three questions are asked of every site and stream, and of every kind of request and neighbourhood: on which weekday do
bins fill faster or slower, where are they found full more often, on which weekday do people call. The statistics are
`engines.patterns`; what passes is written with its evidence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Select, SQLColumnExpression, extract, func, select
from sqlalchemy.orm import InstrumentedAttribute

from domain.operation import Operation, load_operation
from domain.records import Bin, CityFile, Emptying, Reading, Request, Site
from domain.store import Store
from engines.patterns import Pattern, Rules, Units, find_patterns
from retrieval.store import MOST_HITS, Document, RetrievalStore, SearchRequest
from tools.pattern_units import Subject, bin_subjects, called_subjects

__all__ = ["OperationalPatterns", "renew_patterns"]

FORM = "3"  # raise it when patterns are found or told otherwise
MOST = 300  # patterns of a city: beyond that nobody reads them
SOURCES = ("emptyings.", "readings.", "requests.")
HARDLY = 0.2  # of the rate on other days
CALLED = "pattern finding habit"
HELD = SearchRequest("finding habit", k=MOST_HITS, alpha=0, floor=1.0, kinds=("patterns",), deadline_s=30)


class OperationalPatterns:
    """The documents of the kind `patterns`, made of the city's records."""

    kind = "patterns"

    def __init__(self, rules: Rules | None = None, seed: int = 0) -> None:
        self._rules, self._seed = rules or Rules(), seed

    def digest(self, store: Store, city: str) -> str:
        """Changes with what the patterns are made from: files, sites, bins, and sums over what was recorded."""
        told = [FORM, repr(self._rules)]
        with store.read() as session:
            files = session.execute(select(CityFile.file, CityFile.digest).where(CityFile.city == city))
            told += sorted(f"{file} {digest}" for file, digest in files if file.startswith(SOURCES))
            for query in _made_from(city):
                told += sorted(repr([_written(value) for value in row]) for row in session.execute(query))
        return hashlib.sha256("\0".join(told).encode()).hexdigest()

    def documents(self, store: Store, city: str) -> list[Document]:
        """The patterns found, the surest first."""
        return self.look(store, city)[0]

    def look(self, store: Store, city: str) -> tuple[list[Document], datetime | None]:
        """The patterns found, and the moment from which all that the tests rest on was there; None without one."""
        return _look(store, load_operation(store, city), self._rules, self._seed)


def _made_from(city: str) -> list[Select[*tuple[Any, ...]]]:
    """Queries whose rows, in any order, change with the records: names and places whole, what is recorded in sums."""
    return [
        select(Site.site_id, Site.name, Site.area, Site.lat, Site.lon).where(Site.city == city),
        select(Bin.bin_id, Bin.site_id, Bin.stream).where(Bin.city == city),
        *(
            select(record.bin_id, record.fill_class, *_sums(at, record.fill_pct))
            .where(record.city == city)
            .group_by(record.bin_id, record.fill_class)
            for record, at in ((Emptying, Emptying.emptied_at), (Reading, Reading.read_at))
        ),
        select(Request.title, Request.area, *_sums(Request.opened_at, Request.lat + Request.lon))
        .where(Request.city == city)
        .group_by(Request.title, Request.area),
    ]


def _sums(at: InstrumentedAttribute[datetime], value: SQLColumnExpression[Any]) -> tuple[ColumnElement[Any], ...]:
    """Number, newest, sum of times (s), and of values and their squares."""
    return func.count(), func.max(at), func.sum(extract("epoch", at)), func.sum(value), func.sum(value * value)


def _written(value: object) -> str:
    """A value; a sum without the last digits, which depend on the order of adding."""
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def renew_patterns(store: Store, search: RetrievalStore, city: str) -> int:
    """Find the city's patterns again where its records have changed since; how many documents changed. Takes seconds.

    What was told until then stays, known until the newest record of now, for questions asked as of earlier.
    Raises NotNow when a store cannot be used.
    """
    patterns = OperationalPatterns()
    digest = patterns.digest(store, city)
    if search.digest(patterns.kind) == digest:
        return 0
    found, known_from = patterns.look(store, city)
    changed = _replace(search, [hit.document for hit in search.search(HELD).hits], found, known_from)
    search.remember(patterns.kind, digest)
    return changed


def _replace(
    search: RetrievalStore, held: Sequence[Document], found: Sequence[Document], known_from: datetime | None
) -> int:
    """Write what is found and was not told in these words yet; end what is held and no longer found."""
    told = {_words(document): document.id for document in held}
    new = [document for document in found if _words(document) not in told]
    stays = {document.id for document in new} | {told[_words(each)] for each in found if _words(each) in told}
    over = [document for document in held if document.id not in stays]
    ended = [replace(each, known_until=known_from) for each in over if _before(each.known_from, known_from)]
    never = [each.id for each in over if not _before(each.known_from, known_from)]
    return search.upsert([*ended, *new]) + search.delete(never)


def _words(document: Document) -> tuple[object, ...]:
    """All that a person sees of a pattern."""
    fields = tuple(sorted(document.fields.items()))
    return document.url_ref, document.title, document.text, document.lat, document.lon, fields


def _before(first: datetime | None, second: datetime | None) -> bool:
    return second is not None and (first is None or first < second)


def _look(store: Store, city: Operation, rules: Rules, seed: int) -> tuple[list[Document], datetime | None]:
    """Each pattern rests on all tests made, by the correction for their number, so all are known from one moment."""
    subjects = [*bin_subjects(store, city), *called_subjects(store, city)]
    if not subjects:
        return [], None
    by_name = {subject.units.name: subject for subject in subjects}
    known_from = _moment(city, max(subject.last_s for subject in subjects))
    found = find_patterns([subject.units for subject in subjects], rules, seed)[:MOST]
    return [_document(city, by_name[pattern.name], pattern, known_from) for pattern in found], known_from


# ---------------------------------------------------------------- telling


@dataclass(frozen=True)
class _Told:
    """A pattern in words: its title, the two rates as a sentence, and what its units are called."""

    title: str
    rates: str
    units: str


def _document(city: Operation, subject: Subject, pattern: Pattern, known_from: datetime) -> Document:
    told = TELLERS[subject.question](subject, pattern)
    place = subject.places[pattern.condition if len(subject.places) > 1 else 0]
    name = f"{pattern.name}/{subject.conditions[pattern.condition]}"
    fields = {
        "called": CALLED,
        "site_id": place.site_id,
        "area": place.area,
        "stream": subject.stream,
        "weekday": subject.conditions[pattern.condition] if subject.question != "full" else "",
        "evidence": " ".join(place.evidence),
    }
    return Document(
        id=f"patterns/{name}@{known_from.isoformat()}",
        kind="patterns",
        title=told.title,
        text=f"{told.rates} {_evidence(city, subject.units, pattern, told.units)}",
        url_ref=f"patterns:{name}",
        lat=place.lat,
        lon=place.lon,
        fields={name: value for name, value in fields.items() if value},
        known_from=known_from,
    )


def _evidence(city: Operation, units: Units, pattern: Pattern, what: str) -> str:
    first, split, last = (_day(moment) for moment in (units.at.min(), units.split_at, units.at.max()))
    earlier, later = pattern.earlier, pattern.later
    return (
        f"{_size(pattern)} by {later.units:,} {what} from {split} to {last}. It was found in {earlier.units:,} from "
        f"{first} to {split}, where it was {earlier.ratio:.2f} times: permutation test p = {pattern.p:.2g}, false "
        f"discovery rate {pattern.q:.2g} over {pattern.tests:,} tests; the later ones say it again, "
        f"p = {pattern.p_again:.2g}."
    )


def _size(pattern: Pattern) -> str:
    """The ratio with its interval; a rate that is at its bound of 0 has none worth telling."""
    if pattern.later.rate == 0 or pattern.high == 0:
        return "That is too little to tell from nothing,"
    interval = f"95 % interval {pattern.low:.2f} to {pattern.high:.2f}"
    return f"That is {pattern.later.ratio:.2f} times as much ({interval})"


def _fills(subject: Subject, pattern: Pattern) -> _Told:
    day = subject.conditions[pattern.condition]
    rate, other = pattern.later.rate * 24, pattern.later.other_rate * 24
    return _Told(
        title=f"{subject.stream} at {subject.places[0].name} {_filling(pattern.later.ratio)} on {day}s",
        rates=f"They fill {rate:.0f} % a day on {day}s and {other:.0f} % on other days.",
        units="spans between levels",
    )


def _found_full(subject: Subject, pattern: Pattern) -> _Told:
    site = subject.places[pattern.condition].name
    share, other = 100 * pattern.later.rate, 100 * pattern.later.other_rate
    return _Told(
        title=f"{subject.stream} at {site} are found full {pattern.later.ratio:.1f}x as often as elsewhere",
        rates=f"They were full in {share:.0f} % of their emptyings, bins of other sites in {other:.0f} %.",
        units="emptyings",
    )


def _called(subject: Subject, pattern: Pattern) -> _Told:
    day, place = subject.conditions[pattern.condition], subject.places[0]
    ratio, rate, other = pattern.later.ratio, pattern.later.rate, pattern.later.other_rate
    beside = "the same requests in the whole city" if place.area else "all requests"
    often = f"come {_times(ratio)} as {'often' if ratio > 1 else 'seldom'} on {day}s as {beside}"
    return _Told(
        title=f"{place.name} {f'hardly come on {day}s' if ratio < HARDLY else often}",
        rates=f"On {day}s they are {rate:.2f}, on other days {other:.2f} times as many as {beside} would have it.",
        units=f"{day}s with requests",
    )


TELLERS: Mapping[str, Callable[[Subject, Pattern], _Told]] = {"fills": _fills, "full": _found_full, "called": _called}


def _filling(ratio: float) -> str:
    return "hardly fill" if ratio < HARDLY else f"fill {_times(ratio)} {'faster' if ratio > 1 else 'slower'}"


def _times(ratio: float) -> str:
    return f"{ratio if ratio > 1 else 1 / max(ratio, 0.01):.1f}x"


def _day(moment: float) -> str:
    return str(np.datetime64(int(moment), "s").astype("datetime64[D]"))


def _moment(city: Operation, local_s: float) -> datetime:
    """A moment of the city's wall clock, counted in seconds, in UTC; of two such moments the later."""
    return datetime.fromtimestamp(local_s, UTC).replace(tzinfo=city.zone, fold=1).astimezone(UTC)
