"""Which bins and which time a question is about: shared by every tool that takes `near`, `since` and `until`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from domain.errors import AskAgain, UnclearTime
from domain.operation import BinInfo
from domain.repositories.service import area_of_sites
from domain.spatial import haversine_m
from domain.times import between
from domain.values import BinSet, Moment, Period, Place
from tools.context import Ctx

USUAL_RADIUS_M = 500
ONE_MINUTE = timedelta(minutes=1)


def bins_in_scope(
    ctx: Ctx,
    bins: BinSet | None = None,
    near: Place | None = None,
    within_m: float | None = None,
    stream: str | None = None,
) -> list[BinInfo]:
    """The bins that a question is about, in record order; nothing found is an empty list.

    Named bins, and place, and stream: all that was said must hold. A site or a point reaches `within_m` metres (great
    circle; None is 500) and a site always holds its own bins; an area holds the sites that the records put in it, or
    what lies within its own radius when they say nothing.
    """
    named = None if bins is None else frozenset(bins.bin_ids)
    return [
        each
        for each in ctx.city.bins.values()
        if (named is None or each.bin_id in named)
        and (stream is None or each.stream == stream)
        and (near is None or is_near(near, within_m, each))
    ]


def in_service(bins: Iterable[BinInfo]) -> list[BinInfo]:
    """Those that are collected: not in storage, not damaged."""
    return [each for each in bins if each.in_service]


def zones_of(ctx: Ctx, bins: Iterable[BinInfo]) -> dict[str, str]:
    """Bin id -> its zone: its own, else its site's area, else its circuit; without those of which none is known."""
    with ctx.store.read() as session:
        areas = area_of_sites(session, ctx.city.name)
    zones = {each.bin_id: each.zone or areas.get(each.site_id) or each.circuit for each in bins}
    return {bin_id: zone for bin_id, zone in zones.items() if zone}


def zone_around(ctx: Ctx, place: Place) -> str | None:
    """The one zone that a place lies in; None when its bins are of several zones or of none."""
    if place.kind == "zone":
        return place.name
    held = [each for each in ctx.city.bins.values() if each.site_id in place.site_ids]
    return one_zone(ctx, held or bins_in_scope(ctx, near=place))


def one_zone(ctx: Ctx, bins: Sequence[BinInfo]) -> str | None:
    """The zone that all of these bins are in, if there is one."""
    known = zones_of(ctx, bins)
    zones = {known.get(each.bin_id) for each in bins}
    return zones.pop() if len(zones) == 1 else None


def is_near(place: Place, within_m: float | None, each: BinInfo) -> bool:
    """Whether a bin is in an area, or within `within_m` metres of a site or point."""
    if each.site_id in place.site_ids:
        return True
    if place.is_area and place.site_ids:
        return False
    return point_is_near(place, within_m, each.lat, each.lon)


def point_is_near(place: Place, within_m: float | None, lat: float | None, lon: float | None) -> bool:
    """The same for something of which only the point is known: then an area is its radius. Unknown points are far."""
    reach = reach_m(place, within_m)
    metres = haversine_m(lat, lon, place.lat, place.lon)
    return metres is not None and metres <= reach


def reach_m(place: Place, within_m: float | None) -> float:
    """The radius searched around a place, in metres."""
    if place.is_area and place.radius_m is not None:
        return place.radius_m
    return float(USUAL_RADIUS_M if within_m is None else within_m)


def restate_scope(ctx: Ctx, bins: BinSet | None, near: Place | None, within_m: float | None) -> str:
    """Which bins a question was understood to be about: around a place, named, or all of the city."""
    if near:
        return restate_near(near, within_m)
    return "among the bins named" if bins else f"in {ctx.city.title}"


def restate_near(place: Place, within_m: float | None = None) -> str:
    """The place as it was understood: "within 500 m of U15 Sather Gate", "in Back Bay"."""
    if place.is_area:
        return f"in {place.name}"
    return f"within {reach_m(place, within_m):,.0f} m of {place.name}"


def window(ctx: Ctx, since: Period, until: Moment | None = None) -> Period:
    """The span of the records that is meant: `since` inclusive, `until` exclusive, nothing after `ctx.now`.

    An end that was named is read together with the start ("Monday", "Wednesday" are of one week). Raises AskAgain for
    a span that is still to come, or that ends before it begins.
    """
    span = since if until is None else _spanned(ctx, since, until)
    if span.since >= ctx.now:
        raise AskAgain(f"“{span.words}” is still to come, and records only hold the past. Shall I forecast it instead?")
    if span.until <= span.since:
        raise AskAgain(f"“{span.words}” ends before it begins. From when to when do you mean?")
    return Period(span.since, min(span.until, ctx.now.astimezone(span.since.tzinfo)), span.words)


def is_one_day(period: Period) -> bool:
    """Whether the span is one calendar day, or the part of it that has passed."""
    last = period.until - timedelta(microseconds=1)
    return period.since.date() == last.date() and period.since.time() == datetime.min.time()


def _spanned(ctx: Ctx, since: Period, until: Moment) -> Period:
    words = f"{since.words} to {until.words}"
    try:
        found = between(since.words, until.words, ctx.now)
    except UnclearTime:  # "last seven days" to "Friday": the two do not lean on each other
        end = until.at.astimezone(ctx.zone) + (ONE_MINUTE if until.is_day else timedelta())  # a day is named by 23:59
        return Period(since.since, end, words)
    return Period(found.since, found.until, words)
