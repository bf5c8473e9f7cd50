"""MLflow's register in a real database of its own: versions, figures, aliases; nothing is loaded before it is used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from domain.errors import NotNow
from domain.ports import RegisteredVersion
from feeds.model_register import MlflowRegister

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own libraries warn


def versions(*numbers: str) -> list[RegisteredVersion]:
    return [RegisteredVersion(each, f"/models/{each}", f"digest{each}", {"mae": 4.5, "by": "ana"}) for each in numbers]


@pytest.mark.slow
def test_the_register_is_brought_in_line_and_read_back(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    register = MlflowRegister(tmp_path)
    assert register.aliases("fill/smalltown") == {}
    register.record("fill/smalltown", versions("a1", "a2"), {"champion": "a1", "canary": "a2"})
    register.record("fill/smalltown", versions("a1", "a2", "a3"), {"champion": "a3", "previous": "a1"})
    again = MlflowRegister(tmp_path)
    assert again.aliases("fill/smalltown") == {"champion": "a3", "previous": "a1"}
    assert (tmp_path / "mlflow.db").exists()
    client = again._opened()
    found = client.search_model_versions("name = 'fill-smalltown'")
    assert len(found) == 3
    assert {v.tags["roundsman.version"]: v.tags["figure.mae"] for v in found} == {"a1": "4.5", "a2": "4.5", "a3": "4.5"}
    assert "figure.by" not in found[0].tags


def test_a_register_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    (tmp_path / "mlflow.db").mkdir()
    with pytest.raises(NotNow, match="cannot be opened"):
        MlflowRegister(tmp_path).record("fill/smalltown", [], {})


def test_making_the_register_loads_and_writes_nothing(tmp_path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from feeds.model_register import MlflowRegister
MlflowRegister(Path({str(tmp_path)!r}))
print("mlflow" in sys.modules, list(Path({str(tmp_path)!r}).iterdir()))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False []"
