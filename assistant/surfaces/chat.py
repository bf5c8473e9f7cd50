"""The chat page at `/`, made of Chainlit. Chainlit is imported here and only when a server starts.

The page holds nothing that matters: proposals are stored records, their buttons carry the id and the hash that was
shown, and any open page, terminal or program can decide on them.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, Literal

from anyio.to_thread import run_sync
from fastapi import FastAPI

from assistant.ports import Decision, Inquiry
from assistant.shown import Answer, ProposalCard, StepEvent
from assistant.surfaces.chat_door import ChatDoor
from assistant.surfaces.chat_files import prepare
from assistant.surfaces.directory import actor_named, actor_of_key
from assistant.surfaces.gate import Gate
from assistant.surfaces.identity import DEMO, is_loopback
from assistant.surfaces.parts import ApiParts
from assistant.surfaces.problems import Problem
from assistant.surfaces.progress import ask_with_steps
from assistant.surfaces.questions import read_question
from domain.errors import AskAgain, NotPermitted, RoundsmanError
from domain.settings import Settings
from domain.values import Actor

SURFACE = "chat"
OPEN_PROPOSALS = "Show the open proposals"
"""A starter with this text lists what waits for a person; it is no question to the assistant."""
STARTERS = (
    ("Overflow by tomorrow noon", "Which bins will overflow by tomorrow noon?"),
    ("Tonight's round, and why", "Plan tonight's round for two trucks and say why."),
    ("Last week in figures", "How many collections were there last week by stream?"),
    ("The fleet now", "Which trucks are available tonight?"),
)
BUG = "That went wrong inside Roundsman; nothing was done. The server's log has the details."
log = logging.getLogger(__name__)


def mount_chat(app: FastAPI, parts: ApiParts) -> None:
    """Puts the chat page at `/` of the API's app. The API's own addresses are never the page's."""
    prepare(parts.settings)
    import chainlit
    from chainlit.config import config
    from chainlit.server import app as chat_app
    from chainlit.server import get_html_template

    logging.getLogger("chainlit").setLevel(logging.ERROR)
    demo = open_to_this_machine(parts.settings)
    page = ChatPage(parts, app.state.gate, demo)
    config.code.data_layer = _no_data_layer
    chainlit.set_starters(page.starters)
    chainlit.on_message(page.on_message)
    for name, react in page.actions().items():
        chainlit.action_callback(name)(react)
    if not demo:
        chainlit.password_auth_callback(page.log_in)
    app.mount("/", ChatDoor(chat_app, lambda: str(get_html_template("")), app.router, demo), name="chat")


def open_to_this_machine(settings: Settings) -> bool:
    """Whether the page asks nobody to log in, and therefore serves this machine only."""
    return settings.open_demo and is_loopback(settings.host)


def _no_data_layer() -> None:
    """Without one Chainlit would pick a database by an environment variable that is not meant for it."""


class ChatPage:
    """What the page does. One object serves all sessions; a session keeps only the name of its thread."""

    def __init__(self, parts: ApiParts, gate: Gate, demo: bool) -> None:
        from assistant.surfaces import chat_elements

        self._parts, self._gate, self._demo, self._page = parts, gate, demo, chat_elements

    async def starters(self, user: Any = None) -> list[Any]:
        """What an empty page offers: first what waits for a person."""
        waiting = len(await run_sync(self._parts.decides.open_cards))
        label = f"{waiting} open proposal{'s' if waiting != 1 else ''}"
        offered = [(label, OPEN_PROPOSALS)] if waiting else []
        return [self._page.starter(*each) for each in (*offered, *STARTERS)]

    async def log_in(self, username: str, password: str) -> Any:
        """A person of the directory by name and key; None is a refusal."""
        found = await run_sync(actor_of_key, self._parts.store, password)
        return self._page.user(found.name) if found and found.name == username.strip() else None

    def actions(self) -> dict[str, Callable[[Any], Awaitable[None]]]:
        """The buttons' callbacks by name."""
        return {"approve": self._approve, "reject": self._reject, "choose": self._choose}

    async def on_message(self, message: Any) -> None:
        """A typed question."""
        await self._told(lambda: self._answer(str(message.content)))

    # ------------------------------------------------------------ questions

    async def _answer(self, text: str) -> None:
        actor = await self._actor()
        if text.strip() == OPEN_PROPOSALS:
            await self._show_open(actor)
            return
        ending, steps = threading.Event(), self._page.StepsShown()
        inquiry = Inquiry(read_question(text), actor, self._page.thread(), SURFACE, ended=ending.is_set)
        asking = asyncio.create_task(self._asked(inquiry, steps.show))
        try:
            answer = await asyncio.shield(asking)
        except asyncio.CancelledError:  # the page's stop button
            if not steps.searching:
                asking.cancel()
                raise
            ending.set()
            answer = await asking
        self._page.remember_thread(answer.thread)
        await self._page.show_answer(answer)
        for card in answer.proposals:
            await self._show_card(card, actor)

    async def _asked(self, inquiry: Inquiry, show: Callable[[StepEvent], Awaitable[None]]) -> Answer:
        """The answer, its steps shown as they happen."""
        answer = None
        with self._gate.enter():
            async with aclosing(ask_with_steps(self._parts.asks, inquiry)) as happening:
                async for happened in happening:
                    if isinstance(happened, Answer):
                        answer = happened
                    elif happened is not None:
                        await show(happened)
        assert answer is not None
        return answer

    async def _choose(self, action: Any) -> None:
        async def chosen() -> None:
            text = str(action.payload.get("text", ""))
            await self._page.say_as_user(text)
            await self._answer(text)

        await self._told(chosen)

    # ------------------------------------------------------------ proposals

    async def _show_open(self, actor: Actor) -> None:
        cards = await run_sync(self._parts.decides.open_cards)
        if not cards:
            await self._page.say("Nothing waits for a decision.")
        for card in cards:
            await self._show_card(card, actor)

    async def _show_card(self, card: ProposalCard, actor: Actor) -> None:
        may = actor.role.value in {who.partition(":")[0] for who in card.may_approve}
        await self._page.show_card(card, buttons=may and card.state == "open")

    async def _approve(self, action: Any) -> None:
        await self._told(lambda: self._decide(action, "approve"))

    async def _reject(self, action: Any) -> None:
        await self._told(lambda: self._decide(action, "reject"))

    async def _decide(self, action: Any, verdict: Literal["approve", "reject"]) -> None:
        shown = {name: str(action.payload.get(name, "")) for name in ("proposal_id", "content_hash")}
        word = Decision(shown["proposal_id"], verdict, await self._actor(), shown["content_hash"], SURFACE)
        decided = await run_sync(self._parts.decides.decide, word)
        await self._page.take_buttons_away(action)
        await self._page.show_decided(decided)

    # ------------------------------------------------------------ people and faults

    async def _actor(self) -> Actor:
        """Who is in front of the page, with the role of this moment. Raises NotPermitted."""
        name = self._page.user_name()
        if name is None and self._demo:
            return DEMO
        found = await run_sync(actor_named, self._parts.store, name) if name else None
        if found is None:
            raise NotPermitted("You are no longer in the directory. Ask whoever keeps it for a new key.")
        return found

    async def _told(self, work: Callable[[], Awaitable[None]]) -> None:
        """Whatever goes wrong is said in the chat; a bug is said without its insides."""
        try:
            await work()
        except AskAgain as error:
            await self._page.say(error.question, error.choices)
        except (RoundsmanError, Problem) as error:
            await self._page.say(str(error))
        except Exception:
            log.exception("a chat turn failed")
            await self._page.say(BUG)
