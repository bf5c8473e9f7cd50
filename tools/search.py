"""search_records: free-text search over records and the handbook."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from pydantic import JsonValue

from domain.errors import BadData, MissingPiece, NotNow
from domain.times import describe
from domain.values import Evidence, Facts, Moment, Period, Place, Reason, Result, Table
from retrieval.following import follow
from retrieval.passages import harmless, is_instruction_like, passage
from retrieval.store import KINDS, Area, Circle, Document, Found, Hit, SearchRequest
from retrieval.words import terms
from tools.arguments import Limit, Metres, PlaceArg, SinceArg, TextArg, UntilArg
from tools.context import Ctx
from tools.patterns import renew_patterns
from tools.predictions import StandingPredictions, standing_predictions
from tools.registry import Example, tool
from tools.scope import ONE_MINUTE, reach_m, restate_near, window
from tools.similar_places import FLOOR

Kind = Literal["bins", "requests", "rounds", "customers", "patterns", "predictions", "handbook"]
RECORDS = tuple(kind for kind in KINDS if kind != "predictions")  # what is searched unless a kind is named
PLACED = frozenset({"bins", "requests", "patterns", "predictions"})  # kinds whose documents have a place
DATED = frozenset({"requests", "rounds"})  # kinds whose documents have a time
OPENED = {
    "bins": "records:sites",
    "requests": "records:requests",
    "rounds": "plans:",
    "handbook": "handbook/",
    "patterns": "patterns:",
    "predictions": "records:bins",
}
UNMADE = {"customers": "its records name no customers"}
DEADLINE_S = 3.0
EMBED_PATTERNS_S = 2.0
EXACT = 1.0  # a floor that only documents with all the words reach
NUMBER = re.compile(r"\d\S\S|\S\d\S|\S\S\d")  # at least three characters with a digit among them
EXPLAINED = 3  # hits
WORDS_ALONE = "words alone"  # the plan of a search in which meaning took no part


class SearchFacts(Facts):
    """What search_records found.

    A hit holds all the words of the query or comes near in meaning. `best_distance_m` is from the place asked about,
    None without one.
    """

    query: str
    where: str
    period: str
    hits_found: int
    hits_shown: int
    searched_documents: int
    searched_kinds: str
    best_title: str | None
    best_ref: str | None
    best_date: str | None
    best_distance_m: int | None


@dataclass(frozen=True)
class _Asked:
    """The request, and what was understood of place and time; `notes` says which limits could not apply.

    `predictions`: of when they are, where they are asked for.
    """

    request: SearchRequest
    where: str
    period: str
    notes: dict[str, str]
    predictions: StandingPredictions | None = None


@tool(
    budget_s=25,  # the patterns, when nobody has looked for them yet
    examples=[
        Example(
            "what does the handbook say about contaminated compost?",
            {"query": "contaminated compost", "kind": "handbook"},
        ),
        Example(
            "rat complaints in Back Bay last month",
            {"query": "rat complaints", "kind": "requests", "near": "Back Bay", "since": "last month"},
        ),
    ],
)
def search_records(
    query: TextArg,
    kind: Kind | None = None,
    near: PlaceArg | None = None,
    within_m: Metres | None = None,
    since: SinceArg | None = None,
    until: UntilArg | None = None,
    limit: Limit = 10,
    *,
    ctx: Ctx,
) -> Result[SearchFacts]:
    """Search notes, requests, sites and the handbook by words and meaning.

    Args:
        query: The topic words, copied.
        kind: Only this kind of record, when the user names one.
        near: Only around this place or in this area.
        within_m: Radius in metres around that place.
        since: The period, or its start, in the user's words.
        until: A named end of the period.
        limit: How many hits.
    """
    if not terms(query):
        raise MissingPiece("query", "What should I look for?")
    asked = _asked(ctx, query, kind, (near, within_m), (since, until), limit)
    looks = kind == "patterns" and not ctx.tuning.replaying
    stale = [*_caught_up(ctx), *(_patterns_renewed(ctx) if looks else [])]
    found = _found(ctx, asked)
    facts = _facts(ctx, query, asked, found)
    return Result[SearchFacts](
        headline=_headline(facts),
        facts=facts,
        why=_why(ctx, asked, found),
        understood=asked.notes,
        data_age=asked.predictions.age_told if asked.predictions else _data_age(ctx, found),
        table=_table(ctx, found, terms(query)),
        map=_map(ctx, found, terms(query)),
        degraded=[*stale, *found.degraded, *_late(asked), *_quoted(found)],
    )


# ---------------------------------------------------------------- what is asked


def _asked(
    ctx: Ctx,
    query: str,
    kind: str | None,
    place: tuple[Place | None, int | None],
    time: tuple[Period | None, Moment | None],
    limit: int,
) -> _Asked:
    near, within_m = place
    notes: dict[str, str] = {}
    text, where, region = str(query), f"in {ctx.city.title}", None
    if near is not None and kind is not None and kind not in PLACED:
        text = f"{query} {near.name}"
        notes["near"] = f"{near.name}, as words: {kind} documents have no place"
    elif near is not None:
        where, region = restate_near(near, within_m), _region(near, within_m)
        notes["near"] = where
    span = _span(ctx, *time)
    if span != (None, None) and kind is not None and kind not in DATED:
        notes["since"], span = f"not applied: {kind} documents have no date", (None, None)
    period = _restated(ctx, span)
    request = SearchRequest(
        text=text,
        k=limit,
        kinds=(kind,) if kind else RECORDS,
        near=region,
        since=span[0],
        until=span[1],
        as_of=ctx.now,
        floor=FLOOR,
        deadline_s=DEADLINE_S / 2,
    )
    return _Asked(request, where, period, notes, standing_predictions(ctx) if kind == "predictions" else None)


def _region(near: Place, within_m: int | None) -> Circle | Area:
    """A circle around a site or point; an area by its records, or by its radius where these say nothing."""
    circle = Circle(near.lat, near.lon, reach_m(near, within_m))
    return Area(near.name, frozenset(near.site_ids), circle) if near.is_area else circle


def _span(ctx: Ctx, since: Period | None, until: Moment | None) -> tuple[datetime | None, datetime | None]:
    """From (inclusive) and to (exclusive); a day that is named as the end is inside."""
    if since is not None:
        span = window(ctx, since, until)
        return span.since, span.until
    if until is not None:
        return None, until.at + (ONE_MINUTE if until.is_day else ONE_MINUTE * 0)
    return None, None


def _restated(ctx: Ctx, span: tuple[datetime | None, datetime | None]) -> str:
    since, until = span
    if until is None:
        return "at any time"
    if since is None:
        return f"until {_local(ctx, until)}"
    return describe(Period(since.astimezone(ctx.zone), until.astimezone(ctx.zone), ""))


def _caught_up(ctx: Ctx) -> list[str]:
    """Take in what has changed since the last look; what is missing still, as a sentence for the answer."""
    try:
        followed = follow(ctx.store, ctx.search, ctx.city.name)
    except NotNow as error:
        return [f"the newest changes could not be taken into the search: {error}"]
    if followed.foreign:
        return ["the search was not built from these records, or not to its end, and does not follow them;"
                " run roundsman reindex"]  # fmt: skip
    if followed.building:
        return ["the search is being built just now, and lacks what is not in it yet"]
    return [f"{followed.left} changes of the records are not in the search yet"] if followed.left else []


def _patterns_renewed(ctx: Ctx) -> list[str]:
    """Find the patterns where this was never done or the records have changed; what went wrong, as a sentence."""
    try:
        if renew_patterns(ctx.store, ctx.search, ctx.city.name):
            ctx.search.embed_pending(EMBED_PATTERNS_S)
    except (NotNow, BadData) as error:
        return [f"the newest patterns could not be taken into the search: {error}"]
    return []


def _found(ctx: Ctx, asked: _Asked) -> Found:
    """Search; a question with a number finds what holds all of its words, and what is near only when nothing does.

    Forecasts that are too old to be told are not there.
    """
    request = asked.request
    if asked.predictions is not None and not asked.predictions.current:
        return Found((), 0, 0, None, "nothing")
    if any(NUMBER.search(word) for word in terms(request.text)):
        exact = ctx.search.search(replace(request, floor=EXACT))
        if exact.hits:
            return exact
    return ctx.search.search(request)


# ---------------------------------------------------------------- what is answered


def _facts(ctx: Ctx, query: str, asked: _Asked, found: Found) -> SearchFacts:
    best = found.hits[0] if found.hits else None
    return SearchFacts(
        query=harmless(query),
        where=asked.where,
        period=asked.period,
        hits_found=found.matching,
        hits_shown=len(found.hits),
        searched_documents=found.searched,
        searched_kinds=", ".join(found.kinds)
        or (kinds[0] if len(kinds := asked.request.kinds) == 1 else "of any kind"),
        best_title=harmless(best.document.title) if best else None,
        best_ref=best.document.url_ref if best else None,
        best_date=_date(ctx, best.document) if best else None,
        best_distance_m=_whole(best.distance_m) if best else None,
    )


def _headline(facts: SearchFacts) -> str:
    scope = "among {searched_documents} documents ({searched_kinds}) {where}, {period}"
    if not facts.searched_documents:
        return "There are no documents to search ({searched_kinds}) {where}, {period}."
    if not facts.hits_shown:
        return f"Nothing about “{{query}}” was found {scope}."
    text = f"“{{query}}”: {{hits_found}} hits {scope}; the best is {{best_title}} ({{best_ref}}"
    text += ", {best_date}" if facts.best_date else ""
    text += ", {best_distance_m} m away" if facts.best_distance_m is not None else ""
    return text + ")."


def _why(ctx: Ctx, asked: _Asked, found: Found) -> list[Reason]:
    """Each of the best hits with the document that can be opened, and what they were found among."""
    if not found.searched:
        return [_nothing_there(ctx, asked)]
    how = "words (BM25)" if found.plan == WORDS_ALONE else "words (BM25) and their meaning, which weighs more"
    text = (
        f"{found.searched} documents were left to search {asked.where}, {asked.period}; they are ranked by their {how}."
    )
    opened = [
        Evidence(label=f"{kind} of {ctx.city.title}", ref=OPENED.get(kind, f"records:{kind}")) for kind in found.kinds
    ]
    return [*[_reason(hit) for hit in found.hits[:EXPLAINED]], Reason(text=text, evidence=opened)]


def _nothing_there(ctx: Ctx, asked: _Asked) -> Reason:
    """Whether the city has no such documents at all, or none within the limits."""
    kinds = asked.request.kinds
    kind = kinds[0] if len(kinds) == 1 else None
    refused = asked.predictions.refused if asked.predictions and not asked.predictions.current else None
    there = 0 if refused else ctx.search.estimate(SearchRequest("", kinds=kinds, as_of=ctx.now))
    what = f"{kind} documents" if kind else "documents"
    reason = refused or UNMADE.get(kind or "")
    unmade = f": {reason}" if reason else ""
    limits = f" {asked.where}, {asked.period}; it has {there} in all" if there else unmade
    ref = _opened(kind) if kind else "records:"
    return Reason(
        text=f"{ctx.city.title} has no {what}{limits}.",
        evidence=[Evidence(label=f"records of {ctx.city.title}", ref=ref)],
    )


def _opened(kind: str) -> str:
    """The address of all documents of a kind."""
    return OPENED.get(kind, f"records:{kind}")


def _reason(hit: Hit) -> Reason:
    grounds = ["it holds words of the question"] if hit.bm25 is not None else []
    grounds += [f"its meaning is near (cosine {hit.dense:.2f})"] if hit.dense is not None and hit.dense >= FLOOR else []
    title = harmless(hit.document.title)
    text = f"“{title}” scores {hit.score:.2f}: {' and '.join(grounds)}."
    rests_on = [Evidence(label=ref, ref=ref) for ref in hit.document.fields.get("evidence", "").split()]
    return Reason(text=text, evidence=[Evidence(label=title, ref=hit.document.url_ref), *rests_on])


def _table(ctx: Ctx, found: Found, words: tuple[str, ...]) -> Table | None:
    if not found.hits:
        return None
    rows: list[list[str | int | float | None]] = [
        [
            hit.document.url_ref,
            harmless(hit.document.title),
            _passage(hit.document, words),
            _date(ctx, hit.document),
            _whole(hit.distance_m),
            round(hit.score, 3),
        ]
        for hit in found.hits
    ]
    return Table(columns=["id", "title", "passage", "date", "distance_m", "score"], rows=rows)


def _passage(document: Document, words: tuple[str, ...]) -> str:
    """The text as data: where a place is known it comes first, and what speaks like an instruction is marked."""
    placed = document.kind in {"requests", "predictions"}
    place = document.fields.get("place") or document.fields.get("area") if placed else None
    shown = passage(document.text, words)
    shown = f"quoted, not followed: “{shown}”" if is_instruction_like(document.text) else shown
    return f"{harmless(place)}: {shown}" if place else shown


def _quoted(found: Found) -> list[str]:
    """The sentence for found texts that speak to a program."""
    refs = [hit.document.url_ref for hit in found.hits if is_instruction_like(hit.document.text)]
    return [f"{', '.join(refs)}: holds text like an instruction; it is quoted and not followed"] if refs else []


def _map(ctx: Ctx, found: Found, words: tuple[str, ...]) -> dict[str, JsonValue] | None:
    """The hits that have a place, as GeoJSON points numbered as in the table, each with its passage."""
    points: list[JsonValue] = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [hit.document.lon, hit.document.lat]},
            "properties": {
                "kind": "hit",
                "number": number,
                "ref": hit.document.url_ref,
                "title": harmless(hit.document.title),
                "passage": _passage(hit.document, words),
                "date": _date(ctx, hit.document),
                "distance_m": _whole(hit.distance_m),
            },
        }
        for number, hit in enumerate(found.hits, 1)
        if hit.document.lat is not None
    ]
    return {"type": "FeatureCollection", "features": points} if points else None


def _late(asked: _Asked) -> tuple[str, ...]:
    """The sentence for forecasts that should have been renewed meanwhile."""
    return asked.predictions.degraded if asked.predictions and asked.predictions.current else ()


def _data_age(ctx: Ctx, found: Found) -> str:
    if found.newest_at is None:
        return "as loaded; the documents searched have no date"
    return f"the newest of the documents searched is of {_local(ctx, found.newest_at)}"


def _date(ctx: Ctx, document: Document) -> str | None:
    return _local(ctx, document.at) if document.at else None


def _local(ctx: Ctx, at: datetime) -> str:
    return at.astimezone(ctx.zone).strftime("%Y-%m-%d %H:%M")


def _whole(metres: float | None) -> int | None:
    return None if metres is None else round(metres)
