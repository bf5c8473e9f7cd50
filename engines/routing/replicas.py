"""Path-integral annealing: replicas of a plan, each drawn to its two neighbours' arcs (Crispin and Syrichas 2013).

The quantum analogy of Kadowaki and Nishimori (1998) as Martonak, Santoro and Tosatti (2002) simulate it: P copies in a
ring at one temperature, whose coupling grows while the transverse field falls. Between two meetings every replica
anneals by itself, so on P cores P replicas take the time of one. Off by default: docs/decisions/0005-route-engine.md.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from engines.routing.anneal import anneal
from engines.routing.annealer import (
    CHUNKS,
    MOST_MOVES,
    Annealer,
    Heat,
    heat_for,
    mean_arc,
    moves_per_second,
    seconds_of,
)
from engines.routing.model import Model
from engines.routing.params import Params
from engines.routing.rounds import Order
from engines.routing.state import COUPLING, MOVE, SHARED, TOUCHED
from engines.routing.stopping import Budget


class Replicas:
    """A ring of annealers over one model."""

    def __init__(self, model: Model, seed: int, params: Params) -> None:
        self.model, self.params = model, params
        self.ring = [Annealer(model, 1009 * seed + index) for index in range(max(1, params.replicas))]

    def start(self, orders: list[Order] | None = None) -> None:
        """Each replica from its own first plan."""
        for each in self.ring:
            each.start(orders)

    def run(self, budget: Budget, heat: Heat | None = None) -> None:
        """Anneal all replicas over the whole budget, meeting after each of its parts."""
        each = (budget.most_looks or 0) / len(self.ring) or moves_per_second(self.model) * seconds_of(budget)
        heat = heat or heat_for(self.model, each / max(1, len(self.model.facts.stops)), False)
        unit = mean_arc(self.ring[0])
        for index, replica in enumerate(self.ring):
            replica.begin_anew(int(replica.state.rng[0] % 1000) + index)
        chunk = min(MOST_MOVES, max(50, (budget.most_looks or 0) // (CHUNKS * len(self.ring))))
        with ThreadPoolExecutor(max_workers=len(self.ring)) as pool:
            while not budget.over:
                done, began = budget.share, budget.seconds
                self._meet(round(unit * self.params.coupling * done))
                hot = unit * heat.hot * (heat.cold / heat.hot) ** done
                for replica in self.ring:
                    replica.keep_to_real_trucks(unit, done)
                list(pool.map(self._part, self.ring, [(chunk, hot, hot)] * len(self.ring)))
                budget.looks += chunk * len(self.ring)
                if budget.most_looks is None:  # a meeting ten times a second
                    chunk = max(50, min(chunk * 2, round(chunk * 0.1 / max(1e-3, budget.seconds - began))))
                best = self.best
                budget.tell(round(best.best.energy[0] * self.model.scale), int(best.best.energy[1]), "annealer (sqa)")

    def _part(self, each: Annealer, plan: tuple[int, float, float]) -> int:
        return anneal(self.model.facts, each.state, each.best, plan)

    @property
    def best(self) -> Annealer:
        """The replica with the best plan."""
        return min(self.ring, key=lambda each: int(each.best.energy[0]))

    def _meet(self, coupling: int) -> None:
        """Show each replica its neighbours' arcs, and count what it shares with them."""
        n = len(self.model.facts.stops)
        arcs = [each.state.nodes["after"][:n].copy() for each in self.ring]
        for index, each in enumerate(self.ring):
            for side, other in enumerate((index - 1, (index + 1) % len(self.ring))):
                each.state.peers[side] = np.where(arcs[other] < n, arcs[other], -1)
            _recount(each, n, coupling)


def _recount(each: Annealer, n: int, coupling: int) -> None:
    state = each.state
    own, stops = state.nodes["after"][:n], state.nodes["truck"][:n] >= 0
    same = ((state.peers == own) & (own < n) & stops).sum(axis=0)
    state.trucks["shared"] = np.bincount(state.nodes["truck"][:n][stops], same[stops], len(state.trucks)).astype(
        np.int64
    )
    state.tally[SHARED], state.tally[COUPLING] = int(state.trucks["shared"].sum()), coupling
    state.tally[TOUCHED] = 0
    state.tally[MOVE] += 1
