"""The diary of training runs: parameters, figures and digests in MLflow, one SQLite file, only where it is installed.

    mlflow ui --backend-store-uri sqlite:///finetune/runs/mlruns.db      # to read it; wants the full mlflow package

A run is the same without it. MLflow would report its use to its makers; here it does not.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from finetune.adapters import Making

STORE = Path("finetune/runs/mlruns.db")
EXPERIMENT = "roundsman"
RUN_FILE = "mlflow_run"
WRITTEN_AT_ONCE = 200


@dataclass
class Diary:
    """One MLflow run. `client` is an mlflow.MlflowClient."""

    client: Any
    run_id: str
    waiting: list[Any] = field(default_factory=list)

    def note(self, step: int, figures: Mapping[str, float]) -> None:
        """Figures of a step; written with others in one transaction, because one takes longer than it should."""
        from mlflow.entities import Metric
        from mlflow.utils import time

        clock: Any = time.get_current_time_millis
        now = clock()
        self.waiting += [Metric(name, value, now, step) for name, value in figures.items()]
        if len(self.waiting) >= WRITTEN_AT_ONCE:
            self._write()

    def _write(self) -> None:
        self.client.log_batch(self.run_id, metrics=self.waiting)
        self.waiting = []

    def close(self, status: str) -> None:
        """`status`: FINISHED, or KILLED for one that can go on."""
        self._write()
        self.client.set_terminated(self.run_id, status)


def open_diary(out: Path, making: Making | None, store: Path = STORE) -> Diary | None:
    """The run's diary; a resumed run goes on in its old one. None where MLflow is not installed."""
    try:
        import mlflow
    except ImportError:
        return None
    _keep_quiet()
    store.parent.mkdir(parents=True, exist_ok=True)
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{store.resolve()}")
    known = out / RUN_FILE
    if known.is_file() and (run_id := known.read_text().strip()) in _runs(client):
        client.update_run(run_id, status="RUNNING")
        return Diary(client, run_id)
    run = client.create_run(_experiment(client), run_name=out.name)
    known.write_text(run.info.run_id + "\n")
    if making:
        for name, value in {**making.plan, "rows": making.rows, "base": making.base, "stage": making.stage}.items():
            client.log_param(run.info.run_id, name, value)
        for name in ("base_digest", "data_digest", "schema_hash", "prompt_hash"):
            client.set_tag(run.info.run_id, name, getattr(making, name))
    return Diary(client, run.info.run_id)


def _keep_quiet() -> None:
    """No report of use to anybody, no log of database migrations."""
    from mlflow import environment_variables, telemetry

    silence: Any = environment_variables.MLFLOW_DISABLE_TELEMETRY
    restart: Any = telemetry.set_telemetry_client
    silence.set(True)
    restart()
    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _experiment(client: Any) -> str:
    found = client.get_experiment_by_name(EXPERIMENT)
    return str(found.experiment_id if found else client.create_experiment(EXPERIMENT))


def _runs(client: Any) -> set[str]:
    return {run.info.run_id for run in client.search_runs([_experiment(client)], max_results=10_000)}
