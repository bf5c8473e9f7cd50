"""The vectors of texts in PostgreSQL: what was embedded once is kept, whatever becomes of Weaviate."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from uuid import UUID

import numpy as np
import numpy.typing as npt

from domain.errors import BadData
from domain.ports import Embedder
from retrieval.planner import Nearest
from retrieval.postgis_tables import CityRow, Connection, numbers_text
from retrieval.vector_collections import HOUSE, OPENAI
from retrieval.vectors import fault_between, named

__all__ = [
    "DROPPED", "compared", "forget_vectors", "kept_model", "model_fault", "must_drop", "object_id", "row_of",
    "texts_without", "vector_name", "write_vectors",
]  # fmt: skip

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
MODEL = "vectors_by"
DROPPED = "tenant_to_drop/"  # with a city's number: the name of a note
DECIMALS = 6  # what float32 tells of a cosine, so that equals stay equal
VERSION_8 = 0x8 << 76 | 0b10 << 62  # RFC 9562: an id of our own making
LAST_ROW = (1 << 62) - 1


def object_id(city: CityRow, row: int) -> UUID:
    """A document's id in Weaviate: the city's key and the row, so that neither side must look the other's up."""
    return UUID(int=_first_id(city.key) | row)


def row_of(city: CityRow, id_: UUID) -> int | None:
    """The row of an id in Weaviate; None for an object that another database made."""
    return id_.int & LAST_ROW if id_.int & ~LAST_ROW == _first_id(city.key) else None


@lru_cache(maxsize=64)
def _first_id(key: bytes) -> int:
    number = int.from_bytes(key, "big")
    return (number >> 12 & (1 << 48) - 1) << 80 | (number & 0xFFF) << 64 | VERSION_8


def compared(connection: Connection, texts: Numbers, query: Floats) -> Nearest:
    """The cosines with `query`, shape (dimensions,), of those texts that have a vector, best first."""
    sql = "SELECT text, vector FROM search_vectors WHERE text = ANY(%s::bigint[]) ORDER BY text"
    found = (
        connection.cursor(binary=True).execute(sql, (numbers_text(texts.tolist()),)).fetchall() if len(texts) else []
    )
    if not found:
        return Nearest(np.zeros(0, dtype=np.int64), np.zeros(0))
    matrix = np.frombuffer(b"".join(vector for _, vector in found), dtype="<f4").reshape(len(found), -1)
    cosines = (matrix @ query).astype(np.float64).round(DECIMALS)
    order = np.argsort(-cosines, kind="stable")
    return Nearest(np.array([number for number, _ in found], dtype=np.int64)[order], cosines[order])


def kept_model(connection: Connection) -> str | None:
    """The model whose vectors the database holds, with their width; None when it holds none."""
    found = connection.execute("SELECT value FROM search_notes WHERE name = %s", (MODEL,)).fetchone()
    return str(found[0]) if found else None


def model_fault(connection: Connection, embedder: Embedder) -> str | None:
    """Why the kept vectors cannot be compared with the embedder's, and what to do; None when they can."""
    return fault_between(kept_model(connection), embedder)


def texts_without(connection: Connection, city: CityRow, after: int, most: int) -> list[tuple[int, str]]:
    """The next texts of a city that have no vector, by number."""
    sql = (  # where to begin is said of each table: else two are read from their beginning, for each part
        "SELECT number, text FROM search_texts t WHERE number > %(after)s"
        " AND NOT EXISTS (SELECT 1 FROM search_vectors v WHERE v.text = t.number AND v.text > %(after)s)"
        " AND EXISTS (SELECT 1 FROM search_documents d"
        "  WHERE d.meaning = t.number AND d.meaning > %(after)s AND d.city = %(city)s)"
        " ORDER BY number LIMIT %(most)s"
    )
    values = {"after": after, "city": city.number, "most": most}
    return [(int(number), str(text)) for number, text in connection.execute(sql, values)]


def write_vectors(connection: Connection, embedder: Embedder, texts: Sequence[int], vectors: Floats) -> None:
    """Keep the vectors of texts. Raises BadData when another model's are kept, or the width is wrong."""
    fault = model_fault(connection, embedder)
    if fault:
        raise BadData(f"Vectors refused: {fault}.")
    if vectors.shape != (len(texts), embedder.dimensions):
        raise BadData(f"{embedder.name} gave vectors of shape {vectors.shape}, not {len(texts), embedder.dimensions}.")
    connection.execute("INSERT INTO search_notes VALUES (%s, %s) ON CONFLICT DO NOTHING", (MODEL, named(embedder)))
    packed = [vector.astype("<f4").tobytes() for vector in vectors]
    connection.execute(
        "INSERT INTO search_vectors SELECT t.number, n.vector FROM unnest(%s::bigint[], %s::bytea[]) n (text, vector)"
        " JOIN search_texts t ON t.number = n.text ON CONFLICT DO NOTHING",
        (list(texts), packed),
    )


def forget_vectors(connection: Connection) -> list[str]:
    """Remove all vectors and the name of their model, and note that the copies in Weaviate must go; all cities' names.

    Nothing is sent of a city whose note is there still, and so nothing of it is looked for in Weaviate.
    """
    connection.execute("DELETE FROM search_vectors")
    connection.execute("DELETE FROM search_notes WHERE name = %s", (MODEL,))
    noted = "INSERT INTO search_notes SELECT %s || number, name FROM search_cities ON CONFLICT DO NOTHING"
    connection.execute(noted, (DROPPED,))
    connection.execute("UPDATE search_documents SET sent = false WHERE sent")
    connection.execute("UPDATE search_cities SET edition = edition + 1")
    return [str(name) for (name,) in connection.execute("SELECT name FROM search_cities ORDER BY name")]


def must_drop(connection: Connection, city: CityRow) -> bool:
    """Whether Weaviate may still hold another model's vectors of the city."""
    noted = connection.execute("SELECT 1 FROM search_notes WHERE name = %s", (f"{DROPPED}{city.number}",))
    return noted.fetchone() is not None


def vector_name(model: str | None) -> str:
    """Under which name Weaviate keeps the vectors of a model."""
    return OPENAI if model is not None and model.startswith("openai:") else HOUSE
