"""Writing a decision down: its ledger record and its turn in the thread."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, Protocol, cast

from pydantic import JsonValue

from assistant.approvals import Approvals
from assistant.compose import Composed, proposals_in
from assistant.graph import Ran, State, remembered
from assistant.memory import Memory, step_of_word
from assistant.shown import ShownCall
from domain.ledger import Ledger, LedgerCall, LedgerEntry, Versions
from domain.ports import ModelIdentity
from domain.values import Call, Effect, Role
from domain.work_records import Turn
from prompts.render import VERSION_OF_STYLE, Step
from tools.beside import BESIDE
from tools.context import Ctx
from tools.planning import repeats
from tools.registry import TOOLS, registry_version
from tools.result_bytes import result_hash


class Recorder:
    """Where a finished question goes."""

    def __init__(self, ledger: Ledger, memory: Memory, approvals: Approvals, prompt_style: str) -> None:
        self.ledger, self.memory, self.approvals = ledger, memory, approvals
        self._style = prompt_style

    def decision(self, ctx: Ctx, state: State, composed: Composed) -> str:
        """Append the decision; its id. Raises LedgerUnavailable."""
        proposed = proposals_in(composed.calls)
        entry = LedgerEntry(
            kind="decision",
            at=ctx.now,
            thread=ctx.thread.thread_id,
            actor=ctx.actor.name,
            role=ctx.actor.role.value,
            surface=ctx.tuning.surface,
            city=ctx.city.name,
            scopes=tuple(sorted(ctx.actor.scopes)) if ctx.actor.role is Role.api else None,
            question=state["question"],
            versions=versions_of(ctx.model, self._style),
            calls=tuple(_ledger_call(ctx, call, ran) for call, ran in zip(composed.calls, state["ran"], strict=True)),
            answer=composed.text,
            answer_kind=composed.kind,
            grounded=composed.grounded,
            degraded=tuple(map(unquoted, composed.degraded)),
            proposal_id=next(reversed(proposed), None),
            proposal_ids=tuple(proposed) if len(proposed) > 1 else None,
        )
        return self.ledger.append(entry, f"decision:{ctx.thread.thread_id}:{secrets.token_hex(8)}").decision_id

    def turn(self, ctx: Ctx, state: State, composed: Composed, decision_id: str | None) -> None:
        """Remember the turn for follow-ups."""
        made = remembered(state["ran"])
        steps = tuple(Step(ran["call"], ran["outcome"]) for ran in made)
        word = state["word"]
        if word and not steps:
            said = word.get("parameters")
            steps = step_of_word(Call(str(word["name"]), said if isinstance(said, dict) else {}))
        calls = [{"call": step.call, "outcome": step.outcome} for step in steps]
        self.memory.add(
            Turn(
                thread=ctx.thread.thread_id,
                question=state["question"],
                calls=cast(list[JsonValue], calls),
                results=[ran["result"] or {} for ran in made],
                answer=composed.text,
                kind=composed.kind,
                decision_id=decision_id,
                at=ctx.now,
            )
        )


class Digested(Protocol):
    """What is made of a file."""

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        ...


def assisted(model: ModelIdentity, beside: Mapping[str, Digested | None]) -> ModelIdentity:
    """The identity of a model and of what is beside it, by BESIDE."""
    return replace(model, digests={**model.digests, **{name: each.digest for name, each in beside.items() if each}})


def versions_of(model: ModelIdentity, style: str) -> Versions:
    """Which weights, prompt and tools speak, and what is beside them, if anything is."""
    told = {name: model.digests[name] for name in BESIDE if name in model.digests}
    beside = "".join(f", {name} {digest[:12]}" for name, digest in told.items())
    return Versions(
        model=f"{model.model} on {model.engine}{beside}",
        model_hash=model.digests.get("base"),
        adapter_hash=model.digests.get("adapter"),
        prompt_hash=VERSION_OF_STYLE[style],
        tool_schema_hash=registry_version(),
    )


def unquoted(sentence: str) -> str:
    """A sentence without the user's words in it, for the part of a record that `ledger erase` does not reach."""
    return re.sub("“.*”", "“…”", sentence, flags=re.DOTALL)


def _ledger_call(ctx: Ctx, call: ShownCall, ran: Ran) -> LedgerCall:
    return LedgerCall(
        name=call.name,
        parameters=call.parameters,
        resolved=dict(call.understood),
        result_hash=result_hash(call.result) if call.result is not None else None,
        seed=ctx.tuning.seed,
        data_snapshot=ctx.city.digest,
        deterministic=_repeats(call),
        ms=ran["ms"],
        error=call.problem,
        problem_kind=cast(Literal["ask", "not_permitted", "not_now"] | None, ran["problem_kind"]),
    )


def _repeats(call: ShownCall) -> bool:
    """Whether a replay must give the same bytes: the tool only reads, and nobody and nothing ended its search."""
    reads = call.name in TOOLS and TOOLS[call.name].effect is Effect.read
    return reads and (call.result is None or repeats(call.result.degraded))
