"""Law 8: the same inputs, seed and clock give the same bytes; a recorded decision can be run again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue
from scene import NOW, a_ctx

from domain.ledger import LedgerCall, LedgerEntry, Versions
from domain.store import Store
from domain.values import Call, Effect
from engines.routing.distances import HaversineMatrix
from engines.routing.plan import STOPPED_BY_CLOCK
from engines.routing.problem import Goal, Place, Problem, Stop, StopRule, Truck
from engines.routing.solve import solve
from tools.context import AskedFor, Ctx, ThreadView, Tuning
from tools.registry import TOOLS, registry_version
from tools.replay import replay
from tools.result_bytes import result_bytes, result_hash
from tools.use import use

CALLS: dict[str, dict[str, JsonValue]] = {
    "find_bins": {"near": "Town Hall", "min_fill_pct": 10},
    "forecast_fill": {"near": "Town Hall", "by": "tomorrow noon", "within_m": 5000},
    "plan_round": {"when": "tomorrow", "serve": "all"},
    "what_if": {"truck_count": 1},
    "explain": {"bin": "105"},
    "search_records": {"query": "overflowing", "kind": "requests"},
    "service_history": {"near": "Town Hall", "since": "August"},
    "operations_report": {"measure": "collections", "since": "August", "group_by": "week"},
    "fleet_status": {"when": "tomorrow"},
    "model_status": {},
}
READ = [
    name for name, tool in TOOLS.items() if tool.effect is Effect.read and name not in {"inspect_image", "audit_trail"}
]


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    made = replace(a_ctx(store, tmp_path), tuning=Tuning(solve_seconds=0.1))
    planned = use(Call("plan_round", {"when": "tomorrow", "serve": "all"}), made).result.facts.plan_id
    return replace(made, thread=ThreadView("t-1", last_plan=planned, last_subject=planned))


def again(ctx: Ctx) -> Ctx:
    """The same moment in another process: nothing is kept in memory."""
    return replace(ctx, fill=type(ctx.fill)(ctx.store))


@pytest.mark.parametrize("name", READ)
def test_every_read_tool_gives_the_same_bytes_twice(ctx: Ctx, name: str) -> None:
    call = Call(name, CALLS[name])
    assert result_bytes(use(call, ctx).result) == result_bytes(use(call, again(ctx)).result)


def record(ctx: Ctx, name: str, parameters: dict[str, JsonValue]) -> tuple[Any, Any]:
    """A call run and recorded as an answer does it."""
    used = use(Call(name, parameters), ctx)
    call = LedgerCall(
        name=name, parameters=parameters, resolved=dict(used.result.understood), seed=ctx.tuning.seed,
        result_hash=result_hash(used.result), data_snapshot=ctx.city.digest,
    )  # fmt: skip
    entry = LedgerEntry(
        kind="decision", at=ctx.now, thread="t-1", actor="ben", role="manager", surface="slack", city="smalltown",
        question=ctx.question, answer="", calls=(call,), versions=Versions(tool_schema_hash=registry_version()),
    )  # fmt: skip
    return used, ctx.ledger.find(ctx.ledger.append(entry, f"k-{name}").decision_id)[0]


@pytest.mark.parametrize("name", READ)
def test_every_read_tool_replays_from_the_ledger_alone(ctx: Ctx, name: str) -> None:
    _, kept = record(ctx, name, CALLS[name])
    forgotten = replace(again(ctx), thread=ThreadView("t-9"))
    assert [(each.outcome, each.why) for each in replay(kept, forgotten).calls] == [("same", "the same bytes")]


def test_the_day_after_replays_from_the_time_it_was_counted_from(ctx: Ctx) -> None:
    wednesday = NOW.replace(day=3, hour=23, minute=59)
    leaning = replace(ctx, thread=ThreadView("t-1", earlier_time=wednesday), question="and the day after?")
    used, kept = record(leaning, "forecast_fill", {"by": "the day after"})
    assert used.result.facts.by.startswith("2025-09-04")
    assert replay(kept, replace(ctx, thread=ThreadView("t-9"))).reproduced


def test_a_forecast_s_reason_replays_for_the_time_and_level_it_was_asked_for(ctx: Ctx) -> None:
    thread = ThreadView("t-1", last_subject="forecast", first_bin="105", forecast=AskedFor(NOW + timedelta(days=3), 45))
    used, kept = record(replace(ctx, thread=thread), "explain", {})
    assert used.result.facts.threshold_pct == 45
    assert replay(kept, replace(ctx, thread=ThreadView("t-9"))).reproduced


def test_only_the_plan_id_that_the_call_made_is_left_out_of_the_bytes(ctx: Ctx) -> None:
    first, second = (use(Call("what_if", {"truck_count": 1}), ctx).result for _ in range(2))
    other = use(Call("what_if", {"truck_count": 1, "plan": first.facts.plan_id}), ctx).result
    assert first.facts.plan_id != second.facts.plan_id
    assert result_bytes(first) == result_bytes(second)
    assert first.facts.parent_id.encode() in result_bytes(first)
    assert result_bytes(other) != result_bytes(first)


def test_a_changed_seed_shows_in_what_was_recorded(ctx: Ctx) -> None:
    _, kept = record(replace(ctx, tuning=Tuning(seed=7, solve_seconds=0.1)), "plan_round", CALLS["plan_round"])
    assert kept.entry.calls[0].seed == 7
    assert replay(kept, ctx).reproduced


# ---------------------------------------------------------------- the solver's end


def town(stops: int) -> Problem:
    """Stops on a spiral around one depot, two trucks, one dump."""
    made = [
        Stop(f"b{n}", 45 + 0.001 * (n % 7) * n**0.5, -123 + 0.0013 * (n % 5) * n**0.5, 200, 40, 60, "Waste", prize=4000)
        for n in range(stops)
    ]
    points = [(45.01, -123.015), (45.012, -123.02), *((s.lat, s.lon) for s in made)]
    metres, seconds = HaversineMatrix().matrix(points)
    trucks = tuple(Truck(f"T{n}", 4000, 1500) for n in (1, 2))
    yard, dump = Place("Yard", *points[0]), Place("Dump", *points[1], 600)
    return Problem(tuple(made), trucks, (yard,), (dump,), metres, seconds, goal=Goal.balanced)


def test_a_plan_that_ends_by_its_looks_is_the_same_under_any_load() -> None:
    rule = StopRule(max_seconds=60, max_looks=8_000, max_solutions=10_000)
    first, second = (solve(town(40), rule, 0) for _ in range(2))
    assert first == second
    assert first.core != STOPPED_BY_CLOCK


def test_a_plan_that_the_clock_ended_says_so() -> None:
    ended = solve(town(60), StopRule(0.05, max_looks=10**9), 0)
    assert ended.core == STOPPED_BY_CLOCK


def test_more_stops_get_fewer_looks_and_the_clock_is_only_the_brake() -> None:
    small, large = (StopRule.of_work(stops, 1.0) for stops in (50, 400))
    assert small.max_looks is not None
    assert large.max_looks is not None
    assert small.max_looks > large.max_looks > 10_000
    assert small.max_seconds == large.max_seconds == 10.0
    assert StopRule.of_work(50, 0.0).max_seconds == 0.0


# ---------------------------------------------------------------- law 9


def test_a_forecast_has_the_naive_answer_beside_it(ctx: Ctx) -> None:
    result = use(Call("forecast_fill", {"by": "tomorrow"}), ctx).result
    assert isinstance(result.facts.baseline_likely, int)
    assert f"names {result.facts.baseline_likely} bins" in result.why[-1].text
    unknown = use(Call("forecast_fill", {"bins": ["112"], "by": "tomorrow"}), ctx).result
    assert unknown.facts.baseline_likely is not None or "No naive answer" in unknown.why[-1].text


@pytest.mark.parametrize("serve", ["all", "scheduled", "overflow_risk"])
@pytest.mark.parametrize("when", ["tomorrow", "Saturday"])
def test_a_plan_has_the_fixed_schedule_beside_it_or_says_why_not(ctx: Ctx, serve: str, when: str) -> None:
    result = use(Call("plan_round", {"when": when, "serve": serve}), ctx).result
    told = result.facts.baseline_distance_km is not None
    assert told or any("No baseline" in reason.text for reason in result.why)
    assert "fixed schedule" in result.sentence()


def test_a_changed_plan_stands_beside_the_one_it_changed(ctx: Ctx) -> None:
    result = use(Call("what_if", {"truck_count": 1}), ctx).result
    assert result.facts.parent_id == ctx.thread.last_plan
    assert result.understood["plan"] == ctx.thread.last_plan
