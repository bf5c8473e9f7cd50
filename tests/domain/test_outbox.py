"""The outbox: a change of a record and the index's duty to follow are one transaction, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib.util import module_from_spec, spec_from_file_location

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import delete, update

from domain.records import Bin, City, Request, Site
from domain.repositories.outbox import Position, ask_purge, entries, next_position, position_of, settle, waiting
from domain.store import MIGRATIONS, Store
from domain.upsert import upsert
from domain.work_records import StoredPlan, Thread

NOW = datetime(2025, 9, 1, 15, 0, tzinfo=UTC)
ROWS = 250  # enough to take PostgreSQL's way of copying


def drained(store: Store) -> Store:
    """The small city with nothing waiting."""
    with store.write() as session:
        settle(session, "smalltown", [e.seq for e in entries(session, "smalltown")], Position("e", 1))
    return store


def waits(store: Store) -> set[tuple[str, str]]:
    with store.read() as session:
        return {(entry.kind, entry.entity) for entry in entries(session, "smalltown")}


def request_row(number: int, note: str = "") -> dict[str, object]:
    empty = dict.fromkeys(("due_at", "closed_at", "on_time", "status", "title", "kind", "reason", "place", "area",
                           "source", "lat", "lon"))  # fmt: skip
    return {"city": "smalltown", "request_id": f"Q{number}", "opened_at": NOW, "note": note, **empty}


def a_plan(thread: str) -> StoredPlan:
    return StoredPlan(
        city="smalltown", id="P-0001", created_at=NOW, thread=thread, kind="plan", parent=None, problem_hash="h",
        seed=0, core="c", gap=None, baseline={}, request={"near": "my house"}, problem={}, plan={}, content_hash="c",
    )  # fmt: skip


def test_loading_a_city_leaves_every_site_and_request_waiting(city_store: Store) -> None:
    found = waits(city_store)
    assert {kind for kind, _ in found} == {"bins", "requests"}
    assert len(found) == 6 + 8


def test_what_was_erased_is_asked_to_be_overwritten_after_it_is_removed_or_not_at_all(city_store: Store) -> None:
    drained(city_store)
    with city_store.write() as session:
        session.execute(update(Site).where(Site.site_id == "town-hall").values(name="Elsewhere"))
        ask_purge(session, "smalltown")
    with city_store.read() as session:
        removed, asked = entries(session, "smalltown")
    assert (removed.entity, asked.kind) == ("town-hall", "erasures")
    assert abs((asked.changed_at - removed.changed_at).total_seconds()) < 60
    drained(city_store)
    with city_store.write() as session:
        ask_purge(session, "smalltown")
        session.rollback()
    assert waits(city_store) == set()


def test_a_change_that_is_rolled_back_waits_for_nobody(city_store: Store) -> None:
    drained(city_store)
    with city_store.write() as session:
        session.execute(update(Site).values(name="Elsewhere"))
        assert waiting(session, "smalltown").changes == 6
        session.rollback()
    assert waits(city_store) == set()


def test_rows_written_in_bulk_are_followed_and_the_same_rows_again_are_not(city_store: Store) -> None:
    drained(city_store)
    rows = [request_row(number) for number in range(ROWS)]
    for _ in range(2):
        with city_store.write() as session:
            upsert(session, Request, ("city", "request_id"), rows)
        assert waits(city_store) == {("requests", f"Q{number}") for number in range(ROWS)}
    drained(city_store)
    with city_store.write() as session:
        upsert(session, Request, ("city", "request_id"), [*rows[:-1], request_row(ROWS - 1, "bags removed")])
    assert waits(city_store) == {("requests", f"Q{ROWS - 1}")}


def test_a_bin_that_moves_changes_the_site_it_left_and_the_site_it_came_to(city_store: Store) -> None:
    drained(city_store)
    with city_store.write() as session:
        moved = session.get_one(Bin, ("smalltown", "103"))
        moved.site_id, left = "town-hall", moved.site_id
    assert waits(city_store) == {("bins", left), ("bins", "town-hall")}


def test_a_removed_request_waits_to_be_forgotten(city_store: Store) -> None:
    drained(city_store)
    with city_store.write() as session:
        session.execute(delete(Request).where(Request.request_id == "R1002"))
    assert waits(city_store) == {("requests", "R1002")}


def test_other_names_for_places_concern_every_site(city_store: Store) -> None:
    drained(city_store)
    with city_store.write() as session:
        city = session.get_one(City, "smalltown")
        city.aliases = {**city.aliases, "places": {"Town Hall": ["the old hall"]}}
    assert waits(city_store) == {("bins", "*")}


def test_a_conversation_that_loses_its_owner_concerns_its_plans(city_store: Store) -> None:
    with city_store.write() as session:
        session.add(Thread(id="C-0001", city="smalltown", owner="vera", created_at=NOW))
        session.add(a_plan("C-0001"))
    drained(city_store)
    with city_store.write() as session:
        session.get_one(Thread, "C-0001").owner = "(erased)"
    assert waits(city_store) == {("rounds", "P-0001")}


def test_what_is_settled_is_exactly_what_was_read(city_store: Store) -> None:
    with city_store.read() as session:
        read = entries(session, "smalltown", 5)
        position = next_position(position_of(session, "smalltown"))
    with city_store.write() as session:
        session.execute(update(Site).where(Site.site_id == "town-hall").values(name="City Hall"))
    with city_store.read() as session:
        before = entries(session, "smalltown")
    with city_store.write() as session:
        settle(session, "smalltown", [entry.seq for entry in read[::2]], position)
    with city_store.read() as session:
        assert entries(session, "smalltown") == [entry for entry in before if entry not in read[::2]]
        assert position_of(session, "smalltown") == position


def test_the_age_of_the_oldest_change_is_told_by_the_databases_clock(city_store: Store) -> None:
    with city_store.read() as session:
        found = waiting(session, "smalltown")
        nothing = waiting(session, "atlantis")
    assert found.oldest_at is not None
    assert found.age_s(found.oldest_at + timedelta(seconds=90)) == 90
    assert found.age_s(found.oldest_at - timedelta(seconds=5)) == 0
    assert (nothing.changes, nothing.age_s(NOW)) == (0, 0)


def test_the_tables_can_be_given_back_and_made_again(city_store: Store) -> None:
    (path,) = (MIGRATIONS / "versions").glob("0006_*.py")
    spec = spec_from_file_location("outbox_migration", path)
    assert spec is not None
    assert spec.loader is not None
    migration = module_from_spec(spec)
    spec.loader.exec_module(migration)
    with city_store.write() as session, Operations.context(MigrationContext.configure(session.connection())):
        migration.downgrade()
        session.execute(update(Site).where(Site.site_id == "town-hall").values(name="City Hall"))
        migration.upgrade()
    assert waits(city_store) == set()
    with city_store.write() as session:
        session.execute(update(Site).where(Site.site_id == "town-hall").values(name="Old Hall"))
    assert waits(city_store) == {("bins", "town-hall")}
