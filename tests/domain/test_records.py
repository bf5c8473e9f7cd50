"""The records mean the same on SQLite and on PostGIS."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.exc import IntegrityError, StatementError

from domain.columns import Base, Point, UtcTime
from domain.records import Bin, City, Emptying, Request, Site, Truck
from domain.store import MIGRATIONS, Store, newest_revision
from domain.work_records import (
    Dispatch,
    Feature,
    ModelAlias,
    OutboxEffect,
    Person,
    Proposal,
    StoredPlan,
    Thread,
    Turn,
)

AT = datetime(2025, 9, 1, 12, 30, 15, 123456, tzinfo=UTC)


def a_plan(id_: str = "P-0001") -> StoredPlan:
    return StoredPlan(
        city="smalltown", id=id_, created_at=AT, thread="t", kind="plan", problem_hash="h", seed=0, core="pyvrp",
        gap=0.01, baseline={}, request={}, problem={}, plan={"km": 1.0, "words": "né \U0001f69b"}, content_hash="c",
    )  # fmt: skip


def a_proposal(id_: str = "A-0001", state: str = "open") -> Proposal:
    return Proposal(
        id=id_, city="smalltown", kind="dispatch", content={}, content_hash="c", plan_id=None, made_by="ana",
        role="manager", thread="t", made_at=AT, expires_at=AT + timedelta(hours=1), state=state, surface="chat",
    )  # fmt: skip


def test_the_migrations_make_exactly_the_tables_that_the_records_declare(empty_store: Store) -> None:
    ischema_names.setdefault("geography", lambda *words: Point())
    with empty_store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        differences = [step for step in compare_metadata(context, Base.metadata) if not _is_postgis_alone(step)]
    assert differences == []


def _is_postgis_alone(step: object) -> bool:
    """PostGIS's own table, and on SQLite the spatial indexes that only PostGIS has."""
    return isinstance(step, tuple) and (
        (step[0] == "remove_table" and step[1].name == "spatial_ref_sys")
        or (step[0] == "add_index" and step[1].name.endswith("_point"))
    )


def test_the_newest_migration_is_the_one_the_store_looks_for() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == newest_revision()


def test_a_moment_comes_back_in_utc_whatever_zone_it_went_in(city_store: Store) -> None:
    berkeley = AT.astimezone(ZoneInfo("America/Los_Angeles"))
    with city_store.write() as session:
        session.add(Thread(id="t", city="smalltown", owner="ana", created_at=berkeley))
    with city_store.read() as session:
        found = session.get_one(Thread, "t").created_at
        same = session.scalar(select(Thread.id).where(Thread.created_at == AT))
    assert (found, found.tzinfo, same) == (AT, UTC, "t")


def test_a_naive_moment_is_refused(city_store: Store) -> None:
    with pytest.raises(StatementError, match="needs a time zone"), city_store.write() as session:
        session.add(Thread(id="t", city="smalltown", owner="ana", created_at=datetime(2025, 9, 1)))  # noqa: DTZ001


@given(
    st.datetimes(datetime(1970, 1, 3), datetime(2200, 1, 1)),  # noqa: DTZ001
    st.integers(-14 * 60, 14 * 60),
)
def test_a_moment_survives_both_databases_to_the_microsecond(naive: datetime, offset_min: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=offset_min)))
    for dialect in (sqlite.dialect(), postgresql.dialect()):
        stored = UtcTime().process_bind_param(moment, dialect)
        assert UtcTime().process_result_value(stored, dialect) == moment


def test_json_comes_back_as_it_was_written(city_store: Store) -> None:
    content = {"b": [1, 1.0, 1e22, 0.1, -0.0], "a": {"né": None, "\U0001f69b": True, "nul": "\0"}}
    plan = a_plan()
    plan.plan = content
    with city_store.write() as session:
        session.add(plan)
    with city_store.read() as session:
        found = session.get_one(StoredPlan, ("smalltown", "P-0001")).plan
    assert repr(found) == repr(content)


def test_not_a_number_is_refused_before_it_is_stored(city_store: Store) -> None:
    plan = a_plan()
    plan.plan = {"km": float("nan")}
    with pytest.raises((StatementError, ValueError), match="not JSON compliant"), city_store.write() as session:
        session.add(plan)


def test_a_feature_may_be_any_json_value(city_store: Store) -> None:
    with city_store.write() as session:
        for n, value in enumerate(("words", 3, [1, 2], {"a": 1}, False)):
            session.add(Feature(city="smalltown", entity="101", feature=f"f{n}", version="1", value=value,
                                event_at=AT, known_at=AT))  # fmt: skip
    with city_store.read() as session:
        values = session.scalars(select(Feature.value).order_by(Feature.feature)).all()
    assert values == ["words", 3, [1, 2], {"a": 1}, False]


def test_a_bin_needs_a_site_of_its_own_city(city_store: Store) -> None:
    with pytest.raises(IntegrityError), city_store.write() as session:
        session.execute(update(Bin).where(Bin.bin_id == "101").values(site_id="nowhere"))


def test_a_level_over_full_is_refused(city_store: Store) -> None:
    with pytest.raises(IntegrityError), city_store.write() as session:
        session.add(Emptying(city="smalltown", bin_id="101", emptied_at=AT, reason="", fill_pct=101))


def test_one_bin_is_emptied_once_at_a_time_for_a_reason(city_store: Store) -> None:
    for reason, fits in (("Age", True), ("Fullness", True), ("Age", False)):
        row = Emptying(city="smalltown", bin_id="101", emptied_at=AT, reason=reason)
        if fits:
            with city_store.write() as session:
                session.add(row)
        else:
            with pytest.raises(IntegrityError), city_store.write() as session:
                session.add(row)


def test_a_proposal_is_only_in_a_state_that_exists(city_store: Store) -> None:
    with pytest.raises(IntegrityError), city_store.write() as session:
        session.add(a_proposal(state="done"))


def test_an_effect_is_written_once(city_store: Store) -> None:
    def effect() -> OutboxEffect:
        return OutboxEffect(effect_key="dispatch:A-0001", city="smalltown", proposal_id="A-0001", kind="dispatch",
                            content={}, created_at=AT)  # fmt: skip

    with city_store.write() as session:
        session.add_all([a_proposal(), effect()])
    with pytest.raises(IntegrityError), city_store.write() as session:
        session.add(effect())


def test_nothing_is_dispatched_without_its_proposal_and_effect(city_store: Store) -> None:
    with pytest.raises(IntegrityError), city_store.write() as session:
        session.add(Dispatch(id="R-0001", city="smalltown", effect_key="forged", proposal_id="A-9999", created_at=AT,
                             plan_id="P-0001", trucks=["Truck 1"], content={}))  # fmt: skip


def test_an_alias_stands_for_one_version_at_a_time(city_store: Store) -> None:
    with city_store.write() as session:
        session.add(ModelAlias(name="fill", alias="champion", since=AT, version="1"))
    with pytest.raises(IntegrityError), city_store.write() as session:
        session.add(ModelAlias(name="fill", alias="champion", since=AT, version="2"))
    with pytest.raises(IntegrityError), city_store.write() as session:
        session.add(ModelAlias(name="fill", alias="best", since=AT, version="1"))


def test_two_people_never_share_a_key_and_some_have_none(city_store: Store) -> None:
    with city_store.write() as session:
        session.add_all([Person(name="ana", role="manager"), Person(name="ben", role="viewer")])
        session.add(Person(name="cleo", role="api", key_sha256="k", key_prefix="rk_1", scopes=["tools:read"]))
    with pytest.raises(IntegrityError), city_store.write() as session:
        session.add(Person(name="dan", role="api", key_sha256="k"))


def test_a_turn_belongs_to_a_thread(city_store: Store) -> None:
    with pytest.raises(IntegrityError), city_store.write() as session:
        session.add(Turn(thread="none", number=1, question="?", calls=[], results=[], answer="", kind="answer", at=AT))


def test_the_point_follows_the_position(city_store: Store) -> None:
    point = "ST_AsText(point)" if not city_store.is_sqlite else "point"
    with city_store.write() as session:
        session.execute(update(Site).where(Site.site_id == "town-hall").values(lat=10.5, lon=-20.25))
    with city_store.read() as session:
        words = session.scalar(text(f"SELECT {point} FROM sites WHERE site_id = 'town-hall'"))
        nowhere = session.scalar(text(f"SELECT {point} FROM requests WHERE request_id = 'R1006'"))
    assert words.replace("POINT (", "POINT(") == "POINT(-20.25 10.5)"
    assert nowhere is None


def test_records_read_stay_usable_after_their_session(city_store: Store) -> None:
    with city_store.read() as session:
        truck = session.get_one(Truck, ("smalltown", "Truck 2"))
        city = session.get_one(City, "smalltown")
        request = session.get_one(Request, ("smalltown", "R1006"))
    assert (truck.streams, truck.shift_end, truck.g_co2e_per_km) == (["Waste", "Compostables"], "05:00", 700)
    assert city.now == datetime(2025, 9, 1, 15, 0, tzinfo=UTC)
    assert request.lat is None
