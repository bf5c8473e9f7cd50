"""Writing documents into the search tables: row, words and text, always together."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Iterable, Sequence

from retrieval.columns import documents_changed
from retrieval.stems import TOKENIZER
from retrieval.store import STANDING, Document
from retrieval.tables import words_table
from retrieval.vectors import drop_copies
from retrieval.words import plain

__all__ = [
    "document_digest", "forget_purge", "make_city", "meaning_of", "note_purge", "noted_purge", "read_digests", "remove",
    "sweep_texts", "write",
]  # fmt: skip

COLUMNS = (
    "city", "id", "kind", "title", "text", "url_ref", "lat", "lon", "at", "known_from", "known_until",
    "site_id", "area", "fields", "meaning", "digest",
)  # fmt: skip
PURGE = "purge"
INSERT = f"INSERT INTO search_documents ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608


def make_city(connection: sqlite3.Connection, name: str) -> int:
    """The number of a city, given on its first document together with its table of words."""
    connection.execute("INSERT OR IGNORE INTO search_cities (name) VALUES (?)", (name,))
    number: int = connection.execute("SELECT number FROM search_cities WHERE name = ?", (name,)).fetchone()[0]
    connection.execute(
        f"CREATE VIRTUAL TABLE IF NOT EXISTS {words_table(number)}"
        f" USING fts5(title, text, fields, tokenize = '{TOKENIZER}')"
    )
    return number


def meaning_of(document: Document) -> str:
    """The text whose meaning a document has: what documents of one wording share is embedded once."""
    return " ".join(plain(f"{document.title}. {document.text}" if document.text else document.title).split())


def document_digest(document: Document) -> bytes:
    """Sixteen bytes that change whenever anything of the document does, a standing one's `known_from` aside."""
    known_from = None if document.kind in STANDING else document.known_from
    times = [moment and moment.timestamp() for moment in (document.at, known_from, document.known_until)]
    told = [document.kind, document.title, document.text, document.url_ref, document.lat, document.lon, *times]
    return hashlib.sha256(json.dumps([*told, sorted(document.fields.items())]).encode()).digest()[:16]


def read_digests(connection: sqlite3.Connection, city: int, ids: Iterable[str]) -> dict[str, tuple[int, bytes]]:
    """Row and digest of the documents that are there, by id."""
    rows = connection.execute(
        "SELECT id, row, digest FROM search_documents WHERE city = ? AND id IN (SELECT value FROM json_each(?))",
        (city, json.dumps(list(ids))),
    )
    return {id_: (row, digest) for id_, row, digest in rows}


def write(connection: sqlite3.Connection, city: int, documents: Sequence[Document]) -> int:
    """Add or replace documents, the last of an id counting; gives back how many changed."""
    latest = {plain(document.id): document for document in documents}
    there = read_digests(connection, city, latest)
    digests = {id_: document_digest(document) for id_, document in latest.items()}
    other = [id_ for id_, digest in digests.items() if there.get(id_, (0, b""))[1] != digest]
    texts = _remove_rows(connection, city, [there[id_][0] for id_ in other if id_ in there])
    for id_ in other:
        _insert(connection, city, latest[id_], digests[id_])
    _forget_texts(connection, texts)
    if other:
        documents_changed(connection, city)
    return len(other)


def remove(connection: sqlite3.Connection, city: int, rows: Sequence[int]) -> None:
    """Remove documents by row, with texts that no other document has."""
    if rows:
        _forget_texts(connection, _remove_rows(connection, city, rows))
        documents_changed(connection, city)


def _remove_rows(connection: sqlite3.Connection, city: int, rows: Sequence[int]) -> list[int]:
    """Remove documents; gives back the numbers of their texts."""
    among = json.dumps(list(rows))
    chosen = "SELECT value FROM json_each(?)"
    told = f"SELECT DISTINCT meaning FROM search_documents WHERE row IN ({chosen})"  # noqa: S608
    texts = [text for (text,) in connection.execute(told, (among,))]
    connection.execute(f"DELETE FROM {words_table(city)} WHERE rowid IN ({chosen})", (among,))  # noqa: S608
    connection.execute(f"DELETE FROM search_documents WHERE row IN ({chosen})", (among,))  # noqa: S608
    return texts


def _forget_texts(connection: sqlite3.Connection, texts: Sequence[int]) -> None:
    """Forget those of the texts that no document has any more, and their vectors."""
    among = json.dumps(list(texts))
    for table, column in (("search_texts", "number"), ("search_vectors", "text")):
        loose = f"NOT EXISTS (SELECT 1 FROM search_documents d WHERE d.meaning = {table}.{column})"  # noqa: S608
        sql = f"DELETE FROM {table} WHERE {column} IN (SELECT value FROM json_each(?)) AND {loose}"  # noqa: S608
        connection.execute(sql, (among,))


def sweep_texts(connection: sqlite3.Connection) -> None:
    """Forget texts that no document has any more, and their vectors, in whatever memory these are too."""
    connection.execute("DELETE FROM search_texts WHERE number NOT IN (SELECT meaning FROM search_documents)")
    connection.execute("DELETE FROM search_vectors WHERE text NOT IN (SELECT number FROM search_texts)")
    drop_copies(connection)


def note_purge(connection: sqlite3.Connection) -> None:
    """Remember that the file's log must be cut off and copies deleted, until `forget_purge`."""
    connection.execute("INSERT OR REPLACE INTO search_notes VALUES (?, ?)", (PURGE, secrets.token_hex(8)))


def noted_purge(connection: sqlite3.Connection) -> str | None:
    """The latest note of `note_purge`; None when nothing waits."""
    found = connection.execute("SELECT value FROM search_notes WHERE name = ?", (PURGE,)).fetchone()
    return str(found[0]) if found else None


def forget_purge(connection: sqlite3.Connection, noted: str) -> None:
    """It was done after this note; one that was made since stays."""
    connection.execute("DELETE FROM search_notes WHERE name = ? AND value = ?", (PURGE, noted))


def _insert(connection: sqlite3.Connection, city: int, document: Document, digest: bytes) -> None:
    title, text = plain(document.title), plain(document.text)
    fields = {plain(name): plain(value) for name, value in document.fields.items()}
    times = (moment and moment.timestamp() for moment in (document.at, document.known_from, document.known_until))
    values = (
        city, plain(document.id), document.kind, title, text, plain(document.url_ref), document.lat, document.lon,
        *times, fields.get("site_id"), fields.get("area"), json.dumps(fields, ensure_ascii=False),
        _text_number(connection, meaning_of(document)), digest,
    )  # fmt: skip
    row = connection.execute(INSERT, values).lastrowid
    words = (row, title, text, " ".join(fields.values()))
    connection.execute(f"INSERT INTO {words_table(city)} (rowid, title, text, fields) VALUES (?, ?, ?, ?)", words)  # noqa: S608


def _text_number(connection: sqlite3.Connection, text: str) -> int:
    key = hashlib.sha256(text.encode()).digest()
    found = connection.execute("SELECT number FROM search_texts WHERE key = ?", (key,)).fetchone()
    if found:
        return int(found[0])
    made = connection.execute("INSERT INTO search_texts (key, text) VALUES (?, ?)", (key, text)).lastrowid
    return int(made or 0)
