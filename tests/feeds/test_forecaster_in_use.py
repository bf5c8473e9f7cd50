"""A foundation forecaster that the settings name takes part in the answers of the running program, or it is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from forecaster_double import Oracle, serving
from whole_program import running

from assistant.ports import Inquiry
from assistant.surfaces.parts import ApiParts
from domain.errors import BadData
from domain.settings import Settings
from domain.values import Actor, Role
from feeds.forecasters import forecaster_in

NO_MODEL = "http://127.0.0.1:9/v1"
ANA = Actor("ana", Role.manager)
ASKED = "forecast_fill bins='102' by='tomorrow noon'"


async def told(parts: ApiParts) -> str:
    return (await parts.asks.ask(Inquiry(ASKED, ANA))).text


async def test_it_is_asked_over_http_with_its_key_and_changes_the_answer(tmp_path: Path) -> None:
    with running(tmp_path, model_url=NO_MODEL) as parts:
        without = await told(parts)
    with serving(Oracle()) as oracle:
        named = {"forecaster": "chronos", "forecaster_at": f"{oracle.url}/chronos", "forecaster_key": "s3cret"}
        with running(tmp_path, model_url=NO_MODEL, **named, forecaster_share=0.9) as parts:
            beside = await told(parts)
    assert oracle.asked
    assert set(oracle.tokens) == {"Bearer s3cret"}
    assert beside.split(" is ")[0] == without.split(" is ")[0]
    assert beside != without
    assert "made without it" not in beside


async def test_when_it_fails_the_members_answer_and_the_answer_says_so(tmp_path: Path) -> None:
    with (
        serving(Oracle(faults=[500] * 20)) as oracle,
        running(tmp_path, model_url=NO_MODEL, forecaster="timesfm", forecaster_at=f"{oracle.url}/timesfm") as parts,
    ):
        answer = await told(parts)
    assert "TimesFM cannot be used (status 500): the forecast is made without it" in answer
    assert "chance" in answer


@pytest.mark.parametrize("given", [{"forecaster": "chronos"}, {"forecaster_at": "http://127.0.0.1:9"}])
def test_half_a_setting_is_refused_with_what_is_missing(given: dict[str, str]) -> None:
    with pytest.raises(BadData, match="needs both settings"):
        forecaster_in(Settings.model_validate(given))


def test_without_a_setting_there_is_none() -> None:
    assert forecaster_in(Settings()) is None
