"""What operations_report can count: each measure is one function that turns records into dated items.

An item knows by what it can be grouped; what the records do not know about it is None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy.orm import Session

from domain.operation import BinInfo
from domain.repositories.fleet import SentRound, sent_rounds
from domain.repositories.requests import Asked, first_and_newest_request, requests_opened
from domain.repositories.service import Collected, collected, first_and_last, rules
from domain.values import Evidence, Period, Place, Reason
from tools.context import Ctx
from tools.lateness import definition, misses, thinness
from tools.scope import bins_in_scope, in_service, point_is_near, zones_of


@dataclass(frozen=True)
class Item:
    """One thing that counts, at a local time, with its amount in the measure's unit."""

    at: datetime
    amount: float
    ref: str
    site: str | None = None
    stream: str | None = None
    truck: str | None = None
    zone: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Observed:
    """A measure over one span. `known` is the oldest and newest record it could rest on, local, None without any.

    `left_out` counts records that belong to the span but have no level; `blind` when that is all of them. `gaps` says
    what the records cannot tell.
    """

    items: list[Item] = field(default_factory=list)
    known: tuple[datetime, datetime] | None = None
    left_out: int = 0
    gaps: tuple[str, ...] = ()
    blind: bool = False


@dataclass(frozen=True)
class Scope:
    """What the question is about. `bins` are those of place and stream, by id."""

    ctx: Ctx
    near: Place | None
    stream: str | None
    bins: Mapping[str, BinInfo]
    zones: Mapping[str, str]

    @property
    def narrowed(self) -> bool:
        """Whether a place or a stream was asked for."""
        return self.near is not None or self.stream is not None


@dataclass(frozen=True)
class Measure:
    """A measure: unit, whether items are summed or averaged, and its definition."""

    unit: str
    how: Literal["sum", "mean"]
    whole: bool
    reasons: Callable[[Scope], list[Reason]]
    observe: Callable[[Session, Scope, Period], Observed]
    of: str
    decimals: int = 1


def scope_of(ctx: Ctx, near: Place | None, stream: str | None) -> Scope:
    """The bins of a place and stream, with the zone of each.

    Bins out of service are among them: what was collected from them once still counts.
    """
    bins = bins_in_scope(ctx, None, near, None, stream)
    return Scope(ctx, near, stream, {b.bin_id: b for b in bins}, zones_of(ctx, bins))


# ---------------------------------------------------------------- from emptyings


def _item(scope: Scope, each: Collected, amount: float) -> Item:
    about = scope.ctx.city.bins[each.bin_id]
    at = each.at.astimezone(scope.ctx.zone)
    zone = scope.zones.get(each.bin_id)
    return Item(at, amount, each.ref, about.site, about.stream, None, zone, each.reason or None)


def _emptied(session: Session, scope: Scope, span: Period) -> tuple[list[Collected], Observed]:
    """The emptyings of the span, and what is known of all."""
    city, ctx = scope.ctx.city.name, scope.ctx
    found = collected(session, city, span.since, span.until, scope.bins)
    known = first_and_last(session, city, ctx.now)
    local = (known[0].astimezone(ctx.zone), known[1].astimezone(ctx.zone)) if known else None
    gap = () if known else (f"The records of {ctx.city.title} hold no emptyings at all.",)
    return found, Observed(known=local, gaps=gap)


def _collections(session: Session, scope: Scope, span: Period) -> Observed:
    found, seen = _emptied(session, scope, span)
    return Observed([_item(scope, e, 1) for e in found], seen.known, 0, seen.gaps)


def _overflows(session: Session, scope: Scope, span: Period) -> Observed:
    found, seen = _emptied(session, scope, span)
    full = full_pct(scope)
    items = [_item(scope, e, 1) for e in found if e.fill_pct is not None and e.fill_pct >= full]
    return Observed(items, seen.known, _without_level(found), seen.gaps, _blind(found))


def _fill_found(session: Session, scope: Scope, span: Period) -> Observed:
    found, seen = _emptied(session, scope, span)
    items = [_item(scope, e, e.fill_pct) for e in found if e.fill_pct is not None]
    return Observed(items, seen.known, _without_level(found), seen.gaps)


def _tonnage(session: Session, scope: Scope, span: Period) -> Observed:
    found, seen = _emptied(session, scope, span)
    items = [_item(scope, e, _tonnes(scope, e, e.fill_pct)) for e in found if e.fill_pct is not None]
    gap = "No weight is in the records: tonnes are estimated from levels found, the bins' litres and stated densities."
    return Observed(items, seen.known, _without_level(found), (*seen.gaps, gap), _blind(found))


def _missed(session: Session, scope: Scope, span: Period) -> Observed:
    city, ctx = scope.ctx.city.name, scope.ctx
    _, seen = _emptied(session, scope, Period(span.since, span.since, span.words))
    if seen.known is None:
        return seen
    until = min(span.until, seen.known[1].astimezone(ctx.zone))
    thin = thinness(session, ctx.city, Period(span.since, until, span.words)) if until > span.since else None
    if thin:
        return Observed(gaps=(thin,))
    bins = [each.bin_id for each in in_service(scope.bins.values())]
    every_rule = rules(session, city)
    longest = max((rule.interval_days for rule in every_rule.values()), default=0.0)
    past = collected(session, city, span.since - timedelta(days=longest + 3), span.until, bins)
    gaps = () if every_rule else (f"The records of {ctx.city.title} hold no fixed schedule.",)
    items = []
    for miss in misses(past, every_rule, bins, Period(span.since, until, span.words)):
        last = Collected(miss.bin_id, miss.last, None, "")
        about = scope.bins[miss.bin_id]
        at, zone = miss.at.astimezone(ctx.zone), scope.zones.get(miss.bin_id)
        items.append(Item(at, 1, last.ref, about.site, about.stream, None, zone))
    return Observed(items, seen.known, 0, gaps)


def _without_level(found: list[Collected]) -> int:
    return sum(each.fill_pct is None for each in found)


def _blind(found: list[Collected]) -> bool:
    return bool(found) and _without_level(found) == len(found)


def _tonnes(scope: Scope, each: Collected, fill_pct: float) -> float:
    about, city = scope.ctx.city.bins[each.bin_id], scope.ctx.city
    pressed = city.assumed("bin_compaction_ratio", 1.0)
    return fill_pct / 100 * about.capacity_l * pressed * city.kg_per_l(about.stream) / 1000


def full_pct(scope: Scope) -> float:
    """The level that counts as an overflow, in percent."""
    return scope.ctx.city.assumed("full_pct", 100.0)


# ---------------------------------------------------------------- from requests


def _requests(session: Session, scope: Scope, span: Period) -> Observed:
    ctx = scope.ctx
    found = requests_opened(session, ctx.city.name, span.since, span.until)
    held = first_and_newest_request(session, ctx.city.name, ctx.now)
    gaps = [] if held else [f"The records of {ctx.city.title} hold no requests at all."]
    if scope.stream:
        gaps.append(f"No request in the records names a stream, so all are counted and not only {scope.stream}.")
    near = scope.near
    kept = [each for each in found if near is None or _asked_near(near, each)]
    nowhere = sum(each.lat is None and each.area is None for each in found) if near else 0
    if nowhere:
        gaps.append(f"{nowhere} requests of the period name no place and are not counted.")
    known = (held[0].astimezone(ctx.zone), held[1].astimezone(ctx.zone)) if held else None
    return Observed([_asked(ctx, each) for each in kept], known, 0, tuple(gaps))


def _asked_near(near: Place, each: Asked) -> bool:
    if near.is_area and each.area:
        return each.area == near.name or point_is_near(near, None, each.lat, each.lon)
    return point_is_near(near, None, each.lat, each.lon)


def _asked(ctx: Ctx, each: Asked) -> Item:
    at = each.opened_at.astimezone(ctx.zone)
    ref = f"records:requests/{each.request_id}"
    return Item(at, 1, ref, each.place or None, None, None, each.area, each.kind or each.reason)


# ---------------------------------------------------------------- from dispatched rounds


def _rounds(amount: Callable[[SentRound], float | None]) -> Callable[[Session, Scope, Period], Observed]:
    def observe(session: Session, scope: Scope, span: Period) -> Observed:
        ctx = scope.ctx
        every = [r for r in sent_rounds(session, ctx.city.name, ctx.now) if r.starts_at <= ctx.now]
        sent = [r for r in every if span.since <= r.starts_at < span.until]
        pairs = [(r, amount(r)) for r in sent]
        items = [
            Item(r.starts_at.astimezone(ctx.zone), value, f"plans:{r.plan_id}", truck=r.truck)
            for r, value in pairs
            if value is not None
        ]
        known = (every[0].starts_at.astimezone(ctx.zone), every[-1].starts_at.astimezone(ctx.zone)) if every else None
        return Observed(items, known, len(pairs) - len(items), _round_gaps(scope, bool(sent)))

    return observe


def _round_gaps(scope: Scope, any_sent: bool) -> tuple[str, ...]:
    if not any_sent:
        return (
            "The records of past work name no truck, no distance and no cost; only rounds dispatched from here do, and "
            "none was dispatched in the period.",
        )
    gaps = ["Figures are those of the dispatched plans, not measured on the road."]
    if scope.narrowed:
        gaps.append("A round is not split by place or stream: whole rounds are counted.")
    return tuple(gaps)


def _km(sent: SentRound) -> float | None:
    return None if sent.metres is None else sent.metres / 1000


def _kg_co2e(sent: SentRound) -> float | None:
    return None if sent.g_co2e is None else sent.g_co2e / 1000


# ---------------------------------------------------------------- definitions


def _says(text: str, label: str, ref: str) -> Callable[[Scope], list[Reason]]:
    return lambda _scope: [Reason(text=text, evidence=[Evidence(label=label, ref=ref)])]


def _overflow_reasons(scope: Scope) -> list[Reason]:
    text = (
        f"An overflow is an emptying that found the bin at {full_pct(scope):g} % or more, counted once for each such "
        "emptying. A full bin that nobody emptied, and an emptying without a level, are not seen this way."
    )
    return [Reason(text=text, evidence=[Evidence(label="full level", ref="assumptions:operation.full_pct")])]


def _tonnage_reasons(scope: Scope) -> list[Reason]:
    streams = sorted({b.stream for b in scope.bins.values()})
    said = ", ".join(f"{stream} {scope.ctx.city.kg_per_l(stream):g}" for stream in streams)
    text = f"Estimate: level found x litres of the bin x kg a litre ({said}); an emptying without a level adds nothing."
    return [Reason(text=text, evidence=[Evidence(label="kg a litre by stream", ref="assumptions:kg_per_l")])]


_COLLECTED = _says("A collection is one emptying in the records.", "emptyings", "records:emptyings")
_FOUND = _says("The mean level found, over emptyings whose level is known.", "emptyings", "records:emptyings")
_ASKED = _says("A request counts on the day it was opened.", "requests", "records:requests")
_SENT = _says("Counted are rounds dispatched from here, by the plan that was approved.", "trucks", "assumptions:trucks")

MEASURES: dict[str, Measure] = {
    "collections": Measure("collections", "sum", True, _COLLECTED, _collections, "emptyings"),
    "overflows": Measure("overflows", "sum", True, _overflow_reasons, _overflows, "emptyings"),
    "requests": Measure("requests", "sum", True, _ASKED, _requests, "requests"),
    "distance": Measure("km", "sum", False, _SENT, _rounds(_km), "rounds"),
    "cost": Measure("currency", "sum", False, _SENT, _rounds(lambda sent: sent.cost), "rounds", 2),
    "emissions": Measure("kg CO2e", "sum", False, _SENT, _rounds(_kg_co2e), "rounds"),
    "fill_at_collection": Measure("%", "mean", False, _FOUND, _fill_found, "emptyings"),
    "missed": Measure("missed collections", "sum", True, lambda _scope: [definition()], _missed, "emptyings"),
    "tonnage": Measure("t (estimate)", "sum", False, _tonnage_reasons, _tonnage, "emptyings", 2),
}
GROUPS_KNOWN: dict[str, frozenset[str]] = {
    "emptyings": frozenset({"day", "week", "month", "site", "stream", "zone", "reason"}),
    "requests": frozenset({"day", "week", "month", "site", "zone", "reason"}),
    "rounds": frozenset({"day", "week", "month", "truck"}),
}
