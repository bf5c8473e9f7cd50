"""Forecasts by generation, what came of them, and aliases of models with their history. The old tables were empty."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from domain.columns import UtcTime

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None


def _bins(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["city", "bin_id"],
        ["bins.city", "bins.bin_id"],
        name=op.f(f"fk_{table}_city_bin_id_bins"),
        ondelete="CASCADE",
        initially="DEFERRED",
        deferrable=True,
    )


def upgrade() -> None:
    op.drop_index("ix_ml_predictions_city_bin_id_horizon_at", table_name="ml_predictions")
    op.drop_table("ml_predictions")
    op.create_table(
        "forecast_generations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("moment", UtcTime(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("model_name", sa.String(), nullable=False),
        sa.Column("model_version", sa.String(), nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("bins", sa.Integer(), nullable=False),
        sa.Column("begun_at", UtcTime(), nullable=False),
        sa.Column("in_force_from", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forecast_generations")),
    )
    op.create_index("ix_forecast_generations_city_begun_at", "forecast_generations", ["city", "begun_at"], unique=False)
    op.create_table(
        "ml_predictions",
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("bin_id", sa.String(), nullable=False),
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("made_at", UtcTime(), nullable=False),
        sa.Column("horizon_at", UtcTime(), nullable=False),
        sa.Column("model_name", sa.String(), nullable=False),
        sa.Column("model_version", sa.String(), nullable=False),
        sa.Column("features_hash", sa.String(), nullable=False),
        sa.Column("data_as_of", UtcTime(), nullable=True),
        sa.Column("p10", sa.Double(), nullable=True),
        sa.Column("p50", sa.Double(), nullable=True),
        sa.Column("p90", sa.Double(), nullable=True),
        sa.Column("p_overflow", sa.Double(), nullable=True),
        sa.Column("rate_pct_per_hour", sa.Double(), nullable=True),
        sa.Column("starts_from", sa.String(), nullable=False),
        sa.Column("basis", sa.String(), nullable=False),
        sa.Column("abstained", sa.String(), nullable=True),
        sa.Column("levels", sa.LargeBinary(), nullable=True),
        _bins("ml_predictions"),
        sa.ForeignKeyConstraint(
            ["generation"],
            ["forecast_generations.id"],
            name=op.f("fk_ml_predictions_generation_forecast_generations"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("generation", "bin_id", name=op.f("pk_ml_predictions")),
    )
    op.create_index(
        "ix_ml_predictions_city_bin_id_made_at", "ml_predictions", ["city", "bin_id", "made_at"], unique=False
    )
    op.create_table(
        "prediction_outcomes",
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("bin_id", sa.String(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("made_at", UtcTime(), nullable=False),
        sa.Column("lead_h", sa.Double(), nullable=False),
        sa.Column("model_name", sa.String(), nullable=False),
        sa.Column("model_version", sa.String(), nullable=False),
        sa.Column("p10", sa.Double(), nullable=False),
        sa.Column("p50", sa.Double(), nullable=False),
        sa.Column("p90", sa.Double(), nullable=False),
        sa.Column("p_overflow", sa.Double(), nullable=False),
        sa.Column("threshold_pct", sa.Double(), nullable=False),
        sa.Column("naive", sa.Double(), nullable=True),
        sa.Column("found", sa.Double(), nullable=False),
        sa.CheckConstraint("kind IN ('reading', 'emptying')", name=op.f("ck_prediction_outcomes_kind")),
        _bins("prediction_outcomes"),
        sa.PrimaryKeyConstraint("city", "bin_id", "at", "kind", name=op.f("pk_prediction_outcomes")),
    )
    op.create_index("ix_prediction_outcomes_city_at", "prediction_outcomes", ["city", "at"], unique=False)
    op.drop_index("uq_ml_models_name_alias", table_name="ml_models")
    op.drop_table("ml_models")
    op.create_table(
        "ml_models",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("features", sa.String(), nullable=True),
        sa.Column("trained_until", UtcTime(), nullable=True),
        sa.Column("metrics", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("registered_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_ml_models")),
    )
    op.create_table(
        "model_aliases",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("since", UtcTime(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.CheckConstraint("alias IN ('champion', 'canary', 'previous')", name=op.f("ck_model_aliases_alias")),
        sa.PrimaryKeyConstraint("name", "alias", "since", name=op.f("pk_model_aliases")),
    )


def downgrade() -> None:
    raise NotImplementedError("forecasts are computed anew: take a backup to go back")
