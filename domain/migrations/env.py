"""Alembic's entry: the store hands over the connection, and with it the transaction and the lock."""

from __future__ import annotations

from alembic import context

import domain.index_records
import domain.ledger_records
import domain.records
import domain.work_records

context.configure(connection=context.config.attributes["connection"], target_metadata=domain.records.Base.metadata)
context.run_migrations()
