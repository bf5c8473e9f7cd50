"""Travel without a road network: great-circle distance times a detour factor, at one mean speed.

Implements `MatrixProvider` of domain/ports.py. Its name goes into the plan, so that nobody takes it for road distances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from domain.errors import BadData
from domain.ports import Travel

EARTH_RADIUS_M = 6_371_008.8  # mean radius R1 of the GRS 80 ellipsoid (Moritz 2000)


@dataclass(frozen=True)
class HaversineMatrix:
    """Great-circle metres times `detour_factor`, seconds at `speed_kmh`; symmetric."""

    detour_factor: float = 1.3
    speed_kmh: float = 25.0

    def __post_init__(self) -> None:
        if not (1 <= self.detour_factor < 10 and 0 < self.speed_kmh < 200):
            raise BadData("the detour factor must be from 1 to 10 and the speed from 0 to 200 km/h")

    @property
    def name(self) -> str:
        """What the plan says about its distances."""
        return f"great-circle x {self.detour_factor:g}, {self.speed_kmh:g} km/h"

    def matrix(self, points: Sequence[tuple[float, float]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """(metres, seconds) between all (lat, lon) points in degrees, each of shape (n, n)."""
        degrees = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        if not np.isfinite(degrees).all() or (np.abs(degrees) > (90.0, 180.0)).any():
            raise BadData("a point has no latitude and longitude in degrees")
        lat, lon = np.radians(degrees).T
        half = np.sin((lat[:, None] - lat) / 2) ** 2
        half += np.cos(lat[:, None]) * np.cos(lat) * np.sin((lon[:, None] - lon) / 2) ** 2
        metres = 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.clip(half, 0, 1))) * self.detour_factor
        seconds = metres / (self.speed_kmh / 3.6)
        return np.rint(metres).astype(np.int64), np.rint(seconds).astype(np.int64)

    def travel(self, points: Sequence[tuple[float, float]], source: str | None = None) -> Travel:
        """The matrix with its name; there is one source only."""
        return Travel(*self.matrix(points), self.name)
