"""Doubles, written once: a scripted language model, a model server that misbehaves, and an assistant for surfaces."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from pydantic import JsonValue

from assistant.ports import Decided, Decision, Inquiry
from assistant.shown import Answer, OnStep, ProposalCard, StepEvent, no_steps
from domain.errors import AskAgain, NotPermitted, UnknownName
from domain.ports import ModelAnswer, ModelIdentity
from domain.values import Call
from evals.bench import bench
from tools.argument_classifier import DRIVES, POLARITY, STAYS, ArgumentClassifier, groups, roles
from tools.call_classifier import Made, Thread
from tools.mentions import marks_of
from tools.registry import TOOLS
from tools.regression import BUCKETS


class ScriptedModel:
    """A `LanguageModel` that gives its answers in order and keeps the prompts and schemas it was shown.

    An answer is a call as JSON text, a `{"name", "parameters"}` mapping, or an exception to raise. A question beyond
    the script is a fault of the test.
    """

    def __init__(self, answers: Sequence[str | Mapping[str, JsonValue] | Exception]) -> None:
        self.identity = ModelIdentity("scripted", engine="test")
        self.prompts: list[str] = []
        self.schemas: list[dict[str, JsonValue]] = []
        self._answers = list(answers)

    async def decide(self, prompt: str, schema: dict[str, JsonValue], *, deadline_s: float) -> ModelAnswer:
        """The next answer of the script."""
        self.prompts.append(prompt)
        self.schemas.append(schema)
        assert self._answers, f"the script has no answer number {len(self.prompts)}"
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
        return ModelAnswer(text, prompt_tokens=len(prompt.split()), new_tokens=len(text.split()), ms=1.0)


class _WeightedScript(ScriptedModel):
    """The script, and how likely it finds each name of a call; `asked` keeps the names that it was asked about."""

    def __init__(
        self, answers: Sequence[str | Mapping[str, JsonValue] | Exception], weights: Mapping[str, float]
    ) -> None:
        super().__init__(answers)
        self.asked: list[tuple[str, ...]] = []
        self._weights = weights


class NamingScript(_WeightedScript):
    """A `NamingModel`: tells the weights beside its answers; `calls` are those of the whole answers."""

    def __init__(
        self,
        answers: Sequence[str | Mapping[str, JsonValue] | Exception],
        weights: Mapping[str, float],
        calls: Sequence[float] = (),
    ) -> None:
        super().__init__(answers, weights)
        self._calls = list(calls)

    async def decide_among(
        self, prompt: str, schema: dict[str, JsonValue], names: Sequence[str], *, deadline_s: float
    ) -> ModelAnswer:
        """The next answer, with the weights of those names; a name that the script does not weigh has -20."""
        self.asked.append(tuple(names))
        weights = {name: self._weights.get(name, -20.0) for name in names} if self._weights else {}
        weight = self._calls.pop(0) if self._calls else None
        return replace(await self.decide(prompt, schema, deadline_s=deadline_s), names=weights, weight=weight)


class WeighingScript(_WeightedScript):
    """A `WeighingModel`: tells the weights alone."""

    async def weigh(self, prompt: str, names: Sequence[str], *, deadline_s: float) -> list[float]:
        """The weights of those names."""
        self.asked.append(tuple(names))
        return [self._weights[name] for name in names]


def sure_of_arguments(
    tool: str, odds: float = 6.0, *, staying: bool = False, **role_of: str | None
) -> ArgumentClassifier:
    """A classifier that finds one argument of `tool` for each kind of mark e^odds times as likely as each other, and of
    trucks that they drive or are `staying`."""
    bias = np.zeros(sum(map(len, roles().values())), np.float32)
    bias[groups()[POLARITY].start + roles()[POLARITY].index(STAYS if staying else DRIVES)] = odds
    for kind, role in role_of.items():
        bias[groups()[tool, kind].start + roles()[tool, kind].index(role)] = odds
    return ArgumentClassifier(np.zeros((BUCKETS, 1), np.float32), np.zeros((len(bias), 1), np.float32), bias)


def examples_as_served() -> Iterator[tuple[str, Thread]]:
    """Each registered example's tool and, behind a plan, the thread that is served of it."""
    before = (Made(Call("plan_round", {"when": "tonight"}), "ok"),)
    with bench() as where:
        operation = where.operation("berkeley")
        now = operation.demo_now.astimezone(operation.zone)
        for tool in TOOLS.values():
            for example in tool.examples:
                marks = marks_of(example.question, operation, now)
                yield tool.name, Thread(example.question, marks, before=before, earlier="plan tonight")


# ---------------------------------------------------------------- a model server on loopback

Reply = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class ModelServer:
    """What a served double was asked: `url`, and each request's body and headers."""

    url: str
    bodies: list[dict[str, JsonValue]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


def says(text: str) -> Reply:
    """A proper completion with that text."""
    completion = {
        "choices": [{"text": text, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 70, "completion_tokens": 25},
    }
    return sends(json.dumps(completion))


def sends(body: str, status: int = 200) -> Reply:
    """Any body with any status."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        content = body.encode()
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return reply


def breaks_off(handler: BaseHTTPRequestHandler) -> None:
    """Half of a promised body, then a closed connection."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [{"text": "{\\"name\\":')


def hangs_up(handler: BaseHTTPRequestHandler) -> None:
    """A closed connection without a word."""
    handler.close_connection = True


def hangs(handler: BaseHTTPRequestHandler) -> None:
    """No answer for longer than any deadline of a test."""
    time.sleep(2.0)


@contextmanager
def model_server(*replies: Reply) -> Iterator[ModelServer]:
    """A server on loopback that gives `replies` in order, and the last one ever after."""
    served = ModelServer("")
    script = list(replies)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            served.bodies.append(json.loads(self.rfile.read(length)))
            served.headers.append(dict(self.headers))
            (script.pop(0) if len(script) > 1 else script[0])(self)

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield served
    server.shutdown()
    server.server_close()


# ---------------------------------------------------------------- an assistant and approvals, for the surfaces


class ScriptedAssistant:
    """An `Asks` that answers by the first key its question contains, and keeps the inquiries.

    A value is an answer or an exception to raise. Every call of an answer is told as two steps before it. A thread
    that the inquiry names is the answer's thread. `wait_s` passes before each answer.
    """

    def __init__(self, answers: Mapping[str, Answer | Exception], wait_s: float = 0.0) -> None:
        self.inquiries: list[Inquiry] = []
        self._answers, self._wait_s = dict(answers), wait_s

    async def ask(self, inquiry: Inquiry, on_step: OnStep = no_steps) -> Answer:
        """The answer of the script."""
        self.inquiries.append(inquiry)
        asked = inquiry.question.casefold()
        found = next((a for key, a in self._answers.items() if key.casefold() in asked), None)
        assert found is not None, f"the script has no answer to {inquiry.question!r}"
        on_step(StepEvent("deciding"))
        await asyncio.sleep(self._wait_s)
        if isinstance(found, Exception):
            raise found
        for call in found.calls:
            on_step(StepEvent("calling", call.name, dict(call.parameters)))
            on_step(StepEvent("called", call.name, {"ms": call.ms, "understood": dict(call.understood)}))
        on_step(StepEvent("answering"))
        return replace(found, thread=inquiry.thread or found.thread)


class KeptApprovals:
    """A `Decides` over cards in memory. `effects` are the ids of what was done, one for each approval that counted."""

    def __init__(self, cards: Sequence[ProposalCard]) -> None:
        self.cards = {card.proposal_id: card for card in cards}
        self.words: list[Decision] = []
        self.effects: list[str] = []

    def card(self, proposal_id: str) -> ProposalCard:
        """A proposal as it stands."""
        if proposal_id not in self.cards:
            raise UnknownName("proposal", proposal_id)
        return self.cards[proposal_id]

    def open_cards(self, thread: str | None = None) -> list[ProposalCard]:
        """Open proposals, newest first; of all threads."""
        return [card for card in reversed(self.cards.values()) if card.state == "open"]

    def decide(self, decision: Decision) -> Decided:
        """Take the word as the real one does: right, state, hash."""
        card = self.card(decision.proposal_id)
        if decision.actor.role.value not in card.may_approve:
            raise NotPermitted(f"As {decision.actor.role.value} you may not decide on {card.proposal_id}.")
        if card.state != "open":
            raise AskAgain(f"{card.proposal_id} is {card.state} already; nothing was done.")
        if decision.shown_hash != card.content_hash:
            raise AskAgain(f"{card.proposal_id} is not what you were shown any more; nothing was done.")
        self.words.append(decision)
        if decision.verdict == "reject":
            self.cards[card.proposal_id] = replace(card, state="rejected")
            return Decided(card.proposal_id, "rejected", f"{card.proposal_id} is rejected; nothing was done.")
        self.effects.append(f"R-{len(self.effects) + 1:04d}")
        self.cards[card.proposal_id] = replace(card, state="approved")
        sentence = f"{card.proposal_id} is approved: {self.effects[-1]} is dispatched."
        return Decided(card.proposal_id, "approved", sentence, self.effects[-1], "D-0002")
