"""The town that several tests ask about, made once a module."""

from __future__ import annotations

import pytest
from sensed import town

from engines.forecast.history import BinHistory


@pytest.fixture(scope="module")
def bins() -> list[BinHistory]:
    return town()
