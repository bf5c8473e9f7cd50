"""The diary holds what a run was made of and how it went, and changes nothing in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from finetune.adapters import Making
from finetune.runs import open_diary

pytestmark = pytest.mark.filterwarnings("ignore")
MAKING = Making("sft", "smollm2-0", "b1", "d2", "s3", "small-2", 24, {"rank": 4, "lr": 0.02})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store: making its tables takes seconds."""
    return tmp_path_factory.mktemp("diary") / "mlruns.db"


def test_a_run_s_parameters_digests_and_figures_can_be_read_again(tmp_path: Path, store: Path) -> None:
    diary = open_diary(tmp_path, MAKING, store)
    assert diary is not None
    for step in range(120):  # more than one transaction
        diary.note(step, {"loss": 2.0 - step / 100, "tokens_s": 500.0})
    diary.close("FINISHED")
    run = diary.client.get_run(diary.run_id)
    assert (run.info.status, run.data.params["rank"], run.data.params["rows"]) == ("FINISHED", "4", "24")
    assert [run.data.tags[k] for k in ("base_digest", "data_digest", "schema_hash")] == ["b1", "d2", "s3"]
    history = diary.client.get_metric_history(diary.run_id, "loss")
    assert sorted((m.step, m.value) for m in history)[-1] == (119, pytest.approx(0.81))
    assert len(history) == 120


def test_a_resumed_run_goes_on_in_its_own_diary_and_another_folder_in_another(tmp_path: Path, store: Path) -> None:
    first, again, other = (open_diary(tmp_path / name, MAKING, store) for name in _made(tmp_path, "a", "a", "b"))
    assert first is not None
    assert again is not None
    assert other is not None
    assert first.run_id == again.run_id != other.run_id
    again.note(7, {"loss": 1.0})
    again.close("KILLED")
    assert first.client.get_run(first.run_id).data.metrics == {"loss": 1.0}


def test_a_folder_whose_diary_is_gone_gets_a_new_one(tmp_path: Path, store: Path) -> None:
    (tmp_path / "mlflow_run").write_text("0123456789abcdef\n")
    diary = open_diary(tmp_path, None, store)
    assert diary is not None
    assert (tmp_path / "mlflow_run").read_text().strip() == diary.run_id != "0123456789abcdef"


def _made(folder: Path, *names: str) -> tuple[str, ...]:
    for name in names:
        (folder / name).mkdir(exist_ok=True)
    return names
