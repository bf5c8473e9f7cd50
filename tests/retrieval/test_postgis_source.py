"""The plans that a search on PostGIS and Weaviate may take."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.planner import Plan
from retrieval.postgis_limits import limits_of
from retrieval.postgis_source import Candidates, Limited, VectorSearch
from retrieval.postgis_store import server_planner
from retrieval.postgis_tables import CityRow
from retrieval.store import SearchRequest
from retrieval.weaviate_side import WeaviateAddress, WeaviateSide

CITY = CityRow(1, "smalltown", 1, 100_000, 9.0, b"12345678")
NOBODY = np.zeros(0, dtype=np.int64)
FEW = Candidates(NOBODY, NOBODY, (), np.zeros(0), np.zeros(0, dtype=np.bool_))
EXACTLY, EITHER = {Plan.LIMITS_FIRST}, {Plan.LIMITS_FIRST, Plan.MEANING_FIRST}


@pytest.mark.parametrize(
    ("floor", "left", "candidates", "plans"),
    [(None, 20_000, None, EITHER), (0.3, 20_000, None, EXACTLY), (0.3, 20_001, None, EITHER), (None, 0, FEW, EITHER)],
)
def test_where_every_hit_is_counted_the_approximate_index_takes_part_only_beyond_20_000_documents(
    floor: float | None, left: int, candidates: Candidates | None, plans: set[Plan]
) -> None:
    assert aimed(floor, left, candidates).plans == plans


def test_few_candidates_are_compared_exactly_unless_a_measurement_wants_the_other_plan() -> None:
    few = aimed(None, 0, FEW)
    assert server_planner().choose(few, 10).plan == Plan.LIMITS_FIRST
    assert server_planner(Plan.MEANING_FIRST).choose(few, 10).plan == Plan.MEANING_FIRST


def aimed(floor: float | None, left: int, candidates: Candidates | None) -> VectorSearch:
    """A search of the city for glass, before anybody is asked."""
    request = SearchRequest("glass", floor=floor)
    side = WeaviateSide(WeaviateAddress("http://127.0.0.1:9"))
    source = VectorSearch(side, None, CITY, Limited(request, limits_of(request, 1), candidates), 0.0)  # type: ignore[arg-type]
    source.aim("custom", np.ones(3, dtype=np.float32), ("requests",), left)
    return source
