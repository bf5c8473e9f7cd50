"""Claims about how long is searched for a reason: within the tool's budget whatever is set, and cut short in words."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from scene import a_ctx, ask

from domain.store import Store
from domain.values import Call
from engines.routing.sides import SEARCHES
from tools.context import Ctx, ThreadView, Tuning
from tools.planning import REASONS_CUT
from tools.reason_searches import LONGEST_REASON_S, search_rule
from tools.registry import TOOLS
from tools.use import use


@pytest.mark.parametrize("solve_seconds", [0.1, 2.0, 10.0, 600.0])
@pytest.mark.parametrize("searches", [3, SEARCHES])
def test_the_clock_of_all_searches_leaves_a_third_of_the_tool_s_budget_to_the_rest(
    solve_seconds: float, searches: int
) -> None:
    rule = search_rule(Tuning(solve_seconds=solve_seconds), 235, searches)
    assert rule.wall_seconds <= LONGEST_REASON_S <= TOOLS["explain"].budget_s * 2 / 3


def test_more_seconds_of_the_solver_buy_looks_only_as_far_as_a_quiet_core_ends_all_searches_by_their_looks() -> None:
    looks = [
        search_rule(Tuning(solve_seconds=seconds), 235, SEARCHES).max_looks or 0 for seconds in (1.0, 2.0, 10.0, 600.0)
    ]
    assert looks[0] < looks[1] == looks[2] == looks[3]


@pytest.mark.parametrize("question", ["why_not", "what_would_change_it"])
def test_an_answer_for_whose_searches_there_is_no_time_says_so_and_has_its_reasons_all_the_same(
    store: Store, tmp_path: Path, question: str
) -> None:
    ctx: Ctx = replace(a_ctx(store, tmp_path), tuning=Tuning(solve_seconds=0.1))
    plan_id = ask(ctx, "plan_round", when="tomorrow").facts.plan_id
    hurried = replace(ctx, thread=ThreadView("t-1", last_plan=plan_id, last_subject=plan_id), tuning=Tuning(0, 0.0))
    part = {"bin": next(iter(ctx.city.bins))} if question == "why_not" else {}
    began = time.monotonic()
    told = use(Call("explain", {"question": question, **part}), hurried).result
    assert time.monotonic() - began < LONGEST_REASON_S
    assert REASONS_CUT in told.degraded
    assert told.why
