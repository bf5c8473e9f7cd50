"""The documents of a city's records, all of a kind or those of some entities, read from one moment of the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from domain.ledger_entry import ERASED
from domain.records import Bin, City, Request, Site
from domain.work_records import StoredPlan, Thread
from retrieval.documents import plan_document, request_documents, site_document
from retrieval.prediction_documents import prediction_documents
from retrieval.store import Document

__all__ = ["RECORD_KINDS", "documents_of", "ids_of"]

RECORD_KINDS = ("bins", "requests", "rounds", "predictions")
"""The kinds whose documents are made of records, in the order of indexing."""

NAMED = {"bins": "sites", "rounds": "plans", "predictions": "predictions"}
Entities = Sequence[str] | None


def documents_of(session: Session, city: str, kind: str, entities: Entities = None) -> Iterator[Document]:
    """The documents of these entities (site, request, plan or bin ids), of all without; what is gone gives none.

    Requests come newest first, so that these get their vectors first.
    """
    makers = {"bins": _sites, "requests": _requests, "rounds": _rounds, "predictions": prediction_documents}
    yield from makers[kind](session, city, entities)


def ids_of(kind: str, entity: str) -> tuple[str, ...]:
    """Every id that a document of an entity can have."""
    if kind == "requests":
        return f"requests/{entity}", f"requests/{entity}/open"
    return (f"{NAMED[kind]}/{entity}",)


def _among(column: InstrumentedAttribute[str], entities: Entities) -> list[ColumnElement[bool]]:
    return [] if entities is None else [column.in_(entities)]


def _sites(session: Session, city: str, entities: Entities) -> Iterator[Document]:
    spoken = session.get_one(City, city).aliases.get("places")
    bins: dict[str, list[Bin]] = defaultdict(list)
    of_sites = select(Bin).where(Bin.city == city, *_among(Bin.site_id, entities))
    for each in session.scalars(of_sites.order_by(Bin.bin_id)):
        bins[each.site_id].append(each)
    sites = select(Site).where(Site.city == city, *_among(Site.site_id, entities))
    for site in session.scalars(sites.order_by(Site.site_id)):
        words = spoken.get(site.name) if isinstance(spoken, dict) else None
        aliases = [str(word) for word in words] if isinstance(words, list) else []
        yield site_document(site, bins[site.site_id], aliases)


def _requests(session: Session, city: str, entities: Entities) -> Iterator[Document]:
    requests = select(Request).where(Request.city == city, *_among(Request.request_id, entities))
    for request in session.scalars(requests.order_by(Request.opened_at.desc(), Request.request_id)):
        yield from request_documents(request)


def _rounds(session: Session, city: str, entities: Entities) -> Iterator[Document]:
    """Plans; of one whose conversation was a person's who has been erased only what was computed, not what was said."""
    places = (Site.city == Bin.city) & (Site.site_id == Bin.site_id)
    named = select(Bin.bin_id, Site.name).join(Site, places).where(Bin.city == city)
    names = {bin_id: name for bin_id, name in session.execute(named)}
    plans = (
        select(StoredPlan, Thread.owner)
        .outerjoin(Thread, Thread.id == StoredPlan.thread)
        .where(StoredPlan.city == city, *_among(StoredPlan.id, entities))
        .order_by(StoredPlan.created_at, StoredPlan.id)
    )
    for plan, owner in session.execute(plans):
        yield plan_document(plan, names, wishes=owner != ERASED)
