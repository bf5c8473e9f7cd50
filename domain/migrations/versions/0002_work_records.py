"""The tables of the work records."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from domain.columns import UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "counters",
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("letter", sa.String(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("city", "letter", name=op.f("pk_counters")),
    )
    op.create_table(
        "feature_store",
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("feature", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("event_at", UtcTime(), nullable=False),
        sa.Column("known_at", UtcTime(), nullable=False),
        sa.Column("value", sa.JSON(none_as_null=True), nullable=True),
        sa.PrimaryKeyConstraint(
            "city", "entity", "feature", "version", "event_at", "known_at", name=op.f("pk_feature_store")
        ),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("body_hash", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("response", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("actor", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_table(
        "ml_models",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("alias", sa.String(), nullable=True),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("metrics", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("registered_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_ml_models")),
    )
    op.create_index("uq_ml_models_name_alias", "ml_models", ["name", "alias"], unique=True)
    op.create_table(
        "optimization_results",
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("thread", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("parent", sa.String(), nullable=True),
        sa.Column("problem_hash", sa.String(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("core", sa.String(), nullable=False),
        sa.Column("gap", sa.Double(), nullable=True),
        sa.Column("baseline", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("request", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("problem", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("plan", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.CheckConstraint("kind IN ('plan', 'what_if')", name=op.f("ck_optimization_results_kind")),
        sa.ForeignKeyConstraint(
            ["city", "parent"],
            ["optimization_results.city", "optimization_results.id"],
            name=op.f("fk_optimization_results_city_parent_optimization_results"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("city", "id", name=op.f("pk_optimization_results")),
    )
    op.create_index("ix_optimization_results_city_thread", "optimization_results", ["city", "thread"], unique=False)
    op.create_table(
        "people",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("zone", sa.String(), nullable=True),
        sa.Column("key_sha256", sa.String(), nullable=True),
        sa.Column("key_prefix", sa.String(), nullable=True),
        sa.Column("scopes", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "role IN ('viewer', 'dispatcher', 'manager', 'auditor', 'api')", name=op.f("ck_people_role")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_people")),
        sa.UniqueConstraint("key_sha256", name=op.f("uq_people_key_sha256")),
    )
    op.create_table(
        "threads",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_threads")),
    )
    op.create_table(
        "proposals",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("content", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("plan_id", sa.String(), nullable=True),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("thread", sa.String(), nullable=True),
        sa.Column("made_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("decided_role", sa.String(), nullable=True),
        sa.Column("decided_at", UtcTime(), nullable=True),
        sa.Column("decision_id", sa.String(), nullable=True),
        sa.Column("surface", sa.String(), nullable=False),
        sa.CheckConstraint(
            "state IN ('open', 'approved', 'rejected', 'superseded', 'withdrawn')", name=op.f("ck_proposals_state")
        ),
        sa.ForeignKeyConstraint(
            ["city", "plan_id"],
            ["optimization_results.city", "optimization_results.id"],
            name=op.f("fk_proposals_city_plan_id_optimization_results"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposals")),
    )
    op.create_index("ix_proposals_city_state", "proposals", ["city", "state"], unique=False)
    op.create_index("ix_proposals_thread", "proposals", ["thread"], unique=False)
    op.create_table(
        "turns",
        sa.Column("thread", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("calls", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("results", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("decision_id", sa.String(), nullable=True),
        sa.Column("at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["thread"], ["threads.id"], name=op.f("fk_turns_thread_threads"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("thread", "number", name=op.f("pk_turns")),
    )
    op.create_table(
        "effects",
        sa.Column("effect_key", sa.String(), nullable=False),
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("proposal_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("content", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("done_at", UtcTime(), nullable=True),
        sa.Column("outcome", sa.JSON(none_as_null=True), nullable=True),
        sa.CheckConstraint("state IN ('pending', 'done', 'failed')", name=op.f("ck_effects_state")),
        sa.ForeignKeyConstraint(
            ["proposal_id"],
            ["proposals.id"],
            name=op.f("fk_effects_proposal_id_proposals"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("effect_key", name=op.f("pk_effects")),
    )
    op.create_index("ix_effects_state", "effects", ["state"], unique=False)
    op.create_table(
        "dispatches",
        sa.Column("plan_id", sa.String(), nullable=False),
        sa.Column("trucks", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("starts_at", UtcTime(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("content", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("effect_key", sa.String(), nullable=False),
        sa.Column("proposal_id", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["effect_key"],
            ["effects.effect_key"],
            name=op.f("fk_dispatches_effect_key_effects"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["proposal_id"],
            ["proposals.id"],
            name=op.f("fk_dispatches_proposal_id_proposals"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispatches")),
        sa.UniqueConstraint("effect_key", name=op.f("uq_dispatches_effect_key")),
    )
    op.create_table(
        "ml_predictions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("bin_id", sa.String(), nullable=False),
        sa.Column("made_at", UtcTime(), nullable=False),
        sa.Column("horizon_at", UtcTime(), nullable=False),
        sa.Column("model_name", sa.String(), nullable=False),
        sa.Column("model_version", sa.String(), nullable=False),
        sa.Column("p10", sa.Double(), nullable=False),
        sa.Column("p50", sa.Double(), nullable=False),
        sa.Column("p90", sa.Double(), nullable=False),
        sa.Column("p_overflow", sa.Double(), nullable=True),
        sa.Column("features_hash", sa.String(), nullable=False),
        sa.Column("data_as_of", UtcTime(), nullable=False),
        sa.Column("outcome", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["city", "bin_id"],
            ["bins.city", "bins.bin_id"],
            name=op.f("fk_ml_predictions_city_bin_id_bins"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ml_predictions")),
    )
    op.create_index(
        "ix_ml_predictions_city_bin_id_horizon_at", "ml_predictions", ["city", "bin_id", "horizon_at"], unique=False
    )
    op.create_table(
        "tickets",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("bin_id", sa.String(), nullable=True),
        sa.Column("truck", sa.String(), nullable=True),
        sa.Column("near", sa.String(), nullable=True),
        sa.Column("zone", sa.String(), nullable=True),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("lon", sa.Double(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("due_at", UtcTime(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("effect_key", sa.String(), nullable=False),
        sa.Column("proposal_id", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.CheckConstraint("kind IN ('maintenance', 'recovery', 'complaint')", name=op.f("ck_tickets_kind")),
        sa.ForeignKeyConstraint(
            ["effect_key"],
            ["effects.effect_key"],
            name=op.f("fk_tickets_effect_key_effects"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["proposal_id"],
            ["proposals.id"],
            name=op.f("fk_tickets_proposal_id_proposals"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tickets")),
        sa.UniqueConstraint("effect_key", name=op.f("uq_tickets_effect_key")),
    )
    op.create_table(
        "watches",
        sa.Column("condition", sa.String(), nullable=False),
        sa.Column("schedule", sa.String(), nullable=True),
        sa.Column("channel", sa.String(), nullable=True),
        sa.Column("near", sa.String(), nullable=True),
        sa.Column("stream", sa.String(), nullable=True),
        sa.Column("threshold_pct", sa.Double(), nullable=True),
        sa.Column("min_count", sa.Integer(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("last_fired_at", UtcTime(), nullable=True),
        sa.Column("content", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("effect_key", sa.String(), nullable=False),
        sa.Column("proposal_id", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["effect_key"],
            ["effects.effect_key"],
            name=op.f("fk_watches_effect_key_effects"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["proposal_id"],
            ["proposals.id"],
            name=op.f("fk_watches_proposal_id_proposals"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_watches")),
        sa.UniqueConstraint("effect_key", name=op.f("uq_watches_effect_key")),
    )


def downgrade() -> None:
    op.drop_table("watches")
    op.drop_table("tickets")
    op.drop_index("ix_ml_predictions_city_bin_id_horizon_at", table_name="ml_predictions")
    op.drop_table("ml_predictions")
    op.drop_table("dispatches")
    op.drop_index("ix_effects_state", table_name="effects")
    op.drop_table("effects")
    op.drop_table("turns")
    op.drop_index("ix_proposals_thread", table_name="proposals")
    op.drop_index("ix_proposals_city_state", table_name="proposals")
    op.drop_table("proposals")
    op.drop_table("threads")
    op.drop_table("people")
    op.drop_index("ix_optimization_results_city_thread", table_name="optimization_results")
    op.drop_table("optimization_results")
    op.drop_index("uq_ml_models_name_alias", table_name="ml_models")
    op.drop_table("ml_models")
    op.drop_table("idempotency_keys")
    op.drop_table("feature_store")
    op.drop_table("counters")
