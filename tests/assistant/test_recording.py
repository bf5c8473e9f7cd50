"""What a decision is recorded with."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from desk import ANA, TICKET, Desk, a_desk, call
from doubles import ScriptedModel

from assistant.local_model import EngineOptions, LocalModel, file_digest
from assistant.recording import assisted, unquoted, versions_of
from domain.errors import RoundsmanError, StoreUnavailable
from domain.ledger import LedgerCall, LedgerEntry
from domain.ports import ModelIdentity
from domain.store import Store
from domain.values import Actor, Call, Role
from prompts.render import VERSION_OF_STYLE
from tools.call_classifier import CallClassifier
from tools.registry import TOOLS, registry_version
from tools.replay import CallVerdict, replay
from tools.slips import Spelling


def test_the_weights_that_spoke_are_recorded_by_their_digests(tmp_path: Path) -> None:
    base, adapter = tmp_path / "base.gguf", tmp_path / "adapter.gguf"
    base.write_bytes(b"weights")
    adapter.write_bytes(b"adapter")
    model = LocalModel(EngineOptions(tmp_path, base=base, adapter=adapter, check_adapter=False))
    versions = versions_of(model.identity, "small")
    assert (versions.model_hash, versions.adapter_hash) == (file_digest(base), file_digest(adapter))
    assert (versions.prompt_hash, versions.tool_schema_hash) == (VERSION_OF_STYLE["small"], registry_version())
    assert "classifier" not in versions.model


def test_what_is_beside_the_model_is_recorded_with_it() -> None:
    said = ModelIdentity("small", "tuned", "an engine", {"base": "abc"})
    classifier = CallClassifier(np.zeros((1, 1)), np.zeros((1, 1)), np.zeros(1), digest="0123456789abcdef")
    spelling = Spelling({"bins": 9}, digest="fedcba9876543210")
    both = assisted(said, {"classifier": classifier, "arguments": None, "words": spelling})
    assert both.digests == {"base": "abc", "classifier": "0123456789abcdef", "words": "fedcba9876543210"}
    assert versions_of(both, "small").model == "small on an engine, classifier 0123456789ab, words fedcba987654"
    assert assisted(said, {"classifier": classifier}).digests == {"base": "abc", "classifier": "0123456789abcdef"}
    assert assisted(said, {}) == said


@pytest.mark.parametrize(
    ("sentence", "kept"),
    [
        ("of the question, “Ana's bin” and “6:30” was not used", "of the question, “…” was not used"),
        ("“a”b” is no bin", "“…” is no bin"),
        ("“Ana\nSmith” is no site", "“…” is no site"),
        ("2 earlier turns are too long ago", "2 earlier turns are too long ago"),
    ],
)
def test_no_words_of_the_user_stay_in_a_sentence_that_is_kept_for_ever(sentence: str, kept: str) -> None:
    assert unquoted(sentence) == kept


# ---------------------------------------------------------------- what did not run, run again


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Desk:
    return a_desk(store, tmp_path)


async def refused(desk: Desk, asked: Call, actor: Actor) -> CallVerdict:
    """The replay of a program's call that did not run."""
    with pytest.raises(RoundsmanError):
        await desk.assistant(ScriptedModel([])).run_tool(asked, actor)
    return replay(desk.ledger.show(1), desk.ctx).calls[0]


@pytest.mark.parametrize(
    ("asked", "actor"),
    [
        (Call("propose_ticket", TICKET["parameters"]), Actor("vi", Role.viewer)),
        (Call("audit_trail", {}), Actor("ben", Role.dispatcher)),
        (Call("find_bins", {"near": "Town Hall"}), Actor("cli", Role.api, scopes=frozenset({"propose"}))),
        (Call("find_bins", {"near": "Town Hall"}), Actor("cli", Role.api)),
        (Call("find_bins", {"near": "Twn Sqare"}), Actor("cli", Role.api, scopes=frozenset({"read"}))),
    ],
)
async def test_a_refusal_or_a_question_back_comes_out_the_same_again(desk: Desk, asked: Call, actor: Actor) -> None:
    verdict = await refused(desk, asked, actor)
    assert (verdict.outcome, verdict.why) == ("same", desk.ledger.show(1).entry.calls[0].error)


async def test_the_rights_of_a_program_are_recorded_and_a_persons_are_its_role(desk: Desk) -> None:
    program = Actor("cli", Role.api, scopes=frozenset({"read", "propose"}))
    await desk.assistant(ScriptedModel([])).run_tool(Call("find_bins", {"near": "Town Hall"}), program)
    await desk.ask("hello", [call("reply", text="{{greeting}}")])
    assert [desk.ledger.show(number).entry.scopes for number in (1, 2)] == [("propose", "read"), None]
    assert replay(desk.ledger.show(1), desk.ctx).reproduced


@pytest.mark.parametrize("failure", [StoreUnavailable("The map service is down."), None])
async def test_what_the_outside_failed_is_named_as_gone(
    desk: Desk, failure: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(**_values: Any) -> Any:
        if failure:
            raise failure
        time.sleep(0.5)

    with monkeypatch.context() as broken:
        broken.setitem(TOOLS, "find_bins", replace(TOOLS["find_bins"], run=run, budget_s=0.1))
        verdict = await refused(desk, Call("find_bins", {"near": "Town Hall"}), ANA)
    again = replay(desk.ledger.show(1), desk.ctx).calls[0]
    assert (verdict.outcome, again.outcome) == ("gone", "gone")
    assert again.why.startswith("an outside part failed then: ")


async def test_an_outside_part_that_fails_in_the_replay_is_no_difference(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.assistant(ScriptedModel([])).run_tool(Call("find_bins", {"near": "Town Hall"}), ANA)

    def run(**_values: Any) -> Any:
        raise StoreUnavailable("The map service is down.")

    monkeypatch.setitem(TOOLS, "find_bins", replace(TOOLS["find_bins"], run=run))
    verdict = replay(desk.ledger.show(1), desk.ctx).calls[0]
    assert (verdict.outcome, verdict.why) == ("gone", "an outside part fails now: The map service is down.")


async def test_a_recorded_refusal_that_the_rights_do_not_explain_is_a_difference(desk: Desk) -> None:
    entry = LedgerEntry(
        kind="decision", at=desk.clock(), thread="t-1", actor="ana", role="manager", surface="api", city="smalltown",
        calls=(
            LedgerCall(
                name="find_bins", parameters={"near": "Town Hall"}, error="You may not.", problem_kind="not_permitted",
                data_snapshot=desk.ctx.city.digest,
            ),
        ),
    )  # fmt: skip
    desk.ledger.append(entry, "k")
    verdict = replay(desk.ledger.show(1), desk.ctx).calls[0]
    assert (verdict.outcome, verdict.why) == ("different", "it runs now, and was told then: You may not.")
