"""The measurement of search on PostGIS and Weaviate, on a few documents."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url
from weaviate_double import Double

from evals.__main__ import main
from evals.search.by_share import AT_ODDS, SHARES


def words(postgres_url: str, double: Double, *more: str) -> list[str]:
    """The command on a new database of the server, with a password that nobody asks for."""
    name = f"figures_{time.monotonic_ns()}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE with_postgis")
    url = make_url(postgres_url.replace("/postgres?", f"/{name}?")).set(password="secret")
    database = url.render_as_string(hide_password=False)
    servers = ["--database", database, "--weaviate", double.url, "--grpc-port", str(double.grpc_port)]
    return ["production", *servers, "--bins", "600", "--questions", "2", *more]


@pytest.mark.postgis
@pytest.mark.slow
def test_the_suite_is_filed_like_the_others_with_every_bucket_each_plan_alone_and_the_outages(
    postgres_url: str, double: Double, tmp_path: Path
) -> None:
    out = tmp_path / "production.json"
    assert main(words(postgres_url, double, "--json", str(out))) == 0
    report: dict[str, Any] = json.loads(out.read_text())
    assert {*report} >= {"suite", "commit", "dirty", "date", "command", "machine", "figures", "baselines", "cases"}
    assert report["command"].startswith("python -m evals production --database")
    assert "secret" not in out.read_text()
    assert report["cases"] == 20
    figures = report["figures"]
    assert figures["back_end"] == "PostGIS and Weaviate 1.38.6-stand-in"
    assert {*figures["buckets"]} == {
        *(f"{share:.2%}" for share in SHARES),
        *(f"{share:.2%} at odds" for share in AT_ODDS),
    }
    for bucket in figures["buckets"].values():
        assert bucket["recall10"] == bucket["hybrid_recall10"] == 1
        assert bucket["p50_ms"] >= bucket["vector_p50_ms"] > 0
        assert bucket["regret"] >= 1
        assert bucket["compared"] == 2  # limits first, and meaning first though the planner would not take it
    assert {*report["baselines"]} == {"limits first", "meaning first", "chosen"}
    assert {*figures["outages"]} == {"hangs", "gone"}
    for each in figures["outages"].values():
        assert each["says_so"] == 1.0
        assert each["worst_ms"] < 2_000  # half a second on a machine without other work


@pytest.mark.postgis
@pytest.mark.slow
def test_a_database_with_documents_of_another_measurement_is_refused(
    postgres_url: str, double: Double, capsys: pytest.CaptureFixture[str]
) -> None:
    first = words(postgres_url, double)
    assert main(first) == 0
    capsys.readouterr()
    assert main([*first, "--bins", "500"]) == 2
    assert "give --database an empty one" in capsys.readouterr().err
