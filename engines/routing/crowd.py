"""More stops than one plan looks at: which of them it is made for, told before any distance is asked.

All distances between 50,000 stops are 2,500 million pairs, and no fleet serves them in one shift. So the plan is made
for the most urgent stops, about twice as many as the trucks' hours could hold at most, and the verdict says how many
stay for later. Among equally urgent ones those nearest to where the trucks begin come first, so that the rounds lie
close together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MOST_PLANNED = 1_200  # a first plan of so many takes a second or two
FEWEST_PLANNED = 300  # however short the shifts: few stops leave nothing to choose from
SPARE = 2.0  # stops looked at for each that the hours could hold, so that the search has a choice
LEAST_SERVICE_S = 20  # of a stop whose service takes no time, with the way to it
DEGREE_M = 111_195.0  # one degree of latitude on a sphere of the Earth's mean radius


@dataclass(frozen=True)
class Candidate:
    """A stop that could be planned: `urgency` higher first (1.0 for a must), degrees, seconds of its service."""

    id: str
    urgency: float
    lat: float
    lon: float
    service_s: int


@dataclass(frozen=True)
class Chosen:
    """The ids to plan for, in the order in which they were offered, those left for later, and both said in words."""

    kept: tuple[str, ...]
    later: tuple[str, ...]
    verdict: str = ""


def within_reach(
    stops: Sequence[Candidate], shifts_s: Sequence[int], begin: tuple[float, float], most: int = MOST_PLANNED
) -> Chosen:
    """The most urgent stops for trucks with these seconds of shift that begin at `begin` (degrees).

    All of them where they are no more than `most`.
    """
    if len(stops) <= most:
        return Chosen(tuple(stop.id for stop in stops), ())
    service = float(np.median([stop.service_s for stop in stops]))
    held = SPARE * sum(shifts_s) / max(service, LEAST_SERVICE_S)
    count = round(min(most, max(FEWEST_PLANNED, held)))
    urgent = np.array([stop.urgency for stop in stops])
    order = np.lexsort((_metres(stops, begin), -urgent))
    kept = np.zeros(len(stops), dtype=np.bool_)
    kept[order[:count]] = True
    verdict = (
        f"{len(stops):,} bins are more than one plan looks at: the {count:,} most urgent were planned for, "
        f"the nearest first among equals; the other {len(stops) - count:,} stay for later rounds."
    )
    return Chosen(
        tuple(stop.id for stop, in_plan in zip(stops, kept, strict=True) if in_plan),
        tuple(stop.id for stop, in_plan in zip(stops, kept, strict=True) if not in_plan),
        verdict,
    )


def _metres(stops: Sequence[Candidate], begin: tuple[float, float]) -> npt.NDArray[np.float64]:
    """Straight metres to each stop on a flat map round `begin`: good enough to sort a town by."""
    at = np.array([(stop.lat, stop.lon) for stop in stops]) - begin
    return np.asarray(np.hypot(at[:, 0], at[:, 1] * np.cos(np.radians(begin[0]))) * DEGREE_M, dtype=np.float64)
