"""A dispatched round that is changed on its way: what is begun stays, what was served is not planned again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from scene import a_ctx, ask, send_round

from domain.repositories.plans import get_plan
from domain.store import Store
from engines.routing.plan import RoundPlan
from tools.context import Ctx, ThreadView, Tuning
from tools.plan_replay import repeat_plan
from tools.planning import plan_from_json

HALF_WAY = 0.5


def plan_of(ctx: Ctx, plan_id: str) -> RoundPlan:
    with ctx.store.read() as session:
        return plan_from_json(get_plan(session, ctx.city.name, plan_id).plan)


def starts_of(ctx: Ctx, plan_id: str) -> datetime:
    with ctx.store.read() as session:
        return datetime.fromisoformat(str(get_plan(session, ctx.city.name, plan_id).plan["starts_at"]))


def slow_city(ctx: Ctx) -> Ctx:
    """The small city with two day shifts and 15 minutes a bin, so that no truck alone does them all in two hours."""
    stated = ctx.city.assumptions["operation"]
    assert isinstance(stated, dict)
    truck = replace(ctx.city.trucks["Truck 1"], shift_start="05:00", shift_end="13:00")
    city = replace(
        ctx.city,
        assumptions={**ctx.city.assumptions, "operation": {**stated, "service_s_per_bin": {"value": 900}}},
        trucks={name: replace(truck, name=name) for name in ctx.city.trucks},
    )
    return replace(ctx, city=city, tuning=Tuning(solve_seconds=0.2))


@pytest.fixture
def out(store: Store, tmp_path: Path) -> tuple[Ctx, str]:
    """Two trucks on a dispatched round of all bins, in the middle of the longer one's time; the plan's id."""
    made = slow_city(a_ctx(store, tmp_path))
    plan_id = ask(made, "plan_round", when="tomorrow", serve="all", truck_count=2, max_hours=2).facts.plan_id
    plan, starts_at = plan_of(made, plan_id), starts_of(made, plan_id)
    assert all(each.stop_ids for each in plan.rounds)
    for number, each in enumerate(plan.rounds, 1):
        send_round(store, each.truck, starts_at, {"visits": []}, number)
        with store.write() as session:
            session.connection().exec_driver_sql(
                "UPDATE dispatches SET plan_id = ? WHERE id = ?", (plan_id, f"R-{number:04d}")
            )
    longest = max(each.seconds for each in plan.rounds)
    now = starts_at + timedelta(seconds=HALF_WAY * longest)
    return replace(made, now=now, thread=ThreadView("t-1", last_plan=plan_id, last_subject=plan_id)), plan_id


def second(ctx: Ctx, at: datetime) -> int:
    local = at.astimezone(ctx.zone)
    return local.hour * 3600 + local.minute * 60 + local.second


def test_with_a_truck_taken_out_the_others_keep_what_they_have_begun_and_take_what_is_left(
    out: tuple[Ctx, str],
) -> None:
    ctx, plan_id = out
    before = plan_of(ctx, plan_id)
    down, on = before.rounds[1], before.rounds[0]
    result = ask(ctx, "what_if", remove_trucks=[down.truck])
    after = plan_of(ctx, result.facts.plan_id)
    leaves = starts_of(ctx, result.facts.plan_id)
    assert ctx.now < leaves <= ctx.now + timedelta(minutes=30)
    begun = [v.stop_id for v in on.visits if not v.is_dump and v.arrival_s < second(ctx, leaves)]
    served = {v.stop_id for v in down.visits if not v.is_dump and v.depart_s <= second(ctx, ctx.now)}
    assert begun
    assert served
    assert [each.truck for each in after.rounds] == [on.truck]
    assert after.rounds[0].stop_ids[: len(begun)] == tuple(begun)
    assert after.rounds[0].leave_s == on.leave_s
    assert not served & set(after.served)
    assert set(after.served) | {u.stop_id for u in after.unserved} | served >= set(before.served)
    assert result.facts.bins_lost == len(set(before.served) - set(after.served) - served)
    assert result.why[0].text.startswith(f"The round is on its way: {on.truck} keeps the {len(begun)} bin")


def test_the_changed_round_is_explained_and_solved_again_from_what_is_stored(out: tuple[Ctx, str]) -> None:
    ctx, plan_id = out
    changed = ask(ctx, "what_if", remove_trucks=[plan_of(ctx, plan_id).rounds[1].truck]).facts.plan_id
    assert repeat_plan(changed, ctx).verdict.outcome == "same"
    thread = replace(ctx, thread=ThreadView("t-1", last_plan=changed, last_subject=changed))
    assert changed in ask(thread, "explain").sentence()


def test_a_second_change_knows_what_the_first_one_knew(out: tuple[Ctx, str]) -> None:
    ctx, plan_id = out
    fewer, more = sorted(plan_of(ctx, plan_id).rounds, key=lambda each: len(each.stop_ids))
    assert len(more.stop_ids) >= 6  # the last of six bins of 15 minutes is not begun soon after half of the time
    first = ask(ctx, "what_if", remove_trucks=[fewer.truck])
    thread = replace(ctx, thread=ThreadView("t-1", last_plan=first.facts.plan_id, last_subject=first.facts.plan_id))
    one = plan_of(ctx, first.facts.plan_id)
    skipped = one.rounds[0].stop_ids[-1]
    second_change = ask(thread, "what_if", skip=[f"bin {skipped}"])
    two = plan_of(ctx, second_change.facts.plan_id)
    assert second_change.why[0].text == first.why[0].text
    assert set(one.served) - set(two.served) == {skipped}


def test_a_round_that_nobody_was_sent_on_begins_anew(out: tuple[Ctx, str]) -> None:
    ctx, plan_id = out
    with ctx.store.write() as session:
        session.connection().exec_driver_sql("UPDATE dispatches SET state = 'recalled'")
    result = ask(ctx, "what_if", remove_trucks=[plan_of(ctx, plan_id).rounds[1].truck])
    after = plan_of(ctx, result.facts.plan_id)
    assert "on its way" not in " ".join(reason.text for reason in result.why)
    assert min(each.leave_s for each in after.rounds if each.leave_s is not None) >= second(
        ctx, starts_of(ctx, result.facts.plan_id)
    )


def test_a_round_that_is_over_is_planned_for_the_next_day(out: tuple[Ctx, str]) -> None:
    ctx, plan_id = out
    late = replace(ctx, now=ctx.now.astimezone(ctx.zone).replace(hour=23, minute=50))
    result = ask(late, "what_if", remove_trucks=[plan_of(ctx, plan_id).rounds[1].truck])
    assert starts_of(ctx, result.facts.plan_id) > late.now
    assert "on its way" not in " ".join(reason.text for reason in result.why)


def test_a_new_round_in_the_same_shift_leaves_out_what_was_served_and_says_so(out: tuple[Ctx, str]) -> None:
    ctx, plan_id = out
    now = second(ctx, ctx.now)
    done = {
        each.truck: [v.stop_id for v in each.visits if not v.is_dump and v.depart_s <= now]
        for each in plan_of(ctx, plan_id).rounds
    }
    served = {stop for stops in done.values() for stop in stops}
    assert served
    result = ask(ctx, "plan_round", when="today", serve="all", truck_count=2)
    anew = plan_of(ctx, result.facts.plan_id)
    assert starts_of(ctx, result.facts.plan_id).date() == starts_of(ctx, plan_id).date()
    assert set(anew.served) == set(plan_of(ctx, plan_id).served) - served
    for truck, stops in done.items():
        assert f"{truck} had served {len(stops)} bin" in result.why[0].text
    assert repeat_plan(result.facts.plan_id, ctx).verdict.outcome == "same"
    changed = ask(ctx, "what_if", plan=result.facts.plan_id, goal="time")
    assert not served & set(plan_of(ctx, changed.facts.plan_id).served)
    assert changed.why[0].text == result.why[0].text


def test_a_bin_that_was_served_is_planned_again_when_it_must_be(out: tuple[Ctx, str]) -> None:
    ctx, plan_id = out
    first = plan_of(ctx, plan_id).rounds[0].stop_ids[0]
    result = ask(ctx, "plan_round", when="today", serve="all", must_serve=[f"bin {first}"])
    assert first in plan_of(ctx, result.facts.plan_id).served


def test_a_round_of_the_next_day_knows_nothing_of_todays(out: tuple[Ctx, str]) -> None:
    ctx, plan_id = out
    result = ask(ctx, "plan_round", when="tomorrow", serve="all")
    assert set(plan_of(ctx, result.facts.plan_id).served) >= set(plan_of(ctx, plan_id).served)
    assert "had served" not in " ".join(reason.text for reason in result.why)
