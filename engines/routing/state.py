"""The plan that the annealer changes: linked rounds in flat arrays, with a way back to where a move began.

Truck t's round is a ring that begins and ends at node n + t; `dump_after` of a node says that the truck unloads between
it and its successor. Before a move first changes a round the round is copied, so that a refused move can be undone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engines.routing.compiled import Rng, compiled, folded, seeded
from engines.routing.model import I32, I64, Facts, Rows
from engines.routing.sources import source_mark

# places in `tally`
COST, PENALTY, SERVED, USED, LONGEST, MOVE, BLINK, TOUCHED = range(8)
SAVED, TAKEN, OVER, PRICE, SHARED, COUPLING, EVERYWHERE, OPENING = range(8, 16)
ALL, BY_ROOM = 1, 2  # of tally[EVERYWHERE]: all places; and trucks taken by what they cost per room, far stops first
NODE, TRUCK, FIRST_MARK, SECOND_MARK = range(4)  # places in `spot`
JUST_TAKEN = -2  # truck of a stop that this move took out, so that it is not offered twice


def _layout(whole: str, small: str = "") -> np.dtype[np.void]:
    """Fields of 8 bytes named in `whole` behind fields of 4 bytes named in `small`."""
    return np.dtype(
        [(name, np.int32) for name in small.split()] + [(name, np.int64) for name in whole.split()], align=True
    )


NODE_ROW = _layout(
    "arc leg start latest rest_s rest_end lead_s lead_latest filled_l filled_kg to_fill_l to_fill_kg",
    "after before truck dump_after",
)
TRUCK_ROW = _layout("load_l load_kg most_l most_kg paid seconds stamp taken_at shared", "kind count dumps place")


def _fleet_row() -> np.dtype[np.void]:
    """A kind's row; its last field is unused, see `source_mark`."""
    return _layout("", f"used hint {source_mark()}")


TAKEN_ROW = np.dtype([("stop", np.int64), ("key", np.float64)], align=True)
TOUCHED_ROW = _layout("truck begin count first_dump first_arc first_leg paid")
SAVED_ROW = _layout("arc leg", "stop dump_after")
STALE = -1  # arc of a node whose successor, mark or truck has changed since it was reckoned


class State(NamedTuple):
    """The plan now, n stops and v trucks, and the notes of one move.

    nodes (n + v): successor, predecessor, truck (-1: left out), whether an unloading follows, cost and seconds of the
    arc that leaves it; earliest start, latest start the rest allows, seconds to the end without waiting, earliest end
    whatever the arrival; seconds since leaving without waiting, latest leaving; load after it, load still taken up to
    the next unloading (its own counted). trucks (v): its stops' load, the most that it holds beside what was aboard,
    cost and seconds, the moves that touched it and took from it last. fleet (k): trucks of a kind in use, where an idle
    one was last seen.
    """

    nodes: Rows
    trucks: Rows
    fleet: Rows
    taken: Rows  # (n,) stops taken out, to be put in again
    touched: Rows  # (v,) rounds copied in this move
    saved: Rows  # (n,) their stops, with marks and arcs: all that an undone move gets back
    tally: I64
    saved_tally: I64
    spot: I64
    peers: I32  # (2, n) successors in the two neighbouring replicas, -1 for none
    driven: I64  # (v,) the trucks in use, in no order; tally[USED] of them count, and each knows its `place` here
    rng: Rng


def empty_state(facts: Facts, seed: int) -> State:
    """Every stop left out, every truck idle."""
    kinds = facts.kinds
    n, v = len(facts.stops), int(kinds["beyond"].max(initial=0))
    nodes, trucks, fleet = (
        np.zeros(n + v, NODE_ROW),
        np.zeros(v, TRUCK_ROW),
        np.zeros(len(kinds), _fleet_row()),
    )
    nodes["after"] = nodes["before"] = np.arange(n + v)
    nodes["truck"] = -1
    trucks["stamp"] = trucks["taken_at"] = -1
    trucks["kind"] = np.repeat(np.arange(len(kinds)), kinds["beyond"] - kinds["first"])
    trucks["most_l"] = (kinds["room_l"] - kinds["aboard_l"])[trucks["kind"]]
    trucks["most_kg"] = (kinds["room_kg"] - kinds["aboard_kg"])[trucks["kind"]]
    fleet["hint"] = kinds["first"]
    tally = np.zeros(16, dtype=np.int64)
    tally[PENALTY] = facts.stops["penalty"].sum()
    return State(
        nodes, trucks, fleet, np.zeros(n, TAKEN_ROW), np.zeros(v, TOUCHED_ROW), np.zeros(n, SAVED_ROW),
        tally, tally.copy(), np.zeros(4, np.int64),
        np.full((2, n), -1, np.int32), np.zeros(v, np.int64), seeded(seed),
    )  # fmt: skip


@folded
def begin_move(state: State) -> None:
    """Remember the totals; nothing is touched yet."""
    state.tally[MOVE] += 1
    state.tally[TOUCHED] = 0
    state.tally[SAVED] = 0
    for i in range(len(state.tally)):
        state.saved_tally[i] = state.tally[i]


@folded
def touch(state: State, v: int) -> None:
    """Copy a round before its first change in this move."""
    tally = state.tally
    if state.trucks[v].stamp == tally[MOVE]:
        return
    state.trucks[v].stamp = tally[MOVE]
    n = len(state.saved)
    x = tally[TOUCHED]
    tally[TOUCHED] = x + 1
    state.touched[x].truck = v
    at = tally[SAVED]
    state.touched[x].begin = at
    state.touched[x].count = state.trucks[v].count
    state.touched[x].first_dump = state.nodes[n + v].dump_after
    state.touched[x].first_arc, state.touched[x].first_leg = state.nodes[n + v].arc, state.nodes[n + v].leg
    state.touched[x].paid = state.trucks[v].paid
    i = state.nodes[n + v].after
    while i < n:
        state.saved[at].stop = i
        state.saved[at].dump_after = state.nodes[i].dump_after
        state.saved[at].arc, state.saved[at].leg = state.nodes[i].arc, state.nodes[i].leg
        at += 1
        i = state.nodes[i].after
    tally[SAVED] = at


@folded
def drive(state: State, v: int) -> None:
    """Note that a truck is in use now."""
    place = state.tally[USED]
    state.driven[place] = v
    state.trucks[v].place = place
    state.tally[USED] = place + 1


@folded
def park(state: State, v: int) -> None:
    """Note that a truck is idle now; the last one in use takes its place."""
    last = state.tally[USED] - 1
    other = state.driven[last]
    state.driven[state.trucks[v].place] = other
    state.trucks[other].place = state.trucks[v].place
    state.tally[USED] = last


@compiled
def take_out(facts: Facts, state: State, c: int) -> None:
    """Unlink a stop; arcs and times of its round are repaired by the caller."""
    v = state.nodes[c].truck
    i, j = state.nodes[c].before, state.nodes[c].after
    n = len(state.saved)
    state.nodes[i].after = j
    state.nodes[i].arc = STALE
    state.nodes[j].before = i
    state.nodes[i].dump_after = (
        (state.nodes[i].dump_after or state.nodes[c].dump_after) and j < n and (i < n or _loaded(facts, state, v))
    )
    state.nodes[c].dump_after = False
    state.nodes[c].truck = -1
    state.trucks[v].count -= 1
    state.trucks[v].load_l -= facts.stops[c].litres
    state.trucks[v].load_kg -= facts.stops[c].kilos
    state.tally[SERVED] -= 1
    state.tally[PENALTY] += facts.stops[c].penalty
    if state.trucks[v].count == 0:
        k = state.trucks[v].kind
        state.tally[OVER] -= state.fleet[k].used > facts.kinds[k].have
        state.fleet[k].used -= 1
        park(state, v)


@folded
def _loaded(facts: Facts, state: State, v: int) -> bool:
    found: bool = facts.kinds[state.trucks[v].kind].aboard_l > 0 or facts.kinds[state.trucks[v].kind].aboard_kg > 0
    return found


@folded
def offer(state: State, c: int) -> None:
    """Put a stop that is in no round among those that this move puts in."""
    state.taken[state.tally[TAKEN]].stop = c
    state.tally[TAKEN] += 1


@folded
def leave(facts: Facts, state: State, c: int) -> None:
    """Take a stop out of its round, to go in again in this move."""
    take_out(facts, state, c)
    state.nodes[c].truck = JUST_TAKEN
    offer(state, c)


@compiled
def put_in(facts: Facts, state: State, c: int) -> None:
    """Link a stop at `spot`; arcs and times of its round are repaired by the caller."""
    i, v = state.spot[NODE], state.spot[TRUCK]
    n = len(state.saved)
    j = state.nodes[i].after
    state.nodes[i].after = c
    state.nodes[c].before = i
    state.nodes[c].after = j
    state.nodes[j].before = c
    state.nodes[i].arc = state.nodes[c].arc = STALE
    state.nodes[i].dump_after = state.spot[FIRST_MARK] == 1
    state.nodes[c].dump_after = state.spot[SECOND_MARK] == 1 and j < n
    state.nodes[c].truck = v
    state.trucks[v].count += 1
    state.trucks[v].load_l += facts.stops[c].litres
    state.trucks[v].load_kg += facts.stops[c].kilos
    state.tally[SERVED] += 1
    state.tally[PENALTY] -= facts.stops[c].penalty
    if state.trucks[v].count == 1:
        k = state.trucks[v].kind
        state.fleet[k].used += 1
        state.tally[OVER] += state.fleet[k].used > facts.kinds[k].have
        drive(state, v)


@compiled
def undo(facts: Facts, state: State) -> None:
    """Every touched round as it was; where time binds the caller repairs the times of those rounds."""
    n = len(state.saved)
    for x in range(state.tally[TOUCHED]):
        i = state.nodes[n + state.touched[x].truck].after
        while i < n:
            state.nodes[i].truck = -1
            i = state.nodes[i].after
    for x in range(state.tally[TOUCHED]):
        v = state.touched[x].truck
        _relink(facts, state, (v, state.touched[x].begin, state.touched[x].count))
        state.nodes[n + v].dump_after = state.touched[x].first_dump
        state.nodes[n + v].arc, state.nodes[n + v].leg = state.touched[x].first_arc, state.touched[x].first_leg
        state.trucks[v].paid = state.touched[x].paid
    for i in (COST, PENALTY, SERVED, OVER):
        state.tally[i] = state.saved_tally[i]


@folded
def _relink(facts: Facts, state: State, part: tuple[int, int, int]) -> None:
    """A truck's round from the saved stops at (truck, from, count)."""
    v, begin, count = part
    n = len(state.saved)
    i = n + v
    litres = kilos = 0
    for x in range(begin, begin + count):
        c = state.saved[x].stop
        state.nodes[i].after = c
        state.nodes[c].before = i
        state.nodes[c].truck = v
        state.nodes[c].dump_after = state.saved[x].dump_after
        state.nodes[c].arc, state.nodes[c].leg = state.saved[x].arc, state.saved[x].leg
        litres += facts.stops[c].litres
        kilos += facts.stops[c].kilos
        i = c
    state.nodes[i].after = n + v
    state.nodes[n + v].before = i
    state.trucks[v].load_l, state.trucks[v].load_kg = litres, kilos
    state.fleet[state.trucks[v].kind].used += int(count > 0) - int(state.trucks[v].count > 0)
    if count > 0 and state.trucks[v].count == 0:
        drive(state, v)
    elif count == 0 and state.trucks[v].count > 0:
        park(state, v)
    state.trucks[v].count = count
