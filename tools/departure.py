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
QUARTER = timedelta(minutes=15)
NOTICE = timedelta(minutes=15)  # crews of a shift that has begun leave at the next quarter hour after it
LEAST_SHIFT = timedelta(hours=1)  # of a shift with less left nothing is planned any more

NONE_LEFT = "No truck would be left. Which truck shall drive?"

# ---------------------------------------------------------------- trucks


def choose_trucks(ctx: Ctx, when: Moment, named: TruckSet | None, count: int | None) -> list[TruckInfo]:
    """Named trucks, with others up to `count`; the first `count` when none is named; or all that can go and are not
    left out.

    Raises AskAgain for a named truck that is out of service then, when none is left, and for more names than trucks
    were asked for; OutOfRange when fewer can go.
    """
    able = [truck for truck in _able(ctx, when) if named is None or truck.name not in named.without]
    if named and not (able if named.rest else named.names):
        raise AskAgain(NONE_LEFT)
    if named is None or named.rest:
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
    when none is left, when more were added than asked for, and for words that leave trucks out ("all but T1"), of which
    nobody knows which way they are meant here; OutOfRange when fewer can go.
    """
    added, removed, count = change
    if any(trucks and trucks.without for trucks in (added, removed)):
        raise AskAgain("Which trucks shall be added to the plan or taken out of it? Name them one by one.")
    gone = removed.names if removed else ()
    kept = [name for name in used if name not in gone]
    new = [name for name in (added.names if added else ()) if name not in kept]
    if count is None:
        if not kept + new:
            raise AskAgain(NONE_LEFT)
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

    A day means that day's shift; an evening hour or a night means the round that follows in the early morning. Of a
    shift that has begun what is left is meant, from the next quarter hour after NOTICE, while LEAST_SHIFT is left.
    """
    if when.at <= ctx.now:
        raise AskAgain(f"“{when.words}” is over. For which night or day shall I plan?")
    hour, minute = (int(part) for part in min((t.shift_start for t in trucks), default="05:00").split(":"))
    local = when.at.astimezone(ctx.zone)
    late = local.hour >= EVENING_H and (not when.is_day or _is_night(when.words, ctx.now))
    day = local.date() + timedelta(days=1 if late else 0)
    start = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ctx.zone)
    if start > ctx.now:
        return start
    left = _in_mid_shift(trucks, ctx)
    return left if left is not None and left.date() == day else _after_now(start, ctx.now)


def _after_now(start: datetime, now: datetime) -> datetime:
    while start <= now:
        start += timedelta(days=1)
    return start


def soonest_leave(ctx: Ctx) -> datetime:
    """When a crew at work can set out by another order: the next quarter hour after NOTICE, local."""
    soonest = ctx.now.astimezone(ctx.zone) + NOTICE
    quarter = soonest.replace(minute=soonest.minute // 15 * 15, second=0, microsecond=0)
    return quarter if quarter == soonest else quarter + QUARTER


def _in_mid_shift(trucks: Sequence[TruckInfo], ctx: Ctx) -> datetime | None:
    """When crews can leave that are on their shift now, local; None where all shifts of today are nearly over."""
    leaves = soonest_leave(ctx)
    ends = [_end_of_shift(truck, leaves) for truck in trucks]
    return leaves if any(end - leaves >= LEAST_SHIFT for end in ends) else None


def _end_of_shift(truck: TruckInfo, day: datetime) -> datetime:
    """When a truck's shift of a day ends, local; on the next day where it works through midnight."""
    hour, minute = (int(part) for part in truck.shift_end.split(":"))
    end = day.replace(hour=hour, minute=minute)
    return end if truck.shift_end > truck.shift_start else end + timedelta(days=1)


def _is_night(words: str, now: datetime) -> bool:
    """Whether the words name a night: a time from an evening to the next morning."""
    try:
        named = period(words, now)
    except UnclearTime:
        return False
    return named.since.hour >= EVENING_H and named.since.date() < named.until.date() and named.until.hour > 0
