"""What Roundsman itself writes: plans, forecasts, proposals, effects, conversations.

The ledger keeps its own tables. Ids of plans count by city, all others over all cities; see `domain.store.next_id`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import JsonValue
from sqlalchemy import CheckConstraint, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from domain.columns import Base, Json, UtcTime, reference, references

__all__ = [
    "Counter",
    "Dispatch",
    "Feature",
    "Generation",
    "IdempotencyKey",
    "ModelAlias",
    "ModelVersion",
    "OutboxEffect",
    "Outcome",
    "Person",
    "Prediction",
    "Proposal",
    "StoredPlan",
    "Thread",
    "Ticket",
    "Turn",
    "Watch",
]


def one_of(column: str, *words: str) -> CheckConstraint:
    """The column holds one of these words."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(word) for word in words)})", name=column)


class Counter(Base):
    """The last number given out for ids like P-0001, by city and letter. See `domain.store.next_id`."""

    __tablename__ = "counters"
    city: Mapped[str] = mapped_column(primary_key=True)
    letter: Mapped[str] = mapped_column(primary_key=True)
    last: Mapped[int]


class StoredPlan(Base):
    """A plan or what-if as it was computed. `id` is "P-0001", counted by city; `gap` is a share 0..1."""

    __tablename__ = "optimization_results"
    __table_args__ = (
        one_of("kind", "plan", "what_if"),
        references(["city", "parent"], ["optimization_results.city", "optimization_results.id"]),
        Index("ix_optimization_results_city_thread", "city", "thread"),
    )
    city: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    thread: Mapped[str | None]
    kind: Mapped[str]
    parent: Mapped[str | None]
    problem_hash: Mapped[str]
    seed: Mapped[int]
    core: Mapped[str]
    gap: Mapped[float | None]
    baseline: Mapped[dict[str, JsonValue]] = mapped_column(Json)
    request: Mapped[dict[str, JsonValue]] = mapped_column(Json)
    problem: Mapped[dict[str, JsonValue]] = mapped_column(Json)
    plan: Mapped[dict[str, JsonValue]] = mapped_column(Json)
    content_hash: Mapped[str]


class Generation(Base):
    """One renewal of a city's forecasts: of all bins (`whole`), or of those with a new record.

    It is in force from `in_force_from` on, which is written together with its last row; None while it is being written,
    and for ever when the writer died. `moment` is what it was computed for; `digest` names the state of the records.
    Rows stay when their forecasts are thinned out, so that it can be told what was in force at any moment.
    """

    __tablename__ = "forecast_generations"
    __table_args__ = (
        Index("ix_forecast_generations_city_begun_at", "city", "begun_at"),
        Index("ix_forecast_generations_city_in_force_from", "city", "in_force_from"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    city: Mapped[str]
    moment: Mapped[datetime] = mapped_column(UtcTime)
    digest: Mapped[str]
    model_name: Mapped[str]
    model_version: Mapped[str]
    whole: Mapped[bool]
    bins: Mapped[int]
    begun_at: Mapped[datetime] = mapped_column(UtcTime)
    in_force_from: Mapped[datetime | None] = mapped_column(UtcTime)


class Prediction(Base):
    """A bin's forecast in one generation: all horizons packed in `levels`, and the one a day ahead in plain columns.

    `levels`: hundredths of a percent, 16-bit little-endian, hours by shares (engines/forecast/horizons.py), and behind
    them the chances of an overflow by some hours, where a model was trained to tell them. `p10`, `p50` and `p90` are
    levels in percent at `horizon_at`, `p_overflow` the chance 0..1 to overflow by then, or else to be at the threshold.
    `data_as_of`: the emptying or reading that it starts from. `abstained`: why nothing is told; no levels then, but for
    those of a bin that rounds go by and that are only guessed.
    """

    __tablename__ = "ml_predictions"
    __table_args__ = (
        references(["city", "bin_id"], ["bins.city", "bins.bin_id"], ondelete="CASCADE"),
        Index("ix_ml_predictions_city_bin_id_made_at", "city", "bin_id", "made_at"),
    )
    generation: Mapped[int] = mapped_column(reference("forecast_generations.id"), primary_key=True)
    bin_id: Mapped[str] = mapped_column(primary_key=True)
    city: Mapped[str]
    made_at: Mapped[datetime] = mapped_column(UtcTime)
    horizon_at: Mapped[datetime] = mapped_column(UtcTime)
    model_name: Mapped[str]
    model_version: Mapped[str]
    features_hash: Mapped[str]
    data_as_of: Mapped[datetime | None] = mapped_column(UtcTime)
    p10: Mapped[float | None]
    p50: Mapped[float | None]
    p90: Mapped[float | None]
    p_overflow: Mapped[float | None]
    rate_pct_per_hour: Mapped[float | None]
    starts_from: Mapped[str]
    basis: Mapped[str]
    abstained: Mapped[str | None]
    levels: Mapped[bytes | None] = mapped_column(LargeBinary)


class Outcome(Base):
    """What came of a forecast: the level found at `at`, beside what was forecast for then and the naive answer.

    `kind` is reading or emptying; `lead_h` hours from `made_at` to `at`. `found` in percent, as reported. `joined_at`:
    from when on it is known; None in rows from before that was written down, which count from `at` on.
    """

    __tablename__ = "prediction_outcomes"
    __table_args__ = (
        one_of("kind", "reading", "emptying"),
        references(["city", "bin_id"], ["bins.city", "bins.bin_id"], ondelete="CASCADE"),
        Index("ix_prediction_outcomes_city_at", "city", "at"),
    )
    city: Mapped[str] = mapped_column(primary_key=True)
    bin_id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    made_at: Mapped[datetime] = mapped_column(UtcTime)
    lead_h: Mapped[float]
    model_name: Mapped[str]
    model_version: Mapped[str]
    p10: Mapped[float]
    p50: Mapped[float]
    p90: Mapped[float]
    p_overflow: Mapped[float]
    threshold_pct: Mapped[float]
    naive: Mapped[float | None]
    found: Mapped[float]
    joined_at: Mapped[datetime | None] = mapped_column(UtcTime)


class ModelVersion(Base):
    """A registered model version; `features` and `trained_until` are what serving must match and may not ask before."""

    __tablename__ = "ml_models"
    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str]
    features: Mapped[str | None]
    trained_until: Mapped[datetime | None] = mapped_column(UtcTime)
    metrics: Mapped[dict[str, JsonValue]] = mapped_column(Json)
    registered_at: Mapped[datetime] = mapped_column(UtcTime)


class ModelAlias(Base):
    """From `since` on, the version of a model that an alias stands for: until its next row. "" stands for none.

    Rows are only added, so what was champion at any moment can be told.
    """

    __tablename__ = "model_aliases"
    __table_args__ = (one_of("alias", "champion", "canary", "previous"),)
    name: Mapped[str] = mapped_column(primary_key=True)
    alias: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    version: Mapped[str]


class Feature(Base):
    """A feature's value for an entity: true from `event_at`, known to us from `known_at` (no leaking of the future)."""

    __tablename__ = "feature_store"
    city: Mapped[str] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(primary_key=True)
    feature: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    event_at: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    known_at: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    value: Mapped[JsonValue] = mapped_column(Json)


class Proposal(Base):
    """What a tool proposes and a person decides on. `id` is "A-0001", counted over all cities.

    `content_hash` is what the person saw and approves; `decision_id` is the ledger's entry of the decision.
    """

    __tablename__ = "proposals"
    __table_args__ = (
        one_of("state", "open", "approved", "rejected", "superseded", "withdrawn"),
        references(["city", "plan_id"], ["optimization_results.city", "optimization_results.id"]),
        Index("ix_proposals_city_state", "city", "state"),
        Index("ix_proposals_thread", "thread"),
    )
    id: Mapped[str] = mapped_column(primary_key=True)
    city: Mapped[str]
    kind: Mapped[str]
    content: Mapped[dict[str, JsonValue]] = mapped_column(Json)
    content_hash: Mapped[str]
    plan_id: Mapped[str | None]
    made_by: Mapped[str]
    role: Mapped[str]
    thread: Mapped[str | None]
    made_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    state: Mapped[str] = mapped_column(default="open")
    decided_by: Mapped[str | None]
    decided_role: Mapped[str | None]
    decided_at: Mapped[datetime | None] = mapped_column(UtcTime)
    decision_id: Mapped[str | None]
    surface: Mapped[str]


class OutboxEffect(Base):
    """An effect to be done exactly once, written with the approval. `effect_key` says the same effect only once."""

    __tablename__ = "effects"
    __table_args__ = (one_of("state", "pending", "done", "failed"), Index("ix_effects_state", "state"))
    effect_key: Mapped[str] = mapped_column(primary_key=True)
    city: Mapped[str]
    proposal_id: Mapped[str] = mapped_column(reference("proposals.id"))
    kind: Mapped[str]
    content: Mapped[dict[str, JsonValue]] = mapped_column(Json)
    state: Mapped[str] = mapped_column(default="pending")
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcTime)
    outcome: Mapped[dict[str, JsonValue] | None] = mapped_column(Json)


class _Produced:
    """What every product of an effect carries: the effect and the proposal it came from, so none can be forged."""

    id: Mapped[str] = mapped_column(primary_key=True)
    city: Mapped[str]
    effect_key: Mapped[str] = mapped_column(reference("effects.effect_key"), unique=True)
    proposal_id: Mapped[str] = mapped_column(reference("proposals.id"))
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class Dispatch(_Produced, Base):
    """A round sent out. `id` is "R-0001"; `trucks` are names, `content` the rounds as they were approved."""

    __tablename__ = "dispatches"
    plan_id: Mapped[str]
    trucks: Mapped[list[str]] = mapped_column(Json)
    starts_at: Mapped[datetime | None] = mapped_column(UtcTime)
    state: Mapped[str] = mapped_column(default="sent")
    content: Mapped[dict[str, JsonValue]] = mapped_column(Json)


class Ticket(_Produced, Base):
    """A ticket. `id` is "T-0001"; `kind` is maintenance, recovery or complaint."""

    __tablename__ = "tickets"
    __table_args__ = (one_of("kind", "maintenance", "recovery", "complaint"),)
    kind: Mapped[str]
    bin_id: Mapped[str | None]
    truck: Mapped[str | None]
    near: Mapped[str | None]
    zone: Mapped[str | None]
    lat: Mapped[float | None]
    lon: Mapped[float | None]
    note: Mapped[str]
    due_at: Mapped[datetime | None] = mapped_column(UtcTime)
    state: Mapped[str] = mapped_column(default="open")


class Watch(_Produced, Base):
    """An alert on a condition. `id` is "W-0001"; `condition` is the user's words, `content` what they resolved to."""

    __tablename__ = "watches"
    condition: Mapped[str]
    schedule: Mapped[str | None]
    channel: Mapped[str | None]
    near: Mapped[str | None]
    stream: Mapped[str | None]
    threshold_pct: Mapped[float | None]
    min_count: Mapped[int | None]
    active: Mapped[bool] = mapped_column(default=True)
    last_fired_at: Mapped[datetime | None] = mapped_column(UtcTime)
    content: Mapped[dict[str, JsonValue]] = mapped_column(Json)


class Person(Base):
    """The directory: who may do what. Keys are stored hashed; `key_prefix` is what a person may see of one."""

    __tablename__ = "people"
    __table_args__ = (one_of("role", "viewer", "dispatcher", "manager", "auditor", "api"),)
    name: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    zone: Mapped[str | None]
    key_sha256: Mapped[str | None] = mapped_column(unique=True)
    key_prefix: Mapped[str | None]
    scopes: Mapped[list[str]] = mapped_column(Json, default=list)
    active: Mapped[bool] = mapped_column(default=True)


class Thread(Base):
    """A conversation and whose it is."""

    __tablename__ = "threads"
    id: Mapped[str] = mapped_column(primary_key=True)
    city: Mapped[str]
    owner: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class Turn(Base):
    """One question of a thread and its answer, numbered from 1."""

    __tablename__ = "turns"
    thread: Mapped[str] = mapped_column(reference("threads.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    question: Mapped[str]
    calls: Mapped[list[JsonValue]] = mapped_column(Json)
    results: Mapped[list[JsonValue]] = mapped_column(Json)
    answer: Mapped[str]
    kind: Mapped[str]
    decision_id: Mapped[str | None]
    at: Mapped[datetime] = mapped_column(UtcTime)


class IdempotencyKey(Base):
    """The answer that was given to a POST, so that a repeated one gets the same and does nothing twice."""

    __tablename__ = "idempotency_keys"
    actor: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    body_hash: Mapped[str]
    status: Mapped[int | None]
    response: Mapped[dict[str, Any] | None] = mapped_column(Json)
    at: Mapped[datetime] = mapped_column(UtcTime)
