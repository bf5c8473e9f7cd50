"""The outbox of the search index, and the triggers that fill it within the transaction that changes a record."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from domain.columns import UtcTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# table, kind, the column that names the entity, the columns that a document is made of
FOLLOWED = (
    ("sites", "bins", "site_id", ("name", "area", "lat", "lon")),
    ("bins", "bins", "site_id", ("site_id", "stream", "status", "zone", "circuit")),
    (
        "requests",
        "requests",
        "request_id",
        ("opened_at", "closed_at", "on_time", "status", "title", "kind", "reason", "note", "place", "area", "lat",
         "lon", "source"),
    ),
    ("optimization_results", "rounds", "id", ("created_at", "parent", "request", "plan")),
)  # fmt: skip
JSON_COLUMNS = {"request", "plan", "aliases"}  # PostgreSQL compares them as text


def upgrade() -> None:
    op.create_table(
        "index_outbox",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("changed_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_index_outbox")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_index_outbox_city_seq"), "index_outbox", ["city", "seq"])
    op.create_table(
        "index_positions",
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("epoch", sa.String(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("city", name=op.f("pk_index_positions")),
    )
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table, kind, entity, columns in FOLLOWED:
        changed = _changed(columns, sqlite)
        new, old = _entry("NEW", kind, f"NEW.{entity}", sqlite), _entry("OLD", kind, f"OLD.{entity}", sqlite)
        _trigger(table, "insert", "", new, sqlite)
        _trigger(table, "update", changed, f"{old} {new}" if entity in columns else new, sqlite)
        _trigger(table, "delete", "", old, sqlite)
    aliases = _entry("NEW", "bins", "'*'", sqlite).replace("NEW.city", "NEW.name")
    _trigger("cities", "update", _changed(("aliases",), sqlite), aliases, sqlite)
    owned = _insert(
        sqlite, "SELECT city, 'rounds', id, {now} FROM optimization_results WHERE city = NEW.city AND thread = NEW.id"
    )
    _trigger("threads", "update", _changed(("owner",), sqlite), owned, sqlite)


def downgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    followed = [f"{table} {event}" for table, *_ in FOLLOWED for event in ("insert", "update", "delete")]
    for table, event in (each.split() for each in (*followed, "cities update", "threads update")):
        name = f"{table}_outbox_{event}"
        if sqlite:
            op.execute(f"DROP TRIGGER {name}")
        else:
            op.execute(f"DROP TRIGGER {name} ON {table}")
            op.execute(f"DROP FUNCTION {name}()")
    op.drop_table("index_positions")
    op.drop_table("index_outbox")


def _insert(sqlite: bool, select: str) -> str:
    now = "strftime('%Y-%m-%d %H:%M:%f000', 'now')" if sqlite else "clock_timestamp()"
    return f"INSERT INTO index_outbox (city, kind, entity, changed_at) {select.format(now=now)};"


def _entry(row: str, kind: str, entity: str, sqlite: bool) -> str:
    return _insert(sqlite, f"SELECT {row}.city, '{kind}', {entity}, {{now}}")


def _changed(columns: tuple[str, ...], sqlite: bool) -> str:
    """The condition that an update changed something that a document shows."""
    differs = "IS NOT" if sqlite else "IS DISTINCT FROM"
    return " OR ".join(f"{_value('OLD', c, sqlite)} {differs} {_value('NEW', c, sqlite)}" for c in columns)


def _value(row: str, column: str, sqlite: bool) -> str:
    return f"{row}.{column}::text" if column in JSON_COLUMNS and not sqlite else f"{row}.{column}"


def _trigger(table: str, event: str, when: str, body: str, sqlite: bool) -> None:
    name = f"{table}_outbox_{event}"
    condition = f" WHEN ({when})" if when else ""
    head = f"CREATE TRIGGER {name} AFTER {event.upper()} ON {table} FOR EACH ROW{condition}"
    if sqlite:
        op.execute(f"{head} BEGIN {body} END")
        return
    op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NULL; END $$")
    op.execute(f"{head} EXECUTE FUNCTION {name}()")
