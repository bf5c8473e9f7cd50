"""The vector side of the production back end: Weaviate, by its own client, within a deadline of our own.

    side = WeaviateSide(WeaviateAddress("http://weaviate:8080"))
    side.put("berkeley", [VectorObject("requests", uuid, {"custom": vector}, cells=("9q9p",))], deadline_s=30)
    nearest = side.near("berkeley", Near("custom", vector, ("requests",), limit=200), deadline_s=0.3)

Only vectors and what narrows a search are kept there; documents, words and places are PostgreSQL's. On UNAVAILABLE the
client waits 1 + 2 + 4 + ... seconds between tries, about a minute, so its calls run where they can be ended
(`call_loop`). One name of vectors is searched at a time and always said; every request names its tenant and asks for
QUORUM. There is no `alpha` in any call: words are not looked for here, and an own fusion of both lists keeps scores
equal on both back ends.
"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import numpy as np
import numpy.typing as npt

from domain.errors import BadData, NotNow, StoreUnavailable
from retrieval.breaker import Breaker
from retrieval.call_loop import CallLoop
from retrieval.vector_collections import COLLECTIONS, Placed, define, narrowed

if TYPE_CHECKING:
    from weaviate import WeaviateAsyncClient
    from weaviate.collections import CollectionAsync

__all__ = ["MOST_IDS", "MOST_RESULTS", "Near", "Neighbour", "VectorObject", "WeaviateAddress", "WeaviateSide"]

Floats = npt.NDArray[np.float32]
T = TypeVar("T")

MOST_IDS = 2_000  # in one filter: longer lists collapse under load (weaviate/weaviate#12242)
MOST_RESULTS = 10_000  # QUERY_MAXIMUM_RESULTS
BATCH_OBJECTS = 200
BATCH_BYTES = 8_000_000  # well below GRPC_MAX_MESSAGE_SIZE
CONNECT_S = 2.0
RETRIES_S = 60.0  # the client's own timeout, never reached: each call has a deadline of ours
RECONNECT_MS = 2_000  # gRPC itself would wait up to two minutes before it tries a lost server again
OLDEST = (1, 38)


@dataclass(frozen=True)
class WeaviateAddress:
    """Where Weaviate is: its HTTP address, the port of gRPC on the same host, a key, and the replicas it shall keep."""

    url: str
    grpc_port: int = 50051
    key: str | None = field(default=None, repr=False)
    replicas: int = 3


@dataclass(frozen=True)
class VectorObject:
    """What is kept of a document: its vectors by name, and what narrows a search."""

    kind: str
    uuid: UUID
    vectors: Mapping[str, Floats]
    placed: Placed = field(default_factory=Placed)


@dataclass(frozen=True)
class Near:
    """What to look for: the nearest to `vector`, of shape (dimensions,), among the vectors of that name.

    `ids` or `placed` narrow it; None does not. Ids are asked for in parts of at most 2,000, which is exact.
    `most_distance`: 1 - cosine, at most. `limit` for each kind and part, at most 10,000.
    """

    name: str
    vector: Floats
    kinds: tuple[str, ...]
    limit: int
    ids: Sequence[UUID] | None = None
    placed: Placed | None = None
    most_distance: float | None = None


@dataclass(frozen=True)
class Neighbour:
    """A document found, by its object's id; `cosine` -1..1."""

    uuid: UUID
    cosine: float


class WeaviateSide:
    """Weaviate's collections. Making one opens nothing; safe for many threads.

    Every method takes the seconds it may take, and raises StoreUnavailable for a server that fails or refuses,
    DeadlineExceeded for one that does not answer in time. After two failures in a row calls are refused at once for
    five seconds, then one is let through to see.
    """

    def __init__(self, address: WeaviateAddress, breaker: Breaker | None = None) -> None:
        self.address = _checked(address)
        self.breaker = breaker or Breaker()
        self._calls = CallLoop("the vector index", self.breaker)
        self._client: WeaviateAsyncClient | None = None
        self._connecting: asyncio.Task[WeaviateAsyncClient] | None = None
        self._made: set[tuple[str, str]] = set()

    # ------------------------------------------------------------ what is asked

    def near(self, tenant: str, asked: Near, deadline_s: float) -> list[Neighbour]:
        """The nearest of all kinds together, best first. Kinds are searched at the same time."""
        found: list[Neighbour] = self._called(partial(self._near, tenant, asked), deadline_s)
        return sorted(found, key=lambda each: (-each.cosine, each.uuid))

    def put(self, tenant: str, objects: Sequence[VectorObject], deadline_s: float) -> None:
        """Add or replace objects, all of them or an error; collections and the tenant are made when missing."""
        self._called(partial(self._put, tenant, objects), deadline_s)

    def remove(self, tenant: str, ids: Mapping[str, Sequence[UUID]], deadline_s: float) -> None:
        """Remove objects by kind and id; those that are not there are no error."""
        self._called(partial(self._remove, tenant, ids), deadline_s)

    def forget(self, tenant: str, deadline_s: float) -> None:
        """Remove everything of a tenant: its vectors may then have another width."""
        self._called(partial(self._forget, tenant), deadline_s)

    def count(self, tenant: str, kinds: Sequence[str], ids: Sequence[UUID], deadline_s: float) -> int:
        """How many of these objects, at most 2,000, are there."""
        return self._called(partial(self._count, tenant, kinds, ids), deadline_s)

    def version(self, deadline_s: float) -> str:
        """The server's version, when it is ready. Raises BadData for one that is too old."""
        return self._called(self._version, deadline_s)

    def warm(self) -> None:
        """Begin to connect, without waiting: the first connection takes longer than a search may."""
        self._calls.begin(self._quietly_connected())

    def close(self) -> None:
        """End what is being asked, the connection and the thread; everything asked from now on is refused."""
        self._calls.close(self._closed)

    # ------------------------------------------------------------ one call

    def _called(self, make: Callable[[], Coroutine[Any, Any, T]], deadline_s: float) -> T:
        return self._calls.call(partial(_explained, make), deadline_s)

    async def _connected(self) -> WeaviateAsyncClient:
        """The client, connected. A caller whose time is up leaves the connecting to go on for the next."""
        if self._client is not None:
            return self._client
        if self._connecting is None or self._connecting.done():  # one at a time: python client #1499
            self._connecting = asyncio.get_running_loop().create_task(self._connect())
            self._connecting.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._connecting)

    async def _connect(self) -> WeaviateAsyncClient:
        client = await asyncio.to_thread(_new_client, self.address)
        try:
            await client.connect()
        finally:
            if not client.is_connected():
                await client.close()
        self._client = client
        return client

    async def _quietly_connected(self) -> None:
        """Whoever searches next learns what was wrong."""
        with suppress(NotNow):
            await _explained(self._connected)

    async def _closed(self) -> None:
        if self._connecting is not None and not self._connecting.done():
            self._connecting.cancel()
            await asyncio.wait({self._connecting})
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    # ------------------------------------------------------------ on the loop

    async def _collection(self, tenant: str, kind: str) -> CollectionAsync:
        from weaviate.classes.config import ConsistencyLevel

        client = await self._connected()
        collection = client.collections.use(COLLECTIONS[kind])
        return collection.with_tenant(tenant).with_consistency_level(ConsistencyLevel.QUORUM)

    async def _near(self, tenant: str, asked: Near) -> list[Neighbour]:
        parts = _parts(asked)
        found = await asyncio.gather(*(self._near_kind(tenant, kind, part) for kind in asked.kinds for part in parts))
        return [neighbour for each in found for neighbour in each]

    async def _near_kind(self, tenant: str, kind: str, asked: Near) -> list[Neighbour]:
        from weaviate.classes.query import MetadataQuery

        collection = await self._collection(tenant, kind)
        reply = await collection.query.near_vector(
            asked.vector.tolist(),
            target_vector=asked.name,
            limit=asked.limit,
            distance=asked.most_distance,
            filters=narrowed(asked.ids, asked.placed),
            return_metadata=MetadataQuery(distance=True),
            return_properties=False,
        )
        return [Neighbour(UUID(int=each.uuid.int), 1.0 - each.metadata.distance) for each in reply.objects]

    async def _put(self, tenant: str, objects: Sequence[VectorObject]) -> None:
        from weaviate.classes.data import DataObject

        by_kind: dict[str, list[Any]] = defaultdict(list)
        for each in objects:
            vectors = {name: vector.tolist() for name, vector in each.vectors.items()}
            by_kind[each.kind].append(DataObject(each.placed.properties(), each.uuid, vectors))
        for kind, made in by_kind.items():
            await self._ensure(tenant, kind)
            collection = await self._collection(tenant, kind)
            for batch in _batches(made, objects):
                self._made.discard((tenant, kind))  # until it went well: the server may have lost its collections
                reply = await collection.data.insert_many(batch)
                if reply.has_errors:
                    why = next(iter(reply.errors.values())).message
                    raise StoreUnavailable(f"the vector index refused {len(reply.errors)} documents: {why}.")
                self._made.add((tenant, kind))

    async def _remove(self, tenant: str, ids: Mapping[str, Sequence[UUID]]) -> None:
        from weaviate.classes.query import Filter

        for kind in await self._kept(tenant, ids):
            collection, gone = await self._collection(tenant, kind), ids[kind]
            for start in range(0, len(gone), MOST_IDS):
                await collection.data.delete_many(where=Filter.by_id().contains_any(gone[start : start + MOST_IDS]))

    async def _forget(self, tenant: str) -> None:
        client = await self._connected()
        for kind in await self._kept(tenant, COLLECTIONS):
            await client.collections.use(COLLECTIONS[kind]).tenants.remove([tenant])
            self._made.discard((tenant, kind))

    async def _count(self, tenant: str, kinds: Sequence[str], ids: Sequence[UUID]) -> int:
        found = 0
        for kind in await self._kept(tenant, kinds):
            collection = await self._collection(tenant, kind)
            reply = await collection.query.fetch_objects(
                filters=narrowed(ids, None), limit=len(ids), return_properties=False
            )
            found += len(reply.objects)
        return found

    async def _kept(self, tenant: str, kinds: Iterable[str]) -> list[str]:
        """Those kinds of which the tenant may hold objects."""
        client = await self._connected()
        made = {kind for kind in kinds if await client.collections.exists(COLLECTIONS[kind])}
        return [kind for kind in made if await client.collections.use(COLLECTIONS[kind]).tenants.exists(tenant)]

    async def _version(self) -> str:
        client = await self._connected()
        if not await client.is_ready():
            raise StoreUnavailable("the vector index is not ready.")
        version = str((await client.get_meta())["version"])
        if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
            raise BadData(f"Weaviate {version} is too old for Roundsman; run {OLDEST[0]}.{OLDEST[1]} or newer.")
        return version

    async def _ensure(self, tenant: str, kind: str) -> None:
        """The collection of a kind and its tenant are there."""
        from weaviate.classes.tenants import Tenant

        if (tenant, kind) in self._made:
            return
        client = await self._connected()
        if not await client.collections.exists(COLLECTIONS[kind]):
            await define(client, kind, self.address.replicas)
        tenants = client.collections.use(COLLECTIONS[kind]).tenants
        if not await tenants.exists(tenant):
            await tenants.create([Tenant(name=tenant)])
        self._made.add((tenant, kind))


# ---------------------------------------------------------------- client and errors


def _checked(address: WeaviateAddress) -> WeaviateAddress:
    parts = urlsplit(address.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadData("The address of Weaviate cannot be read; write http://host:8080.")
    return address


def _new_client(address: WeaviateAddress) -> WeaviateAsyncClient:
    """A client that neither looks for a newer version of itself nor reads proxies from the environment."""
    from weaviate import WeaviateAsyncClient
    from weaviate.auth import AuthApiKey
    from weaviate.classes.init import AdditionalConfig, Timeout
    from weaviate.config import GrpcConfig
    from weaviate.connect import ConnectionParams

    timeouts = Timeout(init=CONNECT_S, query=RETRIES_S, insert=RETRIES_S)
    again = GrpcConfig(channel_options=[("grpc.max_reconnect_backoff_ms", RECONNECT_MS)])
    return WeaviateAsyncClient(
        ConnectionParams.from_url(address.url, address.grpc_port),
        auth_client_secret=AuthApiKey(address.key) if address.key else None,
        additional_config=AdditionalConfig(timeout=timeouts, trust_env=False, grpc_config=again),
        skip_init_checks=True,
    )


def _load() -> None:
    """Import the client: seconds on a busy machine, and never on the loop, where nothing could be ended meanwhile."""
    import weaviate  # noqa: F401


async def _explained(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """A call whose faults are said in our words: what Weaviate or the network did wrong is NotNow."""
    if "weaviate.collections" not in sys.modules:
        await asyncio.to_thread(_load)
    import httpx
    from weaviate.exceptions import WeaviateBaseError, WeaviateInvalidInputError

    try:
        return await make()
    except WeaviateInvalidInputError:
        raise  # a bug of ours
    except WeaviateBaseError as error:
        raise StoreUnavailable(f"the vector index failed: {_first_line(error)}.") from error
    except httpx.HTTPError as error:
        raise StoreUnavailable("the vector index cannot be reached; check ROUNDSMAN_WEAVIATE_URL.") from error


def _parts(asked: Near) -> list[Near]:
    """The same question for no more ids at a time than Weaviate takes well."""
    if asked.ids is None:
        return [asked]
    return [replace(asked, ids=asked.ids[start : start + MOST_IDS]) for start in range(0, len(asked.ids), MOST_IDS)]


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")[:300]


def _batches(made: Sequence[Any], objects: Sequence[VectorObject]) -> list[Sequence[Any]]:
    """Parts of so many objects as fit into one message."""
    widest = max(sum(vector.nbytes for vector in each.vectors.values()) for each in objects)
    at_once = max(1, min(BATCH_OBJECTS, BATCH_BYTES // (widest + 2_000)))
    return [made[start : start + at_once] for start in range(0, len(made), at_once)]
