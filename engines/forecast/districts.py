"""Which bins are near each other: squares of 300 m, so that a bin of a new site is told from its neighbourhood."""

from __future__ import annotations

import math

SIDE_M = 300.0
METRES_A_DEGREE = 111_320.0


def district_of(lat: float, lon: float) -> str:
    """The square of about SIDE_M metres that a point in degrees lies in, as a name; "" where it is no point."""
    if not (math.isfinite(lat) and math.isfinite(lon)):
        return ""
    row = math.floor(lat * METRES_A_DEGREE / SIDE_M)
    wide = math.cos(math.radians(row * SIDE_M / METRES_A_DEGREE))  # the same for a whole row, so that squares meet
    return f"{row}/{math.floor(lon * METRES_A_DEGREE * wide / SIDE_M)}"
