"""`roundsman load` says which file could not be loaded, and fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def load(folder: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", "import app; app.main()", "load", str(folder)],
        cwd=ROOT, env={**os.environ, "ROUNDSMAN_HOME": str(home)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_file_that_could_not_be_loaded_is_named_and_the_command_fails(
    small_city_folder: Path, tmp_path: Path
) -> None:
    file = small_city_folder / "emptyings.csv.gz"
    file.write_bytes(file.read_bytes()[:200])
    done = load(small_city_folder, tmp_path / "home")
    assert done.returncode == 1
    assert "NOT loaded" in done.stdout
    assert "emptyings.csv.gz" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_whole_folder_is_loaded_with_exit_code_0(small_city_folder: Path, tmp_path: Path) -> None:
    assert load(small_city_folder, tmp_path / "home").returncode == 0


def test_a_load_renews_the_forecasts_and_the_same_load_again_leaves_them(
    small_city_folder: Path, tmp_path: Path
) -> None:
    assert "forecasts: 12 bins computed (generation 1)" in load(small_city_folder, tmp_path / "home").stdout
    assert "forecasts: unchanged since they were computed" in load(small_city_folder, tmp_path / "home").stdout
