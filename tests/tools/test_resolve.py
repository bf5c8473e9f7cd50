"""What a call's words are resolved to, and how it is restated."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import JsonValue
from scene import a_ctx

from domain.store import Store
from domain.values import Call, Moment
from tools.context import Ctx
from tools.resolve import resolve, setting_of

# the clock stands at Monday 2025-09-01 08:00


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return a_ctx(store, tmp_path)


def understood(ctx: Ctx, name: str, **parameters: JsonValue) -> dict[str, str]:
    """A call restated."""
    return resolve(Call(name, parameters), setting_of(ctx)).understood


@pytest.mark.parametrize(
    ("since", "until", "told"),
    [
        ("1 July", "31 July", "Thu 2025-07-31 23:59"),
        ("Monday", "Wednesday", "Wed 2025-08-27 23:59"),
        ("March", "June", "Mon 2025-06-30 23:59"),
        ("Friday", "Saturday noon", "Sat 2025-08-30 12:00"),
        ("last 7 days", "Friday", "Fri 2025-08-29 23:59"),
        ("last week", "today", "Mon 2025-09-01 23:59"),
    ],
)
def test_an_end_of_the_records_is_told_as_it_is_used(ctx: Ctx, since: str, until: str, told: str) -> None:
    call = Call("service_history", {"since": since, "until": until})
    found = resolve(call, setting_of(ctx))
    assert found.understood["until"] == told
    assert isinstance(found.values["until"], Moment)
    assert f"{found.values['until'].at:%a %Y-%m-%d %H:%M}" == told


@pytest.mark.parametrize(
    ("until", "told"),
    [
        ("15 August", "Fri 2025-08-15 23:59"),
        ("Friday", "Fri 2025-08-29 23:59"),
        ("Friday noon", "Fri 2025-08-29 12:00"),
        ("Friday morning", "Fri 2025-08-29 12:00"),
        ("yesterday", "Sun 2025-08-31 23:59"),
        ("today", "Mon 2025-09-01 23:59"),
        ("this week", "Sun 2025-09-07 23:59"),
        ("2025-08-20", "Wed 2025-08-20 23:59"),
    ],
)
def test_an_end_named_alone_is_the_past_one_as_records_hold_the_past(ctx: Ctx, until: str, told: str) -> None:
    assert understood(ctx, "search_records", query="lids", until=until)["until"] == told


def test_a_deadline_named_alone_is_the_coming_one(ctx: Ctx) -> None:
    assert understood(ctx, "forecast_fill", by="Friday")["by"] == "Fri 2025-09-05 23:59"
