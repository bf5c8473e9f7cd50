"""The values that cross module borders: results with their reasons, resolved words, people and places.

Times are aware `datetime`s; distances metres (`_m`), levels percent of capacity (`_pct`), volumes litres (`_l`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

PLACEHOLDER = re.compile(r"\{(\w+)\}")


class Role(StrEnum):
    """Who may do what; an API client is `api` with scopes of its own."""

    viewer = "viewer"
    dispatcher = "dispatcher"
    manager = "manager"
    auditor = "auditor"
    api = "api"


class Effect(StrEnum):
    """What a tool may do: read and compute, or store a proposal. No tool has an effect (law 1)."""

    read = "read"
    propose = "propose"


@dataclass(frozen=True)
class Actor:
    """The person or program behind a question. `zone` limits what a dispatcher may approve; None is everywhere."""

    name: str
    role: Role
    zone: str | None = None
    scopes: frozenset[str] = frozenset()


# ---------------------------------------------------------------- what law 5 resolves words to


@dataclass(frozen=True)
class Place:
    """A resolved place. `kind`: site, area (zone, neighbourhood, circuit, street) or point.

    `radius_m` is the area's own radius and None for a site or a point; `site_ids` are the sites it holds when the
    records say so (then distance means nothing).
    """

    name: str
    kind: str
    lat: float
    lon: float
    radius_m: float | None = None
    site_ids: tuple[str, ...] = ()

    @property
    def is_area(self) -> bool:
        """Areas hold bins by themselves; `within_m` means nothing for them."""
        return self.kind not in {"site", "point"}


@dataclass(frozen=True)
class Moment:
    """A resolved point in time. `words` is what the user said; `is_day` when only a day was named."""

    at: datetime
    words: str
    is_day: bool = False


@dataclass(frozen=True)
class Period:
    """A resolved span of time, `since` inclusive, `until` exclusive."""

    since: datetime
    until: datetime
    words: str


@dataclass(frozen=True)
class BinSet:
    """Resolved bins: their ids in record order and the names they were called by."""

    bin_ids: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class TruckSet:
    """Resolved trucks, by the records' names. `without`: those that the words leave out; `rest`: the names are all the
    others, none of which was named."""

    names: tuple[str, ...]
    without: tuple[str, ...] = ()
    rest: bool = False


# ---------------------------------------------------------------- what a tool gives back


class Facts(BaseModel):
    """Typed fields of a result, units in their names. Every number of an answer is one of these (law 2)."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Evidence(BaseModel):
    """Something a person can open: a record, a plan, a page. `ref` is its address inside Roundsman."""

    model_config = ConfigDict(frozen=True)
    label: str
    ref: str


class Reason(BaseModel):
    """Why a result is what it is, with at least one piece of evidence (law 3)."""

    model_config = ConfigDict(frozen=True)
    text: str
    evidence: list[Evidence] = Field(min_length=1)


class Table(BaseModel):
    """Rows for a person: shape (len(rows), len(columns))."""

    columns: list[str]
    rows: list[list[str | int | float | None]]

    @model_validator(mode="after")
    def _rows_fit(self) -> Table:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError("every row of a table needs one value for each column")
        return self


class Confidence(BaseModel):
    """A calibrated share 0..1 and what it means in words."""

    share: float = Field(ge=0, le=1)
    meaning: str


F = TypeVar("F", bound=Facts)


class Result(BaseModel, Generic[F]):
    """What a tool gives back.

    `headline` is a sentence with `{fact}` places; it holds no digit of its own, so the sentence shown cannot hold a
    number that the facts do not. `map` is GeoJSON, `chart` a Plotly figure.
    """

    headline: str
    facts: F
    why: list[Reason] = Field(min_length=1)
    understood: dict[str, str] = Field(default_factory=dict)
    data_age: str
    table: Table | None = None
    map: dict[str, JsonValue] | None = None
    chart: dict[str, JsonValue] | None = None
    confidence: Confidence | None = None
    degraded: list[str] = Field(default_factory=list)
    next_tool: str | None = None

    @model_validator(mode="after")
    def _headline_speaks_by_reference(self) -> Result[F]:
        if re.search(r"\d", PLACEHOLDER.sub("", self.headline)):
            raise ValueError("a headline holds numbers only as {fact} references")
        unknown = set(PLACEHOLDER.findall(self.headline)) - set(type(self.facts).model_fields)
        if unknown:
            raise ValueError(f"headline names facts that do not exist: {sorted(unknown)}")
        return self

    def sentence(self) -> str:
        """The headline with the facts put in."""
        values = self.facts.model_dump()
        return PLACEHOLDER.sub(lambda match: say(values[match.group(1)]), self.headline)


def say(value: object) -> str:
    """One fact as a person reads it: lists joined, times to the minute, floats to one decimal."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, float):
        return f"{value:z,.1f}".removesuffix(".0")
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ", ".join(say(item) for item in value) if value else "none"
    return "none" if value is None else str(value)


@dataclass(frozen=True)
class Call:
    """One call that the model chose: a tool (or one of its three words) and the arguments in the user's words."""

    name: str
    parameters: dict[str, JsonValue] = field(default_factory=dict)

    def text(self) -> str:
        """As the model writes it, and as threads, rows and records keep it: compact JSON."""
        said = {"name": self.name, "parameters": self.parameters}
        return json.dumps(said, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> Call:
        """The call that `text()` wrote. ValueError for anything else."""
        said = json.loads(text)
        if not isinstance(said, dict) or not isinstance(said.get("name"), str):
            raise ValueError("not a call")
        parameters = said.get("parameters")
        return cls(said["name"], parameters if isinstance(parameters, dict) else {})

    def texts(self, names: Iterable[str] | None = None) -> Iterator[str]:
        """The strings among the values of its parameters, or of those of `names`; those of lists one by one."""
        for name in self.parameters if names is None else names:
            value = self.parameters.get(name)
            yield from (each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str))


def counted(number: int, thing: str) -> str:
    """A number of things in words: "1 bin", "1,024 bins"."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
