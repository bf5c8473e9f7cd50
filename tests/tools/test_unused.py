"""What a question names and no call took is found, and what is often no part of what is asked is let be."""

from __future__ import annotations

from typing import Any

import pytest

from domain.values import Call
from tools.mentions import Mention
from tools.unused import not_used


@pytest.mark.parametrize(
    ("mention", "values", "told"),
    [
        (Mention("time", "5:30"), {"when": "tomorrow"}, True),
        (Mention("time", "5:30"), {"when": "tomorrow 5:30"}, False),
        (Mention("time", "tomorrow at 5:30"), {"when": "tomorrow"}, True),
        (Mention("time", "at half past five"), {"when": "tomorrow"}, True),
        (Mention("time", "half past five"), {"when": "tomorrow 5:30"}, False),
        (Mention("time", "2 am"), {"when": "tomorrow", "trucks": ["truck 2"]}, True),
        (Mention("time", "today"), {"when": "tomorrow"}, False),
        (Mention("truck", "truck 2"), {"trucks": ["truck 1"]}, True),
        (Mention("truck", "T2"), {"when": "tonight"}, True),
        (Mention("truck", "T2"), {"trucks": ["T1", "T2"]}, False),
        (Mention("site", "Market Square"), {"near": "Town Square"}, True),
        (Mention("site", "Soda Hall"), {"near": "soda hall"}, False),
        (Mention("site", "Tan Hall"), {"skip": ["tan hall north side"]}, False),
        (Mention("site", "U15 Sather Gate"), {"near": "Sather Gate"}, False),
        (Mention("area", "Southside"), {}, True),
        (Mention("stream", "compost"), {"stream": "recycling"}, False),
        (Mention("bin", "1515759"), {"must_serve": ["1515759"]}, False),
    ],
)
def test_what_no_value_holds_is_told(mention: Mention, values: dict[str, Any], told: bool) -> None:
    calls = [Call("fleet_status", {}), Call("plan_round", values)]
    assert not_used([mention], calls) == ((mention.words,) if told else ())


def test_dates_of_a_report_are_used() -> None:
    said = Call("operations_report", {"measure": "collections", "since": "2025-08-01", "until": "2025-08-15"})
    assert not_used([Mention("time", "2025-08-01"), Mention("time", "2025-08-15")], [said]) == ()
