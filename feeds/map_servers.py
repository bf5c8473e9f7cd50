"""How the two road servers are asked for a matrix, and what they answer: OSRM's `table`, Valhalla's matrix.

OSRM: docs/http.md of osrm-backend, "Table service"; Valhalla: docs/api/matrix of valhalla. Both leave a pair empty
(`null`) when there is no way.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from domain.ports import NO_WAY

Points = Sequence[tuple[float, float]]
Matrix = npt.NDArray[np.int64]
TOO_MANY_LOCATIONS = 150  # Valhalla's error code "Exceeded max locations"


class TooMany(Exception):
    """The server takes fewer points at once."""


class Refused(Exception):
    """The server's answer is no matrix; the message says what it is."""


@dataclass(frozen=True)
class Request:
    """One HTTP request: the address under the server's own, and what is posted (None: a GET)."""

    path: str
    body: dict[str, Any] | None = None


class MapServer(Protocol):
    """The dialect of a road server. `side` is how many points a request may go from and to by the server's defaults."""

    @property
    def name(self) -> str:
        """The server's kind and profile, for the plan."""
        ...

    @property
    def side(self) -> int:
        """Points from and to in one request."""
        ...

    def request(self, sources: Points, targets: Points) -> Request:
        """What to ask for the block from the sources to the targets."""
        ...

    def read(self, answer: Any, shape: tuple[int, int]) -> tuple[Matrix, Matrix]:
        """(metres, seconds) of a block. Raises TooMany or Refused."""
        ...


@dataclass(frozen=True)
class Osrm:
    """OSRM `GET /table/v1/{profile}/...`; osrm-routed takes 100 x 100 pairs unless started with `--max-table-size`."""

    profile: str = "driving"
    side: int = 100

    @property
    def name(self) -> str:
        """For the plan."""
        return f"OSRM ({self.profile})"

    def request(self, sources: Points, targets: Points) -> Request:
        """The points once each as lon,lat; sources and destinations by their numbers."""
        points = list(dict.fromkeys([*sources, *targets]))
        number = {point: i for i, point in enumerate(points)}
        where = ";".join(f"{lon:.6f},{lat:.6f}" for lat, lon in points)
        rows, columns = (";".join(str(number[point]) for point in part) for part in (sources, targets))
        return Request(
            f"/table/v1/{self.profile}/{where}?annotations=duration,distance&sources={rows}&destinations={columns}"
        )

    def read(self, answer: Any, shape: tuple[int, int]) -> tuple[Matrix, Matrix]:
        """`distances` in metres, `durations` in seconds; `code` other than Ok is a refusal."""
        code = answer.get("code") if isinstance(answer, dict) else None
        if code == "TooBig":
            raise TooMany
        if code != "Ok":
            raise Refused(f"it answered {_short(code)}")
        return _whole(answer.get("distances"), shape, 1.0), _whole(answer.get("durations"), shape, 1.0)


@dataclass(frozen=True)
class Valhalla:
    """Valhalla `POST /sources_to_targets`; 2,500 pairs at once by `max_matrix_location_pairs`."""

    costing: str = "truck"
    side: int = 50

    @property
    def name(self) -> str:
        """For the plan."""
        return f"Valhalla ({self.costing})"

    def request(self, sources: Points, targets: Points) -> Request:
        """Sources, targets, costing, kilometres."""
        where = [[{"lat": lat, "lon": lon} for lat, lon in part] for part in (sources, targets)]
        body = {"sources": where[0], "targets": where[1], "costing": self.costing, "units": "km"}
        return Request("/sources_to_targets", body)

    def read(self, answer: Any, shape: tuple[int, int]) -> tuple[Matrix, Matrix]:
        """Rows of `{distance, time}` in kilometres and seconds; `error_code` is a refusal."""
        told = answer if isinstance(answer, dict) else {}
        if told.get("error_code") == TOO_MANY_LOCATIONS:
            raise TooMany
        if "error_code" in told or "error" in told:
            raise Refused(f"it answered {_short(told.get('error_code'))} {_short(told.get('error'))}")
        rows = told.get("sources_to_targets")
        if not isinstance(rows, list):
            raise Refused("it answered without a matrix")
        per_unit = 1609.344 if told.get("units") == "miles" else 1000.0
        try:
            metres = [[cell.get("distance") for cell in row] for row in rows]
            seconds = [[cell.get("time") for cell in row] for row in rows]
        except (AttributeError, TypeError):
            raise Refused("its matrix is of another shape") from None
        return _whole(metres, shape, per_unit), _whole(seconds, shape, 1.0)


SERVERS: dict[str, type[Osrm] | type[Valhalla]] = {"osrm": Osrm, "valhalla": Valhalla}


def _whole(values: Any, shape: tuple[int, int], unit: float) -> Matrix:
    """Integers of a block, NO_WAY where the server says null. Raises Refused for anything that is no such block."""
    try:
        found = np.array(values, dtype=np.float64)  # None becomes NaN
    except (TypeError, ValueError):
        raise Refused("its matrix holds something that is not a number") from None
    if found.shape != shape:
        raise Refused(f"its matrix has shape {found.shape} instead of {shape}")
    if (found < 0).any() or np.isinf(found).any():
        raise Refused("its matrix holds a negative or infinite value")
    whole = np.where(np.isnan(found), NO_WAY, np.minimum(np.rint(np.nan_to_num(found) * unit), NO_WAY - 1))
    return whole.astype(np.int64)


def _short(value: Any) -> str:
    return json.dumps(value)[:60]
