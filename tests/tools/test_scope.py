"""Which bins and which time a question is about."""

from __future__ import annotations

from pathlib import Path

import pytest
from scene import NOW, a_ctx, at

from domain.errors import AskAgain
from domain.store import Store
from domain.times import moment, period
from domain.values import BinSet, Moment, Place
from tools.context import Ctx
from tools.scope import bins_in_scope, in_service, is_one_day, restate_near, window


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return a_ctx(store, tmp_path)


def ids(ctx: Ctx, words: str, within_m: int | None = 500, stream: str | None = None) -> list[str]:
    return [b.bin_id for b in bins_in_scope(ctx, None, ctx.city.gazetteer.place(words), within_m, stream)]


def test_nothing_said_means_every_bin_and_storage_is_left_out_on_request(ctx: Ctx) -> None:
    assert len(bins_in_scope(ctx)) == 12
    assert "112" not in {b.bin_id for b in in_service(bins_in_scope(ctx))}
    assert len(in_service(bins_in_scope(ctx))) == 11


def test_a_site_reaches_as_many_metres_as_were_said(ctx: Ctx) -> None:
    # Town Hall to Public Library: 0.001 deg north, 0.0015 deg east = 111 m and 118 m, 162 m in all
    assert ids(ctx, "Town Hall", 161) == ["101", "102"]
    assert ids(ctx, "Town Hall", 163) == ["101", "102", "103"]  # 104 stands three metres behind 103
    assert ids(ctx, "Town Hall", 166) == ["101", "102", "103", "104"]


def test_a_site_holds_its_own_bins_even_at_no_metres(ctx: Ctx) -> None:
    assert ids(ctx, "Public Library", 0) == ["103", "104"]


def test_a_point_reaches_500_metres_when_none_were_said(ctx: Ctx) -> None:
    point = Place("45, -123", "point", 45.0, -123.0)
    # Market Square is 222 m south and 157 m west of it, the station 500 m north alone
    assert {b.site_id for b in bins_in_scope(ctx, near=point)} == {"town-hall", "public-library", "market-square"}


def test_an_area_holds_what_the_records_put_in_it_whatever_the_metres(ctx: Ctx) -> None:
    assert ids(ctx, "Riverside", 1) == ["109", "110", "111", "112"]
    assert ids(ctx, "North zone") == ["101", "102", "103", "104", "105", "106"]


def test_a_street_without_sites_in_the_records_is_its_radius(ctx: Ctx) -> None:
    street = ctx.city.gazetteer.place("Elm Street")
    assert street.kind == "street"
    assert not street.site_ids
    assert ids(ctx, "Elm Street", 5000) == ["109", "110"]  # the school is 204 m off; the radius is 250


def test_named_bins_place_and_stream_must_all_hold(ctx: Ctx) -> None:
    named = BinSet(("101", "102", "109"), ("some",))
    town_hall = ctx.city.gazetteer.place("Town Hall")
    assert [b.bin_id for b in bins_in_scope(ctx, named, town_hall, 50, "Waste")] == ["101"]


def test_nothing_found_is_an_empty_list(ctx: Ctx) -> None:
    assert bins_in_scope(ctx, near=Place("0, 0", "point", 0.0, 0.0)) == []


def test_a_place_is_restated_with_its_metres_unless_it_is_an_area(ctx: Ctx) -> None:
    assert restate_near(ctx.city.gazetteer.place("Town Hall"), 300) == "within 300 m of Town Hall"
    assert restate_near(ctx.city.gazetteer.place("Riverside"), 300) == "in Riverside"


def test_records_after_now_do_not_exist(ctx: Ctx) -> None:
    span = window(ctx, period("this week", NOW))
    assert (span.since, span.until) == (at("2025-09-01 00:00"), NOW)


def test_a_named_end_belongs_to_the_week_of_its_start(ctx: Ctx) -> None:
    span = window(ctx, period("Monday", NOW), moment("Wednesday", NOW))
    assert (span.since, span.until) == (at("2025-08-25 00:00"), at("2025-08-28 00:00"))


def test_an_end_that_does_not_lean_on_its_start_still_counts(ctx: Ctx) -> None:
    until = Moment(at("2025-08-30 23:59"), "2025-08-30", is_day=True)
    span = window(ctx, period("last 7 days", NOW), until)
    assert (span.since, span.until) == (at("2025-08-26 00:00"), at("2025-08-31 00:00"))


def test_a_period_that_is_still_to_come_is_a_question(ctx: Ctx) -> None:
    with pytest.raises(AskAgain, match="still to come"):
        window(ctx, period("tomorrow", NOW))


def test_a_period_that_ends_before_it_begins_is_a_question(ctx: Ctx) -> None:
    with pytest.raises(AskAgain, match="ends before it begins"):
        window(ctx, period("last 7 days", NOW), Moment(at("2025-08-01 23:59"), "2025-08-01", is_day=True))


@pytest.mark.parametrize(
    ("words", "one"), [("yesterday", True), ("today", True), ("last 2 days", False), ("August", False)]
)
def test_one_day_is_a_calendar_day_or_what_has_passed_of_it(ctx: Ctx, words: str, one: bool) -> None:
    assert is_one_day(window(ctx, period(words, NOW))) is one
