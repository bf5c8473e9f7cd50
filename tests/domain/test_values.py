"""Law 3: a result has reasons that can be opened, and its sentence holds no number of its own."""

from __future__ import annotations

from datetime import datetime

import pytest
from pydantic import ValidationError

from domain.values import Call, Evidence, Facts, Reason, Result, Table, say


class BinFacts(Facts):
    """One number."""

    bins: int = 3


WHY = [Reason(text="Counted.", evidence=[Evidence(label="bins", ref="records:bins")])]


def test_a_result_without_reasons_is_refused() -> None:
    with pytest.raises(ValidationError, match="why"):
        Result[BinFacts](headline="{bins} bins.", facts=BinFacts(), why=[], data_age="now")


def test_a_reason_without_evidence_is_refused() -> None:
    with pytest.raises(ValidationError, match="evidence"):
        Reason(text="Trust me.", evidence=[])


@pytest.mark.parametrize("headline", ["3 bins.", "{bins} bins of 12.", "Within ٣ days.", "{bins}0 bins"])
def test_a_headline_with_a_digit_of_its_own_is_refused(headline: str) -> None:
    with pytest.raises(ValidationError, match="headline"):
        Result[BinFacts](headline=headline, facts=BinFacts(), why=WHY, data_age="now")


def test_a_headline_that_names_a_fact_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValidationError, match="do not exist"):
        Result[BinFacts](headline="{trucks} trucks.", facts=BinFacts(), why=WHY, data_age="now")


def test_facts_take_no_strangers_and_no_changes() -> None:
    with pytest.raises(ValidationError):
        BinFacts(bins=3, trucks=1)  # type: ignore[call-arg]
    with pytest.raises(ValidationError):
        BinFacts().bins = 4  # type: ignore[misc]


def test_a_row_has_a_value_for_every_column() -> None:
    with pytest.raises(ValidationError, match="value for each column"):
        Table(columns=["a", "b"], rows=[["x"]])


def test_facts_are_said_as_people_read_them() -> None:
    assert [say(v) for v in (1234, 12.0, 0.25, -0.04, None, [], ["a", 2], True, datetime(2025, 9, 1, 6, 5))] == [  # noqa: DTZ001
        "1,234", "12", "0.2", "0", "none", "none", "a, 2", "True", "2025-09-01 06:05",
    ]  # fmt: skip


def test_a_call_is_written_as_compact_json_with_its_letters_as_they_are() -> None:
    call = Call("find_bins", {"near": "Café “Sol”", "limit": 3})
    assert call.text() == '{"name":"find_bins","parameters":{"near":"Café “Sol”","limit":3}}'
