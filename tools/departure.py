"""Who leaves and when: the trucks that a wish for a round means, and the start of their shifts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from domain.errors import AskAgain, OutOfRange, UnclearTime
from domain.operation import TruckInfo
from domain.times import period
from domain.values import Moment, TruckSet
from tools.context import Ctx

EVENING_H = 18

# ---------------------------------------------------------------- trucks


def choose_trucks(ctx: Ctx, when: Moment, named: TruckSet | None, count: int | None) -> list[TruckInfo]:
    """Named trucks, with others up to `count`; the first `count` when none is named; or all that can go.

    Raises AskAgain for a named truck that is out of service then, and for more names than trucks were asked for;
    OutOfRange when fewer can go.
    """
    able = _able(ctx, when)
    if named is None:
        return able if count is None else _counted(able, count)
    first = [_in_service(ctx, when, name) for name in named.names]
    if count is None:
        return first
    _require_room(named, count)
    return _counted([*first, *(t for t in able if t not in first)], count)


def changed_trucks(
    ctx: Ctx, when: Moment, used: Sequence[str], change: tuple[TruckSet | None, TruckSet | None, int | None]
) -> TruckSet:
    """The trucks of a plan after a change: those added, those removed, how many there shall be.

    Up to the count the added ones come first, then those of the plan, then others; a removed one never. Raises AskAgain
    when none is left or more were added than asked for, OutOfRange when fewer can go.
    """
    added, removed, count = change
    gone = removed.names if removed else ()
    kept = [name for name in used if name not in gone]
    new = [name for name in (added.names if added else ()) if name not in kept]
    if count is None:
        if not kept + new:
            raise AskAgain("No truck would be left. Which truck shall drive?")
        return TruckSet((*kept, *new))
    if added:
        _require_room(added, count)
    able = [t.name for t in _able(ctx, when) if t.name not in gone]
    first = [*(added.names if added else ()), *(name for name in kept if name in able), *able]
    chosen = {t.name for t in _counted([ctx.city.trucks[name] for name in dict.fromkeys(first)], count)}
    return TruckSet(tuple(name for name in dict.fromkeys([*kept, *new, *able]) if name in chosen))


def _counted(trucks: Sequence[TruckInfo], count: int) -> list[TruckInfo]:
    if count > len(trucks):
        names = ", ".join(t.name for t in trucks)
        raise OutOfRange(f"You asked for {count} trucks; {len(trucks)} can go: {names}. How many shall I plan with?")
    return list(trucks[:count])


def _require_room(named: TruckSet, count: int) -> None:
    if count < len(named.names):
        told = " and ".join(named.names)
        raise AskAgain(f"You named {told} and asked for {count}. Which of them shall drive?", named.names)


def _able(ctx: Ctx, when: Moment) -> list[TruckInfo]:
    return [t for t in ctx.city.trucks.values() if _away_until(ctx, when, t) is None]


def _in_service(ctx: Ctx, when: Moment, name: str) -> TruckInfo:
    """The truck of that name. Raises AskAgain with those that can go when it is out of service."""
    truck = ctx.city.trucks[name]
    back = _away_until(ctx, when, truck)
    if back is not None:
        raise AskAgain(
            f"{name} is out of service until {back:%Y-%m-%d %H:%M}. Which truck shall drive instead?",
            [t.name for t in _able(ctx, when)],
        )
    return truck


def _away_until(ctx: Ctx, when: Moment, truck: TruckInfo) -> datetime | None:
    """Until when a truck is out of service, local, if that makes it miss the start of its shift."""
    until = truck.out_of_service_until
    missed = until is not None and until > round_start(when, [truck], ctx)
    return until.astimezone(ctx.zone) if until is not None and missed else None


# ---------------------------------------------------------------- time


def round_start(when: Moment, trucks: Sequence[TruckInfo], ctx: Ctx) -> datetime:
    """Start of the earliest truck's shift that the words mean, local and aware, always after now.

    A day means that day's shift; an evening hour or a night means the round that follows in the early morning.
    """
    if when.at <= ctx.now:
        raise AskAgain(f"“{when.words}” is over. For which night or day shall I plan?")
    hour, minute = (int(part) for part in min((t.shift_start for t in trucks), default="05:00").split(":"))
    local = when.at.astimezone(ctx.zone)
    late = local.hour >= EVENING_H and (not when.is_day or _is_night(when.words, ctx.now))
    day = local.date() + timedelta(days=1 if late else 0)
    start = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ctx.zone)
    while start <= ctx.now:
        start += timedelta(days=1)
    return start


def _is_night(words: str, now: datetime) -> bool:
    """Whether the words name a night: a time from an evening to the next morning."""
    try:
        named = period(words, now)
    except UnclearTime:
        return False
    return named.since.hour >= EVENING_H and named.since.date() < named.until.date() and named.until.hour > 0
