"""The fields of a city's documents as columns of codes, each read when somebody first limits a search by it."""

from __future__ import annotations

import sqlite3
import threading

import numpy as np
import numpy.typing as npt

from retrieval.store import holds_value

__all__ = ["FieldColumns"]

Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]


class FieldColumns:
    """Fields by name, for one edition of a city's documents in the order of their rows. Safe for many threads."""

    def __init__(self, city: int) -> None:
        self._city = city
        self._lock = threading.Lock()
        self._read: dict[str, tuple[Codes, list[str]]] = {}

    def holding(self, connection: sqlite3.Connection, name: str, wanted: str | tuple[str, ...]) -> Mask:
        """Which documents hold one of the values in the field; those without it do not."""
        with self._lock:
            if name not in self._read:
                self._read[name] = self._column(connection, name)
            codes, values = self._read[name]
        fitting = np.array([*(holds_value(value, wanted) for value in values), False], dtype=np.bool_)
        held: Mask = fitting[codes]  # the code of a document without the field is -1, the last
        return held

    def _column(self, connection: sqlite3.Connection, name: str) -> tuple[Codes, list[str]]:
        sql = (
            "SELECT (SELECT value FROM json_each(fields) WHERE key = ?) FROM search_documents WHERE city = ?"
            " ORDER BY row"
        )
        said = [value for (value,) in connection.execute(sql, (name, self._city))]
        values = sorted({value for value in said if value is not None})
        codes = {value: code for code, value in enumerate(values)}
        return np.array([codes.get(value, -1) for value in said], dtype=np.int64), values
