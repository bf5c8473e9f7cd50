"""Which trained fill model forecasts for a city at a moment: aliases from the records, files from the shelf.

What an alias stood for at any moment is in the records (`model_aliases`), so a replay asks for the champion of then. A
champion is read and checked once and kept. The register of MLflow is not asked here: it is brought in line when
somebody registers or promotes (`feeds/model_register.py`).
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from pydantic import JsonValue

from domain.errors import BadData
from domain.operation import Operation
from domain.repositories.models import (
    Alias,
    Registered,
    aliases_at,
    anything_recorded,
    digests_of,
    has_aliases,
    is_registered,
    point_alias,
    register_model,
)
from domain.store import Store
from engines.forecast.ensemble import Ensemble
from engines.forecast.features import FEATURES_VERSION
from engines.forecast.found import FoundModel
from engines.forecast.model_files import MEMBERS, found_in, from_files
from engines.shelf import ORDER, Shelved, Signature, Wanted, check, files_of, models_on, pick, read_shelved

FITS_HERE = Signature(FEATURES_VERSION, MEMBERS)
INSTEAD = "forecasts instead"
FALLBACK = f"the hour-of-week rate {INSTEAD}"


@dataclass(frozen=True, eq=False)
class Chosen:
    """The model in use: its ensemble, version and the end of its training, None for none; `degraded` when it is not
    the champion. `found` tells the level that a crew finds, where the model was trained on emptyings."""

    ensemble: Ensemble | None = None
    version: str | None = None
    trained_until: datetime | None = None
    degraded: str | None = None
    found: FoundModel | None = None


@dataclass(frozen=True, eq=False)
class _Loaded:
    ensemble: Ensemble
    found: FoundModel | None


@dataclass(frozen=True)
class _Ahead:
    """A version that was not made champion at `since`: it has learnt `until` after that."""

    version: str
    until: datetime
    since: datetime


def model_name(city: str) -> str:
    """The name under which a city's fill models are registered."""
    return f"fill/{city}"


class ModelShelf:
    """The models on some folders, by what the records say of their aliases. One per process.

    A champion that was read once is kept. What cannot be used is looked at again by each question, since somebody may
    have repaired it; the same content is loaded once, whether it could be or not.
    """

    def __init__(self, store: Store, shelves: Sequence[Path]) -> None:
        self._store, self.shelves = store, tuple(shelves)
        self._turn = threading.Lock()
        self._chosen: dict[tuple[tuple[str, Wanted], ...], Chosen] = {}
        self._loaded: dict[str, _Loaded | str] = {}
        self._ahead: dict[str, _Ahead] = {}

    def canary(self, city: Operation, at: datetime) -> Chosen | None:
        """The canary of a moment; None without one, and `degraded` when it cannot be used. Raises StoreUnavailable."""
        found = self._chosen_of(city, at, ("canary",))
        if found.version is None and not found.degraded:
            return None
        return replace(found, degraded=found.degraded.removesuffix(f"; {FALLBACK}") if found.degraded else None)

    def choose(self, city: Operation, at: datetime) -> Chosen:
        """The champion of a moment, else the version before it, else none. Raises StoreUnavailable."""
        chosen, ahead = self._chosen_of(city, at, ORDER), self._ahead.get(city.name)
        if chosen.version is not None or chosen.degraded or ahead is None or at < ahead.since:
            return chosen
        return Chosen(
            degraded=f"version {ahead.version} cannot be used: {_seen_too_much(ahead.until, city)}; {FALLBACK}"
        )

    def _chosen_of(self, city: Operation, at: datetime, order: Sequence[str]) -> Chosen:
        name = model_name(city.name)
        with self._store.read() as session:
            aliases = aliases_at(session, name, at)
            digests = digests_of(session, name, aliases.values()) if aliases else {}
        wanted = {alias: Wanted(version, digests.get(version)) for alias, version in aliases.items() if alias in order}
        if not wanted:
            return Chosen()
        key = tuple(sorted(wanted.items(), key=lambda pair: pair[0]))
        with self._turn:
            chosen = self._chosen.get(key)
            if chosen is None or chosen.trained_until is None or chosen.trained_until > at:
                chosen = self._choose(city, at, wanted, order)
            if not chosen.degraded:
                self._chosen[key] = chosen
            return chosen

    def _choose(self, city: Operation, at: datetime, wanted: Mapping[Alias, Wanted], order: Sequence[str]) -> Chosen:
        def usable(model: Shelved) -> None:
            if model.manifest.trained_until > at:
                raise BadData(_seen_too_much(model.manifest.trained_until, city))
            self._load(model)

        named = {str(alias): version for alias, version in wanted.items()}
        picked = pick(self.shelves, named, FITS_HERE, order, usable)
        if picked.model is None:
            return Chosen(degraded="; ".join((*picked.told, FALLBACK)))
        manifest, loaded = picked.model.manifest, self._load(picked.model)
        instead = f"version {manifest.version} {INSTEAD}"
        degraded = "; ".join((*picked.told, instead)) if picked.told else None
        version = f"{manifest.version}.{picked.model.digest[:8]}"
        return Chosen(loaded.ensemble, version, manifest.trained_until, degraded, loaded.found)

    def _load(self, model: Shelved) -> _Loaded:
        """What is in a model's files. Raises BadData, the same for the same content."""
        held = self._loaded.get(model.digest)
        if held is None:
            files = files_of(model)
            try:
                held = _Loaded(from_files(files), found_in(files))
            except BadData as error:
                held = str(error)
            self._loaded[model.digest] = held
        if isinstance(held, str):
            raise BadData(held)
        return held

    def stock(self, city: str, at: datetime) -> None:
        """Registers every model on the shelves that is not; the newest of them that has learnt from nothing later than
        `at`, the moment of stocking, becomes champion where there was none.

        It is champion from `at` on, so that what was answered before stays as it was; where the ledger holds no answer
        yet, from the end of its training on. Raises StoreUnavailable.
        """
        name, here = model_name(city), list(models_on(self.shelves))
        with self._store.read() as session:
            new = [model for model in here if not is_registered(session, name, model.manifest.version)]
            decided, recorded = has_aliases(session, name), anything_recorded(session)
        able = [model.manifest for model in new if model.manifest.trained_until <= at]
        champion = max(able, key=lambda told: told.trained_until, default=None)
        if new:
            with self._store.write() as session:
                for model in new:
                    register_model(session, as_registered(name, model))
                if champion is not None and not decided:
                    since = at if recorded else champion.trained_until
                    point_alias(session, name, "champion", champion.version, since)
        later = [model.manifest for model in here if model.manifest.trained_until > at]
        if later and champion is None and not decided:
            first = min(later, key=lambda told: told.trained_until)
            self._ahead[city] = _Ahead(first.version, first.trained_until, at)


@dataclass(frozen=True)
class OnShelf:
    """A model that lies on a shelf, and the aliases that stand for it."""

    version: str
    members: tuple[str, ...]
    trained_until: datetime
    folder: Path
    digest: str
    metrics: Mapping[str, JsonValue]
    aliases: tuple[Alias, ...]


def on_shelves(store: Store, city: str, shelves: Sequence[Path], at: datetime) -> list[OnShelf]:
    """The models of a city, with their aliases of a moment. Raises StoreUnavailable."""
    with store.read() as session:
        held = aliases_at(session, model_name(city), at)
    return [
        OnShelf(
            told.version,
            told.members,
            told.trained_until,
            model.folder,
            model.digest,
            told.metrics,
            tuple(alias for alias, version in held.items() if version == told.version),
        )
        for model in models_on(shelves)
        for told in (model.manifest,)
    ]


def _seen_too_much(until: datetime, city: Operation) -> str:
    return f"it has learnt from records up to {until.astimezone(city.zone):%Y-%m-%d %H:%M}, later than this moment"


def take_in(store: Store, city: str, shelf: Path, folder: Path) -> str:
    """Checks a trained model, copies it onto a shelf and registers it; its version. Raises BadData.

    A copy that lies there already and is damaged is replaced; other content under the same version is refused.
    """
    model = read_shelved(folder)
    check(model, FITS_HERE)
    version = model.manifest.version
    if Path(version).name != version or version.startswith("."):
        raise BadData(f"{version!r} cannot be the name of a folder: give the model another version")
    with store.read() as session:
        known = digests_of(session, model_name(city), [version]).get(version, model.digest)
    if known == model.digest and not _lies_whole(shelf / version, model.digest):
        shelf.mkdir(parents=True, exist_ok=True)
        part = shelf / f".{version}.part"
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(folder, part)
        _put(part, shelf / version)
    with store.write() as session:
        register_model(session, as_registered(model_name(city), model))
    return version


def _put(part: Path, place: Path) -> None:
    """Moves a whole copy to its place; what lies there is moved out of the way and then removed."""
    aside = place.with_name(f".{place.name}.old")
    _remove(aside)
    if place.exists() or place.is_symlink():
        place.rename(aside)
    part.rename(place)
    _remove(aside)


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)


def _lies_whole(folder: Path, digest: str) -> bool:
    """Whether a folder holds this very model, undamaged."""
    try:
        check(read_shelved(folder), FITS_HERE, digest)
    except BadData:
        return False
    return True


def as_registered(name: str, model: Shelved) -> Registered:
    """A model of the shelf as the records keep it."""
    told = model.manifest
    return Registered(
        name, told.version, model.digest, dict(told.metrics), told.trained_until, told.features, told.trained_until
    )
