"""An ensemble as the files of its folder, and back: `model.json`, LightGBM text, safetensors; nothing executable.

The manifest's own keys (name, version, features, members, digests, trained_until) are what the shelf checks; the rest
(rates, usual weeks, weights, offsets) is the ensemble's. The same ensemble gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from pydantic import JsonValue

from domain.errors import BadData
from engines.forecast.boosted import Boosted
from engines.forecast.conformal import LENGTH_ENDS_H, Key, Offsets
from engines.forecast.ensemble import Ensemble
from engines.forecast.features import FEATURES_VERSION
from engines.forecast.found import FoundModel
from engines.forecast.history import Floats
from engines.forecast.hour_of_week import HourOfWeek
from engines.forecast.known import Weeks
from engines.forecast.member import SHARES_OUT, Member
from engines.forecast.patches import Patches
from engines.forecast.rates_file import rates_from_json, rates_to_json
from engines.forecast.seasonal import Seasonal
from engines.forecast.stack import Weights

MANIFEST = "model.json"
RATES, PATCHES, SEASONAL, OVERFLOW = "rates.json", "patches.safetensors", "seasonal.json", "boosted-overflow.txt"
FOUND = "found.json"
GAIN_OF_FOUND = "within20_gain"  # only a test on levels found has it
DAY, OTHER = (
    tuple(f"boosted-{which}-{round(share * 100):02d}.txt" for share in SHARES_OUT) for which in ("day", "other")
)
MEMBERS = frozenset({"hour_of_week", "boosted", "patches", "prophet"})
"""The members that a folder can hold."""
OLDER_ENDS_H = (8.0, 16.0, 30.0, 96.0)
"""The ranges of hours ahead that offsets had in models whose manifest does not say which."""
JsonObject = dict[str, JsonValue]


@dataclass(frozen=True)
class Label:
    """What a manifest says besides the model itself; `metrics` are its test's figures, `zone` the clock that it was
    trained on."""

    version: str
    trained_until: datetime
    name: str = "fill"
    metrics: Mapping[str, JsonValue] = field(default_factory=dict)
    zone: str = "UTC"


def to_files(ensemble: Ensemble, label: Label, beside: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
    """The files of a model's folder by name; those `beside` are kept and listed with them.

    Raises BadData for a member that no file is known for.
    """
    files: dict[str, bytes] = dict(beside or {})
    own: JsonObject = {}
    for member in ensemble.members:
        if isinstance(member, HourOfWeek):
            files[RATES] = rates_to_json(member.rates).encode()
        elif isinstance(member, Boosted):
            for names, texts in ((DAY, member.day), (OTHER, member.other)):
                files |= {name: text.encode() for name, text in zip(names, texts, strict=True)}
            files[OVERFLOW] = member.overflow.encode()
            own["boosted"] = {
                "streams": list(member.weeks.streams),
                "weeks": member.weeks.profiles.tolist(),
                "reach_h": member.reach_h.tolist(),
            }
        elif isinstance(member, Patches):
            files[PATCHES] = member.to_bytes()
        elif isinstance(member, Seasonal):
            files[SEASONAL] = member.to_json().encode()
        else:
            raise BadData(f"the member {member.name} cannot be kept in a folder")
    manifest: JsonObject = {
        "name": label.name,
        "version": label.version,
        "features": FEATURES_VERSION,
        "members": [member.name for member in ensemble.members],
        "digests": {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())},
        "trained_until": label.trained_until.isoformat(),
        "metrics": dict(label.metrics),
        "zone": label.zone,
        "warn_at": ensemble.warn_at,
        "weights": [[band, stream, found.tolist()] for (band, stream), found in sorted(ensemble.weights.of.items())],
        "offsets": [[*key, found.tolist()] for key, found in sorted(ensemble.offsets.of.items())],
        "offset_ends_h": list(LENGTH_ENDS_H),
        **own,
    }
    files[MANIFEST] = (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode()
    return files


def from_files(files: Mapping[str, bytes]) -> Ensemble:
    """The ensemble in a folder's files. Raises BadData for files that are missing, cannot be read or do not fit."""
    try:
        manifest = json.loads(files[MANIFEST])
        if manifest["features"] != FEATURES_VERSION:
            raise BadData(f"the model needs features {manifest['features']}, and here are {FEATURES_VERSION}")
        members = tuple(_member(name, manifest, files) for name in manifest["members"])
        weights = {(int(band), str(stream)): np.array(found) for band, stream, found in manifest["weights"]}
        offsets = _offsets(manifest)
        warn_at = float(manifest["warn_at"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadData(f"the model's files cannot be read: {error!s:.120}") from None
    names = tuple(member.name for member in members)
    if any(len(found) != len(names) for found in weights.values()):
        raise BadData("the model's weights are not one for each member")
    return Ensemble(members, Weights(names, weights), offsets, warn_at)


def tested_on_found(metrics: Mapping[str, JsonValue]) -> bool:
    """Whether the figures of a model's test are of the level that crews found, not of the level if nobody comes."""
    return GAIN_OF_FOUND in metrics


def found_in(files: Mapping[str, bytes]) -> FoundModel | None:
    """The model of levels found that stands beside an ensemble. Raises BadData for one that cannot be read."""
    return FoundModel.from_json(files[FOUND].decode()) if FOUND in files else None


def _member(name: str, manifest: Mapping[str, JsonValue], files: Mapping[str, bytes]) -> Member:
    if name == "hour_of_week":
        return HourOfWeek(rates_from_json(files[RATES].decode()))
    if name == "patches":
        return Patches.from_bytes(files[PATCHES])
    if name == "prophet":
        return Seasonal.from_json(files[SEASONAL].decode())
    if name == "boosted":
        own = manifest["boosted"]
        assert isinstance(own, dict)
        weeks = Weeks(tuple(str(each) for each in _list(own["streams"])), np.array(own["weeks"], dtype=np.float64))
        day, other = (tuple(files[each].decode() for each in names) for names in (DAY, OTHER))
        return Boosted(weeks, np.array(own["reach_h"], dtype=np.float64), day, other, files[OVERFLOW].decode())
    raise ValueError(f"{name} is no member that is known here")


def _list(value: JsonValue) -> Sequence[JsonValue]:
    assert isinstance(value, list)
    return value


def _offsets(manifest: Mapping[str, JsonValue]) -> Offsets:
    """The offsets, each for the ranges of hours ahead of now that lie in the range that it was learnt for."""
    ends = np.array(manifest.get("offset_ends_h", OLDER_ENDS_H), dtype=np.float64)
    learnt_for = np.searchsorted(ends, np.array([*LENGTH_ENDS_H, np.inf]), side="left")
    cells = [_cell([*_list(each)]) for each in _list(manifest["offsets"])]
    return Offsets(
        {(length, *key[1:]): found for key, found in cells for length in np.flatnonzero(learnt_for == key[0]).tolist()}
    )


def _cell(entry: list[Any]) -> tuple[Key, Floats]:
    """One cell's offsets; a model of before windows were told apart by an emptying has them for both alike."""
    band, stream, fill, *emptied, found = entry
    return (int(band), str(stream), int(fill), int(emptied[0]) if emptied else -1), np.array(found)
