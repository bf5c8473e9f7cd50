"""fleet_status: trucks, shifts, what is planned for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from domain.operation import TruckInfo
from domain.repositories.fleet import SentRound, out_of_service, sent_rounds
from domain.times import describe
from domain.values import Evidence, Facts, Moment, Reason, Result, Table
from tools.arguments import MomentArg, TrucksArg, words
from tools.context import Ctx
from tools.registry import Example, tool

DAY = timedelta(days=1)


class FleetFacts(Facts):
    """The fleet at a time. Free trucks are in service and without a dispatched round then; lists are of names."""

    when: str
    trucks: int
    free: int
    dispatched: int
    out_of_service: int
    on_shift: int
    free_trucks: list[str]
    dispatched_trucks: list[str]
    out_of_service_trucks: list[str]
    on_shift_trucks: list[str]
    free_capacity_l: float
    free_capacity_kg: float


@tool(
    budget_s=10,
    examples=[
        Example("is truck 3 free tomorrow?", {"trucks": ["truck 3"], "when": "tomorrow"}),
    ],
)
def fleet_status(
    trucks: TrucksArg | None = None,
    when: MomentArg = words("now"),
    *,
    ctx: Ctx,
) -> Result[FleetFacts]:
    """Show trucks with capacity, shift, and what is dispatched or planned.

    Args:
        trucks: Trucks that were named.
        when: The time of interest, in the user's words.
    """
    chosen = [ctx.city.trucks[name] for name in trucks.names] if trucks else list(ctx.city.trucks.values())
    with ctx.store.read() as session:
        away = out_of_service(session, ctx.city.name)
        rounds = sent_rounds(session, ctx.city.name, ctx.now)
    states = [_state(each, away.get(each.name), rounds, _span(ctx, when)) for each in chosen]
    local = Moment(when.at.astimezone(ctx.zone), when.words, when.is_day)
    told = f"{local.at:%a} {local.at.date().isoformat()}" if when.is_day else describe(local)
    facts = _facts(states, told)
    return Result[FleetFacts](
        headline=_headline(facts),
        facts=facts,
        why=_reasons(ctx, states),
        understood={"when": told},
        data_age=f"records of the fleet as of {ctx.now.astimezone(ctx.zone):%Y-%m-%d %H:%M}",
        table=_table(ctx, states),
        degraded=[] if chosen else [f"The records of {ctx.city.title} hold no trucks."],
    )


# ---------------------------------------------------------------- one truck at one time


@dataclass(frozen=True)
class _State:
    """A truck in a span of time: its shift that touches the span, until when it is away, its rounds then."""

    truck: TruckInfo
    shift: tuple[datetime, datetime] | None
    away_until: datetime | None
    rounds: tuple[SentRound, ...]

    @property
    def free(self) -> bool:
        return self.away_until is None and not self.rounds

    @property
    def on_shift(self) -> bool:
        return self.away_until is None and self.shift is not None

    @property
    def words(self) -> str:
        if self.away_until is not None:
            return "out of service"
        return "dispatched" if self.rounds else "free" if self.shift else "free, off shift"


def _span(ctx: Ctx, when: Moment) -> tuple[datetime, datetime]:
    """The whole day when only a day was named, else the moment itself."""
    at = when.at.astimezone(ctx.zone)
    if not when.is_day:
        return at, at
    midnight = datetime.combine(at.date(), time.min, ctx.zone)
    return midnight, datetime.combine(at.date() + DAY, time.min, ctx.zone)


def _state(
    truck: TruckInfo, away: datetime | None, rounds: Sequence[SentRound], span: tuple[datetime, datetime]
) -> _State:
    """On a whole day a truck is away when it misses the start of that day's shift."""
    since, until = span
    shift = _shift(truck, since, until)
    needed = shift[0] if shift and until > since else since
    mine = tuple(r for r in rounds if r.truck == truck.name and r.starts_at <= until and r.ends_at >= since)
    return _State(truck, shift, away if away is not None and away > needed else None, mine)


def _shift(truck: TruckInfo, since: datetime, until: datetime) -> tuple[datetime, datetime] | None:
    """The shift running at a moment, or the one that starts within a day."""
    start, end = time.fromisoformat(truck.shift_start), time.fromisoformat(truck.shift_end)
    for day in (since.date(), since.date() - DAY):
        begins = datetime.combine(day, start, since.tzinfo)
        ends = datetime.combine(day if end > start else day + DAY, end, since.tzinfo)
        if since <= begins < until or (since == until and begins <= since < ends):
            return begins, ends
    return None


# ---------------------------------------------------------------- words


def _facts(states: Sequence[_State], when: str) -> FleetFacts:
    def names(kept: Sequence[_State]) -> list[str]:
        return [state.truck.name for state in kept]

    free = [state for state in states if state.free]
    busy = [state for state in states if state.rounds and state.away_until is None]
    away = [state for state in states if state.away_until is not None]
    on = [state for state in states if state.on_shift]
    return FleetFacts(
        when=when, trucks=len(states), free=len(free), dispatched=len(busy), out_of_service=len(away),
        on_shift=len(on), free_trucks=names(free), dispatched_trucks=names(busy), out_of_service_trucks=names(away),
        on_shift_trucks=names(on), free_capacity_l=sum(s.truck.capacity_l for s in free),
        free_capacity_kg=sum(s.truck.capacity_kg for s in free),
    )  # fmt: skip


def _headline(facts: FleetFacts) -> str:
    if not facts.trucks:
        return "The records hold no trucks."
    text = "{when}: {free} of {trucks} trucks free ({free_trucks}), on shift: {on_shift_trucks}"
    text += "; dispatched: {dispatched_trucks}" if facts.dispatched else ""
    return text + ("; out of service: {out_of_service_trucks}." if facts.out_of_service else ".")


def _reasons(ctx: Ctx, states: Sequence[_State]) -> list[Reason]:
    trucks = [Evidence(label=s.truck.name, ref=f"records:trucks/{s.truck.name}") for s in states]
    stated = Evidence(label=f"trucks of {ctx.city.title}", ref="assumptions:trucks")
    text = "Capacities and daily shifts are as stated for the city; no roster by weekday is in the records."
    why = [Reason(text=text, evidence=[*trucks, stated])]
    sent = {r.plan_id: r for state in states for r in state.rounds}
    if sent:
        evidence = [
            Evidence(label=f"{r.dispatch_id} of plan {r.plan_id}", ref=f"plans:{r.plan_id}") for r in sent.values()
        ]
        why.append(
            Reason(text="A truck is dispatched from a round's start until its planned return.", evidence=evidence)
        )
    return why


def _table(ctx: Ctx, states: Sequence[_State]) -> Table:
    columns = [
        "truck", "state", "shift", "on_shift", "capacity_l", "capacity_kg", "streams", "depot", "rounds", "back_at",
        "out_of_service_until",
    ]  # fmt: skip
    return Table(columns=columns, rows=[_row(ctx, state) for state in states])


def _row(ctx: Ctx, state: _State) -> list[str | int | float | None]:
    truck = state.truck
    back = max((r.ends_at for r in state.rounds), default=None)
    rounds = ", ".join(f"{r.dispatch_id} ({r.plan_id})" for r in state.rounds)
    return [
        truck.name, state.words, f"{truck.shift_start}-{truck.shift_end}", "yes" if state.on_shift else "no",
        truck.capacity_l, truck.capacity_kg, ", ".join(sorted(truck.streams)) or "all", truck.depot, rounds or None,
        _minute(ctx, back), _minute(ctx, state.away_until),
    ]  # fmt: skip


def _minute(ctx: Ctx, at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(ctx.zone).strftime("%Y-%m-%d %H:%M")
