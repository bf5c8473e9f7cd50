"""Claims about plans told to people: differences by truck, reasons in figures, what is stored and what is followed."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scene import a_ctx, ask

from domain.ports import Travel
from domain.repositories.plans import content_hash, get_plan
from domain.store import Store
from domain.values import Call, say
from domain.work_records import StoredPlan
from engines.routing.distances import HaversineMatrix
from engines.routing.params import Params
from engines.routing.plan import ENDED_EARLY
from engines.routing.problem import Problem, Progress, RoundPlan, StopRule
from engines.routing.reasons import Delta, StopReason
from engines.routing.solve import solve
from engines.routing.worth import Worth
from tools.context import Ctx, ThreadView, Tuning, Watching
from tools.plan_reasons import HEADLINES, ExplanationFacts, more, more_or_less, parts_of, told_difference, verdict_of
from tools.planning import plan_as_json, plan_from_json
from tools.registry import TOOLS
from tools.replan import again
from tools.use import use


@dataclass
class Roads:
    """Distances that follow roads (twice the great circle) while `open`, and great circles with a sentence else."""

    open: bool = True
    sources: list[str | None] = field(default_factory=list)
    name: str = "road distances by a double"

    def travel(self, points: Sequence[tuple[float, float]], source: str | None = None) -> Travel:
        self.sources.append(source)
        air = HaversineMatrix().travel(points)
        if not self.open or source == air.source:
            return Travel(air.metres, air.seconds, air.source, degraded=None if source else "the roads are closed")
        return Travel(air.metres * 2, air.seconds * 2, self.name, roads=True)


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return replace(a_ctx(store, tmp_path), tuning=Tuning(solve_seconds=0.1))


def planned(ctx: Ctx, **wish: Any) -> tuple[Any, Ctx]:
    """A plan and the conversation after it."""
    result = ask(ctx, "plan_round", **{"when": "tomorrow", **wish})
    plan_id = result.facts.plan_id
    return result, replace(ctx, thread=ThreadView("t-1", last_plan=plan_id, last_subject=plan_id))


def repeated_from(ctx: Ctx, stored: StoredPlan, problem: Problem) -> RoundPlan:
    """The search of a stored plan once more, from what is stored alone."""
    start = None
    if stored.problem["went_on"]:
        assert stored.parent is not None
        with ctx.store.read() as session:
            before = get_plan(session, ctx.city.name, stored.parent).plan
        start = plan_from_json({name: value for name, value in before.items() if name != "starts_at"})
    looks = stored.problem["looks"]
    assert isinstance(looks, int)
    return solve(problem, StopRule(max_looks=looks), stored.seed, Params(start=start))


def explained(ctx: Ctx, **parameters: Any) -> Any:
    """What `explain` says."""
    return use(Call("explain", parameters), ctx).result


def column(result: Any, name: str) -> list[Any]:
    """A column of the result's table."""
    at = result.table.columns.index(name)
    return [row[at] for row in result.table.rows]


# ---------------------------------------------------------------- two plans


def test_a_change_is_a_table_by_truck_that_adds_up_and_names_the_bins_that_moved(ctx: Ctx) -> None:
    first, after = planned(ctx, serve="all")
    changed = ask(after, "what_if", remove_trucks=["Truck 1"], add_trucks=["Truck 2"])
    *trucks, total = changed.table.rows
    names = changed.table.columns
    assert total[0] == "in all"
    for name in ("bins_before", "bins_after", "load_l_before", "load_l_after"):
        at = names.index(name)
        assert sum(row[at] for row in trucks) == total[at]
    assert total[names.index("bins_before")] == first.facts.bins_served
    assert total[names.index("bins_after")] == changed.facts.bins_served
    assert total[names.index("km_after")] == changed.facts.distance_km
    gone, got = (next(row for row in trucks if row[0] == truck) for truck in ("Truck 1", "Truck 2"))
    gave = gone[names.index("bins_gave")]
    assert gone[names.index("bins_after")] == 0
    assert gave.count("to Truck 2") + gave.count("left") == gone[names.index("bins_before")] > 0
    assert got[names.index("bins_got")].count("from Truck 1") == gave.count("to Truck 2") > 0
    assert any("from Truck 1 to Truck 2" in reason.text for reason in changed.why)


def test_a_change_that_changes_nothing_says_so(ctx: Ctx) -> None:
    _, after = planned(ctx, serve="all", truck_count=1)
    same = ask(after, "what_if", truck_count=1)
    assert "makes no difference" in same.why[0].text
    assert set(column(same, "bins_got") + column(same, "bins_gave")) == {""}


# ---------------------------------------------------------------- reasons


def test_a_served_bin_is_told_with_its_way_its_truck_and_the_other_truck(ctx: Ctx) -> None:
    plan, after = planned(ctx, serve="all")
    bin_id = str(next(value for value in column(plan, "bin") if str(value).isdigit()))
    told = ask(after, "explain", bin=bin_id)
    assert told.facts.verdict == "asked"
    assert told.facts.truck in told.sentence()
    assert told.facts.extra_km is not None
    assert f"{told.facts.extra_km:.1f}".removesuffix(".0") in told.sentence()
    others = {name for name in ctx.city.trucks if name != told.facts.truck}
    assert any(name in reason.text for reason in told.why[1:] for name in others)


def test_a_skipped_bin_is_told_with_the_probability_at_which_it_would_be_served(ctx: Ctx) -> None:
    _, after = planned(ctx)
    told = [explained(after, bin=bin_id, question="why_not") for bin_id in ctx.city.bins]
    skipped = [each for each in told if each.facts.verdict == "skipped"]
    assert skipped
    for each in skipped:
        facts = each.facts
        assert "would be served above an overflow probability of" in each.sentence()
        assert 0 <= facts.chance_pct < facts.flip_chance_pct <= 100
        worth_of_sure = ctx.city.assumed("overflow_cost_per_bin_day", 20.0)
        others = facts.worth_of_haul + facts.worth_of_spared_visit
        assert facts.flip_chance_pct == pytest.approx(100 * (facts.counts - others) / worth_of_sure, abs=1.0)


def test_what_a_bin_costs_is_money_and_what_else_counts_is_told_beside_it_and_adds_up(ctx: Ctx) -> None:
    _, after = planned(ctx, truck_count=1)
    (truck,) = {each.facts.truck for each in (explained(after, bin=b) for b in ctx.city.bins) if each.facts.truck}
    rates = ctx.city.trucks[truck].cost_per_km, ctx.city.trucks[truck].cost_per_hour / 60
    weighed = 0
    for bin_id in ctx.city.bins:
        told = explained(after, bin=bin_id, question="why_not")
        facts = told.facts
        if facts.counts is None:
            continue
        assert facts.extra_cost == pytest.approx(rates[0] * facts.extra_km + rates[1] * facts.extra_minutes, abs=0.1)
        parts = facts.extra_cost + facts.longest_cost + facts.worth_only_without - facts.worth_only_with
        assert facts.counts == pytest.approx(parts)
        if facts.counts != facts.extra_cost:
            weighed += 1
            assert f"In all it counts {facts.counts:.2f}" in " ".join(reason.text for reason in told.why)
    assert weighed  # under “balanced” the longest round's time counts once more


def test_what_a_visit_is_worth_is_told_part_by_part_and_the_parts_add_up(ctx: Ctx) -> None:
    _, after = planned(ctx)
    told = [explained(after, bin=bin_id, question="why_not") for bin_id in ctx.city.bins]
    priced = [each.facts for each in told if each.facts.worth is not None]
    assert priced
    for facts in priced:
        parts = (facts.worth_of_overflow, facts.worth_of_haul, facts.worth_of_spared_visit)
        assert sum(parts) == pytest.approx(facts.worth, abs=0.001)
        chance_s_worth = facts.chance_pct / 100 * ctx.city.assumed("overflow_cost_per_bin_day", 20.0)
        assert facts.worth_of_overflow == pytest.approx(chance_s_worth, abs=0.11)
    text = " ".join(reason.text for each in told for reason in each.why)
    assert "because what lies in it need not be driven to the dump later" in text
    assert "because the next visit can come later" in text
    assert any("alone, as it is less than" in reason.text for each in told for reason in each.why)


@pytest.mark.parametrize(
    ("amounts", "told"),
    [
        ((1.2, 3.1, 2.6), "1.20 km, 3.1 min and 2.60 USD more"),
        ((-0.3, -1.2, -2.6), "0.30 km, 1.2 min and 2.60 USD less"),
        ((0.3, -1.2, -2.6), "0.30 km more, 1.2 min and 2.60 USD less"),
        ((0.3, -1.2, 0.004), "0.30 km more, 1.2 min less"),
        ((0.0, -0.04, -2.6), "2.60 USD less"),
        ((-0.001, -0.04, -0.001), "nothing more"),
    ],
)
def test_a_difference_is_told_as_more_or_less_and_never_as_less_than_nothing(
    amounts: tuple[float, float, float], told: str
) -> None:
    km, minutes, cost = amounts
    facts = ExplanationFacts(subject="plan", about="b", verdict="left out", currency="USD")
    extra = Delta(round(km * 1000), round(minutes * 60), cost, 0)
    assert more(extra, facts) == told
    swapped = told.replace("more", "LESS").replace("less", "more").replace("LESS", "less")
    assert more(extra, facts, -1) == (told if told == "nothing more" else swapped)


def test_a_headline_says_that_a_visit_saves_and_leaves_out_a_way_of_nothing() -> None:
    def told(metres: int, cost: float, counts: float) -> str:
        return told_difference(Delta(metres, 0, cost, 0), {"extra_cost": cost, "counts": counts}, "USD")

    assert told(-300, -2.6, -2.6) == "takes 0.3 km less and costs 2.60 USD less"
    assert told(300, -2.6, 1.2) == "takes 0.3 km more and costs 2.60 USD less (1.20 USD more with all that it changes)"
    assert told(-40, 0.75, 0.75) == "costs 0.75 USD more"
    assert told(0, 0.0, 0.0) == "costs nothing more"


def test_no_visit_is_told_with_less_than_nothing_and_other_bins_as_what_differs(ctx: Ctx) -> None:
    """The two rounds compared differ in other bins too, so the one with this bin may be the cheaper one."""
    cheap = {n: replace(t, cost_per_hour=t.cost_per_hour / 2, cost_per_km=0.6) for n, t in ctx.city.trucks.items()}
    _, after = planned(replace(ctx, city=replace(ctx.city, trucks=cheap), tuning=Tuning(solve_seconds=0.0)))
    told = [explained(replace(after, tuning=Tuning(solve_seconds=0.1)), bin=b) for b in ctx.city.bins]
    changed = [each for each in told if each.facts.difference]
    assert changed
    for each in changed:
        facts = each.facts
        assert f"costs {more_or_less([(facts.extra_cost, 2, facts.currency)])}" in each.sentence()
        said = [each.sentence(), *(reason.text for reason in each.why if not reason.text.startswith("In all"))]
        assert not [text for text in said if re.search(r"(?<![\w])-\d", text)]
    others = [reason.text for each in told for reason in each.why if reason.text.startswith("The best round found")]
    labels = {info.label for info in ctx.city.bins.values()}
    assert others
    for text in others:
        named = text.removesuffix(".").removesuffix(" and more").split("does not: ")[1].split(", ")
        assert {*named} <= labels


def test_a_bin_left_because_its_worth_is_less_is_told_with_both_figures_and_their_currency(ctx: Ctx) -> None:
    _, after = planned(ctx)
    left = [each.text for each in explained(after).why if each.text.startswith("Unserved ")]
    assert left
    for text in left:
        said = re.fullmatch(
            r"Unserved (.+): the cheapest place found for it costs more .+: (.+) against (.+) (\w+)\.", text
        )
        assert said
        assert said[1] in {info.label for info in ctx.city.bins.values()}
        assert float(said[2]) >= float(said[3])
        assert said[4] == ctx.city.currency


def test_a_bin_whose_load_alone_is_worth_the_way_is_served_even_if_it_could_not_overflow(ctx: Ctx) -> None:
    """Where driving costs next to nothing, so does a detour, and the other parts of the worth pay for it."""
    trucks = {name: replace(truck, cost_per_hour=0.0, cost_per_km=0.001) for name, truck in ctx.city.trucks.items()}
    near = replace(ctx, city=replace(ctx.city, trucks=trucks))
    plan, after = planned(near)
    bins = [str(value) for value in column(plan, "bin") if str(value).isdigit()]
    told = [explained(after, bin=bin_id, question="what_would_change_it") for bin_id in bins]
    assert any(each.facts.flip_chance_pct == 0 for each in told)
    for each in told:
        if each.facts.flip_chance_pct == 0:
            assert each.sentence().endswith("It would be served even if it could not overflow.")
        else:
            assert "It would be left out below an overflow probability of" in each.sentence()


def test_a_bin_that_no_shift_can_hold_names_the_truck_and_the_minutes(ctx: Ctx) -> None:
    on_foot = replace(ctx, distances=HaversineMatrix(speed_kmh=3))
    plan, after = planned(on_foot, serve="all", max_hours=1, truck_count=1)
    assert plan.facts.bins_unserved > 0
    told = [ask(after, "explain", bin=bin_id) for bin_id in ctx.city.bins]
    left = [each for each in told if each.facts.verdict in ("cannot", "crowded out")]
    assert left
    named = [each for each in left if each.facts.breaks]
    assert named
    assert all("'s shift by " in each.facts.breaks and " min" in each.facts.breaks for each in named)
    assert all(each.facts.breaks in each.sentence() for each in named)


def test_a_truck_is_told_what_other_orders_would_take(ctx: Ctx) -> None:
    plan, after = planned(ctx, serve="all")
    told = ask(after, "explain", truck=plan.table.rows[0][0])
    text = " ".join(reason.text for reason in told.why)
    assert "Always to the nearest bin next" in text
    assert "The other way round" in text


def test_what_ended_a_truck_s_round_is_told_only_where_something_is_left(ctx: Ctx) -> None:
    said = {}
    named = [next(iter(ctx.city.bins))]
    for serve in ("all", "overflow_risk"):
        plan, after = planned(ctx, serve=serve, must_serve=named)
        told = ask(after, "explain", truck=plan.table.rows[0][0])
        said[serve] = plan.facts.bins_unserved, told.why[0].text
    assert said["all"][0] == 0
    assert said["all"][1].endswith("stay free and no bin is left for it.")
    assert said["overflow_risk"][0] > 0
    assert said["overflow_risk"][1].endswith("stay free, so the worth of further bins ends it.")


def test_what_would_change_a_plan_is_the_other_goals_beside_it(ctx: Ctx) -> None:
    plan, after = planned(ctx, serve="all")
    told = explained(after, question="what_would_change_it")
    assert column(told, "goal") == ["balanced", "cost", "time", "emissions"]
    assert column(told, "km")[0] == plan.facts.distance_km
    assert told.facts.saves_km >= 0
    assert told.facts.saves_cost == pytest.approx(max(column(told, "cost")[0] - each for each in column(told, "cost")))


# ---------------------------------------------------------------- what is stored


def test_a_stored_plan_holds_all_that_repeats_it_byte_for_byte(ctx: Ctx) -> None:
    result, after = planned(ctx)
    with ctx.store.read() as session:
        stored = get_plan(session, ctx.city.name, result.facts.plan_id)
    assert len(stored.problem_hash) == 64
    assert stored.seed == ctx.tuning.seed
    assert stored.core
    assert stored.baseline["metres"] == pytest.approx(result.facts.baseline_distance_km * 1000, abs=51)
    assert stored.gap == stored.plan["gap"]
    assert stored.problem["distances"] == HaversineMatrix().name
    seen = again(after, stored)
    assert seen.problem.hash == stored.problem_hash
    repeated = {**plan_as_json(repeated_from(ctx, stored, seen.problem)), "starts_at": stored.plan["starts_at"]}
    assert content_hash(repeated) == stored.content_hash


def test_a_plan_that_went_on_from_another_is_repeated_byte_for_byte_too(ctx: Ctx) -> None:
    first, after = planned(ctx, serve="all")
    skipped = str(next(value for value in column(first, "bin") if str(value).isdigit()))
    plan_id = ask(after, "what_if", skip=[skipped]).facts.plan_id
    with ctx.store.read() as session:
        stored = get_plan(session, ctx.city.name, plan_id)
    seen = again(after, stored)
    assert stored.problem["went_on"]
    repeated = {**plan_as_json(repeated_from(ctx, stored, seen.problem)), "starts_at": stored.plan["starts_at"]}
    assert content_hash(repeated) == stored.content_hash


def test_levels_are_planned_with_as_they_are_stored(ctx: Ctx) -> None:
    result, _ = planned(ctx)
    with ctx.store.read() as session:
        stored = get_plan(session, ctx.city.name, result.facts.plan_id)
    assert again(ctx, stored).problem.hash == stored.problem_hash


# ---------------------------------------------------------------- where distances come from


def test_a_plan_says_whose_roads_it_drives_on_and_is_explained_over_the_same(ctx: Ctx) -> None:
    roads = Roads()
    on_roads = replace(ctx, distances=roads)
    result, after = planned(on_roads, serve="all")
    assert any(reason.text == f"Distances are {roads.name}." for reason in result.why)
    assert not result.degraded
    roads.open = False
    closed, later = planned(on_roads, serve="all")
    assert "the roads are closed" in closed.degraded
    assert any("not road distances" in reason.text for reason in closed.why)
    roads.open = True
    assert ask(later, "explain").facts.extra_km == closed.facts.distance_km
    assert ask(after, "explain").facts.extra_km == result.facts.distance_km
    assert np.isclose(result.facts.distance_km, 2 * closed.facts.distance_km, rtol=0.05)


class Closing(Roads):
    """Roads that are closed once the plan has its distances."""

    def travel(self, points: Sequence[tuple[float, float]], source: str | None = None) -> Travel:
        found = super().travel(points, source)
        self.open = False
        return found


def test_a_fixed_schedule_that_could_not_be_planned_beside_it_is_not_said_to_have_nothing_due(ctx: Ctx) -> None:
    result, _ = planned(replace(ctx, distances=Closing()), serve="all")
    assert result.facts.baseline_bins is None
    assert result.sentence().endswith("The fixed schedule's round could not be planned beside it.")
    told = "No baseline: the fixed schedule's 3 bins could not be planned over the same distances."
    assert told in [reason.text for reason in result.why]


def test_a_day_without_the_fixed_schedule_says_so(ctx: Ctx) -> None:
    result, _ = planned(ctx, serve="all", when="Saturday")
    assert result.sentence().endswith("The fixed schedule has nothing due there that day.")
    told = "No baseline: the fixed schedule visits none of these bins that day."
    assert told in [reason.text for reason in result.why]


# ---------------------------------------------------------------- who follows the search


def test_a_search_tells_how_far_it_is_and_ends_with_the_best_so_far(ctx: Ctx) -> None:
    told: list[Progress] = []

    def ended() -> bool:
        return bool(told)

    long = replace(ctx, tuning=Tuning(solve_seconds=60.0, watching=Watching(told.append, ended)))
    result, _ = planned(long, serve="all")
    assert told
    assert told[0].share < 1
    assert result.facts.bins_served > 0
    assert any("ended early on request" in sentence for sentence in result.degraded)
    with ctx.store.read() as session:
        stored = get_plan(session, ctx.city.name, result.facts.plan_id)
    assert stored.core == ENDED_EARLY
    assert stored.problem["looks"] is None  # a person had a share in it: nothing repeats it


def test_a_plan_that_is_dearer_than_the_fixed_schedule_s_round_says_so_first_and_what_there_is_to_do(ctx: Ctx) -> None:
    result, _ = planned(ctx, serve="all")
    facts = result.facts
    assert facts.dearer_by == pytest.approx(facts.cost - facts.baseline_cost, abs=0.06)
    told = f"Dearer than the fixed schedule's round by {say(facts.dearer_by)} {facts.currency}, with "
    assert result.sentence().startswith(f"{told}{facts.bins_served} bins instead of {facts.baseline_bins}. Plan P-")
    ended = replace(ctx, tuning=Tuning(solve_seconds=60.0, watching=Watching(lambda _: None, lambda: True)))
    cut = planned(ended, serve="all")[0].sentence()
    assert cut.startswith("Dearer than ")
    assert "instead of 3. The search was ended early on request: this is the best round found by then. Plan P-" in cut


def test_a_plan_that_is_no_dearer_than_the_fixed_schedule_s_round_is_told_as_it_is(ctx: Ctx) -> None:
    result, _ = planned(ctx, serve="scheduled")
    assert result.facts.cost <= result.facts.baseline_cost
    assert result.facts.dearer_by is None
    assert result.sentence().startswith("Plan P-")


def test_a_search_that_may_take_minutes_keeps_within_the_tool_s_budget(ctx: Ctx) -> None:
    began = time.monotonic()
    result, _ = planned(replace(ctx, tuning=Tuning(solve_seconds=120.0)), serve="all")
    assert time.monotonic() - began < TOOLS["plan_round"].budget_s
    assert result.facts.bins_served > 0


def test_a_search_that_nobody_ends_says_nothing_of_it(ctx: Ctx) -> None:
    watched = replace(ctx, tuning=replace(ctx.tuning, watching=Watching(lambda _: None, lambda: False)))
    assert planned(watched, serve="all")[0].degraded == planned(ctx, serve="all")[0].degraded


@pytest.mark.parametrize(
    ("chance", "overturned", "verdict"),
    [(8, False, "skipped"), (5, False, "narrowly skipped"), (3, False, "narrowly skipped"), (0, True, "overturned")],
)
def test_no_bin_is_told_to_be_served_above_a_probability_that_it_has(
    chance: int, overturned: bool, verdict: str
) -> None:
    left = StopReason("b", False, "T", Delta(900, 90, 1.0, 1000), 900, 800, overturned=overturned)
    facts = ExplanationFacts(subject="plan", about="b", verdict="left out", chance_pct=5)
    assert verdict_of(left, chance, facts) == verdict
    assert ("would be served above" in HEADLINES[verdict]) == (verdict == "skipped")


def test_a_bin_that_a_longer_search_would_leave_is_not_told_to_be_worth_its_way() -> None:
    served = StopReason("b", True, "T", Delta(900, 90, 1.0, 1000), 900, 1000, overturned=True)
    facts = ExplanationFacts(subject="plan", about="b", verdict="left out", chance_pct=5)
    assert verdict_of(served, 8, facts) == "kept too long"
    assert verdict_of(replace(served, overturned=False), 4, facts) == "served"
    assert "a longer search would leave it" in HEADLINES["kept too long"]


def test_no_figure_told_of_a_bin_contradicts_another_however_short_the_search_was(ctx: Ctx) -> None:
    """What it costs and the chance at which it turns are the same difference; a worth above it is served."""
    cheap = {n: replace(t, cost_per_hour=t.cost_per_hour / 2, cost_per_km=0.6) for n, t in ctx.city.trucks.items()}
    _, after = planned(replace(ctx, city=replace(ctx.city, trucks=cheap), tuning=Tuning(solve_seconds=0.0)))
    full = ctx.city.assumed("overflow_cost_per_bin_day", 20.0)
    told = [explained(replace(after, tuning=Tuning(solve_seconds=0.1)), bin=bin_id) for bin_id in ctx.city.bins]
    priced = [each.facts for each in told if each.facts.worth is not None]
    assert len({facts.verdict for facts in priced}) > 1
    for facts in priced:
        assert (facts.worth >= facts.counts) == (facts.verdict in ("served", "overturned"))
        if facts.flip_chance_pct:
            others = facts.worth_of_haul + facts.worth_of_spared_visit
            assert facts.flip_chance_pct == pytest.approx(100 * (facts.counts - others) / full, abs=1.0)


def test_the_parts_told_of_a_worth_add_up_to_the_worth_told() -> None:
    for worth in (Worth(4, 4, 4), Worth(15, 26, 34), Worth(1006, 1, 2), Worth(0, 5, 0), Worth(996, 996, 996)):
        assert sum(parts_of(worth).values()) == pytest.approx(round(worth.prize / 1000, 2), abs=1e-9)
