"""Writing documents into PostgreSQL: row, place, words and text, always together, and what Weaviate must hear of."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from retrieval.postgis_tables import CityRow, Connection, read_city
from retrieval.store import Document
from retrieval.words import plain
from retrieval.writing import document_digest, meaning_of

__all__ = [
    "folded", "forget_purge", "make_city", "note_purge", "noted_purge", "remove", "rows_of", "sweep_texts", "write",
]  # fmt: skip

WORD = re.compile(r"[^\W_]+")
LONGEST_WORD = 64
PURGE = "purge"
MOST_WORDS = 50_000  # of one document: what PostgreSQL counts in one piece of text has its limits
COLUMNS = (
    "city", "id", "kind", "title", "text", "url_ref", "lat", "lon", "at", "known_from", "known_until", "site_id",
    "area", "fields", "meaning", "length", "digest",
)  # fmt: skip
INSERT = f"""
INSERT INTO search_documents ({", ".join(COLUMNS)}, spot, terms)
VALUES ({", ".join(f"%({name})s" for name in COLUMNS)},
    ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326),
    tsvector_to_array(to_tsvector('search_words', %(words)s)))
RETURNING row
"""  # noqa: S608  # column names
POSTINGS = """
INSERT INTO search_postings
SELECT d.city, t.lexeme, d.row, d.kind, d.known_until IS NULL, cardinality(t.positions), d.length
FROM unnest(%s::bigint[], %s::text[]) n (number, words) JOIN search_documents d ON d.row = n.number
CROSS JOIN LATERAL unnest(to_tsvector('search_words', n.words)) t
"""
HELD = """
INSERT INTO search_terms SELECT city, unnest(terms) AS term, count(*) FROM search_documents
WHERE row = ANY(%s::bigint[]) GROUP BY city, term ORDER BY term
ON CONFLICT (city, term) DO UPDATE SET held = search_terms.held + excluded.held
"""
GONE = """
WITH gone AS (DELETE FROM search_documents WHERE row = ANY(%s::bigint[]) RETURNING city, row, kind, terms, length),
words AS (SELECT city, row, unnest(terms) AS term FROM gone),
unposted AS (DELETE FROM search_postings p USING words w WHERE p.city = w.city AND p.term = w.term AND p.row = w.row),
unheld AS (UPDATE search_terms t SET held = t.held - w.count
    FROM (SELECT city, term, count(*) AS count FROM words GROUP BY city, term) w
    WHERE t.city = w.city AND t.term = w.term),
noted AS (INSERT INTO search_gone SELECT city, kind, row FROM gone)
SELECT count(*), coalesce(sum(length), 0) FROM gone
"""


def folded(text: str) -> list[str]:
    """The words of a text in lower case and without accents, as SQLite's `unicode61` cuts them, at most 64 letters."""
    bare = "".join(each for each in unicodedata.normalize("NFKD", plain(text)) if not unicodedata.combining(each))
    return [word[:LONGEST_WORD] for word in WORD.findall(bare.lower())]


def make_city(connection: Connection, name: str) -> CityRow:
    """The row of a city, made on its first document; its key makes the ids of its objects in Weaviate."""
    connection.execute(
        "INSERT INTO search_cities (name, key) VALUES (%s, %s) ON CONFLICT DO NOTHING", (name, secrets.token_bytes(8))
    )
    city = read_city(connection, name)
    assert city is not None
    return city


def write(connection: Connection, city: CityRow, documents: Sequence[Document]) -> int:
    """Add or replace documents, the last of an id counting; gives back how many changed."""
    latest = {plain(document.id): document for document in documents}
    there = _digests(connection, city, latest)
    new = [
        (document, digest)
        for id_, document in latest.items()
        if (digest := document_digest(document)) != there.get(id_, (0, b""))[1]
    ]
    replaced = [there[id_][0] for document, _ in new if (id_ := plain(document.id)) in there]
    if replaced:
        remove(connection, city, replaced)
    if new:
        _insert(connection, city, new)
    return len(new)


def remove(connection: Connection, city: CityRow, rows: Sequence[int]) -> None:
    """Remove documents by row, and note that Weaviate must forget them."""
    count, words = connection.execute(GONE, (list(rows),)).fetchone() or (0, 0)
    connection.execute("DELETE FROM search_terms WHERE city = %s AND held = 0", (city.number,))
    _counted(connection, city, -count, -words)


def rows_of(connection: Connection, city: CityRow, ids: Sequence[str]) -> list[int]:
    """The rows of documents, by id; ids that are not there have none."""
    return [row for row, _ in _digests(connection, city, [plain(id_) for id_ in ids]).values()]


def sweep_texts(connection: Connection) -> None:
    """Forget texts that no document has any more, and their vectors."""
    connection.execute(
        "WITH unused AS (DELETE FROM search_texts t WHERE NOT EXISTS"
        " (SELECT 1 FROM search_documents d WHERE d.meaning = t.number) RETURNING number)"
        " DELETE FROM search_vectors v USING unused WHERE v.text = unused.number"
    )


def note_purge(connection: Connection) -> None:
    """Remember that the tables must be written anew, until `forget_purge`."""
    sql = "INSERT INTO search_notes VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    connection.execute(sql, (PURGE, secrets.token_hex(8)))


def noted_purge(connection: Connection) -> str | None:
    """The latest note of `note_purge`; None when nothing waits."""
    found = connection.execute("SELECT value FROM search_notes WHERE name = %s", (PURGE,)).fetchone()
    return str(found[0]) if found else None


def forget_purge(connection: Connection, noted: str) -> None:
    """The tables were written anew after this note; one that was made since stays."""
    connection.execute("DELETE FROM search_notes WHERE name = %s AND value = %s", (PURGE, noted))


def _digests(connection: Connection, city: CityRow, ids: Iterable[str]) -> dict[str, tuple[int, bytes]]:
    sql = "SELECT id, row, digest FROM search_documents WHERE city = %s AND id = ANY(%s)"
    rows = connection.execute(sql, (city.number, list(ids)))
    return {id_: (row, bytes(digest)) for id_, row, digest in rows}


def _insert(connection: Connection, city: CityRow, new: Sequence[tuple[Document, bytes]]) -> None:
    texts = _text_numbers(connection, {meaning_of(document) for document, _ in new})
    values = [_values(city, document, digest, texts[meaning_of(document)]) for document, digest in new]
    with connection.cursor() as cursor:
        cursor.executemany(INSERT, values, returning=True)
        for each in values:
            found = cursor.fetchone()
            assert found is not None
            each["row"] = found[0]
            cursor.nextset()
    rows = [each["row"] for each in values]
    connection.execute(POSTINGS, (rows, [each["words"] for each in values]))
    connection.execute(HELD, (rows,))
    _counted(connection, city, len(values), sum(each["length"] for each in values))


def _values(city: CityRow, document: Document, digest: bytes, meaning: int) -> dict[str, Any]:
    title, text = plain(document.title), plain(document.text)
    fields = {plain(name): plain(value) for name, value in document.fields.items()}
    words = folded(" ".join((title, text, *fields.values())))[:MOST_WORDS]
    return {
        "city": city.number, "id": plain(document.id), "kind": document.kind, "title": title, "text": text,
        "url_ref": plain(document.url_ref), "lat": document.lat, "lon": document.lon, "at": _seconds(document.at),
        "known_from": _seconds(document.known_from), "known_until": _seconds(document.known_until),
        "site_id": fields.get("site_id"), "area": fields.get("area"), "fields": json.dumps(fields, ensure_ascii=False),
        "meaning": meaning, "length": len(words), "digest": digest, "words": " ".join(words),
    }  # fmt: skip


def _counted(connection: Connection, city: CityRow, documents: int, words: int) -> None:
    connection.execute(
        "UPDATE search_cities SET edition = edition + 1, documents = documents + %s, words = words + %s"
        " WHERE number = %s",
        (documents, words, city.number),
    )


def _text_numbers(connection: Connection, texts: set[str]) -> dict[str, int]:
    keys = {hashlib.sha256(text.encode()).digest(): text for text in texts}
    connection.execute(
        "INSERT INTO search_texts (key, text) SELECT * FROM unnest(%s::bytea[], %s::text[]) ON CONFLICT DO NOTHING",
        (list(keys), list(keys.values())),
    )
    found = connection.execute("SELECT key, number FROM search_texts WHERE key = ANY(%s::bytea[])", (list(keys),))
    return {keys[bytes(key)]: number for key, number in found}


def _seconds(moment: Any) -> float | None:
    return None if moment is None else float(moment.timestamp())
