"""Operational patterns: what the records say again and again, as documents that a search finds.

Three questions are asked of every site and stream, and of every kind of request and neighbourhood: on which weekday do
bins fill faster or slower, where are they found full more often, on which weekday do people call. The statistics are
`engines.patterns`; what passes is written with its evidence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from sqlalchemy import func, select

from domain.operation import Operation, load_operation
from domain.records import CityFile, Emptying, Reading, Request
from domain.store import Store
from engines.patterns import Pattern, Rules, Units, find_patterns
from retrieval.store import Document, RetrievalStore
from tools.pattern_units import Subject, bin_subjects, called_subjects

__all__ = ["OperationalPatterns", "pattern_documents", "renew_patterns"]

FORM = "2"  # raise it when patterns are found or told otherwise
MOST = 300  # patterns of a city: beyond that nobody reads them
TIMED = ((Emptying, Emptying.emptied_at), (Reading, Reading.read_at), (Request, Request.opened_at))
SOURCES = ("emptyings.", "readings.", "requests.")
HARDLY = 0.2  # of the rate on other days
CALLED = "pattern finding habit"


class OperationalPatterns:
    """The documents of the kind `patterns`, made of the city's records."""

    kind = "patterns"

    def __init__(self, rules: Rules | None = None, seed: int = 0) -> None:
        self._rules, self._seed = rules or Rules(), seed

    def digest(self, store: Store, city: str) -> str:
        """Changes with what the patterns are made from: loaded files, and records that came since."""
        with store.read() as session:
            files = session.execute(select(CityFile.file, CityFile.digest).where(CityFile.city == city))
            told = sorted(f"{file} {digest}" for file, digest in files if file.startswith(SOURCES))
            for record, at in (
                (Emptying, Emptying.emptied_at),
                (Reading, Reading.read_at),
                (Request, Request.opened_at),
            ):
                held = select(func.count(), func.max(at)).where(record.city == city)
                told.append(repr(tuple(session.execute(held).one())))
        return hashlib.sha256("\0".join([FORM, repr(self._rules), *told]).encode()).hexdigest()

    def documents(self, store: Store, city: str) -> list[Document]:
        """The patterns found, the surest first."""
        return pattern_documents(store, load_operation(store, city), self._rules, self._seed)


def renew_patterns(store: Store, search: RetrievalStore, city: str) -> int:
    """Find the city's patterns again where its records have changed since; how many documents changed. Takes seconds.

    Raises NotNow when a store cannot be used.
    """
    patterns = OperationalPatterns()
    digest = patterns.digest(store, city)
    if search.digest(patterns.kind) == digest:
        return 0
    return search.replace(patterns.kind, patterns.documents(store, city), digest)


def pattern_documents(store: Store, city: Operation, rules: Rules, seed: int) -> list[Document]:
    """Every pattern of a city's records that passes, as a document."""
    subjects = [*bin_subjects(store, city), *called_subjects(store, city)]
    by_name = {subject.units.name: subject for subject in subjects}
    found = find_patterns([subject.units for subject in subjects], rules, seed)
    return [_document(city, by_name[pattern.name], pattern) for pattern in found[:MOST]]


# ---------------------------------------------------------------- telling


@dataclass(frozen=True)
class _Told:
    """A pattern in words: its title, the two rates as a sentence, and what its units are called."""

    title: str
    rates: str
    units: str


def _document(city: Operation, subject: Subject, pattern: Pattern) -> Document:
    told = TELLERS[subject.question](subject, pattern)
    place = subject.places[pattern.condition if len(subject.places) > 1 else 0]
    id_ = f"patterns/{pattern.name}/{subject.conditions[pattern.condition]}"
    fields = {
        "called": CALLED,
        "site_id": place.site_id,
        "area": place.area,
        "stream": subject.stream,
        "weekday": subject.conditions[pattern.condition] if subject.question != "full" else "",
        "evidence": " ".join(place.evidence),
    }
    return Document(
        id=id_,
        kind="patterns",
        title=told.title,
        text=f"{told.rates} {_evidence(city, subject.units, pattern, told.units)}",
        url_ref=id_.replace("patterns/", "patterns:", 1),
        lat=place.lat,
        lon=place.lon,
        fields={name: value for name, value in fields.items() if value},
        known_from=_moment(city, float(subject.units.at.max())),
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
    """A moment of the city's wall clock, counted in seconds, in UTC."""
    return datetime.fromtimestamp(local_s, UTC).replace(tzinfo=city.zone).astimezone(UTC)
