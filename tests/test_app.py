"""The front door: whatever is wrong with the language model, questions are answered with why, and tools still run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from doubles import Reply, hangs, model_server, says, sends
from pydantic import ValidationError
from whole_program import running

import app
from assistant.local_model import BASE_DIGEST, adapter_metadata, check_adapter, file_digest, packaged_weights
from assistant.ports import Inquiry
from assistant.shown import Answer
from assistant.surfaces.parts import ApiParts
from domain.settings import Settings
from domain.values import Actor, Role
from prompts.render import VERSION_OF_STYLE
from tools.registry import registry_version
from tools.words import NOTICES

ANA = Actor("ana", Role.manager)
LARGEST_FILE = 16_000_000
"""Bytes of a file in the repository."""


async def both(parts: ApiParts) -> tuple[Answer, Answer]:
    """A question in words, and a tool called by name."""
    asked = await parts.asks.ask(Inquiry("bins near Town Hall", ANA))
    return asked, await parts.asks.ask(Inquiry("find_bins near='Town Hall'", ANA))


def another_registry(folder: Path) -> tuple[Path, str]:
    """The shipped adapter, said to be made for other tools."""
    file = folder / "other.gguf"
    file.write_bytes(app.SHIPPED_ADAPTER.read_bytes().replace(registry_version().encode(), b"0123456789ab"))
    return file, f"schema_hash is 0123456789ab, needed is {registry_version()}"


def another_base(folder: Path) -> tuple[Path, str]:
    digest = file_digest(packaged_weights())
    file = folder / "other.gguf"
    file.write_bytes(app.SHIPPED_ADAPTER.read_bytes().replace(digest.encode(), b"f00d" * 16))
    return file, f"base_digest is {'f00d' * 16}, needed is {digest}"


def missing(folder: Path) -> tuple[Path, str]:
    return folder / "none.gguf", "none.gguf does not exist"


def no_adapter(folder: Path) -> tuple[Path, str]:
    file = folder / "page.gguf"
    file.write_text("<html>")
    return file, "page.gguf is not a readable GGUF file"


@pytest.mark.parametrize("made", [another_registry, another_base, missing, no_adapter])
async def test_an_adapter_that_does_not_fit_is_refused_and_tools_still_run(
    made: Callable[[Path], tuple[Path, str]], tmp_path: Path
) -> None:
    file, why = made(tmp_path)
    with running(tmp_path, adapter=file, decision_deadline_s=0.5) as parts:
        asked, typed = await both(parts)
        (health,) = [each for each in parts.health() if each.name == "language model"]
    assert asked.text == NOTICES["unavailable"]
    assert why in asked.degraded[0]
    assert (health.ok, why in health.detail) == (False, True)
    assert typed.calls[0].result is not None


@pytest.mark.parametrize("content", [None, b"<html>"])
@pytest.mark.parametrize(
    ("shipped", "told"),
    [
        ("SHIPPED_CLASSIFIER", "call classifier none"),
        ("SHIPPED_ARGUMENTS", "argument classifier none"),
        ("SHIPPED_ENCODER", "thread encoder none"),
        ("SHIPPED_REQUESTS", "request classifier none"),
        ("SHIPPED_WORDS", "words none"),
    ],
)
def test_without_a_fitting_file_beside_it_the_model_works_alone_and_the_doctor_says_so(
    shipped: str, told: str, content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shipped").mkdir()
    with running(tmp_path / "shipped") as parts:
        (health,) = [each for each in parts.health() if each.name == "language model"]
    assert (health.ok, "none" in health.detail) == (True, False)
    file = tmp_path / "damaged"
    if content:
        file.write_bytes(content)
    monkeypatch.setattr(app, shipped, file)
    (tmp_path / "without").mkdir()
    with running(tmp_path / "without") as parts:
        (health,) = [each for each in parts.health() if each.name == "language model"]
    assert (health.ok, health.needed, told in health.detail) == (False, False, True)
    assert "restore finetune/adapter" in health.advice


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (says("I would look near the town hall."), "did not answer with a call"),
        (says('{"name":"find_bins","para'), "did not answer with a call"),
        (says("\ufffd\ufffd<|im_start|>" * 40), "did not answer with a call"),
        (sends("<html>busy</html>"), "did not answer in JSON"),
        (sends("oops", 500), "answered 500"),
        (hangs, "did not answer within 0.5 seconds"),
    ],
)
async def test_a_server_that_misbehaves_costs_one_deadline_and_tools_still_run(
    reply: Reply, why: str, tmp_path: Path
) -> None:
    with model_server(reply) as server, running(tmp_path, model_url=server.url, decision_deadline_s=0.5) as parts:
        began = time.monotonic()
        asked, typed = await both(parts)
        assert time.monotonic() - began < 10
    assert asked.text == NOTICES["unavailable"]
    assert why in asked.degraded[0]
    assert len(server.bodies) == (1 if reply is hangs else 2)
    assert typed.calls[0].result is not None


def test_the_shipped_adapter_fits_these_tools_this_base_and_this_style() -> None:
    adapter = app.SHIPPED_ADAPTER
    check_adapter(adapter, packaged_weights(), registry_version(), VERSION_OF_STYLE["small"])
    assert adapter_metadata(adapter)[BASE_DIGEST] == file_digest(packaged_weights())
    assert adapter.stat().st_size <= LARGEST_FILE


def test_a_prompt_style_that_nobody_knows_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValidationError, match="'small' or 'llama3'"):
        Settings.model_validate({"model_prompt": "llama4"})
    assert {Settings.model_validate({"model_prompt": style}).model_prompt for style in VERSION_OF_STYLE} == {
        *VERSION_OF_STYLE
    }
