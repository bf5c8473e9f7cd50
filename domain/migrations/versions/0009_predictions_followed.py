"""The search index follows forecasts: a generation that comes in force, and records that no forecast fits any more."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

EVERYTHING = "SELECT NEW.{city}, 'predictions', '*', {now}"
OF_SOME_BINS = (
    "SELECT p.city, 'predictions', p.bin_id, {now} FROM ml_predictions p WHERE p.generation = NEW.id AND NOT NEW.whole"
)


def upgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    now = "strftime('%Y-%m-%d %H:%M:%f000', 'now')" if sqlite else "clock_timestamp()"
    differs = "IS NOT" if sqlite else "IS DISTINCT FROM"
    whole = _insert(EVERYTHING.format(city="city", now=now) + " WHERE NEW.whole")
    some = _insert(OF_SOME_BINS.format(now=now))
    in_force = "NEW.in_force_from IS NOT NULL AND OLD.in_force_from IS NULL"
    _trigger("forecast_generations", in_force, f"{whole} {some}", sqlite)
    forecast = " WHERE EXISTS (SELECT 1 FROM forecast_generations g WHERE g.city = NEW.name)"
    other = _insert(EVERYTHING.format(city="name", now=now) + forecast)
    _trigger("cities", f"OLD.digest {differs} NEW.digest", other, sqlite)


def downgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table in ("cities", "forecast_generations"):
        name = _name(table)
        if sqlite:
            op.execute(f"DROP TRIGGER {name}")
        else:
            op.execute(f"DROP TRIGGER {name} ON {table}")
            op.execute(f"DROP FUNCTION {name}()")


def _insert(select: str) -> str:
    return f"INSERT INTO index_outbox (city, kind, entity, changed_at) {select};"


def _name(table: str) -> str:
    return f"{table}_outbox_predictions"


def _trigger(table: str, when: str, body: str, sqlite: bool) -> None:
    name = _name(table)
    head = f"CREATE TRIGGER {name} AFTER UPDATE ON {table} FOR EACH ROW WHEN ({when})"
    if sqlite:
        op.execute(f"{head} BEGIN {body} END")
        return
    op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NULL; END $$")
    op.execute(f"{head} EXECUTE FUNCTION {name}()")
