"""Forecasts as documents: what the newest generation in force says of each bin, in words that seldom change.

An hour's renewal changes every number a little. A document says a level in steps of ten and a chance in words, and
names its bin only in fields, so that most stay as they are, and the few wordings are embedded once for all bins. It is
known from the first of the generations that said the same one after the other, as far back as their forecasts are held:
of what was said in between nothing may be made up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from domain.records import Bin, City, Site
from domain.work_records import Generation, Prediction
from retrieval.documents import place_of
from retrieval.store import Document

__all__ = ["Foretold", "prediction_document", "prediction_documents"]

CALLED = "prediction forecast expected"
PROBABLY, PERHAPS = 0.5, 0.1  # chances from which a bin is said to overflow probably, or perhaps
STEP_PCT = 10
OVERFLOW_PCT = 80.0  # where the city's assumptions name no threshold
LOOKED_BACK = timedelta(days=2)  # older forecasts are not held


@dataclass(frozen=True)
class Foretold:
    """A bin's forecast for a day after it was made: level in percent, chance 0..1, or why there is none."""

    p50: float | None
    p_overflow: float | None
    abstained: str | None
    known_from: datetime
    threshold_pct: float


class _Line(NamedTuple):
    """A generation in force, without its forecasts."""

    id: int
    whole: bool
    begun_at: datetime
    in_force_from: datetime


Standing = dict[str, Foretold]


def prediction_documents(session: Session, city: str, entities: Sequence[str] | None = None) -> Iterator[Document]:
    """The forecasts in force of these bins, of all without; none while there is no table of the records as they are."""
    records = session.get_one(City, city)
    lines = _in_force(session, records)
    if not lines:
        return
    standing = _standing(lines, _foretold(session, records, lines, entities))
    among = [] if entities is None else [Bin.bin_id.in_(entities)]
    places = (Site.city == Bin.city) & (Site.site_id == Bin.site_id)
    query = select(Bin, Site).join(Site, places).where(Bin.city == city, *among).order_by(Bin.bin_id)
    for of, site in session.execute(query):
        if of.bin_id in standing:
            yield prediction_document(of, site, standing[of.bin_id])


def prediction_document(of: Bin, site: Site, foretold: Foretold) -> Document:
    """A bin's forecast in words."""
    title, text = _said(of.stream, foretold)
    lat, lon = place_of(of)
    fields = {"called": CALLED, "bin": of.bin_id, "stream": of.stream, "place": site.name, "site_id": site.site_id,
              "area": site.area, "zone": of.zone, "why": foretold.abstained}  # fmt: skip
    return Document(
        id=f"predictions/{of.bin_id}",
        kind="predictions",
        title=title,
        text=text,
        url_ref=f"records:bins/{of.bin_id}",
        lat=lat,
        lon=lon,
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


def _in_force(session: Session, city: City) -> list[_Line]:
    """The newest whole generation in force of the records as they are, what came in force after it, and before it.

    The oldest first; before it only as far back as the forecasts of all are held, and those of other records are none.
    """
    of_city = (Generation.city == city.name, Generation.in_force_from.is_not(None))
    wholes = select(Generation.in_force_from, Generation.id).where(
        *of_city, Generation.whole, Generation.digest == city.digest
    )
    newest = session.execute(wholes.order_by(Generation.in_force_from.desc(), Generation.id.desc()).limit(1)).first()
    if newest is None or newest.in_force_from is None:
        return []
    held = exists().where(Prediction.generation == Generation.id)
    lines = (
        select(Generation.id, Generation.whole, Generation.begun_at, Generation.in_force_from, Generation.digest, held)
        .where(*of_city, Generation.in_force_from > newest.in_force_from - LOOKED_BACK)
        .order_by(Generation.in_force_from.desc(), Generation.id.desc())
    )
    found: list[_Line] = []
    for id_, whole, begun_at, since, digest, is_held in session.execute(lines):
        assert since is not None
        before = (since, id_) < tuple(newest)
        if digest == city.digest and (is_held or not before):
            found.append(_Line(id_, whole, begun_at, since))
        elif before and (whole or digest == city.digest):
            break
    return found[::-1]


def _threshold_pct(city: City) -> float:
    """The level from which a bin counts as overflowing, of the `[operation]` part of the city's assumptions."""
    part = city.assumptions.get("operation")
    entry = part.get("overflow_threshold_pct") if isinstance(part, dict) else None
    value = entry.get("value") if isinstance(entry, dict) else None
    return float(value) if isinstance(value, int | float) else OVERFLOW_PCT


def _foretold(
    session: Session, city: City, lines: Sequence[_Line], entities: Sequence[str] | None
) -> Mapping[int, Standing]:
    """Generation -> bin -> its forecast there; never the packed levels."""
    threshold = _threshold_pct(city)
    known_from = {line.id: line.in_force_from for line in lines}
    columns = (Prediction.generation, Prediction.bin_id, Prediction.p50, Prediction.p_overflow, Prediction.abstained)
    query = select(*columns).where(Prediction.generation.in_(known_from))
    if entities is not None:
        query = query.where(Prediction.bin_id.in_(entities))
    found: dict[int, Standing] = defaultdict(dict)
    for generation, bin_id, p50, p_overflow, abstained in session.execute(query):
        found[generation][bin_id] = Foretold(p50, p_overflow, abstained, known_from[generation], threshold)
    return found


def _standing(lines: Sequence[_Line], foretold: Mapping[int, Standing]) -> Standing:
    """Bin -> its forecast in force in the end, known from when the same was first said without a break.

    A whole generation replaces all that was begun before it, a part its bins.
    """
    standing: Standing = {}
    whole: _Line | None = None
    for nth, line in enumerate(lines):
        told, before = foretold.get(line.id, {}), standing
        if line.whole:
            whole, standing = line, {}
            for part in lines[:nth]:
                if not part.whole and part.begun_at > line.begun_at:
                    told = {**told, **foretold.get(part.id, {})}
        elif whole is None or line.begun_at <= whole.begun_at:
            continue
        for bin_id, each in told.items():
            earlier = before.get(bin_id)
            standing[bin_id] = earlier if earlier is not None and _same(earlier, each) else each
    return standing


def _same(one: Foretold, other: Foretold) -> bool:
    """Whether two forecasts of a bin are told in the same words."""
    return one.abstained == other.abstained and _said("", one) == _said("", other)
