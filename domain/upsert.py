"""Writes many rows by their natural key: new ones are added, known ones get the new values, nothing else changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Table, delete, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from domain.columns import Base

__all__ = ["remove_others", "upsert"]

ENOUGH_TO_COPY = 200  # rows; below, plain statements are as fast
INCOMING = "incoming_rows"

Row = Mapping[str, Any]


def upsert(session: Session, record: type[Base], key: Sequence[str], rows: Sequence[Row]) -> None:
    """Writes rows, all with the same columns, no key twice. Needs a write session."""
    if not rows:
        return
    if session.get_bind().dialect.name == "postgresql" and len(rows) >= ENOUGH_TO_COPY:
        _copy(session, cast(Table, record.__table__), key, rows)
        return
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    statement = insert(cast(Table, record.__table__))
    values = {name: statement.excluded[name] for name in rows[0] if name not in key}
    session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values), [dict(row) for row in rows])


def _copy(session: Session, table: Table, key: Sequence[str], rows: Sequence[Row]) -> None:
    """PostgreSQL takes many rows in by COPY faster than by statements: into a side table, and from there."""
    connection = session.connection()
    columns = list(rows[0])
    makers = [
        table.c[name].type.dialect_impl(connection.dialect).bind_processor(connection.dialect) for name in columns
    ]
    names = ", ".join(columns)
    connection.execute(text(f"CREATE TEMP TABLE {INCOMING} (LIKE {table.name}) ON COMMIT DROP"))
    driver = cast(Any, connection.connection.driver_connection)
    with driver.cursor() as cursor, cursor.copy(f"COPY {INCOMING} ({names}) FROM STDIN") as copy:
        for row in rows:
            cells = zip(makers, row.values(), strict=True)
            copy.write_row([value if make is None else make(value) for make, value in cells])
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
    insert = f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {INCOMING}"  # noqa: S608 (our own names)
    connection.execute(text(f"{insert} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"))
    connection.execute(text(f"DROP TABLE {INCOMING}"))


def remove_others(session: Session, record: type[Base], city: str, kept: Mapping[str, Collection[object]]) -> None:
    """Removes a city's rows whose key is not among those kept: `kept` is columns, each with its values row by row."""
    columns = [getattr(record, name) for name in kept]
    ours = cast(Table, record.__table__).c.city == city
    held = {tuple(row) for row in session.execute(select(*columns).where(ours))}
    for gone in held - set(zip(*kept.values(), strict=True)):
        session.execute(delete(record).where(ours, tuple_(*columns) == tuple_(*gone)))
