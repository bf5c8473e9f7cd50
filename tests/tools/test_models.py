"""Which models answer, and how good they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import JsonValue
from scene import a_ctx, ask, at

from domain.errors import UnknownName
from domain.repositories.models import Alias, Registered, point_alias, register_model
from domain.store import Store
from tools.context import Ctx


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return a_ctx(store, tmp_path)


def register(store: Store, version: str, alias: Alias, mae: float, day: str = "2025-08-20") -> None:
    figures: dict[str, JsonValue] = {
        "mae": mae, "within20": 0.81, "coverage80": 0.79, "cases": 1200, "baseline_mae": 17.5,
    }  # fmt: skip
    moment = at(f"{day} 09:00")
    with store.write() as session:
        register_model(session, Registered("fill/smalltown", version, "d", figures, moment))
        point_alias(session, "fill/smalltown", alias, version, moment)


def test_without_a_word_all_five_models_are_shown_and_what_is_missing_is_said(ctx: Ctx) -> None:
    result = ask(ctx, "model_status")
    assert (result.facts.models, result.facts.language_model) == (5, "SmolLM2-135M")
    assert result.facts.language_adapter == "rounds-3"
    assert result.facts.vision_model is None
    assert any("no vision model" in told for told in result.degraded)


def test_an_unregistered_fill_model_has_no_error_figure(ctx: Ctx) -> None:
    result = ask(ctx, "model_status", model="fill")
    assert result.facts.fill_mae_pct is None
    assert any("no error of a test can be told" in told for told in result.degraded)


def test_the_live_version_tells_its_backtest_beside_the_naive_answer(store: Store, ctx: Ctx) -> None:
    register(store, "7", "champion", 12.5)
    register(store, "8", "canary", 11.0)
    facts = ask(ctx, "model_status", model="the fill model").facts
    assert (facts.fill_version, facts.fill_mae_pct, facts.baseline_mae_pct) == ("7", 12.5, 17.5)
    assert (facts.fill_within20_pct, facts.fill_coverage80_pct, facts.fill_cases) == (81.0, 79.0, 1200)


def test_a_version_registered_after_the_moment_of_asking_does_not_exist(store: Store, ctx: Ctx) -> None:
    register(store, "9", "champion", 1.0, day="2025-09-02")
    assert ask(ctx, "model_status", model="fill").facts.fill_version is None


@pytest.mark.parametrize(
    ("said", "meant"),
    [("llm", "language"), ("photos", "vision"), ("search model", "embeddings"), ("SmolLM2-135M", "language")],
)
def test_a_users_word_finds_its_model(ctx: Ctx, said: str, meant: str) -> None:
    assert ask(ctx, "model_status", model=said).facts.asked == meant


def test_an_unknown_model_is_asked_back_with_the_choices(ctx: Ctx) -> None:
    with pytest.raises(UnknownName) as asked:
        ask(ctx, "model_status", model="horoscope")
    assert asked.value.choices == ("fill", "overflow", "vision", "language", "embeddings")


FOUND: dict[str, JsonValue] = {
    "mae": 18.5, "within20": 0.78, "coverage80": 0.88, "within20_gain": 0.13, "cases": 13768, "baseline_mae": 24.4,
    "test": "the level found at emptyings from 2024-12-08 on; naive: recent_mean",
}  # fmt: skip


def champion(store: Store, figures: dict[str, JsonValue]) -> None:
    with store.write() as session:
        register_model(session, Registered("fill/smalltown", "1", "d", figures, at("2025-08-20 09:00")))
        point_alias(session, "fill/smalltown", "champion", "1", at("2025-08-20 09:00"))


def test_errors_of_levels_found_are_not_told_as_those_of_the_level_if_nobody_comes(store: Store, ctx: Ctx) -> None:
    champion(store, FOUND)
    result = ask(ctx, "model_status", model="fill")
    facts = result.facts
    assert (facts.fill_mae_pct, facts.fill_within20_pct, facts.baseline_mae_pct) == (None, None, None)
    assert (facts.found_mae_pct, facts.found_baseline_mae_pct, facts.found_cases) == (18.5, 24.4, 13768)
    assert "Of the level that a crew finds, it is 18.5 points off on average" in result.sentence()
    assert any("of the level if nobody comes no error of a test is registered" in told for told in result.degraded)


def test_errors_of_levels_are_not_told_as_those_of_overflows(store: Store, ctx: Ctx) -> None:
    register(store, "7", "champion", 12.5)
    result = ask(ctx, "model_status", model="overflow")
    assert (result.facts.fill_version, result.facts.fill_mae_pct, result.facts.found_mae_pct) == ("7", None, None)
    assert "No error of a test of overflows is registered" in result.sentence()
    assert "12.5" not in result.sentence() + " ".join(reason.text for reason in result.why)


def test_shares_of_a_test_are_told_in_percent_in_the_table_too(store: Store, ctx: Ctx) -> None:
    register(store, "7", "champion", 12.5)
    table = ask(ctx, "model_status", model="fill").table
    assert table is not None
    told = {row[3]: row[4] for row in table.rows}
    assert (told["within20_pct"], told["coverage80_pct"], told["mae"]) == (81.0, 79.0, 12.5)
