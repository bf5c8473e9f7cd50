"""What the tests of search share: a running stand-in for Weaviate."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from weaviate_double import Double


@pytest.fixture(scope="session")
def one_double() -> Iterator[Double]:
    """One stand-in for all tests that do not kill it."""
    with Double.started() as double:
        yield double


@pytest.fixture
def double(one_double: Double) -> Iterator[Double]:
    """A stand-in that is empty and without faults at the start."""
    one_double.heal()
    one_double.forget()
    yield one_double
    one_double.heal()
