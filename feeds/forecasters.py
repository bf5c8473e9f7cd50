"""Foundation forecasters by address or from a local folder: Chronos and TimesFM.

A server is asked in its own dialect. Whatever goes wrong, the answer is a sentence and no values: the other members of
the ensemble then answer alone. Nothing is downloaded: weights lie in a folder that somebody put there.

Chronos: the endpoint that amazon-science/chronos-forecasting documents (notebooks/deploy-chronos-bolt-to-amazon-
sagemaker.ipynb, "Endpoint API"): at most 1,000 series of at least 5 values, quantile levels from 0.1 to 0.9.
TimesFM: `instances` of `input` and `horizon` as Vertex AI's prediction protocol has it; each prediction holds
`point_forecast` and `quantile_forecast`, ten values an hour: the mean, then the deciles (README of
google-research/timesfm).
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx
import numpy as np
import numpy.typing as npt

from domain.errors import BadData
from domain.ports import DECILES, Forecaster, Foretold
from domain.settings import Settings

Series = Sequence[npt.NDArray[np.float64]]
Table = npt.NDArray[np.float64]
FEWEST_VALUES = 5
MOST_HOURS = 720
LONGEST_ANSWER = 100_000_000  # bytes
CONNECT_S = 2.0
KEY = re.compile(r"[!-~]*")  # what a header carries
PACKAGES = {"chronos": ("chronos", "chronos-forecasting"), "timesfm": ("timesfm", "timesfm")}


class _Failed(Exception):
    """No usable answer; the message says why."""


class Dialect(Protocol):
    """How one kind of server is asked, and what it answers. `most` is how many series one request may hold."""

    @property
    def name(self) -> str:
        """The model's name, for the forecast."""
        ...

    @property
    def most(self) -> int:
        """Series in one request."""
        ...

    def body(self, series: Series, hours: int) -> dict[str, Any]:
        """What is posted."""
        ...

    def read(self, answer: Any) -> list[Any]:
        """One table (hours, 9) of deciles a series, not yet checked. Raises _Failed."""
        ...


@dataclass(frozen=True)
class Chronos:
    """`{"inputs": [{"target": ...}], "parameters": ...}` -> `{"predictions": [{"0.1": [...], ..., "mean": [...]}]}`."""

    name: str = "Chronos"
    most: int = 1000

    def body(self, series: Series, hours: int) -> dict[str, Any]:
        """All nine deciles are asked for."""
        return {
            "inputs": [{"target": [round(float(value), 4) for value in each]} for each in series],
            "parameters": {"prediction_length": hours, "quantile_levels": list(DECILES)},
        }

    def read(self, answer: Any) -> list[Any]:
        """The deciles by their names."""
        rows = answer.get("predictions") if isinstance(answer, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise _Failed("it answered without predictions")
        missing = [f"{share:g}" for row in rows for share in DECILES if f"{share:g}" not in row]
        if missing:
            raise _Failed(f"its predictions lack the quantile {missing[0]}")
        try:
            return [list(zip(*(row[f"{share:g}"] for share in DECILES), strict=True)) for row in rows]
        except (TypeError, ValueError):
            raise _Failed("its quantiles differ in length") from None


@dataclass(frozen=True)
class TimesFm:
    """`{"instances": [{"input": ..., "horizon": ...}]}` -> `{"predictions": [{"quantile_forecast": [[...]]}]}`."""

    name: str = "TimesFM"
    most: int = 250

    def body(self, series: Series, hours: int) -> dict[str, Any]:
        """One instance a series."""
        return {"instances": [{"input": [round(float(v), 4) for v in each], "horizon": hours} for each in series]}

    def read(self, answer: Any) -> list[Any]:
        """The deciles behind the mean."""
        rows = answer.get("predictions") if isinstance(answer, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise _Failed("it answered without predictions")
        try:
            return [[hour[1:] for hour in row["quantile_forecast"]] for row in rows]
        except (KeyError, TypeError):
            raise _Failed("its predictions lack quantile_forecast") from None


DIALECTS: dict[str, type[Chronos] | type[TimesFm]] = {"chronos": Chronos, "timesfm": TimesFm}


@dataclass(frozen=True)
class Patience:
    """Seconds that all requests of one forecast may take together, and that a failed server is left alone after."""

    deadline_s: float = 10.0
    pause_s: float = 60.0


@dataclass
class ForecastServer:
    """A forecaster behind an address. May be used by threads."""

    dialect: Dialect
    url: str
    token: str | None = field(default=None, repr=False)
    patience: Patience = field(default_factory=Patience)
    _quiet_until: float = field(default=-math.inf, repr=False)

    @property
    def name(self) -> str:
        """The model and the server's host; nothing secret of its address."""
        return f"{self.dialect.name} at {httpx.URL(self.url).host}"

    def foretell(self, series: Series, hours: int) -> Foretold:
        """In as many requests as the dialect needs, all within the deadline."""
        _check(series, hours)
        try:
            return Foretold(self._ask(series, hours), self.name)
        except _Failed as failed:
            sentence = f"{self.dialect.name} cannot be used ({failed}): the forecast is made without it"
            return Foretold(None, self.name, sentence)

    def _ask(self, series: Series, hours: int) -> Table:
        now = time.monotonic()
        if now < self._quiet_until:
            raise _Failed("it failed a moment ago")
        until = now + self.patience.deadline_s
        parts: list[Table] = [np.empty((0, hours, len(DECILES)))]
        try:
            with httpx.Client(trust_env=False, headers=self._headers()) as http:
                for begin in range(0, len(series), self.dialect.most):
                    some = series[begin : begin + self.dialect.most]
                    answer = _post(http, self.url, self.dialect.body(some, hours), until)
                    parts.append(_table(self.dialect.read(answer), (len(some), hours)))
        except _Failed:
            self._quiet_until = time.monotonic() + self.patience.pause_s
            raise
        return np.concatenate(parts)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


def _post(http: httpx.Client, url: str, body: dict[str, Any], until: float) -> Any:
    """The answer's JSON. Raises _Failed."""
    left = until - time.monotonic()
    if left <= 0:
        raise _Failed("it did not answer in time")
    read = bytearray()
    try:
        timeout = httpx.Timeout(left, connect=min(CONNECT_S, left))
        with http.stream("POST", url, json=body, timeout=timeout) as response:
            if response.status_code != httpx.codes.OK:
                raise _Failed(f"status {response.status_code}")
            for part in response.iter_bytes():
                read += part
                if time.monotonic() > until:
                    raise _Failed("it did not answer in time")
                if len(read) > LONGEST_ANSWER:
                    raise _Failed("its answer is too long")
        return json.loads(read)
    except httpx.TimeoutException:
        raise _Failed("it did not answer in time") from None
    except httpx.HTTPError as error:
        raise _Failed(f"the connection failed, {type(error).__name__}") from None
    except (ValueError, RecursionError):
        raise _Failed("its answer is no JSON") from None


def _table(rows: list[Any], shape: tuple[int, int]) -> Table:
    """Deciles (n, hours, 9), put in order where a model lets them cross. Raises _Failed for anything else."""
    try:
        table = np.array(rows, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise _Failed("its quantiles are not all numbers") from None
    if table.shape != (*shape, len(DECILES)):
        raise _Failed(f"it answered {table.shape} values instead of {(*shape, len(DECILES))}")
    if not np.isfinite(table).all():
        raise _Failed("its quantiles are not all numbers")
    return np.sort(table, axis=-1)


def _check(series: Series, hours: int) -> None:
    if not 1 <= hours <= MOST_HOURS:
        raise BadData(f"a forecaster is asked for 1 to {MOST_HOURS} hours, not {hours}")
    for each in series:
        if each.ndim != 1 or len(each) < FEWEST_VALUES or not np.isfinite(each).all():
            raise BadData(f"a series must be at least {FEWEST_VALUES} numbers")


# ---------------------------------------------------------------- weights in a folder


@dataclass
class LocalChronos:
    """Chronos weights in a folder, through the package chronos-forecasting (its `predict_quantiles`)."""

    folder: Path
    _pipeline: Any = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The model and its folder's name."""
        return f"Chronos from {self.folder.name}"

    def foretell(self, series: Series, hours: int) -> Foretold:
        """By the pipeline, loaded on first use from the folder alone."""
        _check(series, hours)
        torch = importlib.import_module("torch")
        try:
            if self._pipeline is None:
                pipelines = importlib.import_module("chronos")
                loaded = pipelines.BaseChronosPipeline.from_pretrained(str(self.folder), local_files_only=True)
                self._pipeline = loaded
            asked = [torch.tensor(each, dtype=torch.float32) for each in series]
            levels, _ = self._pipeline.predict_quantiles(asked, prediction_length=hours, quantile_levels=list(DECILES))
            return Foretold(_table(np.asarray(levels).tolist(), (len(series), hours)), self.name)
        except (_Failed, OSError, ValueError, RuntimeError) as error:
            sentence = f"Chronos cannot be used ({type(error).__name__}): the forecast is made without it"
            return Foretold(None, self.name, sentence)


def forecaster_in(settings: Settings) -> Forecaster | None:
    """The forecaster that the settings name, None without one. Raises BadData as `forecaster_of`, and for one of the
    two settings without the other."""
    if settings.forecaster is None and settings.forecaster_at is None:
        return None
    if settings.forecaster is None or settings.forecaster_at is None:
        raise BadData(
            "a forecaster needs both settings, forecaster (chronos or timesfm) and forecaster_at (where it is)"
        )
    key = settings.forecaster_key.get_secret_value() if settings.forecaster_key else None
    return forecaster_of(settings.forecaster, settings.forecaster_at, key)


def forecaster_of(kind: str, where: str, token: str | None = None) -> Forecaster:
    """The forecaster that the settings name: `kind` chronos or timesfm, `where` an http address or a folder.

    Raises BadData with what to do: an unknown kind, a key that no request can carry, no such folder, or a package that
    is not installed.
    """
    if kind not in DIALECTS:
        raise BadData(f"a forecaster must be {' or '.join(DIALECTS)}, not {kind!r}")
    if where.startswith(("http://", "https://")):
        try:
            httpx.URL(where)
        except httpx.InvalidURL:
            raise BadData("the forecaster's address cannot be read") from None
        if token is not None and not KEY.fullmatch(token):
            raise BadData("the forecaster's key must be of plain ASCII letters, digits and signs, without a space")
        return ForecastServer(DIALECTS[kind](), where, token)
    folder = Path(where)
    if not (folder / "config.json").is_file():
        raise BadData(f"{where} is neither an http address nor a folder with the weights of {kind} (config.json)")
    module, package = PACKAGES[kind]
    if importlib.util.find_spec(module) is None:
        raise BadData(f"weights of {kind} in a folder need the package {package}, which is not installed here")
    if kind != "chronos":
        raise BadData(f"{kind} is used by address; start its server and give that")
    return LocalChronos(folder)
