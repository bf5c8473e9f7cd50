"""The front door: read the settings, build the parts, hand them to the surfaces. The only place of wiring."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from assistant.answer import Assistant, Limits
from assistant.approvals import Approvals
from assistant.decide import Speaker
from assistant.experts import Experts, aided
from assistant.graph import checkpoints_at
from assistant.health import Examined, health_of
from assistant.language_model import OpenAIModel
from assistant.local_model import EngineOptions, LocalModel
from assistant.memory import Memory
from assistant.recording import Recorder, assisted
from assistant.surfaces.cli import make_cli
from assistant.surfaces.parts import ApiParts
from assistant.unavailable import NoModel
from domain.clock import Clock, clock_from, fixed_clock, wall_clock
from domain.errors import AskAgain, BadData, ModelUnavailable, NotNow
from domain.first_start import city_folder, model_shelves, operation_of
from domain.ledger import Ledger, load_keys
from domain.ports import LanguageModel
from domain.settings import Settings
from domain.store import Store, StoreLimits
from domain.values import Actor
from engines.routing.distances import HaversineMatrix
from engines.routing.kernels import KERNELS
from feeds.forecasters import forecaster_in
from feeds.maps import distances_of
from feeds.model_register import MlflowRegister
from retrieval.embedders import embedder_of
from retrieval.keeping import IndexKeeper
from retrieval.opening import open_search
from tools.argument_classifier import load_arguments
from tools.beside import BESIDE
from tools.call_classifier import load_classifier
from tools.context import Ctx, ThreadView, Tuning
from tools.fill_models import stocked_models
from tools.outside_forecaster import Outsider
from tools.patterns import renew_patterns
from tools.refresh import Refresher, Ticking
from tools.registry import registry_version
from tools.request_encoder import load_request_parts
from tools.slips import load_spelling
from tools.thread_encoder import load_encoders

T = TypeVar("T")

ROOT = Path(__file__).parent
SHIPPED_ADAPTER = ROOT / "finetune" / "adapter" / "roundsman-small.gguf"
SHIPPED_CLASSIFIER = SHIPPED_ADAPTER.with_name(BESIDE["classifier"].file)
SHIPPED_ARGUMENTS = SHIPPED_ADAPTER.with_name(BESIDE["arguments"].file)
SHIPPED_ENCODER = SHIPPED_ADAPTER.with_name(BESIDE["encoder"].file)
SHIPPED_REQUESTS = SHIPPED_ADAPTER.with_name(BESIDE["requests"].file)
SHIPPED_WORDS = SHIPPED_ADAPTER.with_name(BESIDE["words"].file)


def build(settings: Settings, *, ticking: bool = False) -> ApiParts:
    """All parts of one city's assistant. A first start on an empty home loads the city's folder by itself."""
    settings.home.mkdir(parents=True, exist_ok=True)
    store = Store(settings.url(), StoreLimits(statement_ms=settings.postgres_statement_timeout_ms))
    store.migrate()
    city = operation_of(store, settings, ROOT, wall_clock)
    clock: Clock = clock_from(city.demo_now) if ticking else fixed_clock(city.demo_now)
    ledger = Ledger(store, load_keys(settings.home), settings.home / "checkpoints", clock)
    search = open_search(store, settings, city.name, embedder_of(settings))
    index = IndexKeeper(store, search, city.name, city_folder(settings, ROOT), renew_patterns)
    index.start(following=ticking)
    shelves, outside = model_shelves(settings, city_folder(settings, ROOT), city.name), forecaster_in(settings)
    outsider = Outsider(outside, settings.forecaster_share) if outside is not None else None
    fill = stocked_models(store, city.name, shelves, clock(), outsider)
    forecasts = Ticking(Refresher(store, fill, city, clock), clock)
    if ticking:
        KERNELS.begin()
        forecasts.begin()
    model = _model(settings)
    style = settings.model_prompt
    great_circles = HaversineMatrix(city.assumed("detour_factor", 1.3), city.assumed("speed_kmh", 25.0))
    distances = distances_of(settings.matrix_kind, settings.matrix_url, settings.home / "matrices", great_circles)

    def surroundings(actor: Actor, now: datetime | None) -> Ctx:
        at, thread = (now or clock()).astimezone(city.zone), ThreadView("")
        tuning = Tuning(settings.seed, settings.solve_seconds)
        return Ctx(city, store, search, distances, fill, ledger, model.identity, actor, at, thread, tuning=tuning)

    approvals = Approvals(store, ledger, lambda _city: (clock, city.zone))
    with suppress(NotNow, AskAgain):  # a part that is down says so when it is asked
        approvals.recover()
    recorder = Recorder(ledger, Memory(store), approvals, style)
    speaker = Speaker(model, style, style != "small", settings.decision_deadline_s)
    if style == "small":
        speaker = _aided(speaker)
    limits = Limits(settings.max_steps, settings.question_deadline_s)
    assistant = Assistant(speaker, surroundings, recorder, lambda: checkpoints_at(settings.home), limits)

    def close() -> None:
        if isinstance(model, LocalModel):
            model.stop()
        forecasts.stop()
        index.close()
        ledger.close()
        store.close()

    return ApiParts(
        asks=assistant, decides=approvals, store=store, ledger=ledger, operation=city, run_tool=assistant.run_tool,
        health=lambda: health_of(Examined(store, ledger, model, search, city, forecasts)), settings=settings,
        index=index, forecasts=forecasts, register=MlflowRegister(settings.home), clock=clock, close=close,
    )  # fmt: skip


def _model(settings: Settings) -> LanguageModel:
    """The server of the settings, else the embedded engine, else a stand-in that says what is missing."""
    if settings.model_url:
        key = settings.model_key.get_secret_value() if settings.model_key else None
        return OpenAIModel(settings.model_url, settings.model_name, key, "vllm")
    adapter = settings.adapter or (SHIPPED_ADAPTER if SHIPPED_ADAPTER.exists() else None)
    made = EngineOptions(settings.home, adapter=adapter, schema_hash=registry_version(), threads=settings.model_threads)
    try:
        return LocalModel(made)
    except ModelUnavailable as missing:
        return NoModel(str(missing))


def _aided(speaker: Speaker) -> Speaker:
    """The speaker with the shipped experts and words, of which its model's identity tells."""
    classifier, arguments = _shipped(load_classifier, SHIPPED_CLASSIFIER), _shipped(load_arguments, SHIPPED_ARGUMENTS)
    encoders, spelling = _shipped(load_encoders, SHIPPED_ENCODER) or (), _shipped(load_spelling, SHIPPED_WORDS)
    encoder, requests = next(iter(encoders), None), _shipped(load_request_parts, SHIPPED_REQUESTS)
    beside = {
        "classifier": classifier, "arguments": arguments, "encoder": encoder, "requests": requests, "words": spelling,
    }  # fmt: skip
    speaker.model.identity = assisted(speaker.model.identity, beside)
    return aided(speaker, Experts(classifier, arguments, encoders, spelling, requests))


def _shipped(load: Callable[[Path], T], file: Path) -> T | None:
    """What a shipped file holds; None for one that is missing or does not fit, which the doctor tells of."""
    with suppress(BadData):
        return load(file)
    return None


def main() -> None:
    """The `roundsman` command."""
    make_cli(build)()
