"""What the records say again and again is found by asking for it, with the evidence that it rests on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from scene import ZONE, a_ctx, ask
from sqlalchemy import delete, func, select, update

from domain.operation import load_operation
from domain.records import Emptying, Request, Site
from domain.store import Store
from domain.upsert import upsert
from retrieval.indexing import index_city
from retrieval.store import SearchRequest
from tools.context import Ctx
from tools.patterns import OperationalPatterns, renew_patterns

FIRST, DAYS = datetime(2024, 7, 1, tzinfo=ZONE), 7 * 61  # from a Monday to the end of August of the next year
BUSY = "103"  # the waste bin at the Public Library


def midnights() -> list[datetime]:
    return [(FIRST + timedelta(days=day)).replace(hour=0) for day in range(DAYS)]


def write_levels(store: Store, thursday: float) -> None:
    """Every bin is emptied at every midnight; the busy one holds `thursday` times as much after a Thursday."""
    chance = np.random.default_rng(5)
    bins = sorted(load_operation(store, "smalltown").bins)
    rows = [
        {"city": "smalltown", "bin_id": bin_id, "emptied_at": at.astimezone(UTC), "reason": "", "fill_class": None,
         "fill_pct": min(100.0, chance.gamma(20) * (thursday if bin_id == BUSY and at.weekday() == 4 else 1.0))}
        for bin_id in bins for at in midnights()
    ]  # fmt: skip
    with store.write() as session:
        session.execute(delete(Emptying))
        upsert(session, Emptying, ("city", "bin_id", "emptied_at", "reason"), rows)


def write_requests(store: Store, mondays: int) -> None:
    """Three requests a day of each of two titles; on Mondays `mondays` more of one of them in Riverside."""
    rows = [
        {"city": "smalltown", "request_id": f"Q{day:03d}-{title}-{number}", 
         "opened_at": at + timedelta(hours=9 + number),
         "title": title, "area": "Riverside" if number % 2 else "Hillside", "lat": 37.87, "lon": -122.26,
         **dict.fromkeys(("due_at", "closed_at", "on_time", "status", "kind", "reason", "note", "place", "source"))}
        for day, at in enumerate(midnights()) for title in ("Missed pickup", "Graffiti")
        for number in range(3 + (mondays if at.weekday() == 0 and title == "Missed pickup" else 0))
    ]  # fmt: skip
    with store.write() as session:
        upsert(session, Request, ("city", "request_id"), rows)


@pytest.fixture
def ctx(store: Store, tmp_path: Path, small_city_folder: Path) -> Ctx:
    """The small city with its index of words, and a Thursday that is unlike the other days."""
    write_levels(store, thursday=2.3)
    made = a_ctx(store, tmp_path)
    index_city(store, made.search, "smalltown", small_city_folder)
    return made


def test_a_bin_that_fills_faster_on_thursdays_is_found_with_its_evidence(ctx: Ctx) -> None:
    result = ask(ctx, "search_records", query="library fill faster", kind="patterns", limit=1)
    site = ctx.city.bins[BUSY]
    assert result.facts.best_title is not None
    assert result.facts.best_title.startswith(f"{site.stream} at {site.site} fill 2.")
    assert result.facts.best_title.endswith("x faster on Thursdays")
    assert [each.ref for each in result.why[0].evidence] == [result.facts.best_ref, f"records:emptyings/{BUSY}"]
    assert result.map is not None
    assert result.map["features"][0]["geometry"]["coordinates"] == [pytest.approx(site.lon), pytest.approx(site.lat)]
    found = ctx.search.search(SearchRequest("library", kinds=("patterns",))).hits[0].document
    assert "95 % interval" in found.text
    assert "false discovery rate" in found.text
    assert "from 2024-07-02 to" in found.text


def test_a_pattern_is_not_known_before_the_records_that_show_it(ctx: Ctx) -> None:
    renew_patterns(ctx.store, ctx.search, "smalltown")
    kinds = ("patterns",)
    assert ctx.search.estimate(SearchRequest("", kinds=kinds, as_of=ctx.now)) >= 1
    before = midnights()[-1] - timedelta(minutes=1)
    assert ctx.search.estimate(SearchRequest("", kinds=kinds, as_of=before)) == 0


def test_patterns_are_looked_for_again_only_when_records_have_come(ctx: Ctx) -> None:
    assert renew_patterns(ctx.store, ctx.search, "smalltown") >= 1
    assert renew_patterns(ctx.store, ctx.search, "smalltown") == 0
    before = OperationalPatterns().digest(ctx.store, "smalltown")
    with ctx.store.write() as session:
        session.add(Emptying(city="smalltown", bin_id=BUSY, emptied_at=ctx.now, reason="", fill_pct=50.0))
    assert OperationalPatterns().digest(ctx.store, "smalltown") != before


def test_a_record_that_comes_later_does_not_change_what_was_known_before(ctx: Ctx) -> None:
    renew_patterns(ctx.store, ctx.search, "smalltown")
    asked = SearchRequest("library", kinds=("patterns",), as_of=ctx.now)
    then = [hit.document.text for hit in ctx.search.search(asked).hits]
    with ctx.store.write() as session:
        for hour in (1, 8, 15):
            at = ctx.now + timedelta(hours=hour)
            session.add(Emptying(city="smalltown", bin_id=BUSY, emptied_at=at, reason="", fill_pct=50.0))
    assert renew_patterns(ctx.store, ctx.search, "smalltown") >= 2
    assert [hit.document.text for hit in ctx.search.search(asked).hits] == then
    now = [hit.document.text for hit in ctx.search.search(replace(asked, as_of=at)).hits]
    assert len(now) == len(then)
    assert now != then
    assert len(ctx.search.search(replace(asked, as_of=None)).hits) == len(now)


def test_a_replay_neither_looks_for_patterns_nor_changes_the_search(ctx: Ctx) -> None:
    ask(ctx, "search_records", query="library fill faster", kind="patterns")
    kept, there = ctx.search.digest("patterns"), ctx.search.health().documents
    with ctx.store.write() as session:
        session.add(Emptying(city="smalltown", bin_id=BUSY, emptied_at=ctx.now, reason="", fill_pct=50.0))
    again = replace(ctx, tuning=replace(ctx.tuning, replaying=True))
    ask(again, "search_records", query="library fill faster", kind="patterns")
    assert (ctx.search.digest("patterns"), ctx.search.health().documents) == (kept, there)
    ask(ctx, "search_records", query="library fill faster", kind="patterns")
    assert ctx.search.digest("patterns") != kept


def test_a_site_gets_its_new_name_and_a_corrected_level_is_noticed(ctx: Ctx) -> None:
    renew_patterns(ctx.store, ctx.search, "smalltown")
    there = ctx.search.health().documents["patterns"]
    with ctx.store.write() as session:
        session.execute(update(Site).where(Site.name == "Public Library").values(name="Reading House"))
    assert renew_patterns(ctx.store, ctx.search, "smalltown") >= 1
    assert "Public Library" not in str(ctx.search.search(SearchRequest("fill faster", kinds=("patterns",))).hits)
    assert ctx.search.health().documents["patterns"] == there
    before = OperationalPatterns().digest(ctx.store, "smalltown")
    with ctx.store.write() as session:
        newest = select(func.max(Emptying.emptied_at)).scalar_subquery()
        session.execute(
            update(Emptying).where(Emptying.emptied_at < newest, Emptying.bin_id == BUSY).values(fill_pct=7)
        )
    assert OperationalPatterns().digest(ctx.store, "smalltown") != before


def test_all_patterns_are_known_from_when_all_that_the_tests_rest_on_was_there(ctx: Ctx) -> None:
    write_requests(ctx.store, mondays=6)
    found = OperationalPatterns().documents(ctx.store, "smalltown")
    assert {document.id.split("/")[1] for document in found} >= {"fills", "called"}
    assert {document.known_from for document in found} == {midnights()[-1]}
    with ctx.store.write() as session:  # later than that
        session.execute(update(Request).where(Request.opened_at > midnights()[-1]).values(title="Graffiti"))
    assert OperationalPatterns().documents(ctx.store, "smalltown") == found


def test_records_without_a_pattern_have_none(ctx: Ctx) -> None:
    write_levels(ctx.store, thursday=1.0)
    assert renew_patterns(ctx.store, ctx.search, "smalltown") == 0
    result = ask(ctx, "search_records", query="library", kind="patterns")
    assert "There are no documents to search (patterns)" in result.sentence()


def test_requests_that_come_on_mondays_are_found_by_title_and_neighbourhood(ctx: Ctx) -> None:
    write_requests(ctx.store, mondays=6)
    result = ask(ctx, "search_records", query="missed pickup", kind="patterns", limit=5)
    assert result.table is not None
    titles = [str(row[1]) for row in result.table.rows]
    assert any(
        t.startswith("“Missed pickup” requests come") and "often on Mondays as all requests" in t for t in titles
    ), titles
    evidence = [each.ref for reason in result.why for each in reason.evidence]
    assert any(ref.startswith("records:requests/Q") for ref in evidence)


def test_a_changed_clock_does_not_move_a_day(ctx: Ctx) -> None:
    found = OperationalPatterns().documents(ctx.store, "smalltown")
    assert {document.fields["weekday"] for document in found if BUSY in document.fields["evidence"]} == {"Thursday"}
