"""Answers as an assistant would give them, for tests of the surfaces; and the parts around them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from doubles import KeptApprovals, ScriptedAssistant
from pydantic import JsonValue

from assistant.ports import Follower, ToolRun
from assistant.shown import Answer, ProposalCard, ShownCall
from assistant.surfaces.parts import ApiParts, Limits, PartHealth
from domain.clock import fixed_clock
from domain.errors import AmbiguousName, AskAgain, NotNow, NotPermitted, RoundsmanError, UnclearTime, UnknownName
from domain.ledger import Ledger, load_keys
from domain.operation import load_operation
from domain.settings import Settings
from domain.store import Store
from domain.values import Actor, Call, Confidence, Evidence, Facts, Reason, Result, Table
from tools.registry import TOOLS
from tools.use import Used, require_permission


class Forecast(Facts):
    """Counts of a forecast."""

    bins_over: int
    bins_checked: int


def point(name: str, lon: float, lat: float, fill_pct: int) -> dict[str, JsonValue]:
    """A bin on the map."""
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [lon, lat]},
        "properties": {"label": name, "fill_pct": fill_pct, "kind": "bin"},
    }


def line(truck: str, *places: Sequence[float]) -> dict[str, JsonValue]:
    """A truck's way on the map."""
    return {
        "type": "Feature",
        "geometry": {"type": "LineString", "coordinates": [list(place) for place in places]},
        "properties": {"truck": truck},
    }


BINS = [
    (f"15140{n:02d} Sather Gate", -122.2595 + n * 0.0004, 37.8703 + (n * 7 % 11) * 0.0003, 97 - 3 * n)
    for n in range(18)
]
FORECAST = Result[Forecast](
    headline="{bins_over} of {bins_checked} bins near Sather Gate will be over the limit.",
    facts=Forecast(bins_over=18, bins_checked=42),
    why=[
        Reason(
            text="The compost bin at Sather Gate fills 21 % a day since Monday.",
            evidence=[
                Evidence(label="bin 1514000", ref="bins:1514000"),
                Evidence(label="history", ref="emptyings:1514000"),
            ],
        )
    ],
    understood={"near": "Sather Gate, 500 m", "by": "2025-09-01 12:00"},
    data_age="last emptying 2025-08-31 06:40",
    table=Table(columns=["bin", "site", "fill_pct"], rows=[[b[0][:7], b[0][8:], b[3]] for b in BINS]),
    map={"type": "FeatureCollection", "features": [point(*b) for b in BINS]},
    chart={
        "data": [{"type": "bar", "x": [b[0][:7] for b in BINS], "y": [b[3] for b in BINS], "name": "fill"}],
        "layout": {"title": {"text": "Fill by noon"}},
    },
    confidence=Confidence(share=0.8, meaning="8 of 10 forecasts like this were within 10 points"),
)
PLAN = Result[Forecast](
    headline="A round for two trucks serves {bins_over} bins.",
    facts=Forecast(bins_over=18, bins_checked=42),
    why=[Reason(text="18 bins would overflow before.", evidence=[Evidence(label="plan P-0001", ref="plans:P-0001")])],
    understood={"when": "2025-08-31, 22:00 to 06:00"},
    data_age="last emptying 2025-08-31 06:40",
    table=Table(
        columns=["truck", "stops", "km", "hours"],
        rows=[["Truck 1", 10, 12.4, 3.1], ["Truck 2", 8, 9.8, 2.6]],
    ),
    map={
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "geometry": {"type": "Point", "coordinates": [-122.2605, 37.8690]},
             "properties": {"label": "Depot", "kind": "depot"}},
            *(point(*b) for b in BINS),
            line("Truck 1", [-122.2605, 37.8690], *[b[1:3] for b in BINS[:10]], [-122.2605, 37.8690]),
            line("Truck 2", [-122.2605, 37.8690], *[b[1:3] for b in BINS[10:]], [-122.2605, 37.8690]),
        ],
    },
)  # fmt: skip
CARD = ProposalCard(
    proposal_id="A-0001",
    kind="dispatch",
    title="Dispatch P-0001",
    lines=("Truck 1: 10 stops, 12.4 km", "Truck 2: 8 stops, 9.8 km"),
    content_hash="9f2c" + "0" * 60,
    expires_at="2025-09-01 06:00",
    may_approve=("manager",),
)


def called(name: str, result: Result[Forecast], **parameters: JsonValue) -> ShownCall:
    """A call that ran."""
    return ShownCall(name, parameters, result.understood, result, 34.2)


ANSWER = Answer(
    text="18 of 42 bins near Sather Gate will be over 80 % by 2025-09-01 12:00.",
    kind="answer",
    thread="t-1",
    decision_id="D-0001",
    calls=(called("forecast_fill", FORECAST, near="Sather Gate", by="tomorrow noon"),),
    ms=81.0,
)
PROPOSAL = Answer(
    text="The round for two trucks is ready to send.",
    kind="proposal",
    thread="t-1",
    decision_id="D-0003",
    calls=(called("plan_round", PLAN, when="tonight", truck_count=2), called("propose_dispatch", PLAN)),
    proposals=(CARD,),
    degraded=("The forecast service cannot be reached: last level plus mean rate.",),
)
TICKET = replace(CARD, proposal_id="A-0002", kind="ticket", title="Ticket for bin 12", lines=("The lid is stuck",))
CLARIFY = Answer(
    "“library” fits more than one site. Which one?",
    "clarify",
    "t-1",
    "D-0004",
    choices=("Doe Library", "Moffitt Library"),
)
DECLINE = Answer("That is outside what I do.", "decline", "t-1", "D-0005", reason="out_of_scope")
ANSWERS: dict[str, Answer | Exception] = {
    "overflow": ANSWER,
    "send it": PROPOSAL,
    "round": PROPOSAL,
    "two things": replace(PROPOSAL, proposals=(CARD, TICKET)),
    "library": CLARIFY,
    "poem": DECLINE,
    "broken store": NotNow("The records cannot be used: the disk is full; free some space and try again."),
    "bug": ZeroDivisionError("secret detail"),
}
TOOL_FAULTS: dict[str, RoundsmanError] = {
    "Atlantis": UnknownName("place", "Atlantis", ["Atherton Street"]),
    "library": AmbiguousName("place", "library", ["Doe Library", "Moffitt Library"]),
    "yesteryear": UnclearTime("yesteryear"),
    "the far moon": AskAgain("I know nothing of the far moon.", ["Earth"]),
    "no store": NotNow("The records cannot be used: the database is busy."),
    "forbidden": NotPermitted("As viewer you may not see that."),
}


def search(follower: Follower) -> None:
    """A search in a thread of its own, until it is ended."""
    for percent in range(1, 1000):
        follower.told({"share": percent / 1000, "unserved": 3, "seconds": percent / 100})
        if follower.ended():
            return
        time.sleep(0.01)


@dataclass
class Tools:
    """Runs tools for programs: every one gives the forecast, unless a word of its parameters stands for a fault.

    A search `near` "the long way" goes on until its follower ends it.
    """

    runs: list[tuple[Call, Actor]] = field(default_factory=list)

    async def __call__(self, call: Call, actor: Actor, follower: Follower | None = None) -> ToolRun:
        """One tool."""
        require_permission(actor, TOOLS[call.name])
        self.runs.append((call, actor))
        if follower is not None and "the long way" in str(call.parameters):
            await asyncio.to_thread(search, follower)
        for word, fault in TOOL_FAULTS.items():
            if word in str(call.parameters):
                raise fault
        return ToolRun(Used(call, FORECAST, 12.0), "D-0007")


def parts_over(store: Store, home: Path, **changed: object) -> ApiParts:
    """Parts of the small city with a scripted assistant; `changed` replaces some."""
    settings = Settings(home=home, city="smalltown")
    operation = load_operation(store, "smalltown")
    clock = fixed_clock(operation.demo_now)
    given: dict[str, object] = {
        "asks": ScriptedAssistant(ANSWERS),
        "decides": KeptApprovals([CARD]),
        "store": store,
        "ledger": Ledger(store, load_keys(home), home / "checkpoints", clock),
        "operation": operation,
        "run_tool": Tools(),
        "health": lambda: [
            PartHealth("records", True, "12 bins"),
            PartHealth("search", False, "no words", "Install it.", needed=False),
        ],
        "settings": settings,
        "clock": clock,
        "limits": Limits(),
    }
    return ApiParts(**{**given, **changed})  # type: ignore[arg-type]
