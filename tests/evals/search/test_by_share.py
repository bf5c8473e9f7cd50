"""Each plan alone, and what the planner's choice costs against the cheapest one."""

from __future__ import annotations

from collections import Counter

import pytest

from domain.errors import StoreUnavailable
from evals.search.by_share import Bench, alone, asked_of, bucket, took_by_share
from evals.search.world import World
from retrieval.planner import Plan, Planner
from retrieval.store import Found, PlanTrace, SearchRequest

WORLD = World(200, seed=3)
CHEAP, DEAR, HOPELESS = 2.0, 5.0, 1_500.0


class Priced:
    """A back end that finds nothing, whose plans have prices in ms; left to itself it takes `free`.

    `asked`: how often each plan alone was.
    """

    def __init__(self, prices: dict[Plan, float], free: Plan, degraded: tuple[str, ...] = ()) -> None:
        self.prices, self.free, self.degraded = prices, free, degraded
        self.asked: Counter[Plan] = Counter()
        self.planner = Planner()
        self._only: dict[int, Plan | None] = {}
        self._made: list[Planner] = []

    def planner_of(self, only: Plan | None) -> Planner:
        """A planner that is known again."""
        self._made.append(Planner(only=only))
        self._only[id(self._made[-1])] = only
        return self._made[-1]

    def search(self, request: SearchRequest) -> Found:
        """An answer by the planner's plan, or by the free one where there is no such plan here."""
        only = self._only[id(self.planner)]
        plan = only if only in self.prices else self.free
        if only is not None and plan == only:
            self.asked[only] += 1
        trace = PlanTrace(plan, 10, 20, self.prices[plan])
        return Found((), 0, 20, None, plan, degraded=self.degraded, trace=trace)


def test_a_hopeless_plan_is_asked_once_in_a_bucket_and_any_other_twice_at_each_question() -> None:
    store = Priced({Plan.LIMITS_FIRST: HOPELESS, Plan.MEANING_FIRST: CHEAP}, Plan.MEANING_FIRST)
    took, _ = took_by_share(Bench(store, store.planner_of), WORLD, asked_of(WORLD, 3))
    assert len(took) == 10
    assert store.asked == {Plan.LIMITS_FIRST: 10, Plan.MEANING_FIRST: 2 * 3 * 10}
    told = [bucket(each) for each in took.values()]
    assert {(each["regret"], each["compared"]) for each in told} == {(1.0, 1.33)}  # the hopeless one at one of three
    assert all(each["hybrid_recall10"] == 1 for each in told)  # by the one question at which an exact plan ran


@pytest.mark.parametrize(("price", "regret"), [(CHEAP, 1.0), (DEAR, 2.5), (HOPELESS, 750.0)])
def test_regret_is_what_the_chosen_plan_costs_against_the_cheapest(price: float, regret: float) -> None:
    prices = {Plan.LIMITS_FIRST: CHEAP, Plan.MEANING_FIRST: price}
    store = Priced(prices, Plan.MEANING_FIRST)
    took, _ = took_by_share(Bench(store, store.planner_of), WORLD, asked_of(WORLD, 2))
    every = [question for each in took.values() for question in each]
    assert {question.regret for question in every} == {regret}
    assert {question.error for question in every} == {2.0}
    told = alone(every, "")
    assert told["chosen"] == told["meaning first"] == {"worst_p95_ms": price, "p50_ms": price}
    assert "all meanings" not in told


def test_an_answer_by_less_than_everything_ends_the_measurement() -> None:
    store = Priced({Plan.LIMITS_FIRST: CHEAP}, Plan.LIMITS_FIRST, degraded=("meaning search is off",))
    with pytest.raises(StoreUnavailable, match="meaning search is off"):
        took_by_share(Bench(store, store.planner_of), WORLD, asked_of(WORLD, 2))
