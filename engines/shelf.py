"""Which version of a model answers: folders of models, checked before use, found by alias, with a way back.

A model is a folder with `model.json` (the manifest) and the files that the manifest lists with their SHA-256: LightGBM
text, safetensors, JSON. Nothing on the shelf is executable, so a pickle is refused whatever its digest. A shelf is one
or more folders of such folders; `pick` goes from the version asked for to the previous one and says why. It reads
files and nothing else: which version an alias stands for is told by the caller.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from domain.errors import BadData

MANIFEST = "model.json"
FORMATS = frozenset({".txt", ".safetensors", ".json"})
ORDER = ("champion", "previous")


class Manifest(BaseModel):
    """What `model.json` says of its folder; other keys are the model's own and are left to it.

    `features` is the version of the features it was trained on, `members` the ways of forecasting in it, `digests` the
    SHA-256 of each file by name, `trained_until` (aware) the end of what it has seen, `metrics` its test's figures.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    features: str
    members: tuple[str, ...]
    digests: Mapping[str, str]
    trained_until: datetime
    metrics: Mapping[str, JsonValue] = Field(default_factory=dict)


@dataclass(frozen=True)
class Signature:
    """What a model must fit to be used: the version of the features computed here, and the members known here."""

    features: str
    members: frozenset[str]


@dataclass(frozen=True)
class Shelved:
    """A model that lies on the shelf. `digest` is the SHA-256 of its manifest, which holds those of its files."""

    folder: Path
    manifest: Manifest
    digest: str


@dataclass(frozen=True)
class Picked:
    """The model to use, by which alias; None when none can be used. `told`: why it is not the champion, in order."""

    model: Shelved | None
    alias: str | None
    told: tuple[str, ...] = field(default=())


def read_shelved(folder: Path) -> Shelved:
    """The manifest of a model's folder. Raises BadData when there is none or it cannot be read."""
    try:
        data = (folder / MANIFEST).read_bytes()
        manifest = Manifest.model_validate_json(data)
    except OSError as error:
        raise BadData(f"{folder} holds no model: {MANIFEST} cannot be read ({error.strerror})") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise BadData(f"{folder / MANIFEST} is no manifest: {where}: {first['msg']}") from None
    if manifest.trained_until.tzinfo is None:
        raise BadData(f"{folder / MANIFEST} is no manifest: trained_until has no time zone")
    return Shelved(folder, manifest, hashlib.sha256(data).hexdigest())


def check(model: Shelved, signature: Signature, digest: str | None = None) -> None:
    """Raises BadData unless the model fits the signature and every file is what the manifest says.

    `digest` is the manifest's own, as it was registered; None when it was not.
    """
    manifest = model.manifest
    if digest is not None and digest != model.digest:
        raise BadData(f"its {MANIFEST} is not the one that was registered ({model.digest[:12]}, not {digest[:12]})")
    if manifest.features != signature.features:
        raise BadData(f"it needs features {manifest.features} and here are {signature.features}")
    if unknown := sorted({*manifest.members} - signature.members):
        raise BadData(f"it has members that are not known here: {', '.join(unknown)}")
    files_of(model)


def files_of(model: Shelved) -> dict[str, bytes]:
    """Name -> content of the manifest and of every file it lists. Raises BadData unless each is what it says."""
    return {name: _content(model.folder, name, wanted) for name, wanted in _listed(model)}


def _listed(model: Shelved) -> Iterator[tuple[str, str]]:
    """Names and digests of the files of a model, the manifest's own first."""
    yield MANIFEST, model.digest
    yield from model.manifest.digests.items()


def _content(folder: Path, name: str, wanted: str) -> bytes:
    file = folder / name
    if Path(name).name != name or file.suffix not in FORMATS:
        raise BadData(f"{name} is not a file that a model may have ({', '.join(sorted(FORMATS))})")
    try:
        data = file.read_bytes()
    except OSError as error:
        raise BadData(f"{name} cannot be read ({error.strerror})") from None
    found = hashlib.sha256(data).hexdigest()
    if found != wanted:
        raise BadData(f"{name} is damaged or another file (digest {found[:12]}, not {wanted[:12]})")
    return data


def models_on(shelves: Sequence[Path]) -> Iterator[Shelved]:
    """Every model on these shelves: a shelf is a model's folder itself, or holds one a version. Unreadable ones and
    those whose name begins with a dot (still being copied) are passed by."""
    for shelf in shelves:
        manifests = [shelf / MANIFEST] if (shelf / MANIFEST).exists() else sorted(shelf.glob(f"[!.]*/{MANIFEST}"))
        for manifest in manifests:
            try:
                yield read_shelved(manifest.parent)
            except BadData:
                continue


@dataclass(frozen=True)
class Wanted:
    """A version that an alias stands for, and the digest of its manifest as registered."""

    version: str
    digest: str | None = None


def pick(
    shelves: Sequence[Path],
    aliases: Mapping[str, Wanted],
    signature: Signature,
    order: Sequence[str] = ORDER,
    usable: Callable[[Shelved], object] = lambda _model: None,
) -> Picked:
    """The first alias of `order` whose version lies on a shelf, is whole and fits.

    Of a version that lies on several shelves the first copy that is whole is taken, and the fault of the first told
    when none is. `usable` may refuse a model that cannot be loaded, by raising BadData.
    """
    here = list(models_on(shelves))
    told: list[str] = []
    for alias in order:
        wanted = aliases.get(alias)
        if wanted is None:
            continue
        copies = [model for model in here if model.manifest.version == wanted.version]
        faults: list[str] = []
        for model in copies:
            try:
                check(model, signature, wanted.digest)
                usable(model)
            except BadData as error:
                faults.append(str(error))
            else:
                return Picked(model, alias, tuple(told))
        why = faults[0] if faults else "it is not on the shelf, or its manifest cannot be read"
        told.append(f"the {alias} version {wanted.version} cannot be used: {why}")
    return Picked(None, None, tuple(told))
