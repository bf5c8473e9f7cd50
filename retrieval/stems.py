"""What SQLite's full-text index makes of a word: asked of an index in memory that is set up as the kept ones are."""

from __future__ import annotations

import sqlite3
import threading
from functools import lru_cache

__all__ = ["TOKENIZER", "stem_of"]

TOKENIZER = "porter unicode61"
_lock = threading.Lock()


@lru_cache(maxsize=20_000)
def stem_of(word: str) -> str | None:
    """The one term under which FTS5 keeps a word, "overflow" for "overflowing"; None where it makes none or several."""
    with _lock:
        index = _index()
        index.execute("DELETE FROM words")
        index.execute("INSERT INTO words VALUES (?)", (word,))
        found = [str(term) for (term,) in index.execute("SELECT term FROM terms LIMIT 2")]
    return found[0] if len(found) == 1 else None


@lru_cache(maxsize=1)
def _index() -> sqlite3.Connection:
    index = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    index.execute(f"CREATE VIRTUAL TABLE words USING fts5(word, tokenize = '{TOKENIZER}')")
    index.execute("CREATE VIRTUAL TABLE terms USING fts5vocab(words, row)")
    return index
