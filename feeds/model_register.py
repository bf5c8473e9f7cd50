"""MLflow as the register of models: one SQLite file under home, looked at by people, never asked by a question.

    mlflow ui --backend-store-uri sqlite:///var/mlflow.db      # to look at it; wants the full mlflow package

Importing MLflow takes seconds and a first database some more, so it is loaded by the first call and only where somebody
registers, promotes or synchronises. Without it everything but this register works. MLflow would report its use to its
makers; here it does not.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from domain.errors import NotNow
from domain.ports import RegisteredVersion

FILE = "mlflow.db"
VERSION_TAG, DIGEST_TAG, FIGURE_TAG = "roundsman.version", "roundsman.digest", "figure."
MOST_VERSIONS = 1_000


class MlflowRegister:
    """The register under a home folder."""

    def __init__(self, home: Path) -> None:
        self._file = home / FILE
        self._client: Any = None

    def record(self, name: str, versions: Sequence[RegisteredVersion], aliases: Mapping[str, str]) -> None:
        """Adds versions that the register lacks and points its aliases; an alias that is not told is cleared."""
        client = self._opened()
        model = _model_name(name)
        known = self._numbers(client, model)
        if known is None:
            client.create_registered_model(model, description="Fill forecasts of Roundsman.")
            known = {}
        for each in versions:
            if each.version not in known:
                known[each.version] = _add(client, model, each)
        held = dict(client.get_registered_model(model).aliases)
        for alias in {*held} - {*aliases}:
            client.delete_registered_model_alias(model, alias)
        for alias, version in aliases.items():
            if version in known and str(held.get(alias)) != known[version]:
                client.set_registered_model_alias(model, alias, known[version])

    def aliases(self, name: str) -> dict[str, str]:
        """Alias -> version, in the words of the manifest rather than MLflow's own numbers."""
        client = self._opened()
        model = _model_name(name)
        numbers = self._numbers(client, model)
        if numbers is None:
            return {}
        version_of = {number: version for version, number in numbers.items()}
        held = client.get_registered_model(model).aliases
        return {alias: version_of[str(number)] for alias, number in held.items() if str(number) in version_of}

    def _opened(self) -> Any:
        """The client; made once. Raises NotNow when MLflow is not installed or its file cannot be opened."""
        if self._client is None:
            try:
                from mlflow import MlflowClient
                from mlflow.exceptions import MlflowException
            except ImportError:
                raise NotNow("MLflow is not installed (pip install mlflow-skinny): its register is not kept.") from None
            _keep_quiet()
            self._try_file()  # MLflow itself would try for minutes
            where = f"sqlite:///{self._file.resolve()}"
            try:
                client = MlflowClient(tracking_uri=where, registry_uri=where)
                client.search_registered_models(max_results=1)
            except MlflowException as error:
                raise NotNow(f"MLflow's register {self._file} cannot be opened: {error!s:.200}") from None
            self._client = client
        return self._client

    def _try_file(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with closing(sqlite3.connect(self._file)) as held:
                held.execute("PRAGMA schema_version").fetchone()
        except sqlite3.Error as error:
            raise NotNow(f"MLflow's register {self._file} cannot be opened ({error}); move it away.") from None

    @staticmethod
    def _numbers(client: Any, model: str) -> dict[str, str] | None:
        """Version of the manifest -> MLflow's number; None for a model that is not registered."""
        if not client.search_registered_models(f"name = '{model}'", max_results=1):
            return None
        found = client.search_model_versions(f"name = '{model}'", max_results=MOST_VERSIONS)
        return {each.tags[VERSION_TAG]: str(each.version) for each in found if VERSION_TAG in each.tags}


def _add(client: Any, model: str, version: RegisteredVersion) -> str:
    tags = {VERSION_TAG: version.version, DIGEST_TAG: version.digest}
    tags |= {FIGURE_TAG + key: str(value) for key, value in version.metrics.items() if isinstance(value, int | float)}
    source = Path(version.folder).resolve().as_uri()
    return str(client.create_model_version(model, source=source, tags=tags).version)


def _model_name(name: str) -> str:
    """MLflow's names hold no slash."""
    return name.replace("/", "-")


def _keep_quiet() -> None:
    """No report of use to anybody, no log of database migrations."""
    from mlflow import environment_variables, telemetry

    silence: Any = environment_variables.MLFLOW_DISABLE_TELEMETRY
    restart: Any = telemetry.set_telemetry_client
    silence.set(True)
    restart()
    for library in ("alembic", "mlflow"):
        logging.getLogger(library).setLevel(logging.WARNING)
