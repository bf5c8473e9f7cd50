"""What the server holds: collections, their tenants, and the objects of each."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


class Refused(Exception):
    """A request that Weaviate refuses; the message is Weaviate's own where it is known."""


@dataclass
class Stored:
    """One object."""

    uuid: str
    properties: dict[str, Any]
    vectors: dict[str, Floats]


@dataclass
class Tenant:
    """The objects of one tenant, and what is looked up in them."""

    status: str = "HOT"
    objects: dict[str, Stored] = field(default_factory=dict)
    widths: dict[str, int] = field(default_factory=dict)
    _matrices: dict[str, tuple[list[str], Floats]] = field(default_factory=dict)
    _inverted: dict[str, dict[Any, set[str]]] = field(default_factory=dict)

    def changed(self) -> None:
        """Forget what was made from the objects."""
        self._matrices.clear()
        self._inverted.clear()

    def matrix(self, name: str) -> tuple[list[str], Floats]:
        """The ids of the objects that have a vector of that name, and their unit vectors, shape (n, width)."""
        if name not in self._matrices:
            having = [each for each in self.objects.values() if name in each.vectors]
            rows = np.stack([each.vectors[name] for each in having]) if having else np.zeros((0, 0), np.float32)
            lengths = np.linalg.norm(rows, axis=1, keepdims=True) if having else 1
            self._matrices[name] = ([each.uuid for each in having], (rows / lengths).astype(np.float32))
        return self._matrices[name]

    def inverted(self, property_: str) -> dict[Any, set[str]]:
        """The ids of the objects by each value of a property."""
        if property_ not in self._inverted:
            found: dict[Any, set[str]] = defaultdict(set)
            for each in self.objects.values():
                value = each.properties.get(property_)
                for one in value if isinstance(value, list) else [value]:
                    if isinstance(one, str | int | float | bool):
                        found[one].add(each.uuid)
            self._inverted[property_] = dict(found)
        return self._inverted[property_]


@dataclass
class Collection:
    """A class of the schema. Without multi-tenancy its only tenant has no name."""

    definition: dict[str, Any]
    tenants: dict[str, Tenant] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """With a capital, as Weaviate keeps it."""
        return str(self.definition["class"])

    @property
    def many_tenants(self) -> bool:
        """Whether each request must name a tenant."""
        return bool(self.definition.get("multiTenancyConfig", {}).get("enabled"))

    @property
    def vector_names(self) -> list[str]:
        """The named vectors."""
        return list(self.definition.get("vectorConfig") or {})

    def property_type(self, name: str) -> str | None:
        """The data type of a property, or None when there is no such property."""
        kinds = {each["name"]: each["dataType"][0] for each in self.definition.get("properties") or []}
        return kinds.get(name)

    def tenant(self, name: str) -> Tenant:
        """The tenant that a request means."""
        if self.many_tenants and not name:
            raise Refused(f"class {self.name} has multi-tenancy enabled, but request was without tenant")
        if not self.many_tenants and name:
            raise Refused(f"class {self.name} has multi-tenancy disabled, but request was with tenant")
        if not self.many_tenants:
            return self.tenants.setdefault("", Tenant())
        if name not in self.tenants:
            raise Refused(f'tenant not found: "{name}"')
        if self.tenants[name].status not in {"HOT", "ACTIVE"}:
            raise Refused(f"tenant not active: {name}")
        return self.tenants[name]

    def target(self, named: list[str]) -> str:
        """The one named vector that a search means."""
        if not named:
            if len(self.vector_names) > 1:
                raise Refused(
                    "extract target vectors: "
                    f"class {self.name} has multiple vectors, but no target vectors were provided"
                )
            return self.vector_names[0] if self.vector_names else "default"
        if len(named) > 1:
            raise Refused("this stand-in searches one target vector at a time")
        if named[0] not in self.vector_names:
            raise Refused(
                f"extract target vectors: class {self.name} does not have named vector {named[0]} configured. "
                f"Available named vectors {self.vector_names}"
            )
        return named[0]

    def store(self, tenant: Tenant, stored: Stored) -> None:
        """Add or replace an object."""
        for name, vector in stored.vectors.items():
            if name not in self.vector_names:
                raise Refused(f"collection {self.name} does not have configuration for vector {name}")
            if len(vector) != tenant.widths.setdefault(name, len(vector)):
                raise Refused(
                    f"insert to vector index: new node has a vector with length {len(vector)}. "
                    f"Existing nodes have vectors with length {tenant.widths[name]}"
                )
        tenant.objects[stored.uuid] = stored
        tenant.changed()


class Kept:
    """Everything, behind one lock."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.collections: dict[str, Collection] = {}

    def collection(self, name: str) -> Collection:
        """The collection of that name; its first letter counts as a capital."""
        proper = name[:1].upper() + name[1:]
        if proper not in self.collections:
            raise Refused(f"could not find class {proper} in schema")
        return self.collections[proper]
