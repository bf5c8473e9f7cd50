"""What Weaviate documents as its limits, and the faults that a test can ask for."""

from __future__ import annotations

from dataclasses import dataclass

VERSION = "1.38.6-stand-in"  # so that no figure is filed as a real one's
QUERY_MAXIMUM_RESULTS = 10_000  # environment variable of that name; offset + limit beyond it is refused
GEO_CAP = 800  # HNSW_GEO_INDEX_EF: withinGeoRange silently gives only the nearest, before other filters apply
DEFAULT_ALPHA = 0.75  # of the server's hybrid search; a client that sends 0 means words alone
DEFAULT_LIMIT = 10  # QUERY_DEFAULTS_LIMIT as shipped in the compose file
HYBRID_DEPTH = 100  # both halves of a hybrid search fetch at least so many
GRPC_MESSAGE_BYTES = 104_858_000  # GRPC_MAX_MESSAGE_SIZE, told to clients in /v1/meta
LONG_ID_LIST = 2_000
SECONDS_PER_LISTED_ID = 4.14 / 100_000  # weaviate/weaviate#12242: 100,000 values took 4.14 s before the fix
NODES = 3


@dataclass
class Faults:
    """What is wrong with the server just now.

    `hang`: no call is answered until it is false again. `unavailable`: every gRPC call ends with UNAVAILABLE, which
    clients take as a reason to try again. `slow_s` before each answer. `lost_nodes` of the three. `not_ready`: the
    readiness probe says 503. `refuse_writes`: batches fail object by object, as on a full disk.
    """

    hang: bool = False
    unavailable: bool = False
    slow_s: float = 0.0
    lost_nodes: int = 0
    not_ready: bool = False
    refuse_writes: bool = False

    def reaches(self, level: str) -> bool:
        """Whether so many replicas are left as a consistency level needs, each node having one."""
        needed = {"ONE": 1, "QUORUM": NODES // 2 + 1, "ALL": NODES}[level]
        return NODES - self.lost_nodes >= needed
