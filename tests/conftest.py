"""What all tests share: the small city, and databases that are thrown away (SQLite, and a private PostGIS server)."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from domain.loading import load_city
from domain.store import Store

LOADED_AT = datetime(2025, 9, 1, 15, 0, tzinfo=UTC)  # the small city's own "now", 08:00 local
SMALL_CITY = Path(__file__).parent / "small_city"
POSTGRESQL_HOMES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")


@pytest.fixture
def small_city_folder(tmp_path: Path) -> Path:
    """A copy of tests/small_city that a test may change: 6 sites, 12 bins, 2 trucks, about 200 emptyings."""
    return shutil.copytree(SMALL_CITY, tmp_path / "small_city")


@pytest.fixture(scope="session")
def small_city_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the small city in it, made once; tests get copies."""
    file = tmp_path_factory.mktemp("small_city") / "roundsman.db"
    _fill(f"sqlite:///{file}")
    return file


@pytest.fixture
def store(small_city_file: Path, tmp_path: Path) -> Iterator[Store]:
    """A SQLite store, migrated and loaded with the small city (`smalltown`)."""
    with closing(Store(f"sqlite:///{shutil.copy(small_city_file, tmp_path / 'store.db')}")) as with_city:
        yield with_city


def _fill(url: str) -> None:
    with closing(Store(url)) as filled:
        filled.migrate()
        load_city(filled, SMALL_CITY, at=LOADED_AT)


# ---------------------------------------------------------------- the same test on SQLite and on PostGIS

BOTH = ["sqlite", pytest.param("postgis", marks=pytest.mark.postgis)]


@pytest.fixture(params=BOTH)
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'fresh' / 'roundsman.db'}"
    else:
        with _new_database(request.getfixturevalue("postgres_url"), "with_postgis") as url:
            yield url


@pytest.fixture(params=BOTH)
def empty_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A migrated store without a city."""
    if request.param == "sqlite":
        with closing(Store(f"sqlite:///{tmp_path / 'empty.db'}")) as empty:
            empty.migrate()
            yield empty
    else:
        server = request.getfixturevalue("postgres_templates")
        with _new_database(server, "with_tables") as url, closing(Store(url)) as empty:
            yield empty


@pytest.fixture(params=BOTH)
def city_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A migrated store that holds the small city."""
    if request.param == "sqlite":
        yield request.getfixturevalue("store")
    else:
        server = request.getfixturevalue("postgres_templates")
        with _new_database(server, "with_city") as url, closing(Store(url)) as with_city:
            yield with_city


# ---------------------------------------------------------------- a private PostGIS server


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a private PostgreSQL server, for making databases like its `with_postgis`. It ends with the tests.

    Skips when the server's programs are not installed; with ROUNDSMAN_REQUIRE_REAL=1 that is a failure.
    """
    programs = _postgresql_programs()
    if programs is None:
        _absent("PostgreSQL is not installed: apt-get install postgresql-15 postgresql-15-postgis-3")
    folder = Path(tempfile.mkdtemp(prefix="roundsman-pg-", dir="/tmp"))
    server = None
    try:
        server = _start_server(programs, folder)
        _make_template(f"host={folder} user=postgres")
        yield f"postgresql://postgres@/postgres?host={folder}"
    finally:
        if server is not None:
            server.send_signal(signal.SIGQUIT)  # immediate shutdown: nothing here is worth keeping
            server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_templates(postgres_url: str) -> str:
    """The server's URL, once it holds `with_tables` (migrated) and `with_city` (the small city): tests get copies."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE with_tables TEMPLATE with_postgis")
        with closing(Store(postgres_url.replace("/postgres?", "/with_tables?"))) as tables:
            tables.migrate()
        connection.execute("CREATE DATABASE with_city TEMPLATE with_tables")
    _fill(postgres_url.replace("/postgres?", "/with_city?"))
    return postgres_url


@contextmanager
def _new_database(server_url: str, template: str) -> Iterator[str]:
    """The URL of a copy of a database on the private server, dropped afterwards."""
    name = f"test_{time.monotonic_ns()}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield server_url.replace("/postgres?", f"/{name}?")
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _absent(why: str) -> None:
    if os.environ.get("ROUNDSMAN_REQUIRE_REAL") == "1":
        pytest.fail(why)
    pytest.skip(why)


def _postgresql_programs() -> Path | None:
    """The folder of initdb and postgres, the newest one first."""
    found = [Path(path) for pattern in POSTGRESQL_HOMES for path in sorted(Path("/").glob(pattern[1:]), reverse=True)]
    on_path = shutil.which("initdb")
    found += [Path(on_path).parent] if on_path else []
    return next((folder for folder in found if (folder / "postgres").exists()), None)


def _start_server(programs: Path, folder: Path) -> subprocess.Popen[bytes]:
    """Makes a cluster in `folder` and serves it on a unix socket there, as a user that is not root."""
    user = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
    if user:
        shutil.chown(folder, user)
    options = {"listen_addresses": "", "unix_socket_directories": folder, "fsync": "off", "full_page_writes": "off",
               "synchronous_commit": "off", "shared_buffers": "64MB", "max_connections": "60"}  # fmt: skip
    flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    initdb = [programs / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8"]
    with (folder / "log").open("wb") as log:
        subprocess.run([*initdb, "--locale=C.UTF-8"], user=user, stdout=log, stderr=log, check=True, cwd=folder)
        server = subprocess.Popen(
            [programs / "postgres", "-D", folder / "data", *flags],
            user=user, stdout=log, stderr=log, cwd=folder, preexec_fn=_end_with_parent,
        )  # fmt: skip
    _wait_until(lambda: _answers(f"host={folder} user=postgres dbname=postgres"), server)
    return server


def _end_with_parent() -> None:
    """Linux: the server is told to stop even when the tests are killed (prctl PR_SET_PDEATHSIG)."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(1, signal.SIGQUIT)


def _wait_until(ready: Callable[[], bool], server: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + 30
    while not ready():
        if server.poll() is not None or time.monotonic() > give_up:
            server.kill()
            pytest.fail("the private PostgreSQL server did not start")
        time.sleep(0.05)


def _answers(where: str) -> bool:
    try:
        psycopg.connect(where, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _make_template(where: str) -> None:
    with psycopg.connect(f"{where} dbname=postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE with_postgis")
    try:
        with psycopg.connect(f"{where} dbname=with_postgis", autocommit=True) as connection:
            connection.execute("CREATE EXTENSION postgis")
    except psycopg.errors.UndefinedFile:
        _absent("PostGIS is not installed: apt-get install postgresql-15-postgis-3")
