"""What a call's words are resolved to, and how it is restated."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import JsonValue
from scene import a_ctx

from domain.errors import OutOfRange
from domain.store import Store
from domain.values import Call, Moment
from tools.context import Ctx
from tools.registry import TOOLS
from tools.resolve import canonical, resolve, setting_of

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


@pytest.mark.parametrize(
    ("since", "compared", "told"),
    [
        ("July", "the month before", "2025-06-01 to 2025-06-30"),
        ("Juli", "im Vormonat", "2025-06-01 to 2025-06-30"),
        ("julio", "el mes anterior", "2025-06-01 to 2025-06-30"),
        ("juillet", "le mois précédent", "2025-06-01 to 2025-06-30"),
        ("2024", "the year before", "2023-01-01 to 2023-12-31"),
        ("July", "the same month last year", "2024-07-01 to 2024-07-31"),
        ("from 4 August to 17 August", "the same weeks of last year", "2024-08-05 to 2024-08-18"),
        ("July", "June", "2025-06-01 to 2025-06-30"),
        ("July", "the previous month", "2025-06-01 to 2025-06-30"),
        ("July", "the preceding month", "2025-06-01 to 2025-06-30"),
        ("July", "the prior month", "2025-06-01 to 2025-06-30"),
        ("June", "the following month", "2025-07-01 to 2025-07-31"),
        ("June", "next month", "2025-07-01 to 2025-07-31"),
        ("June 2025", "the previous quarter", "2025-01-01 to 2025-03-31"),
        ("last week", "the previous week", "2025-08-18 to 2025-08-24"),
        ("last week", "the week before", "2025-08-18 to 2025-08-24"),
        ("last 7 days", "the week before", "2025-08-19 to 2025-08-25"),
        ("last 7 days", "the previous 7 days", "2025-08-19 to 2025-08-25"),
        ("last 30 days", "the month before", "2025-07-04 to 2025-08-02"),
        ("1 August to 29 August", "the month before", "2025-07-01 to 2025-07-31"),
        ("the weekend", "the previous weekend", "2025-08-23 to 2025-08-24"),
        ("July", "the weekend after", "2025-08-02 to 2025-08-03"),
        ("July", "the following day", "Fri 2025-08-01"),
        ("Friday", "the previous day", "Thu 2025-08-28"),
        ("July", "the year before", "2024-07-01 to 2024-07-31"),
        ("June", "last month", "2025-08-01 to 2025-08-31"),
    ],
)
def test_a_period_to_compare_with_leans_on_the_one_beside_it(ctx: Ctx, since: str, compared: str, told: str) -> None:
    call = Call("operations_report", {"measure": "tonnage", "since": since, "compare_to": compared})
    assert resolve(call, setting_of(ctx)).understood["compare_to"] == told
    said = Call(call.name, {**call.parameters, "compare_to": told})
    assert canonical(call, setting_of(ctx)) == canonical(said, setting_of(ctx))


@pytest.mark.parametrize(
    ("since", "until", "compared", "told"),
    [
        ("July 1", "July 15", "same period last year", "2024-07-01 to 2024-07-15"),
        ("Monday", "Tuesday", "the same days last week", "2025-08-18 to 2025-08-19"),
        ("last 7 days", "yesterday", "same period last year", "2024-08-26 to 2024-08-31"),
    ],
)
def test_a_period_to_compare_with_leans_on_the_start_and_the_end_beside_it(
    ctx: Ctx, since: str, until: str, compared: str, told: str
) -> None:
    told_by: dict[str, JsonValue] = {"measure": "tonnage", "since": since, "until": until, "compare_to": compared}
    assert resolve(Call("operations_report", told_by), setting_of(ctx)).understood["compare_to"] == told


def test_a_previous_unit_without_a_period_beside_it_is_the_one_before_now(ctx: Ctx) -> None:
    for said in ("the previous month", "the prior month", "last month"):
        told = resolve(Call("operations_report", {"measure": "tonnage", "since": said}), setting_of(ctx)).understood
        assert told["since"] == "2025-08-01 to 2025-08-31"


BOUNDED = [(name, argument.name) for name, tool in TOOLS.items() for argument in tool.arguments if argument.number]


@pytest.mark.parametrize(("tool", "name"), BOUNDED)
def test_a_number_out_of_bounds_is_refused_in_words_that_a_person_uses(ctx: Ctx, tool: str, name: str) -> None:
    declared = TOOLS[tool].argument(name)
    given: dict[str, JsonValue] = {each.name: "tomorrow" for each in TOOLS[tool].arguments if each.required}
    least, most = int(str(declared.schema["minimum"])), int(str(declared.schema["maximum"]))
    for said in (least - 1, most + 1):
        with pytest.raises(OutOfRange, match=r"^I can .+ or leave it out\.$") as refused:
            resolve(Call(tool, {**given, name: said}), setting_of(ctx))
        assert "_" not in refused.value.question
        assert name not in refused.value.question.split()


@pytest.mark.parametrize(
    ("tool", "parameters", "told"),
    [
        (
            "find_bins",
            {"within_m": 80_000},
            "look at most 50 km around a place; 80 km is too far: name a smaller radius",
        ),
        ("find_bins", {"min_fill_pct": 120}, "ask for a level of at most 100 %; 120 % is too high: name a lower level"),
        ("find_bins", {"limit": 0}, "list at least 1 at once; 0 is too few: name a larger number"),
        (
            "plan_round",
            {"truck_count": 0},
            "set the number of trucks to at least 1; 0 is too few: name a larger number",
        ),
        ("plan_round", {"max_hours": 30}, "plan shifts of at most 24 h; 30 h is too long: name fewer"),
    ],
)
def test_what_is_too_much_or_too_little_is_told_with_the_bound_and_what_to_name(
    ctx: Ctx, tool: str, parameters: dict[str, JsonValue], told: str
) -> None:
    with pytest.raises(OutOfRange) as refused:
        resolve(Call(tool, parameters), setting_of(ctx))
    assert refused.value.question == f"I can {told} or leave it out."
