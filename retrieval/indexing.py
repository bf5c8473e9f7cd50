"""Brings a city's documents up to date with its records and its handbook.

    report = index_city(store, search, "boston", Path("cities/boston"))

Each kind is written again only when what it is made from has changed. Kinds of which the records hold nothing
(customers, patterns, predictions) have no documents.
"""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Integer, cast, func, select
from sqlalchemy.orm import Session

from domain.errors import BadData, NotNow
from domain.records import Bin, City, CityFile, Request, Site
from domain.store import Store
from domain.work_records import StoredPlan
from retrieval.documents import plan_document, request_documents, site_document
from retrieval.handbook import handbook_documents
from retrieval.store import Document, RetrievalStore

__all__ = ["IndexReport", "index_city", "index_rounds"]

EMBED_S = 10.0  # a handbook and a hundred sites take two to four seconds of one core
EMBED_ROUNDS_S = 0.3
FORM = "1"  # raise it when documents are written otherwise, so that they are made again


@dataclass(frozen=True)
class IndexReport:
    """What an indexing did.

    `changed`: documents by kind, without the kinds that were up to date. `without_meaning`: texts that have no vector
    yet. `faults`: why they will not get one, and what to do.
    """

    city: str
    changed: Mapping[str, int]
    without_meaning: int
    seconds: float
    faults: tuple[str, ...] = ()


def index_city(
    store: Store, search: RetrievalStore, city: str, folder: Path | None, *, embed_s: float = EMBED_S
) -> IndexReport:
    """Bring a city's documents up to date; the same records twice change nothing.

    `folder` holds `handbook/*.md`; without one there is no handbook. Texts get vectors for about `embed_s` seconds, the
    handbook's first; what has none is found by words alone. Raises BadData for a city that is not loaded or a page that
    cannot be read, StoreUnavailable.
    """
    began = time.monotonic()
    changed: dict[str, int] = {}
    pages = _pages(folder)
    _renew(search, "handbook", _digest(pages), lambda: handbook_documents(pages), changed)
    with store.read() as session:
        if session.get(City, city) is None:
            raise BadData(f"no city {city!r} is loaded; run roundsman load FOLDER")
        loaded = select(CityFile.file, CityFile.digest).where(CityFile.city == city)
        files = {file: digest for file, digest in session.execute(loaded)}
        places = _of(files, "sites.", "bins.") | {"aliases": _aliases_digest(session, city)}
        _renew(search, "bins", _digest(places), lambda: _sites(session, city), changed)
        _renew(search, "requests", _digest(_of(files, "requests.")), lambda: _requests(session, city), changed)
    rounds = index_rounds(store, search, city, embed_s=0)
    if rounds:
        changed["rounds"] = rounds
    left, faults = _embed(search, embed_s)
    return IndexReport(city, changed, left, time.monotonic() - began, faults)


def index_rounds(store: Store, search: RetrievalStore, city: str, *, embed_s: float = EMBED_ROUNDS_S) -> int:
    """Add the plans that were stored since the last look, and give back how many; quick when there are none."""
    form, _, last = (search.digest("rounds") or "").partition(":")
    number = cast(func.substr(StoredPlan.id, len("P-") + 1), Integer)
    newer = select(StoredPlan).where(StoredPlan.city == city, number > (int(last) if form == FORM else 0))
    with store.read() as session:
        plans = list(session.scalars(newer.order_by(number)))
        if not plans:
            return 0
        places = (Site.city == Bin.city) & (Site.site_id == Bin.site_id)
        named = select(Bin.bin_id, Site.name).join(Site, places).where(Bin.city == city)
        sites = {bin_id: name for bin_id, name in session.execute(named)}
    search.upsert([plan_document(plan, sites) for plan in plans])
    search.remember("rounds", f"{FORM}:{int(plans[-1].id.removeprefix('P-'))}")
    _embed(search, embed_s)
    return len(plans)


def _embed(search: RetrievalStore, budget_s: float) -> tuple[int, tuple[str, ...]]:
    """Texts left without a vector, and why: a search without vectors is still a search."""
    try:
        return search.embed_pending(budget_s), ()
    except (NotNow, BadData) as error:
        health = search.health()
        return health.texts - health.embedded, (str(error),)


def _renew(
    search: RetrievalStore, kind: str, digest: str, make: Callable[[], Sequence[Document]], changed: dict[str, int]
) -> None:
    """Make a kind's documents anew when what they are made from has another digest."""
    if search.digest(kind) != digest:
        changed[kind] = search.replace(kind, make(), digest)


def _sites(session: Session, city: str) -> list[Document]:
    spoken = session.get_one(City, city).aliases.get("places")
    bins: dict[str, list[Bin]] = defaultdict(list)
    for each in session.scalars(select(Bin).where(Bin.city == city).order_by(Bin.bin_id)):
        bins[each.site_id].append(each)
    documents = []
    for site in session.scalars(select(Site).where(Site.city == city).order_by(Site.site_id)):
        words = spoken.get(site.name) if isinstance(spoken, dict) else None
        aliases = [str(word) for word in words] if isinstance(words, list) else []
        documents.append(site_document(site, bins[site.site_id], aliases))
    return documents


def _requests(session: Session, city: str) -> list[Document]:
    """Newest first, so that these get their vectors first."""
    newest_first = select(Request).where(Request.city == city).order_by(Request.opened_at.desc(), Request.request_id)
    return [document for request in session.scalars(newest_first) for document in request_documents(request)]


# ---------------------------------------------------------------- what documents are made from


def _pages(folder: Path | None) -> dict[str, str]:
    """The handbook's pages by file name."""
    if folder is None or not (folder / "handbook").is_dir():
        return {}
    try:
        return {path.name: path.read_text(encoding="utf-8") for path in sorted((folder / "handbook").glob("*.md"))}
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(f"a page of {folder / 'handbook'} cannot be read as UTF-8 text: {error}") from error


def _of(files: Mapping[str, str], *beginnings: str) -> dict[str, str]:
    """The digests of those of the loaded files whose names begin so."""
    return {name: digest for name, digest in files.items() if name.startswith(beginnings)}


def _aliases_digest(session: Session, city: str) -> str:
    return repr(sorted(session.get_one(City, city).aliases.items()))


def _digest(parts: Mapping[str, str]) -> str:
    joined = "\0".join(f"{name}\0{part}" for name, part in sorted(parts.items()))
    return hashlib.sha256(f"{FORM}\0{joined}".encode()).hexdigest()
