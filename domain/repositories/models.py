"""Registered model versions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.work_records import ModelVersion

__all__ = ["Registered", "live_models"]


@dataclass(frozen=True)
class Registered:
    """A version of a model and the figures it was registered with."""

    name: str
    version: str
    digest: str
    metrics: dict[str, JsonValue]
    registered_at: datetime


def live_models(session: Session, known_at: datetime) -> dict[str, Registered]:
    """Model name -> the version that is live, of those registered until `known_at`."""
    query = select(ModelVersion).where(ModelVersion.alias == "live", ModelVersion.registered_at <= known_at)
    return {
        row.name: Registered(row.name, row.version, row.digest, row.metrics, row.registered_at)
        for row in session.scalars(query)
    }
