"""Records as documents: what of a site, a request or a plan is found by meaning, and what by words alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from pydantic import JsonValue

from domain.columns import Located, MaybeLocated
from domain.records import Bin, Request, Site
from domain.work_records import StoredPlan
from retrieval.regions import is_on_earth
from retrieval.store import Document

__all__ = ["place_of", "plan_document", "request_documents", "site_document"]

CALLED = {"bins": "site station bins", "requests": "request complaint case", "rounds": "plan round route"}
"""How people name a kind when they mean any of it: as words only, so that "request 42" holds all the words of 42's."""
ON_TIME = {True: "on time", False: "late overdue", None: None}


def place_of(record: Located | MaybeLocated) -> tuple[float | None, float | None]:
    """Latitude and longitude in degrees, or two None for what was written past the checks of a load and is no place.

    So the record is still found, by all but its place, and keeps no other from being found.
    """
    lat, lon = record.lat, record.lon
    return (lat, lon) if lat is not None and lon is not None and is_on_earth(lat, lon) else (None, None)


def site_document(site: Site, bins: Sequence[Bin], aliases: Sequence[str]) -> Document:
    """A site with its bins, by every name that people have for it."""
    streams = ", ".join(sorted({each.stream for each in bins}))
    spoken = ", ".join(aliases)
    lat, lon = place_of(site)
    fields = {
        "called": CALLED["bins"],
        "site_id": site.site_id,
        "area": site.area,
        "zones": _joined(each.zone for each in bins),
        "circuits": _joined(each.circuit for each in bins),
        "status": _joined(each.status for each in bins),
        "bins": " ".join(each.bin_id for each in bins),
    }
    return Document(
        id=f"sites/{site.site_id}",
        kind="bins",
        title=site.name,
        text=_sentences(streams and f"Bins for {streams}", spoken and f"Also called {spoken}"),
        url_ref=f"records:sites/{site.site_id}",
        lat=lat,
        lon=lon,
        fields=_said(fields),
    )


def request_documents(request: Request) -> Iterator[Document]:
    """A request as it is known now, and one that was closed also as it was known while it was open."""
    closed_at = request.closed_at
    if closed_at is None or closed_at <= request.opened_at:
        yield _request(request, "closed" if closed_at else (request.status or "open").lower())
    else:
        yield _request(request, "closed", known_from=closed_at)
        yield _request(request, "open", known_until=closed_at)


def plan_document(plan: StoredPlan, sites: Mapping[str, str], *, wishes: bool = True) -> Document:
    """A stored plan in the words of its request, or without these; `sites` names the site of each bin."""
    asked = plan.request if wishes else {}
    said = [f"{name.replace('_', ' ')} {_told(asked[name], sites)}" for name in sorted(asked)]
    stops = [sites.get(stop, stop) for stop in _stops(plan.plan)]
    fields = {"called": CALLED["rounds"], "number": plan.id, "parent": plan.parent, "stops": _joined(stops)}
    return Document(
        id=f"plans/{plan.id}",
        kind="rounds",
        title=f"What-if {plan.id} of {plan.parent}" if plan.parent else f"Round plan {plan.id}",
        text=_sentences(", ".join(said)),
        url_ref=f"plans:{plan.id}",
        at=plan.created_at,
        fields=_said(fields),
    )


def _request(
    request: Request, status: str, known_from: datetime | None = None, known_until: datetime | None = None
) -> Document:
    is_open = known_until is not None
    lat, lon = place_of(request)
    title = request.title or request.kind or "Request"
    kind = None if request.kind == title else request.kind
    fields = {
        "called": CALLED["requests"],
        "area": request.area,
        "place": request.place,
        "reason": request.reason,
        "source": request.source,
        "number": request.request_id,
        "status": status,
        "on_time": None if is_open else ON_TIME[request.on_time],
    }
    return Document(
        id=f"requests/{request.request_id}{'/open' if is_open else ''}",
        kind="requests",
        title=title,
        text=_sentences(kind, None if is_open else request.note),
        url_ref=f"records:requests/{request.request_id}",
        lat=lat,
        lon=lon,
        at=request.opened_at,
        fields=_said(fields),
        known_from=known_from,
        known_until=known_until,
    )


def _stops(plan: Mapping[str, JsonValue]) -> Iterator[str]:
    """The stops of a stored plan, truck by truck; what is not of its form is passed over."""
    rounds = plan.get("rounds")
    for each in rounds if isinstance(rounds, list) else []:
        visits = each.get("visits") if isinstance(each, dict) else None
        for visit in visits if isinstance(visits, list) else []:
            if isinstance(visit, dict) and not visit.get("is_dump"):
                yield str(visit.get("stop_id", ""))


def _told(value: JsonValue, sites: Mapping[str, str]) -> str:
    """A wish in words: bins by the names of their sites."""
    if isinstance(value, list):
        return _joined(sites.get(str(item), str(item)) for item in value) or "none"
    return str(value).replace("_", " ")


def _sentences(*parts: str | None) -> str:
    return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in parts if part)


def _joined(words: Iterable[str | None]) -> str | None:
    return ", ".join(dict.fromkeys(word for word in words if word)) or None


def _said(fields: Mapping[str, str | None]) -> dict[str, str]:
    """The fields that say something."""
    return {name: value for name, value in fields.items() if value}
