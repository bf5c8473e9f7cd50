"""model_status: which models answer, how good and how old they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from domain.errors import NotNow, UnknownName
from domain.repositories.models import Registered, live_models
from domain.repositories.service import first_and_last
from domain.values import Evidence, Facts, Reason, Result, Table, counted
from engines.forecast.ensemble import Ensemble
from engines.forecast.model_files import tested_on_found
from tools.arguments import ModelArg
from tools.canary import canary_compared
from tools.context import Ctx
from tools.feature_log import features_repeat
from tools.model_shelf import model_name
from tools.outcomes import Accuracy, accuracy_of
from tools.registry import Example, tool

NAMES = ("fill", "overflow", "vision", "language", "embeddings")
WORDS = {
    "fill": "fill filling level levels forecast forecasts forecaster prediction predictions predictor rate rates bin",
    "overflow": "overflow overflows overflowing full",
    "vision": "vision image images picture pictures photo photos camera classifier",
    "language": "language llm llama chat text assistant agent smollm smollm2 adapter",
    "embeddings": "embeddings embedding embedder search retrieval vector vectors minilm",
}
Told = dict[str, str | int | float | datetime | None]
SHARES = ("within", "coverage")
"""How figures of a model that are shares begin."""
RATES = "fill rates by bin and hour of week, fitted from the records"


class ModelFacts(Facts):
    """The models in use; None where there is none or nothing is registered.

    Errors in points of fill, shares in percent; `baseline_mae_pct` is the naive answer's error on the same cases.
    `fill_...` are figures of the test that a version was registered with; `live_...` those of the forecasts of the last
    four weeks whose outcome is known, a day ahead, and `found_...` those of a test on the level that crews found.
    """

    asked: str
    models: int
    models_in_use: int
    language_model: str | None = None
    language_adapter: str | None = None
    language_engine: str | None = None
    fill_model: str | None = None
    fill_version: str | None = None
    fill_registered_at: datetime | None = None
    fill_mae_pct: float | None = None
    fill_within20_pct: float | None = None
    fill_coverage80_pct: float | None = None
    fill_cases: int | None = None
    found_mae_pct: float | None = None
    found_baseline_mae_pct: float | None = None
    found_within20_pct: float | None = None
    found_coverage80_pct: float | None = None
    found_cases: int | None = None
    live_cases: int | None = None
    live_mae_pct: float | None = None
    live_naive_mae_pct: float | None = None
    live_within10_pct: float | None = None
    live_coverage80_pct: float | None = None
    features_kept: int | None = None
    features_same: int | None = None
    canary_version: str | None = None
    canary_cases: int | None = None
    canary_mae_pct: float | None = None
    champion_same_mae_pct: float | None = None
    baseline_mae_pct: float | None = None
    embeddings_model: str | None = None
    embeddings_documents: int | None = None
    vision_model: str | None = None


@tool(
    budget_s=10,
    examples=[
        Example("how accurate is the fill model?", {"model": "fill"}),
    ],
)
def model_status(
    model: ModelArg | None = None,
    *,
    ctx: Ctx,
) -> Result[ModelFacts]:
    """Show which models are in use, their versions, and how good they are.

    Args:
        model: One of fill, overflow, vision, language, embeddings, or the user's word.
    """
    asked = NAMES if model is None else (_named(ctx, model),)
    with ctx.store.read() as session:
        registered = live_models(session, ctx.now)
        known = first_and_last(session, ctx.city.name, ctx.now)
    parts = [_part(name, ctx, registered) for name in asked]
    facts = _facts(asked, parts)
    return Result[ModelFacts](
        headline=_headline(facts, asked),
        facts=facts,
        why=[part.why for part in parts],
        understood={"model": asked[0]} if model is not None else {},
        data_age=f"records up to {known[1].astimezone(ctx.zone):%Y-%m-%d %H:%M}"
        if known
        else "no emptyings in the records",
        table=_table(parts),
        degraded=[part.missing for part in parts if part.missing],
    )


@dataclass(frozen=True)
class _Part:
    """One model: who it is, its registered version, its facts, why, and what is missing about it."""

    name: str
    model: str | None
    version: str | None
    facts: dict[str, str | int | float | datetime | None]
    why: Reason
    missing: str = ""
    figures: tuple[tuple[str, float], ...] = ()


def _named(ctx: Ctx, said: str) -> str:
    """The model that a word means. Raises UnknownName with the choices."""
    tokens = set(re.findall(r"[a-z0-9]+", said.casefold())) - {"model", "the", "our", "your"}
    exact = [name for name in NAMES if name in tokens]
    fitting = exact or [name for name in NAMES if tokens & set(WORDS[name].split())]
    if not fitting and said.casefold().strip() in ctx.model.model.casefold():
        fitting = ["language"]
    if len(fitting) != 1:
        raise UnknownName("model", said, fitting or NAMES)
    return fitting[0]


def _part(name: str, ctx: Ctx, registered: dict[str, Registered]) -> _Part:
    if name == "language":
        return _language(ctx)
    if name == "embeddings":
        return _embeddings(ctx)
    if name == "vision":
        return _vision(registered.get("vision"))
    accuracy = accuracy_of(ctx.store, ctx.city, ctx.now)
    part = _fill(name, registered.get(name) or registered.get(model_name(ctx.city.name)), accuracy)
    return _with_canary(ctx, _with_features(ctx, part)) if name == "fill" else _with_warning(ctx, part)


def _language(ctx: Ctx) -> _Part:
    who = ctx.model
    told: dict[str, str | int | float | datetime | None] = {
        "language_model": who.model, "language_adapter": who.adapter, "language_engine": who.engine,
    }  # fmt: skip
    text = "This is the model that chose the call of this answer; its identity is recorded with every decision."
    digests = ", ".join(f"{part} {digest[:12]}" for part, digest in sorted(who.digests.items()))
    label = " ".join(filter(None, (who.model, who.adapter, digests)))
    return _Part("language", who.model, who.adapter, told, _reason(text, label, "models:language"))


def _fill(name: str, version: Registered | None, accuracy: Accuracy | None) -> _Part:
    """Overflow is read from the same forecast as fill: the chance to reach the threshold."""
    live, sentence = _live(accuracy)
    if name == "overflow":
        return _overflow(version, (live, sentence))
    if version is None:
        text = f"Forecasts come from {RATES}, renewed for each day on what was known at midnight. {sentence}"
        missing = f"No tested version of the {name} model is registered, so no error of a test can be told."
        return _Part(name, RATES, None, {"fill_model": RATES, **live}, _reason(text, RATES, f"models:{name}"), missing)
    told: dict[str, str | int | float | datetime | None] = {
        "fill_model": version.name, "fill_version": version.version, "fill_registered_at": version.registered_at,
        **_of_test(version), **live,
    }  # fmt: skip
    test = version.metrics.get("test")
    of = f" ({test})" if isinstance(test, str) else ""
    text = f"The champion and the figures of the test it was registered with{of}. {sentence}"
    why = _reason(text, f"{version.name} {version.version}", f"models:{version.name}")
    return _Part(name, version.name, version.version, told, why, _untested(told), _figures(version))


def _overflow(version: Registered | None, accuracy: tuple[Told, str]) -> _Part:
    """Its version alone: the figures of a test are of levels, and are told with the fill model."""
    live, sentence = accuracy
    model = RATES if version is None else version.name
    told: Told = {"fill_model": model, **live}
    if version is not None:
        told |= {"fill_version": version.version, "fill_registered_at": version.registered_at}
    text = f"The chance of an overflow is read from the forecast of levels. {sentence}"
    why = _reason(text, " ".join(filter(None, (model, version.version if version else None))), "models:overflow")
    missing = "No test of overflows is registered; the errors of levels are those of the fill model."
    return _Part("overflow", model, version.version if version else None, told, why, missing)


def _of_test(version: Registered) -> Told:
    """Facts of the test that a version was registered with, by what it was a test of."""
    what = "found" if tested_on_found(version.metrics) else "fill"
    cases = _figure(version, "cases")
    return {
        f"{what}_mae_pct": _figure(version, "mae"),
        f"{what}_within20_pct": _share(version, "within20"),
        f"{what}_coverage80_pct": _share(version, "coverage80"),
        f"{what}_cases": None if cases is None else round(cases),
        "found_baseline_mae_pct" if what == "found" else "baseline_mae_pct": _figure(version, "baseline_mae"),
    }


def _untested(told: Told) -> str:
    if told.get("fill_mae_pct") is not None:
        return ""
    if told.get("found_mae_pct") is not None:
        return "It was tested on what a crew finds; of the level if nobody comes no error of a test is registered."
    return "The registered version states no error."


def _with_features(ctx: Ctx, part: _Part) -> _Part:
    """The part with how many of the figures kept of the newest day come out the same when they are computed again."""
    kept, same = features_repeat(ctx.store, ctx.fill, ctx.city, ctx.now)
    if not kept:
        return part
    text = f"{part.why.text} Of {counted(kept, 'bin')}, the figures kept for {same} are as they are computed again."
    facts = {**part.facts, "features_kept": kept, "features_same": same}
    return replace(part, facts=facts, why=_told(part, text))


def _with_warning(ctx: Ctx, part: _Part) -> _Part:
    """The part with from which chance on a warning is worth it, where a model was trained to tell overflows."""
    member = ctx.fill.forecaster(ctx.city, ctx.now).member
    if not isinstance(member, Ensemble) or member.trees is None:
        return part
    text = (
        f"{part.why.text} For bins with a sensor that are below 80 %, the chance at 80 % is that of a model trained on "
        f"overflows; from {100 * member.warn_at:.0f} % on a warning is worth it."
    )
    return replace(part, why=_told(part, text))


def _with_canary(ctx: Ctx, part: _Part) -> _Part:
    """The part with how the canary does beside the champion, where there is one."""
    canary = canary_compared(ctx.fill, ctx.city, ctx.now)
    if canary is None:
        return part
    if canary.mae is None or canary.champion_mae is None:
        text = f"{part.why.text} The canary is not compared: {canary.why_not}."
        return replace(part, facts={**part.facts, "canary_version": canary.version}, why=_told(part, text))
    facts = {
        **part.facts,
        "canary_version": canary.version,
        "canary_cases": canary.cases,
        "canary_mae_pct": round(canary.mae, 2),
        "champion_same_mae_pct": round(canary.champion_mae, 2),
    }
    text = (
        f"{part.why.text} The canary {canary.version} answers nothing yet; on {counted(canary.cases, 'case')} since "
        f"both were trained it is {canary.mae:.1f} points off and the champion {canary.champion_mae:.1f}."
    )
    return replace(part, facts=facts, why=_told(part, text))


def _told(part: _Part, text: str) -> Reason:
    return part.why.model_copy(update={"text": text})


def _live(accuracy: Accuracy | None) -> tuple[Told, str]:
    """Facts of the forecasts whose outcome is known, and a sentence on them beside the naive answer (law 9)."""
    if accuracy is None:
        return {"live_cases": 0}, "No outcome of a forecast is known yet, so it has no live accuracy."
    facts: Told = {
        "live_cases": accuracy.cases,
        "live_mae_pct": round(accuracy.mae, 2),
        "live_naive_mae_pct": None if accuracy.naive_mae is None else round(accuracy.naive_mae, 2),
        "live_within10_pct": round(100 * accuracy.within10, 1),
        "live_coverage80_pct": round(100 * accuracy.coverage80, 1),
    }
    naive = (
        "no naive answer stands beside them"
        if accuracy.naive_mae is None
        else f"the naive answer, last level plus mean rate, was {accuracy.naive_mae:.1f} points off"
    )
    text = (
        f"Of the last four weeks, {counted(accuracy.cases, 'forecast')} a day ahead met their outcome: "
        f"{accuracy.mae:.1f} points off on average, {100 * accuracy.coverage80:.0f} % inside the 80 % interval; "
        f"{naive}."
    )
    return facts, text


def _embeddings(ctx: Ctx) -> _Part:
    why = _reason("Search turns texts into vectors with this model.", "embeddings", "models:embeddings")
    try:
        health = ctx.search.health()
    except NotNow as error:
        return _Part("embeddings", None, None, {}, why, f"The search store does not answer: {error}")
    told: dict[str, str | int | float | datetime | None] = {
        "embeddings_model": health.model, "embeddings_documents": sum(health.documents.values()),
    }  # fmt: skip
    missing = "" if health.model else "No embedding model is in use: search goes by words alone."
    pending = health.texts - health.embedded
    if health.model and pending:
        missing = f"{pending} texts have no vector yet and are found by their words alone."
    return _Part("embeddings", health.model, None, told, why, missing)


def _vision(version: Registered | None) -> _Part:
    if version is None:
        why = _reason("No version of a vision model is live in the register.", "vision", "models:vision")
        return _Part("vision", None, None, {}, why, "There is no vision model in use: pictures are not judged.")
    why = _reason("The live version in the register.", f"{version.name} {version.version}", "models:vision")
    told: Told = {"vision_model": version.version}
    return _Part("vision", version.name, version.version, told, why, "", _figures(version))


def _figures(version: Registered) -> tuple[tuple[str, float], ...]:
    """The figures it was registered with, by name; shares in percent, because a table shows one decimal."""
    numbers = {k: float(v) for k, v in sorted(version.metrics.items()) if isinstance(v, int | float)}
    return tuple((f"{k}_pct", round(100 * v, 1)) if k.startswith(SHARES) else (k, v) for k, v in numbers.items())


def _figure(version: Registered, name: str) -> float | None:
    value = version.metrics.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _share(version: Registered, name: str) -> float | None:
    value = _figure(version, name)
    return None if value is None else round(100 * value, 1)


def _reason(text: str, label: str, ref: str) -> Reason:
    return Reason(text=text, evidence=[Evidence(label=label, ref=ref)])


def _facts(asked: Sequence[str], parts: Sequence[_Part]) -> ModelFacts:
    told = {name: value for part in parts for name, value in part.facts.items()}
    in_use = sum(part.model is not None for part in parts)
    return ModelFacts.model_validate(
        {"asked": ", ".join(asked), "models": len(parts), "models_in_use": in_use, **told},
    )


def _headline(facts: ModelFacts, asked: Sequence[str]) -> str:
    if len(asked) > 1:
        text = (
            "{models_in_use} of {models} models are in use. Language: {language_model}, adapter {language_adapter}, on "
        )
        return text + "{language_engine}. Fill: {fill_model}. Embeddings: {embeddings_model}. Vision: {vision_model}."
    if asked[0] == "language":
        return "The language model is {language_model}, adapter {language_adapter}, on {language_engine}."
    if asked[0] == "embeddings":
        return "The embedding model is {embeddings_model}."
    if asked[0] == "vision":
        return "The vision model is {vision_model}."
    text = "The {asked} model: {fill_model}"
    text += ", version {fill_version}" if facts.fill_version else ""
    if asked[0] == "overflow":
        return text + ". No error of a test of overflows is registered."
    live = (
        ". Its last {live_cases} forecasts with a known outcome were {live_mae_pct} points off"
        if facts.live_cases
        else ""
    )
    if facts.found_mae_pct is not None:
        text += ". Of the level that a crew finds, it is {found_mae_pct} points off on average"
        text += ", the naive answer {found_baseline_mae_pct}" if facts.found_baseline_mae_pct is not None else ""
        return text + (", over {found_cases} cases" if facts.found_cases is not None else "") + live + "."
    if facts.fill_mae_pct is None:
        return text + live + ". No error of a test is registered."
    text += ". Mean error {fill_mae_pct} points"
    text += ", the naive answer's {baseline_mae_pct}" if facts.baseline_mae_pct is not None else ""
    return text + (", over {fill_cases} cases" if facts.fill_cases is not None else "") + live + "."


def _table(parts: Sequence[_Part]) -> Table:
    rows: list[list[str | int | float | None]] = []
    for part in parts:
        rows.append([part.name, part.model, part.version, None, None])
        rows += [[part.name, part.model, part.version, figure, value] for figure, value in part.figures]
    return Table(columns=["model", "in_use", "version", "figure", "value"], rows=rows)
