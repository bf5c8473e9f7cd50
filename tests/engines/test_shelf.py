"""The shelf of models: what is damaged, foreign or gone is not used, the previous version is, and it is said why."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import JsonValue

from domain.errors import BadData
from engines.shelf import MANIFEST, Shelved, Signature, Wanted, check, models_on, pick, read_shelved

HERE = Signature("3", frozenset({"hour_of_week", "boosted"}))
BOTH = {"champion": Wanted("2"), "previous": Wanted("1")}


def described(folder: Path, told: Mapping[str, JsonValue]) -> Shelved:
    """A folder of files with the manifest that lists them."""
    digests: dict[str, JsonValue] = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())
    }
    (folder / MANIFEST).write_text(json.dumps({**told, "digests": digests}, indent=1, sort_keys=True))
    return read_shelved(folder)


def a_model(shelf: Path, version: str, **changed: JsonValue) -> Shelved:
    """A model's folder on the shelf."""
    folder = shelf / version
    folder.mkdir(parents=True)
    (folder / "boosted-0.5.txt").write_text(f"tree of {version}")
    (folder / "seasonal.json").write_text("{}")
    told: dict[str, JsonValue] = {
        "name": "fill", "version": version, "features": "3", "members": ["boosted"],
        "trained_until": "2025-08-01T00:00:00Z", "metrics": {"mae": 4.5}, "weights": [1.0],
    }  # fmt: skip
    return described(folder, {**told, **changed})


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    for version in ("1", "2", "3"):
        a_model(tmp_path / "models", version)
    return tmp_path / "models"


def test_the_champion_is_picked_and_nothing_is_said(shelf: Path) -> None:
    picked = pick([shelf], BOTH, HERE)
    assert picked.model is not None
    assert (picked.model.manifest.version, picked.alias, picked.told) == ("2", "champion", ())
    assert picked.model.manifest.metrics == {"mae": 4.5}


def test_another_alias_is_picked_by_its_name(shelf: Path) -> None:
    picked = pick([shelf], {**BOTH, "canary": Wanted("3")}, HERE, order=("canary",))
    assert picked.model is not None
    assert (picked.model.manifest.version, picked.alias) == ("3", "canary")


def damaged(folder: Path) -> None:
    (folder / "boosted-0.5.txt").write_text("tree of another")


def gone(folder: Path) -> None:
    (folder / "seasonal.json").unlink()


def no_manifest(folder: Path) -> None:
    (folder / MANIFEST).write_text("{}")


@pytest.mark.parametrize(
    ("break_it", "why"),
    [
        (damaged, "boosted-0.5.txt is damaged or another file"),
        (gone, "seasonal.json cannot be read (No such file or directory)"),
        (no_manifest, "it is not on the shelf, or its manifest cannot be read"),
    ],
)
def test_a_broken_champion_gives_way_to_the_previous_version_and_it_is_said_why(
    shelf: Path, break_it: object, why: str
) -> None:
    assert callable(break_it)
    break_it(shelf / "2")
    picked = pick([shelf], BOTH, HERE)
    assert picked.model is not None
    assert (picked.model.manifest.version, picked.alias) == ("1", "previous")
    (told,) = picked.told
    assert told.startswith("the champion version 2 cannot be used: ")
    assert why in told


@pytest.mark.parametrize(
    ("signature", "why"),
    [
        (Signature("4", HERE.members), "it needs features 3 and here are 4"),
        (Signature("3", frozenset({"hour_of_week"})), "members that are not known here: boosted"),
    ],
)
def test_a_model_of_other_features_or_members_is_not_used_and_without_any_none_is(
    shelf: Path, signature: Signature, why: str
) -> None:
    picked = pick([shelf], BOTH, signature)
    assert (picked.model, picked.alias, len(picked.told)) == (None, None, 2)
    assert all(why in told for told in picked.told)


def test_a_manifest_other_than_the_registered_one_is_refused(shelf: Path) -> None:
    model = read_shelved(shelf / "2")
    check(model, HERE, model.digest)
    with pytest.raises(BadData, match="not the one that was registered"):
        check(model, HERE, "0" * 64)


def test_what_cannot_be_loaded_gives_way_as_well(shelf: Path) -> None:
    def loads(model: Shelved) -> None:
        if model.manifest.version == "2":
            raise BadData("LightGBM cannot read boosted-0.5.txt")

    picked = pick([shelf], BOTH, HERE, usable=loads)
    assert (picked.alias, picked.told) == (
        "previous", ("the champion version 2 cannot be used: LightGBM cannot read boosted-0.5.txt",)
    )  # fmt: skip


@pytest.mark.parametrize("name", ["model.pkl", "run.py", "weights.bin"])
def test_a_file_that_could_run_is_refused_whatever_its_digest(tmp_path: Path, name: str) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / name).write_bytes(b"x")
    told: dict[str, JsonValue] = {
        "name": "fill", "version": "7", "features": "3", "members": [], "trained_until": "2025-08-01T00:00:00Z",
    }  # fmt: skip
    with pytest.raises(BadData, match=f"{name} is not a file that a model may have"):
        check(described(tmp_path / "7", told), Signature("3", frozenset()))


def test_a_manifest_does_not_reach_out_of_its_folder(shelf: Path) -> None:
    text = (shelf / "2" / MANIFEST).read_text()
    (shelf / "2" / MANIFEST).write_text(text.replace('"seasonal.json"', '"../1/seasonal.json"'))
    assert pick([shelf], BOTH, HERE).alias == "previous"


def test_a_shelf_is_a_folder_of_versions_or_a_model_itself(shelf: Path, tmp_path: Path) -> None:
    found = models_on([tmp_path / "none", shelf / "3", shelf])
    assert [model.manifest.version for model in found] == ["3", "1", "2", "3"]


@pytest.mark.parametrize("whole_first", [True, False])
def test_of_two_copies_of_a_version_the_whole_one_is_taken_wherever_it_lies(
    shelf: Path, tmp_path: Path, whole_first: bool
) -> None:
    a_model(tmp_path / "home", "2")
    damaged(shelf / "2")
    shelves = [tmp_path / "home", shelf] if whole_first else [shelf, tmp_path / "home"]
    picked = pick(shelves, BOTH, HERE)
    assert picked.model is not None
    assert (picked.model.folder, picked.told) == (tmp_path / "home" / "2", ())


def test_a_copy_that_is_still_being_made_is_on_no_shelf(shelf: Path) -> None:
    (shelf / "2").rename(shelf / ".2.part")
    assert [model.manifest.version for model in models_on([shelf])] == ["1", "3"]


def test_a_moment_without_a_zone_is_no_moment(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="trained_until has no time zone"):
        a_model(tmp_path, "1", trained_until="2025-08-01T00:00:00")
