"""Which model forecasts: the champion of the moment, the one before it, or the hour-of-week rate; and it is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from scene import NOW, a_ctx, ask, at
from shelved import a_model

from domain.clock import fixed_clock
from domain.errors import BadData
from domain.ledger import LedgerEntry
from domain.repositories.models import Registered, aliases_at, is_registered, point_alias, register_model, roll_back
from domain.store import Store
from engines.forecast.ensemble import Ensemble
from engines.forecast.features import FEATURES_VERSION
from engines.forecast.history import BinHistory
from engines.forecast.hour_of_week import HourOfWeek
from engines.forecast.rates import fit_rates
from engines.forecast.stack import Weights
from tools.context import Ctx
from tools.fill import foresee
from tools.fill_models import FillModels, learned, stocked_models
from tools.fill_table import Foreseen
from tools.model_shelf import ModelShelf, model_name, take_in
from tools.planning import repeats
from tools.refresh import Refresher
from tools.result_bytes import result_bytes

NAME = model_name("smalltown")
EARLY, LATE = at("2025-08-10 00:00"), at("2025-08-25 00:00")


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return a_ctx(store, tmp_path)


@pytest.fixture
def shelf(ctx: Ctx, tmp_path: Path) -> ModelShelf:
    """Version 1, champion since EARLY, and version 2, champion since LATE."""
    folder = tmp_path / "models"
    a_model(ctx.fill.rates(ctx.city, EARLY), folder / "1", EARLY, 5.0)
    ModelShelf(ctx.store, [folder]).stock("smalltown", EARLY)
    a_model(ctx.fill.rates(ctx.city, LATE), folder / "2", LATE, 10.0)
    shelf = ModelShelf(ctx.store, [folder])
    shelf.stock("smalltown", LATE)
    with ctx.store.write() as session:
        point_alias(session, NAME, "champion", "2", LATE)
    return shelf


def seen(ctx: Ctx, shelf: ModelShelf, moment: datetime = NOW) -> Foreseen:
    """What is foreseen by a process that has just started."""
    models = FillModels(ctx.store, ModelShelf(ctx.store, shelf.shelves))
    return foresee(replace(ctx, now=moment, fill=models), list(ctx.city.bins.values()))


def version(ctx: Ctx, shelf: ModelShelf, moment: datetime = NOW) -> str:
    return FillModels(ctx.store, shelf).identity(ctx.city, moment).version.partition(".")[0]


def test_the_champion_of_the_moment_forecasts(ctx: Ctx, shelf: ModelShelf) -> None:
    assert version(ctx, shelf) == "2"
    assert version(ctx, shelf, LATE - timedelta(seconds=1)) == "1"
    assert FillModels(ctx.store, shelf).identity(ctx.city, EARLY - timedelta(days=1)).name == "hour_of_week"
    assert seen(ctx, shelf).degraded == ()


def test_its_forecasts_are_its_own(ctx: Ctx, shelf: ModelShelf) -> None:
    plain = foresee(ctx, list(ctx.city.bins.values())).horizons
    trained = seen(ctx, shelf).horizons
    known = [row for row, story in enumerate(plain.stories) if story.abstained is None]
    low, high = 1, 5
    day = 24
    assert (trained.levels[known, day, low] <= plain.levels[known, day, low]).all()
    assert (trained.levels[known, day, high] >= plain.levels[known, day, high]).all()
    assert (trained.levels != plain.levels).any()


def test_a_lookup_says_what_the_trained_model_computes(ctx: Ctx, shelf: ModelShelf) -> None:
    computed = seen(ctx, shelf)
    Refresher(ctx.store, FillModels(ctx.store, shelf), ctx.city, fixed_clock(NOW)).whole()
    looked_up = seen(ctx, shelf)
    assert looked_up.looked_up == len(ctx.city.bins)
    assert (looked_up.horizons.levels == computed.horizons.levels).all()
    assert looked_up.horizons.stories == computed.horizons.stories


def test_forecasts_of_the_champion_before_are_not_those_of_this_one(ctx: Ctx, shelf: ModelShelf) -> None:
    Refresher(ctx.store, FillModels(ctx.store, shelf), ctx.city, fixed_clock(NOW)).whole()
    with ctx.store.write() as session:
        assert roll_back(session, NAME, NOW) == "1"
    assert (seen(ctx, shelf).looked_up, version(ctx, shelf)) == (0, "1")


def test_a_damaged_champion_gives_way_to_the_previous_version_and_every_answer_says_so(
    ctx: Ctx, shelf: ModelShelf, tmp_path: Path
) -> None:
    (tmp_path / "models" / "2" / "rates.json").write_text("{}")
    broken = ModelShelf(ctx.store, shelf.shelves)
    (told,) = seen(ctx, broken).degraded
    assert told.startswith("the champion version 2 cannot be used: rates.json is damaged or another file")
    assert told.endswith("version 1 forecasts instead")
    asking = replace(ctx, fill=FillModels(ctx.store, broken))
    for name, said in {
        "forecast_fill": {"by": "tomorrow"},
        "find_bins": {},
        "plan_round": {"when": "tomorrow"},
    }.items():
        assert told in ask(asking, name, **said).degraded, name


def test_an_answer_by_another_than_the_champion_is_not_held_to_a_replay(
    ctx: Ctx, shelf: ModelShelf, tmp_path: Path
) -> None:
    assert repeats(seen(ctx, shelf).degraded)
    (tmp_path / "models" / "2" / "rates.json").write_text("{}")
    assert not repeats(seen(ctx, ModelShelf(ctx.store, shelf.shelves)).degraded)


def test_when_no_version_can_be_used_the_hour_of_week_rate_forecasts(
    ctx: Ctx, shelf: ModelShelf, tmp_path: Path
) -> None:
    for number in ("1", "2"):
        file = tmp_path / "models" / number / "model.json"
        file.write_text(file.read_text().replace(f'"{FEATURES_VERSION}"', '"fill-0"'))
    (told,) = seen(ctx, shelf).degraded
    assert "the champion version 2 cannot be used" in told
    assert "the previous version 1 cannot be used" in told
    assert told.endswith("the hour-of-week rate forecasts instead")
    plain = foresee(ctx, list(ctx.city.bins.values())).horizons
    assert (seen(ctx, shelf).horizons.levels == plain.levels).all()


def test_a_model_whose_files_are_gone_is_told(ctx: Ctx, shelf: ModelShelf, tmp_path: Path) -> None:
    (tmp_path / "models" / "2" / "model.json").unlink()
    assert "it is not on the shelf" in seen(ctx, shelf).degraded[0]


def test_stocking_twice_changes_nothing_and_a_new_version_waits_to_be_promoted(ctx: Ctx, shelf: ModelShelf) -> None:
    shelf.stock("smalltown", NOW)
    a_model(ctx.fill.rates(ctx.city, LATE), shelf.shelves[0] / "3", LATE, 2.0)
    shelf.stock("smalltown", NOW)
    with ctx.store.read() as session:
        assert aliases_at(session, NAME, NOW) == {"champion": "2", "previous": "1"}


def test_a_model_put_on_an_empty_shelf_changes_no_earlier_answer(ctx: Ctx, tmp_path: Path) -> None:
    before = ask(ctx, "forecast_fill", by="tomorrow noon")
    entry = LedgerEntry(
        kind="decision", at=NOW, thread="t-1", actor="ana", role="manager", surface="terminal", city="smalltown",
        question="which?", answer="these", answer_kind="answer",
    )  # fmt: skip
    ctx.ledger.append(entry, "k-1")
    a_model(ctx.fill.rates(ctx.city, EARLY), tmp_path / "models" / "1", EARLY, 5.0)
    stocked = NOW + timedelta(minutes=10)
    fill = stocked_models(ctx.store, "smalltown", (tmp_path / "models",), stocked)
    assert result_bytes(ask(replace(ctx, fill=fill), "forecast_fill", by="tomorrow noon")) == result_bytes(before)
    assert fill.identity(ctx.city, stocked).version.startswith("1.")


def test_model_status_tells_the_trained_model_and_its_test(ctx: Ctx, shelf: ModelShelf) -> None:
    facts = ask(replace(ctx, fill=FillModels(ctx.store, shelf)), "model_status", model="fill").facts
    assert (facts.fill_version, facts.fill_mae_pct, facts.baseline_mae_pct) == ("2", 4.5, 6.0)


# ---------------------------------------------------------------- aliases


def test_a_new_champion_makes_the_old_one_previous_and_rolling_back_turns_them_round(
    ctx: Ctx, shelf: ModelShelf
) -> None:
    with ctx.store.write() as session:
        roll_back(session, NAME, NOW)
        assert aliases_at(session, NAME, NOW) == {"champion": "1", "previous": "2"}
        roll_back(session, NAME, NOW + timedelta(hours=1))
        assert aliases_at(session, NAME, NOW + timedelta(hours=1)) == {"champion": "2", "previous": "1"}
        assert aliases_at(session, NAME, NOW) == {"champion": "1", "previous": "2"}


def test_an_alias_is_not_set_for_a_stranger_or_in_the_past(ctx: Ctx, shelf: ModelShelf) -> None:
    with ctx.store.write() as session:
        with pytest.raises(BadData, match="version 9 of the fill/smalltown model is not registered"):
            point_alias(session, NAME, "canary", "9", NOW)
        with pytest.raises(BadData, match="were changed later than that"):
            point_alias(session, NAME, "canary", "1", EARLY)


def test_the_same_version_with_other_content_is_refused(ctx: Ctx, shelf: ModelShelf) -> None:
    with pytest.raises(BadData, match="give the new one a version of its own"), ctx.store.write() as session:
        register_model(session, Registered(NAME, "2", "f" * 64, {}, NOW))


# ---------------------------------------------------------------- bands that follow drift


def test_bands_that_miss_become_wider_by_the_outcomes_up_to_midnight_and_no_later() -> None:
    read_at = np.datetime64("2025-06-01T00:00:00") + np.arange(0, 24 * 90, 2).astype("timedelta64[h]")
    jumpy = np.random.default_rng(0).uniform(0, 100, len(read_at))
    history = BinHistory("a", "Paper", "s", read_at=read_at, readings=jumpy, step_pct=0.0)
    calm = BinHistory("a", "Paper", "s", read_at=read_at, readings=np.linspace(0, 20, len(read_at)), step_pct=0.0)
    member = HourOfWeek(fit_rates([calm]))
    before = Ensemble((member,), Weights(("hour_of_week",), {(0, ""): np.ones(1)}))
    since, until = datetime(2025, 8, 1), datetime(2025, 8, 25)  # noqa: DTZ001
    moved = learned(before, [history], since, until)
    assert max(float(each[1]) for each in moved.offsets.of.values()) > 0.2
    later = BinHistory(
        "a", "Paper", "s", read_at=read_at, readings=np.where(read_at > np.datetime64(until), 0.0, jumpy), step_pct=0.0
    )
    again = learned(before, [later], since, until)
    assert {k: v.tolist() for k, v in again.offsets.of.items()} == {k: v.tolist() for k, v in moved.offsets.of.items()}
    assert learned(before, [history], until, until) is before


def test_a_damaged_copy_on_the_shelf_is_replaced_when_the_model_is_taken_in_again(ctx: Ctx, tmp_path: Path) -> None:
    source, shelf = tmp_path / "trained" / "3", tmp_path / "shelf"
    a_model(ctx.fill.rates(ctx.city, EARLY), source, EARLY, 5.0)
    assert take_in(ctx.store, "smalltown", shelf, source) == "3"
    whole = {file.name: file.read_bytes() for file in (shelf / "3").iterdir()}
    for damaged in whole:
        (shelf / "3" / damaged).write_text("{}")
        take_in(ctx.store, "smalltown", shelf, source)
        assert {file.name: file.read_bytes() for file in (shelf / "3").iterdir()} == whole


def test_a_model_that_cannot_be_copied_is_not_registered(ctx: Ctx, tmp_path: Path) -> None:
    source, shelf = tmp_path / "trained" / "3", tmp_path / "shelf"
    a_model(ctx.fill.rates(ctx.city, EARLY), source, EARLY, 5.0)
    shelf.write_text("a file where the folder should be")
    with pytest.raises(OSError, match="shelf"):
        take_in(ctx.store, "smalltown", shelf, source)
    with ctx.store.read() as session:
        assert not is_registered(session, NAME, "3")
