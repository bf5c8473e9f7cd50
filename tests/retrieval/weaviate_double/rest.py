"""The HTTP half: readiness, meta, schema, tenants; and, for tests alone, the faults."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from weaviate_double.kept import Collection, Kept, Refused, Tenant
from weaviate_double.limits import NODES, VERSION, Faults
from weaviate_double.service import HANG_STEP_S

Answer = tuple[int, Any]


class Rest:
    """The answers to HTTP requests, by method and path."""

    def __init__(self, kept: Kept, faults: Faults, message_bytes: int) -> None:
        self.kept, self.faults, self.message_bytes = kept, faults, message_bytes

    def answer(self, method: str, path: str, body: Any) -> Answer:
        """Status and JSON body."""
        parts = path.partition("?")[0].strip("/").split("/")
        if parts[0] == "double":
            return self._double(body)
        while self.faults.hang:
            time.sleep(HANG_STEP_S)
        time.sleep(self.faults.slow_s)
        if parts[1:] in (["meta"], [".well-known", "live"], [".well-known", "ready"]):
            return self._told(parts[-1])
        if parts[1:] == ["nodes"]:
            return 200, {"nodes": [self._node(number) for number in range(NODES)]}
        if parts[1] == "schema":
            with self.kept.lock:
                try:
                    return self._schema(method, parts[2:], body)
                except Refused as error:
                    return (404 if method == "GET" else 422), {"error": [{"message": str(error)}]}
        return 404, {"error": [{"message": f"no such path {path}"}]}

    def _told(self, what: str) -> Answer:
        if what == "meta":
            told = {"hostname": "http://[::]:8080", "modules": {}, "version": VERSION}
            return 200, told | {"grpcMaxMessageSize": self.message_bytes}
        return (503 if what == "ready" and self.faults.not_ready else 200), {}

    def _node(self, number: int) -> dict[str, str]:
        lost = number >= NODES - self.faults.lost_nodes
        return {"name": f"weaviate-{number}", "status": "UNAVAILABLE" if lost else "HEALTHY", "version": VERSION}

    def _schema(self, method: str, parts: list[str], body: Any) -> Answer:
        if not parts:
            return self._make(body) if method == "POST" else (200, self._all())
        if len(parts) == 1 and method == "DELETE":
            self.kept.collections.pop(self.kept.collection(parts[0]).name)
            return 200, {}
        collection = self.kept.collection(parts[0])
        if len(parts) == 1:
            return 200, collection.definition
        return self._tenants(method, collection, parts[2:], body)

    def _all(self) -> Any:
        return {"classes": [each.definition for each in self.kept.collections.values()]}

    def _make(self, definition: dict[str, Any]) -> Answer:
        name = definition["class"][:1].upper() + definition["class"][1:]
        if name in self.kept.collections:
            raise Refused(f"class name {name} already exists")
        factor = definition.get("replicationConfig", {}).get("factor", 1)
        if factor > NODES:
            raise Refused(
                f"could not find enough weaviate nodes for replication: {NODES} available, {factor} requested"
            )
        if self.faults.lost_nodes > NODES // 2:
            raise Refused("leader not found")  # the schema is kept by Raft, which needs most of the nodes
        self.kept.collections[name] = Collection({**definition, "class": name})
        return 200, self.kept.collections[name].definition

    def _tenants(self, method: str, collection: Collection, parts: list[str], body: Any) -> Answer:
        if not collection.many_tenants:
            raise Refused(f"multi-tenancy is not enabled for class {collection.name!r}")
        if method == "POST":
            for each in body:
                collection.tenants.setdefault(each["name"], Tenant(each.get("activityStatus", "HOT")))
        elif method == "PUT":
            for each in body:
                collection.tenant(each["name"]).status = each["activityStatus"]
        elif method == "DELETE":
            for name in body:
                collection.tenants.pop(name, None)
        elif parts:
            return (200 if parts[0] in collection.tenants else 404), None
        return 200, [{"name": name, "activityStatus": each.status} for name, each in collection.tenants.items()]

    def _double(self, body: Any) -> Answer:
        """Faults to be set, objects to be lost; gives back how many objects each collection holds."""
        for name, value in (body or {}).get("faults", {}).items():
            setattr(self.faults, name, value)
        with self.kept.lock:
            if (body or {}).get("forget"):
                self.kept.collections.clear()
            held = {
                name: {tenant: len(each.objects) for tenant, each in collection.tenants.items()}
                for name, collection in self.kept.collections.items()
            }
        return 200, {"faults": asdict(self.faults), "held": held}


def serve(rest: Rest) -> ThreadingHTTPServer:
    """An HTTP server on loopback, not yet running."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, told = rest.answer(self.command, self.path, body)
            payload = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(payload)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _answer

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)
