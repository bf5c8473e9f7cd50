"""The best plan known that serves a stop and the best one that leaves it: what a reason is the difference of.

Where bins pay only together with the trip that empties them, a search that goes on from a plan keeps that plan's trips.
So each side is searched for anew, and then once more from what the other side found, the stop put in or taken out.
Whoever waits for a reason waits for all these searches, so they share one clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from engines.routing.params import Params
from engines.routing.plan import RoundPlan
from engines.routing.problem import LONGEST, Problem, Stop, StopRule
from engines.routing.rounds import longest_s
from engines.routing.shared_clock import SharedClock
from engines.routing.solve import solve

TURNS, NEXT_SEED = 2, 10_007  # searches by other chances end in other trips
SEARCHES = 3 * TURNS  # as many whole ones are as long as all: in each turn two whole and two half ones
OF_TIME_LEFT = 0.5  # for the next search at most, so that on a slow machine the other side has its turn as well


@dataclass(frozen=True)
class Side:
    """One of the two: metres, seconds, currency, milli-currency without the stop's own prize, who serves the stop, the
    other stops served, and seconds of the longest round.

    `plan` is there where a search found it or it was asked about; `new`: a search found it.
    """

    metres: int
    seconds: int
    cost: float
    milli: int
    truck: str | None
    others: frozenset[str]
    longest_s: int
    plan: RoundPlan | None = None
    new: bool = False


def side_of(plan: RoundPlan, stop: Stop, *, new: bool = False) -> Side:
    """A plan as a side; its objective holds the stop's prize where it leaves a stop that is worth one."""
    mine = plan.round_of(stop.id)
    prize = 0 if mine or new else stop.prize or 0
    others = frozenset(plan.served) - {stop.id}
    truck = mine.truck if mine else None
    return Side(
        plan.metres, plan.seconds, plan.cost, plan.objective - prize, truck, others, longest_s(plan.rounds), plan, new
    )


@dataclass
class Sides:
    """Both sides of a stop in a plan, as far as they are known; None where no plan is."""

    problem: Problem
    plan: RoundPlan
    stop: Stop
    serving: Side | None
    leaving: Side | None
    repeatable: bool = True

    def search(self, rule: StopRule, seed: int) -> None:
        """Both anew, each with as many looks as `rule` says, then each with half as many from what is known of the
        other; twice. The clock of `rule` is that of all together; what the plan does not do is searched for first."""
        clock, served = SharedClock(rule), self.plan.round_of(self.stop.id) is not None
        for turn in range(TURNS):
            own = seed + turn * NEXT_SEED
            for serve in (not served, served):
                self._look(serve, None, (clock, 1.0, own))
            for serve in (False, True):
                other = self.leaving if serve else self.serving
                known = other.plan if other is not None and other.plan is not None else self.plan
                self._look(serve, known, (clock, 0.5, own))

    def _look(self, serve: bool, start: RoundPlan | None, how: tuple[SharedClock, float, int]) -> None:
        clock, of_looks, seed = how
        if clock.over:
            self.repeatable = False
            return
        asked = forced(self.problem, self.stop.id) if serve else without(self.problem, self.stop.id)
        found = solve(asked, clock.turn(OF_TIME_LEFT, of_looks), seed, Params(start=start, reasoned=False))
        self.repeatable = self.repeatable and found.repeatable
        if (serve and self.stop.id not in found.served) or self._covers_less(found):
            return
        known = self.serving if serve else self.leaving
        if known is not None and known.milli <= found.objective:
            return
        if serve:
            self.serving = side_of(found, self.stop, new=True)
        else:
            self.leaving = side_of(found, self.stop, new=True)

    def _covers_less(self, other: RoundPlan) -> bool:
        """Whether a plan leaves more stops that no money is worth leaving (must-serve ones, ones without prize)."""
        counted = [s for s in self.problem.stops if s.id != self.stop.id and (s.prize is None or s.must_serve)]
        theirs, ours = set(other.served), set(self.plan.served)
        return sum(each.id not in theirs for each in counted) > sum(each.id not in ours for each in counted)


def forced(problem: Problem, stop_id: str, prize: int | None = None) -> Problem:
    """The problem in which the stop must be served, or with `prize` is worth that much. BadData for no such stop."""
    index = problem.index_of(stop_id)
    stop = replace(problem.stops[index], must_serve=prize is None, prize=prize)
    return replace(problem, stops=(*problem.stops[:index], stop, *problem.stops[index + 1 :]))


def without(problem: Problem, stop_id: str) -> Problem:
    """The problem in which no truck may serve the stop and nothing is lost by that; who has begun it passes it by."""
    index = problem.index_of(stop_id)
    nobody = replace(problem.stops[index], must_serve=False, prize=0, volume_l=LONGEST)
    trucks = tuple(replace(t, locked=tuple(each for each in t.locked if each != stop_id)) for t in problem.trucks)
    return replace(problem, stops=(*problem.stops[:index], nobody, *problem.stops[index + 1 :]), trucks=trucks)
