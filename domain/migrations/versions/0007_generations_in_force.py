"""The generation in force at a moment is found by an index."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_forecast_generations_city_in_force_from", "forecast_generations", ["city", "in_force_from"], unique=False
    )


def downgrade() -> None:
    op.drop_index("ix_forecast_generations_city_in_force_from", table_name="forecast_generations")
