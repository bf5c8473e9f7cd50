"""A model that was damaged and is repaired answers again, without a restart, wherever its whole copy lies."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from scene import NOW, a_ctx, at
from shelved import a_model

from domain.store import Store
from tools.context import Ctx
from tools.fill_models import FillModels
from tools.model_shelf import ModelShelf, on_shelves, take_in

UNTIL = at("2025-08-25 00:00")


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return a_ctx(store, tmp_path)


@pytest.fixture
def shipped(ctx: Ctx, tmp_path: Path) -> Path:
    """A shelf with version 1."""
    a_model(ctx.fill.rates(ctx.city, UNTIL), tmp_path / "shipped" / "1", UNTIL, 5.0)
    return tmp_path / "shipped"


def test_a_model_that_is_repaired_forecasts_again_in_the_same_process(ctx: Ctx, shipped: Path) -> None:
    file = shipped / "1" / "rates.json"
    whole = file.read_bytes()
    shelf = ModelShelf(ctx.store, [shipped])
    shelf.stock("smalltown", UNTIL)
    file.write_text("{}")
    models = FillModels(ctx.store, shelf)
    assert "cannot be used" in (models.identity(ctx.city, NOW).degraded or "")
    file.write_bytes(whole)
    identity = models.identity(ctx.city, NOW)
    assert (identity.degraded, identity.version.partition(".")[0]) == (None, "1")


def test_a_champion_that_was_read_is_kept_when_its_files_are_damaged_later(ctx: Ctx, shipped: Path) -> None:
    shelf = ModelShelf(ctx.store, [shipped])
    shelf.stock("smalltown", UNTIL)
    before = shelf.choose(ctx.city, NOW)
    shutil.rmtree(shipped)
    assert shelf.choose(ctx.city, NOW) is before
    assert before.version is not None


def test_a_model_registered_over_its_damaged_shipped_copy_forecasts(ctx: Ctx, shipped: Path, tmp_path: Path) -> None:
    shutil.copytree(shipped / "1", tmp_path / "good" / "1")
    shelf = ModelShelf(ctx.store, [tmp_path / "home", shipped])
    shelf.stock("smalltown", UNTIL)
    (shipped / "1" / "rates.json").write_text("{}")
    assert shelf.choose(ctx.city, NOW).ensemble is None
    take_in(ctx.store, "smalltown", tmp_path / "home", tmp_path / "good" / "1")
    chosen = shelf.choose(ctx.city, NOW)
    assert (chosen.degraded, chosen.ensemble is None) == (None, False)


def test_what_lies_in_a_models_place_gives_way_to_its_whole_copy(ctx: Ctx, shipped: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "1").write_text("a file where the model's folder should be")
    take_in(ctx.store, "smalltown", home, shipped / "1")
    assert [model.folder for model in on_shelves(ctx.store, "smalltown", [home], NOW)] == [home / "1"]
    assert [file.name for file in home.iterdir()] == ["1"]
