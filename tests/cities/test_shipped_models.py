"""The trained fill models that ship with the cities: whole, small, and of nothing that came after their end."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.forecast.features import FEATURES_VERSION
from engines.forecast.model_files import MEMBERS, found_in, from_files
from engines.shelf import Shelved, Signature, check, models_on

CITIES = Path(__file__).parents[2] / "cities"
LARGEST = 2_000_000
SHIPPED = [model for city in sorted(CITIES.glob("*/models/fill")) for model in models_on([city])]


def test_the_demo_city_has_one() -> None:
    assert "berkeley" in {model.folder.parents[2].name for model in SHIPPED}


@pytest.mark.parametrize("model", SHIPPED, ids=lambda model: model.manifest.version)
def test_it_is_whole_fits_and_stays_small(model: Shelved) -> None:
    check(model, Signature(FEATURES_VERSION, MEMBERS))
    files = {file.name: file.read_bytes() for file in model.folder.iterdir()}
    assert sum(len(data) for data in files.values()) < LARGEST
    assert {*files} == {"model.json", *model.manifest.digests}
    assert from_files(files).members
    found = found_in(files)
    assert found is not None
    assert found.visits > 10_000


@pytest.mark.parametrize("model", SHIPPED, ids=lambda model: model.manifest.version)
def test_its_manifest_tells_a_test_in_which_it_beats_the_naive_answer(model: Shelved) -> None:
    told = model.manifest.metrics
    assert float(str(told["mae"])) < float(str(told["baseline_mae"]))
    assert float(str(told["within20_gain"])) >= 0.10
