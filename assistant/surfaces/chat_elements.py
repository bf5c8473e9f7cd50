"""Everything that talks to Chainlit: messages, steps, buttons, tables, maps. Imported when a server starts."""

from __future__ import annotations

import json
from typing import Any

import chainlit
from chainlit.utils import utc_now

from assistant.ports import Decided
from assistant.shown import Answer, ProposalCard, ShownCall, StepEvent
from assistant.surfaces.chat_map import CLEAR, GREY, MODEBAR, map_figure
from assistant.surfaces.chat_text import (
    card_text,
    headline_text,
    plain,
    progress_text,
    reasons_text,
    step_text,
    table_csv,
)

AUTHOR = "Roundsman"
THREAD = "thread"
MOST_TABLES, MOST_CHOICES = 3, 8


def starter(label: str, message: str) -> Any:
    """A suggestion on the empty page."""
    return chainlit.Starter(label=label, message=message)


def user(name: str) -> Any:
    """Who logged in; the role is not in it, because it is looked up every time."""
    return chainlit.User(identifier=name)


def user_name() -> str | None:
    """The name of who logged in."""
    found = chainlit.context.session.user
    return str(found.identifier) if found else None


def thread() -> str | None:
    """The conversation's thread, None before its first answer."""
    found = chainlit.user_session.get(THREAD)
    return str(found) if found else None


def remember_thread(name: str) -> None:
    """The conversation goes on in this thread."""
    chainlit.user_session.set(THREAD, name)


async def say(text: str, choices: tuple[str, ...] = ()) -> None:
    """One message, with buttons to choose from."""
    await chainlit.Message(content=plain(text), author=AUTHOR, actions=_choices(choices)).send()


async def say_as_user(text: str) -> None:
    """Shows a chosen answer as if it had been typed."""
    await chainlit.Message(content=text, type="user_message").send()


class StepsShown:
    """Tool calls as collapsible steps, each while it runs and with its outcome.

    A long search tells in its step how far it is; meanwhile `searching` is true, and the page's stop button takes the
    best so far.
    """

    def __init__(self) -> None:
        self._open: Any = None
        self.searching = False

    async def show(self, event: StepEvent) -> None:
        """One event of the conversation."""
        if event.kind == "calling":
            run = chainlit.context.current_step  # steps and answers of one question belong together
            self._open = chainlit.Step(
                name=event.name, type="tool", show_input="json", parent_id=run.id if run else None
            )
            self._open.input = event.detail
            self._open.start = utc_now()
            await self._open.send()
        elif event.kind == "progress" and self._open is not None:
            self._open.output = progress_text(event)
            self.searching = True
            await self._open.update()
        elif event.kind in {"called", "problem"} and self._open is not None:
            self.searching = False
            self._open.output = step_text(event)
            self._open.is_error = event.kind == "problem"
            self._open.end = utc_now()
            await self._open.update()
            self._open = None


async def show_answer(answer: Answer) -> None:
    """The answer with its map, chart and tables, and below them the reasons and the tables as files."""
    seen = [*_map(answer), *_chart(answer), *(_table(call) for call in _with_tables(answer))]
    files = [_table_file(call) for call in _with_tables(answer)]
    headline, reasons, choices = headline_text(answer), reasons_text(answer), _choices(answer.choices)
    if seen:
        await chainlit.Message(content=headline, author=AUTHOR, elements=seen).send()
        await chainlit.Message(content=reasons, author=AUTHOR, elements=files, actions=choices).send()
    else:
        whole = "\n\n".join(part for part in (headline, reasons) if part)
        await chainlit.Message(content=whole, author=AUTHOR, actions=choices).send()


async def show_card(card: ProposalCard, *, buttons: bool) -> None:
    """A proposal, with buttons for whoever may decide on it."""
    await chainlit.Message(content=card_text(card), author=AUTHOR, actions=_decisions(card) if buttons else []).send()


async def show_decided(decided: Decided) -> None:
    """What became of a proposal."""
    recorded = f" Recorded as {decided.decision_id}." if decided.decision_id else ""
    await say(decided.sentence + recorded)


async def take_buttons_away(action: Any) -> None:
    """The card was decided on: its buttons go."""
    for other in chainlit.user_session.get(_buttons_of(action.payload)) or [action]:
        await other.remove()


def _decisions(card: ProposalCard) -> list[Any]:
    shown = {"proposal_id": card.proposal_id, "content_hash": card.content_hash}
    made = [
        chainlit.Action(
            name="approve", payload=shown, label="Approve", icon="circle-check", tooltip="Exactly what is shown"
        ),
        chainlit.Action(name="reject", payload=shown, label="Reject", icon="circle-x", tooltip="Nothing will be done"),
    ]
    chainlit.user_session.set(_buttons_of(shown), made)
    return made


def _buttons_of(payload: dict[str, Any]) -> str:
    return f"buttons of {payload.get('proposal_id')}"


def _choices(choices: tuple[str, ...]) -> list[Any]:
    return [
        chainlit.Action(name="choose", payload={"text": c}, label=c, icon="corner-down-right")
        for c in choices[:MOST_CHOICES]
    ]


# ---------------------------------------------------------------- elements


def _element(kind: str, name: str, content: str | bytes, mime: str = "application/json") -> Any:
    """An element of the page made of its JSON, which is what Chainlit's own classes make out of pandas and Plotly."""
    made = chainlit.File(name=name, content=content, display="inline", mime=mime)
    made.type = kind
    if kind != "file":
        made.size = "large"
    return made


def _with_tables(answer: Answer) -> list[ShownCall]:
    found = [call for call in answer.calls if call.result and call.result.table and call.result.table.rows]
    return found[-MOST_TABLES:]


def _table(call: ShownCall) -> Any:
    """A table that is sorted by a press on a column's name."""
    assert call.result is not None
    assert call.result.table is not None
    table = call.result.table
    shown = {"columns": table.columns, "index": list(range(len(table.rows))), "data": table.rows}
    return _element("dataframe", f"{call.name} table", json.dumps(shown), "text/plain")  # the page parses it itself


def _table_file(call: ShownCall) -> Any:
    assert call.result is not None
    assert call.result.table is not None
    return _element("file", f"{call.name}.csv", table_csv(call.result.table), "text/csv")


def _map(answer: Answer) -> list[Any]:
    """The newest map of the answer."""
    for call in reversed(answer.calls):
        figure = map_figure(call.result.map) if call.result else None
        if figure:
            return [_element("plotly", f"{call.name} map", json.dumps(figure))]
    return []


def _chart(answer: Answer) -> list[Any]:
    """The newest chart of the answer, on the page's own background."""
    for call in reversed(answer.calls):
        if call.result and call.result.chart:
            layout = call.result.chart.get("layout")
            own = {
                "paper_bgcolor": CLEAR,
                "plot_bgcolor": CLEAR,
                "font": {"color": GREY},
                "autosize": True,
                "modebar": MODEBAR,
            }
            figure = {**call.result.chart, "layout": {**own, **(layout if isinstance(layout, dict) else {})}}
            return [_element("plotly", f"{call.name} chart", json.dumps(figure))]
    return []
