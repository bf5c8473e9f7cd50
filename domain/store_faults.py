"""What the databases' faults mean for a person: which are the world's, and what to do about them."""

from __future__ import annotations

import sqlite3

from domain.errors import DeadlineExceeded, NotNow, StoreUnavailable

BUSY = "the database is busy with another writer; try again in a moment"
NO_TABLES = "the database has no tables of Roundsman yet; run `roundsman doctor`"
SERVER_GONE = "the server cannot be reached; check that it runs, and the address in ROUNDSMAN_DATABASE_URL"
SERVER_DISK = "the database server's disk is full; free some space there and try again"
TOO_LONG = "the database took too long for one question; ask for less at once"
REFUSED = "the server refuses the user or password; check ROUNDSMAN_DATABASE_URL"

SQLITE = {  # primary result code: https://www.sqlite.org/rescode.html
    sqlite3.SQLITE_BUSY: BUSY,
    sqlite3.SQLITE_LOCKED: BUSY,
    sqlite3.SQLITE_FULL: "the disk is full; free some space and try again",
    sqlite3.SQLITE_NOTADB: "the file is no database; restore it from a backup or give another path",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; restore it from a backup",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened; check that its folder exists and may be written",
    sqlite3.SQLITE_READONLY: "the file may not be written; check who owns it and its folder",
    sqlite3.SQLITE_IOERR: "the disk gives errors; check it, and restore the file from a backup if they stay",
    sqlite3.SQLITE_PERM: "the file may not be read; check who owns it",
}
POSTGRESQL = {  # SQLSTATE or its class: https://www.postgresql.org/docs/15/errcodes-appendix.html
    "08": SERVER_GONE,
    "28": REFUSED,
    "3D000": "the server has no such database; create it, or check ROUNDSMAN_DATABASE_URL",
    "40": BUSY,
    "42P01": NO_TABLES,
    "42501": "the user lacks a right; have the database's owner grant it (PostGIS: CREATE EXTENSION postgis)",
    "25006": "the server only reads (a standby?); give the address of the one that writes",
    "53100": SERVER_DISK,
    "53": "the server has no room left (memory or connections); try again in a moment",
    "55P03": BUSY,
    "57014": TOO_LONG,
    "57P": SERVER_GONE,
    "58P01": "the server lacks a file, most likely PostGIS: install postgis on it",
    "58": "the server's disk gives errors; look at its log",
}


def outside_fault(error: BaseException | None, *, writes: bool) -> NotNow | None:
    """The error to show for a driver's error, or None when the fault is our own (a bug) and should be seen as one."""
    advice = _sqlite_advice(error, writes) if isinstance(error, sqlite3.Error) else _postgresql_advice(error, writes)
    if advice == TOO_LONG:
        return DeadlineExceeded(f"The records cannot be used: {advice}.")
    return StoreUnavailable(f"The records cannot be used: {advice}.") if advice else None


def _sqlite_advice(error: sqlite3.Error, writes: bool) -> str | None:
    if "no such table" in str(error):
        return NO_TABLES
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_READONLY and not writes:
        return None  # somebody wrote in a read session
    return SQLITE.get(code)


def _postgresql_advice(error: BaseException | None, writes: bool) -> str | None:
    import psycopg  # here, because an installation on SQLite never loads it

    if not isinstance(error, psycopg.Error):
        return None
    state = error.sqlstate
    if state is None:  # no answer from a server at all; libpq says why in words only
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            return _connection_advice(str(error))
        return None
    if state == "25006" and not writes:
        return None
    return next((POSTGRESQL[state[:n]] for n in (5, 3, 2) if state[:n] in POSTGRESQL), None)


def _connection_advice(said: str) -> str:
    if "authentication failed" in said or ("role" in said and "does not exist" in said):
        return REFUSED
    if "database" in said and "does not exist" in said:
        return POSTGRESQL["3D000"]
    return POSTGRESQL["53"] if "too many clients" in said else SERVER_GONE
