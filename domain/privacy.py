"""A key for each person, so that destroying one key makes all of that person's words unreadable, wherever copied to.

AES-256-GCM (NIST SP 800-38D): 12 random bytes, ciphertext, 16 bytes of tag. The keys stay in the database and are never
part of an export; a backup that holds them must not outlive the time allowed for an erasure.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from domain.errors import BadData, UnknownName
from domain.ledger_records import SubjectKey
from domain.store import Store

__all__ = ["decrypt", "destroy_key", "encrypt", "key_of", "overwrite_freed", "read_words"]

NONCE_BYTES = 12
log = logging.getLogger(__name__)


def key_of(session: Session, subject: str, at: datetime) -> tuple[str, bytes]:
    """The person's key id and key; made when there is none. Needs a write session."""
    found = session.scalars(select(SubjectKey).where(SubjectKey.subject == subject)).one_or_none()
    if found is None:
        found = SubjectKey(
            key_id=f"K-{secrets.token_hex(8)}", subject=subject, key=AESGCM.generate_key(256), created_at=at
        )
        session.add(found)
        session.flush()
    if found.key is None:
        raise BadData(f"The key {found.key_id} is empty though nobody erased it; run `roundsman ledger verify`.")
    return found.key_id, found.key


def destroy_key(session: Session, subject: str, at: datetime) -> str:
    """Empties the person's key and name, leaving the id, which is given back. Raises UnknownName without such a key."""
    found = session.scalars(select(SubjectKey).where(SubjectKey.subject == subject)).one_or_none()
    if found is None:
        raise UnknownName("person with words in the ledger", subject)
    found.subject, found.key, found.destroyed_at = None, None, at
    session.flush()
    return found.key_id


def read_words(session: Session, key_id: str, ciphertext: bytes) -> bytes | None:
    """What was encrypted under the key, or None when the key was destroyed. Raises BadData when it does not open."""
    found = session.get(SubjectKey, key_id)
    if found is not None and found.destroyed_at is not None:
        return None
    if found is None or found.key is None:
        raise BadData(f"The key {key_id} is missing though nobody erased it; restore the table subject_keys.")
    return decrypt(found.key, ciphertext, key_id)


def overwrite_freed(store: Store) -> bool:
    """Makes the database give up its old copies of what was emptied; False when others are in the way: it will later.

    SQLite: empties the write-ahead log into the file (where `secure_delete` has written zeros). PostgreSQL: rewrites
    the table; its own write-ahead log and its backups keep old pages for as long as the server is told to.
    """
    try:
        if not store.is_sqlite:
            with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM FULL subject_keys")
            return True
        raw = store.engine.raw_connection()  # outside of any transaction
        try:
            cursor = raw.cursor()
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return cursor.fetchall() == [(0, 0, 0)]
        finally:
            raw.close()
    except (DBAPIError, sqlite3.Error) as error:
        log.warning("old copies of an erased key may still be in the database's files: %s", error)
        return False


def encrypt(key: bytes, words: bytes, key_id: str) -> bytes:
    """Nonce, ciphertext and tag; bound to the key's id."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, words, key_id.encode())


def decrypt(key: bytes, ciphertext: bytes, key_id: str) -> bytes:
    """The words again. Raises BadData when the key is another one or a byte was changed."""
    try:
        return AESGCM(key).decrypt(ciphertext[:NONCE_BYTES], ciphertext[NONCE_BYTES:], key_id.encode())
    except (InvalidTag, ValueError) as error:
        raise BadData(f"Words under the key {key_id} do not open: they or the key were changed.") from error
