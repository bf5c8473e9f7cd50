"""Forecasts as documents: what the newest generation in force says of each bin, in words that seldom change.

An hour's renewal changes every number a little. A document says a level in steps of ten and a chance in words, and
names its bin only in fields, so that most stay as they are, and the few wordings are embedded once for all bins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from domain.records import Bin, City, Site
from domain.work_records import Generation, Prediction
from retrieval.store import Document

__all__ = ["Foretold", "prediction_document", "prediction_documents"]

CALLED = "prediction forecast expected"
PROBABLY, PERHAPS = 0.5, 0.1  # chances from which a bin is said to overflow probably, or perhaps
STEP_PCT = 10
OVERFLOW_PCT = 80.0  # where the city's assumptions name no threshold


@dataclass(frozen=True)
class Foretold:
    """A bin's forecast for a day after it was made: level in percent, chance 0..1, or why there is none."""

    p50: float | None
    p_overflow: float | None
    abstained: str | None
    known_from: datetime
    threshold_pct: float


def prediction_documents(session: Session, city: str, entities: Sequence[str] | None = None) -> Iterator[Document]:
    """The forecasts in force of these bins, of all without; none while there is no table of the records as they are."""
    records = session.get_one(City, city)
    generations = _in_force(session, records)
    assumed = records.assumptions.get("overflow_threshold_pct")
    threshold = float(assumed) if isinstance(assumed, int | float) else OVERFLOW_PCT
    newest: dict[str, Document] = {}
    for of, site, p50, p_overflow, abstained, since in session.execute(_query(city, generations, entities)):
        foretold = Foretold(p50, p_overflow, abstained, since, threshold)
        newest[of.bin_id] = prediction_document(of, site, foretold)
    yield from (newest[bin_id] for bin_id in sorted(newest))


def prediction_document(of: Bin, site: Site, foretold: Foretold) -> Document:
    """A bin's forecast in words."""
    title, text = _said(of.stream, foretold)
    fields = {"called": CALLED, "bin": of.bin_id, "stream": of.stream, "place": site.name, "site_id": site.site_id,
              "area": site.area, "zone": of.zone, "why": foretold.abstained}  # fmt: skip
    return Document(
        id=f"predictions/{of.bin_id}",
        kind="predictions",
        title=title,
        text=text,
        url_ref=f"records:bins/{of.bin_id}",
        lat=of.lat,
        lon=of.lon,
        fields={name: value for name, value in fields.items() if value},
        known_from=foretold.known_from,
    )


def _said(stream: str, foretold: Foretold) -> tuple[str, str]:
    if foretold.p50 is None or foretold.p_overflow is None:
        return f"{stream}: no forecast", "Nothing can be said of the next day."
    likely = (
        "probably" if foretold.p_overflow >= PROBABLY else "perhaps" if foretold.p_overflow >= PERHAPS else "hardly"
    )
    level = STEP_PCT * round(foretold.p50 / STEP_PCT)
    full = f"A day later it is expected about {level} % full; {foretold.threshold_pct:g} % counts as overflowing."
    return f"{stream}: will {likely} overflow within a day", full


def _in_force(session: Session, city: City) -> Sequence[Generation]:
    """The newest whole generation in force of the records as they are, and the parts begun after it."""
    ours = select(Generation).where(
        Generation.city == city.name, Generation.digest == city.digest, Generation.in_force_from.is_not(None)
    )
    latest = ours.where(Generation.whole).order_by(Generation.in_force_from.desc(), Generation.id.desc()).limit(1)
    whole = session.scalars(latest).first()
    if whole is None:
        return []
    parts = ours.where(Generation.whole.is_(False), Generation.begun_at > whole.begun_at)
    return [whole, *session.scalars(parts)]


def _query(city: str, generations: Sequence[Generation], entities: Sequence[str] | None) -> Select[*tuple[Any, ...]]:
    """Forecasts with their bins and sites, the oldest generation first; never the packed levels."""
    among = [] if entities is None else [Prediction.bin_id.in_(entities)]
    of_these = Prediction.generation.in_([each.id for each in generations])
    return (
        select(Bin, Site, Prediction.p50, Prediction.p_overflow, Prediction.abstained, Generation.in_force_from)
        .join(Generation, Generation.id == Prediction.generation)
        .join(Bin, (Bin.city == Prediction.city) & (Bin.bin_id == Prediction.bin_id))
        .join(Site, (Site.city == Bin.city) & (Site.site_id == Bin.site_id))
        .where(Prediction.city == city, of_these, *among)
        .order_by(Generation.in_force_from, Generation.id)
    )
