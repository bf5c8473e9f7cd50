"""The planner: the cheapest plan, exact up to ten thousand, checked where it is not, and what it learns."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, pairwise

import numpy as np
import numpy.typing as npt
import pytest

from retrieval.costs import PASSED_OVER, Cost, LearnedCosts
from retrieval.planner import FEW, Nearest, Plan, Planner

Numbers = npt.NDArray[np.int64]
EVERY = frozenset(Plan)


class Collection:
    """Meanings on a line, number n at cosine 1 - n / total; `inside` are those that the limits leave."""

    def __init__(self, total: int, inside: Numbers, plans: frozenset[Plan] = EVERY, estimated: int | None = None):
        self.total, self.plans, self.inside = total, plans, inside
        self.estimated = len(inside) if estimated is None else estimated
        self.asked: list[str] = []
        self.blind: set[int] = set()  # what the approximate index never finds
        self.most = total  # that it says it gives
        self.given = total  # that it gives
        self.near: float | None = None  # share of what is near the question that passes, where it is known
        self.sampled = 0  # how often that was asked

    def estimate(self) -> int:
        return self.estimated

    def survival(self) -> float:
        return self.estimated / self.total

    def survival_near(self) -> float:
        self.sampled += 1
        return self.survival() if self.near is None else self.near

    def within(self) -> Numbers:
        return self.inside

    def passes(self, numbers: Numbers) -> npt.NDArray[np.bool_]:
        return np.isin(numbers, self.inside)

    def exact(self, numbers: Numbers | None, depth: int) -> Nearest:
        self.asked.append("all" if numbers is None else "some")
        return self._nearest(self.inside if numbers is None else numbers, depth)

    def approximate(self, fetch: int) -> Nearest:
        self.asked.append(f"near {fetch}")
        return self._nearest(np.array([n for n in range(self.total) if n not in self.blind]), min(fetch, self.given))

    def _nearest(self, numbers: Numbers, depth: int) -> Nearest:
        found = np.sort(numbers)[:depth]
        return Nearest(found, 1 - found / self.total)


def ticking(step_s: float = 0.001) -> Iterator[float]:
    """A clock that every look moves by a step."""
    return (step_s * tick for tick in count())


def planner(**costs: Cost) -> Planner:
    """A planner for which every step takes a millisecond; costs are given by the names of the plans."""
    ticks = ticking()
    return Planner({Plan[name]: cost for name, cost in costs.items()}, clock=lambda: next(ticks), sample_every=0)


def spread(total: int, every: int) -> Numbers:
    """One number in so many."""
    return np.arange(0, total, every)


@pytest.mark.parametrize("share", [1, 3, 50, 1_000, 20_000])
@pytest.mark.parametrize("plan", Plan)
def test_every_plan_finds_the_exact_nearest_when_the_index_misses_nothing(plan: Plan, share: int) -> None:
    inside = spread(60_000, share)
    found, _ = Planner(only=plan).run(Collection(60_000, inside), 20)
    assert found.numbers.tolist() == inside[:20].tolist()


def test_the_plan_is_the_one_that_is_expected_to_be_cheapest() -> None:
    costs = {"LIMITS_FIRST": Cost(0, 10), "ALL_MEANINGS": Cost(0, 1), "MEANING_FIRST": Cost(0, 5)}
    few, half, most = (Collection(100_000, np.arange(n)) for n in (100, 40_000, 99_000))
    assert [planner(**costs).choose(each, 10_000).plan for each in (few, half, most)] == [
        "limits first", "all meanings", "meaning first",
    ]  # fmt: skip


def test_where_place_and_meaning_are_known_to_be_at_odds_the_index_is_not_tried() -> None:
    costs = {"LIMITS_FIRST": Cost(0, 1), "ALL_MEANINGS": Cost(0, 1), "MEANING_FIRST": Cost(0, 5)}
    far = np.arange(30_000, 60_000)
    source = Collection(60_000, far)
    source.near = 0.005
    found, trace = planner(**costs).run(source, 20)
    assert (trace.plan, source.asked) == ("limits first", ["some"])
    assert found.numbers.tolist() == far[:20].tolist()


def test_where_nearly_all_that_is_near_passes_less_is_fetched() -> None:
    costs = {"LIMITS_FIRST": Cost(1e6, 1), "ALL_MEANINGS": Cost(1e6, 1), "MEANING_FIRST": Cost(0, 0)}
    source = Collection(60_000, np.arange(20_000))
    source.near = 1.0
    found, _ = planner(**costs).run(source, 20)
    assert (source.asked, found.numbers.tolist()) == (["near 30"], list(range(20)))


def test_up_to_ten_thousand_candidates_nothing_is_approximate_however_cheap() -> None:
    costs = {"LIMITS_FIRST": Cost(1e6, 1), "ALL_MEANINGS": Cost(1e6, 1), "MEANING_FIRST": Cost(0, 0)}
    small, large = (Collection(50_000, np.arange(n)) for n in (FEW, FEW + 1))
    assert planner(**costs).choose(small, 10).plan != "meaning first"
    assert planner(**costs).choose(large, 10).plan == "meaning first"
    assert (small.sampled, large.sampled) == (0, 1)


def test_how_many_near_the_question_pass_is_not_asked_where_the_index_could_not_win() -> None:
    costs = {"LIMITS_FIRST": Cost(0, 1), "ALL_MEANINGS": Cost(0, 1), "MEANING_FIRST": Cost(1e6, 1)}
    source = Collection(60_000, np.arange(20_000))
    _, trace = planner(**costs).run(source, 20)
    assert (trace.plan, source.sampled) == ("limits first", 0)


def test_a_searchs_cost_begins_before_its_plan_is_chosen() -> None:
    source, ticks = Collection(60_000, np.arange(20_000)), ticking()
    made = Planner({Plan.MEANING_FIRST: Cost(1e6, 1)}, clock=lambda: next(ticks), sample_every=0)
    source.estimate = lambda: next(ticks) and 20_000  # type: ignore[method-assign]
    _, trace = made.run(source, 20)
    assert trace.cost_ms >= 4  # begun, at least one estimate, and the two looks of the exact plan


def test_where_too_few_survive_more_are_fetched_until_there_are_enough() -> None:
    costs = {"LIMITS_FIRST": Cost(1e6, 1), "ALL_MEANINGS": Cost(1e6, 1), "MEANING_FIRST": Cost(0, 0)}
    far = np.arange(20_000, 60_000)  # most of all, and none of it near: what a place and a meaning at odds look like
    source = Collection(60_000, far)
    found, trace = planner(**costs).run(source, 20)
    assert found.numbers.tolist() == far[:20].tolist()
    fetched = [int(asked.removeprefix("near ")) for asked in source.asked]
    assert fetched[0] == 45
    assert all(2 * a <= b <= 4 * a for a, b in pairwise(fetched))
    assert trace.plan == "meaning first"


def test_where_fetching_more_would_cost_more_than_an_exact_plan_that_one_ends_it() -> None:
    costs = {"LIMITS_FIRST": Cost(3, 0), "ALL_MEANINGS": Cost(9, 0), "MEANING_FIRST": Cost(0, 10)}
    far = np.arange(30_000, 60_000)
    source = Collection(60_000, far)
    found, trace = planner(**costs).run(source, 20)
    assert found.numbers.tolist() == far[:20].tolist()
    assert source.asked[-1] == "some"
    assert trace.plan == "meaning first, then limits first"


def test_an_index_that_gives_no_more_is_not_asked_again_and_nothing_is_learned_from_it() -> None:
    costs = {"LIMITS_FIRST": Cost(1e6, 1), "ALL_MEANINGS": Cost(1e6, 1), "MEANING_FIRST": Cost(0, 0)}
    far = np.arange(20_000, 60_000)
    source = Collection(60_000, far)
    source.given = 100
    asking = planner(**costs)
    learned: list[float] = []

    class Watched(LearnedCosts):
        """Costs that tell from what they learn."""

        def learn(self, plan: str, size: int, took_ms: float) -> None:
            learned.append(size)
            super().learn(plan, size, took_ms)

    asking.costs = Watched(asking.costs.known())
    found, trace = asking.run(source, 20)
    assert found.numbers.tolist() == far[:20].tolist()
    assert trace.plan in {"meaning first, then limits first", "meaning first, then all meanings"}
    fetched = [int(asked.removeprefix("near ")) for asked in source.asked if asked.startswith("near ")]
    assert fetched[0] == 45
    assert len(fetched) == 3  # 45, what the hundred stop, and once more of which nothing is new
    assert learned[:2] == fetched[:2]
    assert fetched[2] not in learned


def test_no_more_is_asked_of_an_index_than_it_says_it_gives() -> None:
    costs = {"LIMITS_FIRST": Cost(1e6, 1), "ALL_MEANINGS": Cost(1e6, 1), "MEANING_FIRST": Cost(0, 0)}
    far = np.arange(20_000, 60_000)
    source = Collection(60_000, far)
    source.most = source.given = 100
    found, _ = planner(**costs).run(source, 20)
    assert found.numbers.tolist() == far[:20].tolist()
    assert source.asked[:2] == ["near 45", "near 100"]
    assert len(source.asked) == 3
    deep = Collection(60_000, np.arange(60_000))
    deep.most = deep.given = 100
    found, _ = planner(**costs).run(deep, 200)
    assert found.numbers.tolist() == list(range(200))
    assert len(deep.asked) == 2


@pytest.mark.parametrize(("beyond", "plan"), [(2_000, "meaning first, then limits first"), (0, "meaning first")])
def test_where_place_and_meaning_are_at_odds_the_answer_is_exact_though_enough_survive(beyond: int, plan: str) -> None:
    """Half of all are inside; beyond the first 2,000 the index is blind for what is nearest of them."""
    costs = {"LIMITS_FIRST": Cost(19, 0), "ALL_MEANINGS": Cost(1e6, 1), "MEANING_FIRST": Cost(0, 0.001)}
    inside = np.arange(beyond, 60_000, 2) if beyond else np.arange(0, 60_000, 2)
    source = Collection(60_000, inside)
    source.blind = {*range(beyond, beyond + 40)} if beyond else set()
    found, trace = planner(**costs).run(source, 2_000)
    assert trace.plan == plan
    assert found.numbers.tolist() == inside[:2_000].tolist()


def test_a_source_without_an_index_is_searched_exactly() -> None:
    source = Collection(60_000, np.arange(60_000), EVERY - {Plan.MEANING_FIRST})
    assert Planner().run(source, 5)[1].plan in {"limits first", "all meanings"}


def test_fewer_than_asked_for_are_all_given_by_an_index_without_an_exact_plan() -> None:
    source = Collection(1_000, np.array([999]), frozenset({Plan.MEANING_FIRST}))
    assert Planner().run(source, 5)[0].numbers.tolist() == [999]


def test_the_trace_says_what_was_expected_and_what_was_there() -> None:
    source = Collection(60_000, np.arange(500), estimated=450)
    _, trace = planner().run(source, 5)
    assert (trace.plan, trace.estimated, trace.actual) == ("limits first", 450, 500)
    assert trace.alternatives.keys() == {"limits first", "all meanings"}
    assert trace.cost_ms > 0


def test_one_approximate_search_of_so_many_is_checked_against_the_exact_answer() -> None:
    costs = {Plan.LIMITS_FIRST: Cost(1e6, 1), Plan.ALL_MEANINGS: Cost(1e6, 1)}
    checking = Planner(costs, sample_every=3)
    source = Collection(60_000, np.arange(60_000))
    source.blind = {0, 1, 2}
    samples = [checking.run(source, 30)[1].recall_sample for _ in range(6)]
    assert samples == [None, None, 0.7, None, None, 0.7]


def test_costs_are_learned_from_what_searches_took() -> None:
    costs = LearnedCosts({"scan": Cost(1.0, 1.0)})
    sizes = [1_000, 50_000, 200_000, 5_000] * 25
    for size in sizes:
        costs.learn("scan", size, 0.5 + 0.2 * size / 1_000)
    known = costs.known()["scan"]
    assert known.fixed_ms == pytest.approx(0.5, rel=0.1)
    assert known.each_us == pytest.approx(0.2, rel=0.05)


def test_costs_that_changed_are_learned_again_and_one_pause_does_not_matter() -> None:
    costs = LearnedCosts({"scan": Cost(0.1, 1.0)})
    for _ in range(300):
        costs.learn("scan", 10_000, 10.0)
    costs.learn("scan", 10_000, 5_000.0)
    assert costs.expected("scan", 10_000) < 20
    for _ in range(300):
        costs.learn("scan", 10_000, 2.0)
    assert costs.expected("scan", 10_000) == pytest.approx(2.0, rel=0.1)


def test_a_plan_that_one_bad_moment_made_dear_is_as_cheap_as_at_first_once_it_was_long_not_run() -> None:
    costs = LearnedCosts({"index": Cost(0.1, 0.1)})
    costs.learn("index", 10_000, 1_000.0)
    for _ in range(PASSED_OVER - 1):
        costs.passed_over("index")
    assert costs.expected("index", 10_000) > 1.5
    costs.passed_over("index")
    assert costs.expected("index", 10_000) < 1.2
    costs.learn("index", 10_000, 3.0)
    assert costs.expected("index", 10_000) > 1.5  # one search tells


def test_a_plan_that_is_cheaper_than_at_first_stays_so_however_long_it_is_not_run() -> None:
    costs = LearnedCosts({"scan": Cost(5.0, 1.0)})
    for size in (1_000, 50_000) * 60:
        costs.learn("scan", size, 0.5 + 0.2 * size / 1_000)
    before = costs.expected("scan", 30_000)
    for _ in range(2 * PASSED_OVER):
        costs.passed_over("scan")
    assert costs.expected("scan", 30_000) == pytest.approx(before)


def test_a_plan_that_takes_part_and_is_not_run_is_tried_again_in_the_end() -> None:
    made = planner(LIMITS_FIRST=Cost(1, 1), ALL_MEANINGS=Cost(1, 1), MEANING_FIRST=Cost(0.1, 1))
    made.costs.adopt({Plan.MEANING_FIRST: Cost(1_000, 10)})
    source = Collection(60_000, np.arange(20_000))
    plans = [made.run(source, 20)[1].plan for _ in range(PASSED_OVER + 1)]
    assert plans.index("meaning first") == PASSED_OVER


def test_what_was_learned_is_carried_over_to_the_next_process() -> None:
    first = LearnedCosts({"scan": Cost(0.1, 1.0)})
    for size in (1_000, 9_000) * 50:
        first.learn("scan", size, size / 500)
    again = LearnedCosts({"scan": Cost(0.1, 1.0)})
    again.adopt_text(first.to_text())
    assert again.expected("scan", 5_000) == pytest.approx(first.expected("scan", 5_000))


def test_no_news_makes_a_cost_negative_or_nothing() -> None:
    costs = LearnedCosts({"scan": Cost(5.0, 1.0)})
    for size, took in [(0, 0.0), (1_000_000, 0.0), (10, 100.0), (1_000_000, 0.0)] * 20:
        costs.learn("scan", size, took)
        assert costs.expected("scan", 0) > 0
        assert costs.expected("scan", 10_000) > costs.expected("scan", 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[]",
        "{}",
        '{"scan": 3}',
        '{"scan": [1]}',
        '{"scan": [NaN, 1]}',
        '{"scan": [-1, 1]}',
        '{"other": [1, 1]}',
    ],
)
def test_what_was_kept_wrongly_is_not_taken(text: str) -> None:
    costs = LearnedCosts({"scan": Cost(0.5, 1.0)})
    costs.adopt_text(text)
    assert costs.known() == {"scan": Cost(0.5, 1.0)}
