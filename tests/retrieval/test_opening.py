"""The settings choose the back end; what ships to run it fits the settings."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from domain.errors import BadData
from domain.settings import Settings
from domain.store import Store
from retrieval.opening import open_search
from retrieval.postgis_store import PostgisSearch
from retrieval.sqlite_store import SqliteSearch
from retrieval.weaviate_side import OLDEST

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
POSTGRESQL = "postgresql://roundsman@127.0.0.1:1/roundsman"
EXACT = re.compile(r":\d+[\d.-]*\d(-alpine)?$")


def settings(folder: Path, **more: Any) -> Settings:
    """Settings with a home of their own."""
    return Settings(home=folder, **more)


def test_without_weaviate_the_search_is_one_file_whatever_the_database(tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path / 'a.db'}", POSTGRESQL):
        with closing(Store(url)) as store, closing(open_search(store, settings(tmp_path), "x", None)) as search:
            assert isinstance(search, SqliteSearch)


def test_with_weaviate_and_postgresql_the_search_runs_on_both_and_opens_nothing_yet(tmp_path: Path) -> None:
    chosen = settings(tmp_path, weaviate_url="http://10.0.0.1:8080", weaviate_key=SecretStr("secret"))
    with closing(Store(POSTGRESQL)) as store, closing(open_search(store, chosen, "x", None)) as search:
        assert isinstance(search, PostgisSearch)
        assert search._side.address.replicas == 3
        assert "secret" not in repr(search._side.address)


def test_weaviate_beside_sqlite_records_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with (
        closing(Store(f"sqlite:///{tmp_path / 'a.db'}")) as store,
        pytest.raises(BadData, match="ROUNDSMAN_DATABASE_URL"),
    ):
        open_search(store, settings(tmp_path, weaviate_url="http://w:8080"), "x", None)


def test_an_address_that_is_none_is_refused_at_once(tmp_path: Path) -> None:
    with closing(Store(POSTGRESQL)) as store, pytest.raises(BadData, match="http://host:8080"):
        open_search(store, settings(tmp_path, weaviate_url="w:8080"), "x", None)


# ---------------------------------------------------------------- deploy/


def services() -> dict[str, Any]:
    """The services of the compose file."""
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"])


def test_the_compose_file_names_exact_versions_and_three_nodes_that_are_new_enough() -> None:
    images = {name: each["image"] for name, each in services().items()}
    assert all(EXACT.search(image) for image in images.values()), images
    nodes = [image for image in images.values() if "weaviate" in image]
    assert len(nodes) == 3
    assert len(set(nodes)) == 1
    assert tuple(int(part) for part in nodes[0].rpartition(":")[2].split(".")[:2]) >= OLDEST


def test_the_nodes_find_each_other_and_each_keeps_its_own_data() -> None:
    nodes = [each for name, each in services().items() if name.startswith("weaviate-node")]
    names = {node["environment"]["CLUSTER_HOSTNAME"] for node in nodes}
    for node in nodes:
        assert set(node["environment"]["RAFT_JOIN"].split(",")) == names
        assert node["environment"]["RAFT_BOOTSTRAP_EXPECT"] == str(len(nodes))
        assert node["environment"]["AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED"] == "false"
    assert len({node["volumes"][0] for node in nodes}) == 3
    joined = {node["environment"].get("CLUSTER_JOIN", "weaviate-node1:7100").partition(":")[0] for node in nodes}
    assert joined == {"weaviate-node1"}


def test_every_service_comes_back_after_the_machine_was_started_anew() -> None:
    assert {each["restart"] for each in services().values()} == {"unless-stopped"}


def test_no_port_is_open_beyond_this_machine() -> None:
    ports = [port for each in services().values() for port in each.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_variable_of_the_environment_file_is_a_setting_or_the_compose_file_s_own() -> None:
    lines = (DEPLOY / "roundsman.env.example").read_text("utf-8").splitlines()
    names = {line.partition("=")[0] for line in lines if line and not line.startswith("#")}
    ours = {name for name in names if name.startswith("ROUNDSMAN_")}
    assert {name.removeprefix("ROUNDSMAN_").lower() for name in ours} <= set(Settings.model_fields)
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text("utf-8")))
    assert asked <= names


def test_the_balancer_knows_every_node_for_both_protocols() -> None:
    told = (DEPLOY / "haproxy.cfg").read_text("utf-8")
    for name in (name for name in services() if name.startswith("weaviate-node")):
        assert f"{name}:8080" in told
        assert f"{name}:50051" in told
