"""The stage that trains the fill forecast: a folder that the shelf takes, and a stopped run that goes on."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from domain.errors import BadData
from engines.forecast.ensemble import FITS
from engines.forecast.features import FEATURES_VERSION
from engines.forecast.found import FoundModel
from engines.forecast.history import BinHistory
from engines.forecast.hour_of_week import HourOfWeek
from engines.forecast.member import Member, Windows
from engines.forecast.model_files import FOUND, MEMBERS, from_files
from engines.shelf import Signature, check, read_shelved
from finetune.forecast import Order, main, members_of, train

START = np.datetime64("2024-01-01T00:00:00")


def readings(path: Path, bins: int = 3) -> Path:
    """Bins read every three hours for twelve weeks, emptied every third day."""
    lines = ["container,time_utc,fill_pct"]
    hour = np.arange(0, 12 * 168, 3)
    for each in range(bins):
        level = np.minimum(np.round((0.5 + 0.2 * each) * (hour % 72)), 100.0)
        lines += [f"c{each},{START + np.timedelta64(int(h), 'h')},{v:g}" for h, v in zip(hour, level, strict=True)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def emptyings(path: Path) -> Path:
    """Bins emptied daily for a year, levels in steps of 20."""
    lines = ["bin_id,emptied_at,fill_pct"]
    for each in range(3):
        lines += [f"b{each},{START + np.timedelta64(24 * k, 'h')},{20 * ((k + each) % 6)}" for k in range(300)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def order(tmp_path: Path, **more: object) -> Order:
    return Order(readings(tmp_path / "readings.csv"), tmp_path / "model-1", members=("hour_of_week",), **more)  # type: ignore[arg-type]


def test_the_folder_is_what_the_shelf_takes_and_forecasts(tmp_path: Path) -> None:
    made = train(order(tmp_path))
    shelved = read_shelved(made)
    check(shelved, Signature(FEATURES_VERSION, MEMBERS))
    assert (shelved.manifest.version, shelved.manifest.members) == ("model-1", ("hour_of_week",))
    ensemble = from_files({file.name: file.read_bytes() for file in made.iterdir()})
    bin_ = BinHistory("c0", "unstated", "c0", read_at=np.array([START]), readings=np.array([20.0]), step_pct=0.0)
    levels = ensemble.quantiles(Windows.of([bin_], START + np.timedelta64(1, "h"), (24.0,)))
    assert 20 < levels[0, 0, 3] < 60


def test_the_same_data_gives_the_same_bytes(tmp_path: Path) -> None:
    first = {file.name: file.read_bytes() for file in train(order(tmp_path)).iterdir()}
    assert {file.name: file.read_bytes() for file in train(order(tmp_path)).iterdir()} == first


def test_only_what_was_before_a_date_is_learnt(tmp_path: Path) -> None:
    made = train(order(tmp_path, until=date(2024, 3, 1)))
    assert read_shelved(made).manifest.trained_until.date() == date(2024, 2, 29)


def test_a_stopped_run_goes_on_with_the_next_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    plain = FITS["hour_of_week"]

    def stopping(histories: list[BinHistory], seed: int) -> Member:
        calls.append(len(histories))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return plain(histories, seed)

    monkeypatch.setitem(FITS, "hour_of_week", stopping)
    with pytest.raises(KeyboardInterrupt):
        train(order(tmp_path))
    assert not (tmp_path / "model-1").exists()
    made = train(order(tmp_path))
    assert len(calls) == 3  # the first fit, that was kept, is not done again
    assert made.is_dir()
    assert not (tmp_path / "model-1.parts").exists()


def test_emptyings_train_the_rates_and_the_model_of_levels_found(tmp_path: Path) -> None:
    made = train(Order(emptyings(tmp_path / "emptyings.csv"), tmp_path / "b-1"))
    assert read_shelved(made).manifest.members == ("hour_of_week",)
    assert FoundModel.from_json((made / FOUND).read_text(encoding="utf-8")).visits > 300


def test_the_manifest_holds_the_figures_of_a_test_beside_a_naive_answer(tmp_path: Path) -> None:
    read = read_shelved(train(order(tmp_path))).manifest.metrics
    assert 0 <= float(str(read["mae"])) < 30
    assert (read["mae"], int(str(read["cases"]))) == (
        read["baseline_mae"],
        read["cases"],
    )  # the one member is the rival
    emptied = read_shelved(train(Order(emptyings(tmp_path / "emptyings.csv"), tmp_path / "b-1"))).manifest.metrics
    assert float(str(emptied["within20"])) > 0.5
    assert float(str(emptied["mae"])) < float(str(emptied["baseline_mae"]))
    assert str(emptied["test"]).startswith("the level found at emptyings from 2024-08-")


def test_models_learn_on_the_clock_of_the_zone_and_the_manifest_names_it(tmp_path: Path) -> None:
    seen = {}
    for zone in ("UTC", "America/Los_Angeles"):
        made = train(order(tmp_path, zone=zone))
        told = json.loads((made / "model.json").read_text(encoding="utf-8"))
        (rates,) = from_files({file.name: file.read_bytes() for file in made.iterdir()}).members
        assert isinstance(rates, HourOfWeek)
        assert rates.rates.fitted_until is not None
        seen[told["zone"]] = (told["trained_until"], rates.rates.fitted_until)
    (there, on_clock), (utc, in_utc) = seen["America/Los_Angeles"], seen["UTC"]
    assert there == utc
    assert in_utc - on_clock == np.timedelta64(7, "h")


def test_data_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="cannot be read"):
        main(["--data", str(tmp_path / "nothing.csv"), "--out", str(tmp_path / "model")])


@pytest.mark.parametrize("unknown", ["horoscope", "hour_of_week,horoscope", " , "])
def test_members_that_there_are_not_are_refused(unknown: str) -> None:
    with pytest.raises(BadData, match="--members takes hour_of_week, boosted"):
        members_of(unknown)


def test_members_may_stand_in_any_order_with_spaces_between_them() -> None:
    assert members_of("boosted, hour_of_week") == ("hour_of_week", "boosted")
