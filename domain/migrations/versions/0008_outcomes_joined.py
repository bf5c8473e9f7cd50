"""Outcomes tell from when on they were known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from domain.columns import UtcTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("prediction_outcomes", sa.Column("joined_at", UtcTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("prediction_outcomes", "joined_at")
