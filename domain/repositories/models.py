"""Registered model versions, and which of them an alias stands for at any moment."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import JsonValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.errors import BadData
from domain.ledger_records import LedgerRow
from domain.upsert import upsert
from domain.work_records import ModelAlias, ModelVersion

__all__ = [
    "ALIASES",
    "Alias",
    "Registered",
    "aliases_at",
    "anything_recorded",
    "digests_of",
    "has_aliases",
    "is_registered",
    "live_models",
    "point_alias",
    "register_model",
    "roll_back",
]

Alias = Literal["champion", "canary", "previous"]
ALIASES: tuple[Alias, ...] = ("champion", "canary", "previous")
NOBODY = ""


@dataclass(frozen=True)
class Registered:
    """A version of a model and the figures it was registered with."""

    name: str
    version: str
    digest: str
    metrics: dict[str, JsonValue]
    registered_at: datetime
    features: str | None = None
    trained_until: datetime | None = None


def register_model(session: Session, model: Registered) -> None:
    """Adds a version. Raises BadData when the same version is registered with other content."""
    known = session.get(ModelVersion, (model.name, model.version))
    if known is not None and known.digest != model.digest:
        raise BadData(
            f"version {model.version} of the {model.name} model is registered with other content "
            f"({known.digest[:12]}, not {model.digest[:12]}); give the new one a version of its own"
        )
    upsert(session, ModelVersion, ("name", "version"), [vars(model)])


def is_registered(session: Session, name: str, version: str) -> bool:
    """Whether this version is known."""
    return session.get(ModelVersion, (name, version)) is not None


def has_aliases(session: Session, name: str) -> bool:
    """Whether any alias of this model was ever set."""
    return session.scalars(select(ModelAlias).where(ModelAlias.name == name).limit(1)).first() is not None


def anything_recorded(session: Session) -> bool:
    """Whether the ledger holds any decision, which a replay would have to repeat."""
    return session.scalars(select(LedgerRow.seq).limit(1)).first() is not None


def digests_of(session: Session, name: str, versions: Collection[str]) -> dict[str, str]:
    """Version -> digest of its manifest as registered."""
    query = select(ModelVersion.version, ModelVersion.digest)
    found = session.execute(query.where(ModelVersion.name == name, ModelVersion.version.in_(sorted(versions))))
    return {version: digest for version, digest in found}


def point_alias(session: Session, name: str, alias: Alias, version: str | None, since: datetime) -> None:
    """From `since` on the alias stands for this version (None: for none); a new champion makes the old one previous.

    Raises BadData for a version that is not registered, and for a moment before the alias' last change.
    """
    if version is not None and session.get(ModelVersion, (name, version)) is None:
        raise BadData(f"version {version} of the {name} model is not registered")
    newest = select(ModelAlias).where(ModelAlias.name == name).order_by(ModelAlias.since.desc()).limit(1)
    last = session.scalars(newest).first()
    if last is not None and last.since > since:
        raise BadData(f"the aliases of the {name} model were changed later than that, at {last.since:%Y-%m-%d %H:%M}")
    before = aliases_at(session, name, since).get(alias)
    if before == version:
        return
    if alias == "champion" and before is not None:
        _point(session, name, "previous", before, since)
    _point(session, name, alias, version, since)


def roll_back(session: Session, name: str, since: datetime) -> str:
    """Makes the previous version champion again and the other way round; the champion's version now. Raises BadData."""
    previous = aliases_at(session, name, since).get("previous")
    if previous is None:
        raise BadData(f"there is no previous version of the {name} model to go back to")
    point_alias(session, name, "champion", previous, since)
    return previous


def aliases_at(session: Session, name: str, at: datetime) -> dict[Alias, str]:
    """Alias -> version as it was at a moment; aliases that stood for none are left out."""
    query = select(ModelAlias).where(ModelAlias.name == name, ModelAlias.since <= at).order_by(ModelAlias.since)
    found = {row.alias: row.version for row in session.scalars(query)}
    return {alias: found[alias] for alias in ALIASES if found.get(alias)}


def live_models(session: Session, known_at: datetime) -> dict[str, Registered]:
    """Model name -> the version that was champion at a moment."""
    names = session.scalars(select(ModelAlias.name).where(ModelAlias.since <= known_at).distinct())
    champions = {name: aliases_at(session, name, known_at).get("champion") for name in names}
    rows = (session.get(ModelVersion, (name, version)) for name, version in champions.items() if version)
    return {
        row.name: Registered(
            row.name, row.version, row.digest, row.metrics, row.registered_at, row.features, row.trained_until
        )
        for row in rows
        if row is not None
    }


def _point(session: Session, name: str, alias: Alias, version: str | None, since: datetime) -> None:
    row = {"name": name, "alias": alias, "since": since, "version": version or NOBODY}
    upsert(session, ModelAlias, ("name", "alias", "since"), [row])
