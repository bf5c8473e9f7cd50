"""A tool called by name: what is typed becomes the call, and what cannot be read is asked back."""

from __future__ import annotations

from pathlib import Path

import pytest
from scene import a_ctx

from domain.errors import AskAgain
from domain.store import Store
from domain.values import Call
from tools.commands import command
from tools.use import use


def test_a_command_is_read_with_its_numbers_and_lists() -> None:
    assert command("find_bins near='Town Hall' within_m=300 bins=101,102") == Call(
        "find_bins", {"near": "Town Hall", "within_m": 300, "bins": ["101", "102"]}
    )


@pytest.mark.parametrize("text", ["", "find bins", "find_bins near", "find_bins near='Town", "rm_rf path=/"])
def test_other_texts_are_no_commands(text: str) -> None:
    assert command(text) is None


@pytest.mark.parametrize("typed", ["--5", "²", "5²", "-", "5.5", "five", "٣", "9" * 5000, "", "0x10"])
def test_what_is_no_whole_number_is_asked_back(store: Store, tmp_path: Path, typed: str) -> None:
    asked = command(f"find_bins near='Town Hall' within_m={typed}")
    assert asked is not None
    with pytest.raises(AskAgain, match="within_m must be a whole number"):
        use(asked, a_ctx(store, tmp_path))


def test_a_number_out_of_bounds_is_asked_back(store: Store, tmp_path: Path) -> None:
    asked = command("find_bins near='Town Hall' within_m=-5")
    assert asked is not None
    with pytest.raises(AskAgain, match="look at least 0 km around a place"):
        use(asked, a_ctx(store, tmp_path))
