"""What PostgreSQL has and Weaviate must still hear: new vectors, changed documents, documents that are gone.

Any of it may end at any moment and be done again: a document is marked as sent after Weaviate has taken it, and a
removal is noted until Weaviate has followed.
"""

from __future__ import annotations

from collections import defaultdict
from uuid import UUID

import numpy as np

from domain.errors import BadData, StoreUnavailable
from domain.ports import Embedder
from retrieval.grid import cells_of
from retrieval.postgis_tables import CityRow, Connection, PostgisConnections, read_city
from retrieval.postgis_vectors import (
    DROPPED,
    kept_model,
    model_fault,
    must_drop,
    object_id,
    texts_without,
    vector_name,
    write_vectors,
)
from retrieval.vector_collections import Placed
from retrieval.weaviate_side import VectorObject, WeaviateSide

__all__ = ["SEND_S", "Sending", "count_texts", "count_waiting"]

TEXTS_AT_ONCE = 32
OBJECTS_AT_ONCE = 1_000
SAMPLED = 100  # documents of each kind, from either end
SEND_S = 30.0  # for one part: a server that takes longer is in trouble
DROP_S = 4.0  # to drop a tenant, while other writers wait: less than their patience (`postgis_tables.LOCK_MS`)


class Sending:
    """Brings the vectors of one city to Weaviate, part by part."""

    def __init__(
        self, connections: PostgisConnections, side: WeaviateSide, city: str, embedder: Embedder | None
    ) -> None:
        self._connections, self._side, self._city, self._embedder = connections, side, city, embedder
        self._last_text = 0

    def embed_some(self) -> bool:
        """Give vectors to the next texts; whether there were any. No lock is held while the model works."""
        if self._embedder is None:
            return False
        with self._connections.read() as connection:
            fault = model_fault(connection, self._embedder)
            city = read_city(connection, self._city)
            rows = texts_without(connection, city, self._last_text, TEXTS_AT_ONCE) if city else []
        if fault is not None:
            raise BadData(f"Vectors refused: {fault}.")
        if not rows:
            return False
        vectors = self._embedder.embed([text for _, text in rows])
        with self._connections.write() as connection:
            write_vectors(connection, self._embedder, [number for number, _ in rows], vectors)
        self._last_text = rows[-1][0]
        return True

    def send_some(self) -> int:
        """Tell Weaviate of removals, then of the next documents; gives back how many documents that were."""
        with self._connections.read() as connection:
            city = read_city(connection, self._city)
            model = kept_model(connection)
            waiting = _unsent(connection, city, vector_name(model)) if city else []
        if city is None:
            return 0
        self.drop_foreign(city)
        self.forget_gone(city, SEND_S)
        if not waiting:
            return 0
        self._side.put(city.tenant, [made for _, made in waiting], SEND_S)
        with self._connections.write() as connection:
            changed = kept_model(connection) != model
            if changed:
                _note_drop(connection, city)
            else:
                _mark_sent(connection, city, [(row, made.kind) for row, made in waiting])
        if changed:
            raise StoreUnavailable("Vectors of another model were asked for while these were sent; all are sent again.")
        return len(waiting)

    def drop_foreign(self, city: CityRow) -> None:
        """Drop the city's tenant where another model's vectors may be in it: those of another width are refused there.

        The writers' lock is held meanwhile, so that of two processes the second finds it done.
        """
        with self._connections.read() as connection:
            if not must_drop(connection, city):
                return
        with self._connections.write() as connection:
            if must_drop(connection, city):
                self._side.forget(city.tenant, DROP_S)
                connection.execute("DELETE FROM search_notes WHERE name = %s", (f"{DROPPED}{city.number}",))

    def forget_gone(self, city: CityRow, deadline_s: float) -> None:
        """Remove from Weaviate what was removed here."""
        with self._connections.read() as connection:
            noted = connection.execute("SELECT kind, row FROM search_gone WHERE city = %s", (city.number,)).fetchall()
        if not noted:
            return
        by_kind: dict[str, list[int]] = defaultdict(list)
        for kind, row in noted:
            by_kind[kind].append(row)
        ids = {kind: [object_id(city, row) for row in rows] for kind, rows in by_kind.items()}
        self._side.remove(city.tenant, ids, deadline_s)
        with self._connections.write() as connection:
            connection.cursor().executemany(
                "DELETE FROM search_gone WHERE city = %s AND kind = %s AND row = ANY(%s::bigint[])",
                [(city.number, kind, rows) for kind, rows in by_kind.items()],
            )

    def send_again_if_lost(self) -> int:
        """Mark all documents as not sent when Weaviate lacks some that it was sent; how many it lacks of a sample."""
        with self._connections.read() as connection:
            city = read_city(connection, self._city)
            sample = _sample(connection, city) if city else {}
        if city is None or not sample:
            return 0
        ids = [id_ for of_kind in sample.values() for id_ in of_kind]
        lacking = len(ids) - self._side.count(city.tenant, list(sample), ids, SEND_S)
        if lacking:
            with self._connections.write() as connection:
                connection.execute("UPDATE search_documents SET sent = false WHERE city = %s", (city.number,))
                connection.execute("UPDATE search_cities SET edition = edition + 1 WHERE number = %s", (city.number,))
        return lacking

    def left(self) -> int:
        """Texts without a vector, documents with one that Weaviate does not hold, removals that it has not followed."""
        with self._connections.read() as connection:
            city = read_city(connection, self._city)
            if city is None:
                return 0
            texts, embedded = count_texts(connection, city.number)
            return texts - embedded + count_waiting(connection, city.number)


def count_texts(connection: Connection, city: int) -> tuple[int, int]:
    """The distinct texts of a city, and how many have a vector."""
    sql = (
        "SELECT count(*), count(v.text) FROM (SELECT DISTINCT meaning FROM search_documents WHERE city = %s) d"
        " LEFT JOIN search_vectors v ON v.text = d.meaning"
    )
    texts, embedded = connection.execute(sql, (city,)).fetchone() or (0, 0)
    return int(texts), int(embedded)


def count_waiting(connection: Connection, city: int) -> int:
    """Documents with a vector that Weaviate does not hold yet, and removals, a whole tenant's too, not yet followed."""
    sql = (
        "SELECT (SELECT count(*) FROM search_documents d WHERE city = %s AND NOT sent"
        " AND EXISTS (SELECT 1 FROM search_vectors v WHERE v.text = d.meaning))"
        " + (SELECT count(*) FROM search_gone WHERE city = %s) + (SELECT count(*) FROM search_notes WHERE name = %s)"
    )
    return int((connection.execute(sql, (city, city, f"{DROPPED}{city}")).fetchone() or (0,))[0])


def _unsent(connection: Connection, city: CityRow, name: str) -> list[tuple[int, VectorObject]]:
    sql = (
        "SELECT row, kind, lat, lon, at, known_from, known_until, vector FROM search_documents d"
        " JOIN search_vectors v ON v.text = d.meaning WHERE city = %s AND NOT sent ORDER BY row LIMIT %s"
    )
    rows = connection.cursor(binary=True).execute(sql, (city.number, OBJECTS_AT_ONCE)).fetchall()
    return [
        (row, VectorObject(kind, object_id(city, row), {name: np.frombuffer(vector, "<f4")}, placed))
        for row, kind, lat, lon, at, known_from, known_until, vector in rows
        for placed in [Placed(cells_of(lat, lon) if lat is not None else (), at, known_from, known_until)]
    ]


def _sample(connection: Connection, city: CityRow) -> dict[str, list[UUID]]:
    """The oldest and the newest of the documents that were sent, by kind."""
    sql = (
        "SELECT kind, row FROM (SELECT kind, row, least("
        "row_number() OVER (PARTITION BY kind ORDER BY row), row_number() OVER (PARTITION BY kind ORDER BY row DESC)"
        ") AS nth FROM search_documents WHERE city = %s AND sent) n WHERE nth <= %s"
    )
    found: dict[str, list[UUID]] = defaultdict(list)
    for kind, row in connection.execute(sql, (city.number, SAMPLED)):
        found[kind].append(object_id(city, row))
    return found


def _note_drop(connection: Connection, city: CityRow) -> None:
    """What was put into the tenant may be of another model than what others have put there since."""
    connection.execute(
        "INSERT INTO search_notes VALUES (%s, %s) ON CONFLICT DO NOTHING", (f"{DROPPED}{city.number}", city.name)
    )
    connection.execute("UPDATE search_documents SET sent = false WHERE city = %s AND sent", (city.number,))
    connection.execute("UPDATE search_cities SET edition = edition + 1 WHERE number = %s", (city.number,))


def _mark_sent(connection: Connection, city: CityRow, sent: list[tuple[int, str]]) -> None:
    """What was removed while it was being sent is noted once more, so that it does not stay in Weaviate."""
    rows = [row for row, _ in sent]
    marked = connection.execute(
        "UPDATE search_documents SET sent = true WHERE row = ANY(%s::bigint[]) RETURNING row", (rows,)
    )
    there = {row for (row,) in marked}
    gone = [(city.number, kind, row) for row, kind in sent if row not in there]
    if gone:
        connection.cursor().executemany("INSERT INTO search_gone VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", gone)
    connection.execute("UPDATE search_cities SET edition = edition + 1 WHERE number = %s", (city.number,))
