"""A road server on loopback that answers as OSRM and Valhalla document it, and can be made to fail."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Place = tuple[float, float]


@dataclass
class Roads:
    """A town on a grid of 1 m for 0.00001 degrees, eastward ways uphill (slower); `islands` have no way to or from
    them. `most_pairs` is the server's limit; `faults` are statuses given first; `wait_s` passes before each answer."""

    url: str = ""
    most_pairs: int = 10_000
    islands: set[Place] = field(default_factory=set)
    faults: list[int] = field(default_factory=list)
    wait_s: float = 0.0
    garbage: str | None = None
    asked: list[tuple[int, int]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def way(self, a: Place, b: Place) -> tuple[float, float] | None:
        """(metres, seconds), None when there is none."""
        if a != b and {a, b} & self.islands:
            return None
        metres = (abs(a[0] - b[0]) + abs(a[1] - b[1])) * 100_000
        return metres, metres / (5 if b[1] > a[1] else 10)


def osrm(roads: Roads, path: str) -> tuple[int, dict[str, Any]]:
    """GET /table/v1/driving/{lon},{lat};...?annotations=duration,distance&sources=..&destinations=.."""
    parts = urlsplit(path)
    options = {name: values[0] for name, values in parse_qs(parts.query, separator="&").items()}
    assert parts.path.startswith("/table/v1/driving/"), path
    assert set(options["annotations"].split(",")) == {"duration", "distance"}
    places = [tuple(map(float, each.split(",")))[::-1] for each in unquote(parts.path).rsplit("/", 1)[1].split(";")]
    rows, columns = ([places[int(i)] for i in options[name].split(";")] for name in ("sources", "destinations"))
    roads.asked.append((len(rows), len(columns)))
    if len(rows) * len(columns) > roads.most_pairs:
        return 400, {"code": "TooBig", "message": "Too many table coordinates"}
    ways = [[roads.way(a, b) for b in columns] for a in rows]  # type: ignore[arg-type]
    return 200, {
        "code": "Ok",
        "distances": [[way and way[0] for way in row] for row in ways],
        "durations": [[way and way[1] for way in row] for row in ways],
        "sources": [{"hint": "", "distance": 3.2, "name": "", "location": list(a[::-1])} for a in rows],
        "destinations": [{"hint": "", "distance": 3.2, "name": "", "location": list(b[::-1])} for b in columns],
    }


def valhalla(roads: Roads, sent: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """POST /sources_to_targets."""
    assert (sent["costing"], sent["units"]) == ("truck", "km")
    rows, columns = ([(p["lat"], p["lon"]) for p in sent[name]] for name in ("sources", "targets"))
    roads.asked.append((len(rows), len(columns)))
    if len(rows) * len(columns) > roads.most_pairs:
        return 400, {"error_code": 150, "error": "Exceeded max locations:20", "status_code": 400,
                     "status": "Bad Request"}  # fmt: skip
    cells = [
        [
            {"from_index": i, "to_index": j, "distance": way and way[0] / 1000, "time": way and round(way[1])}
            for j, b in enumerate(columns)
            for way in [roads.way(a, b)]
        ]
        for i, a in enumerate(rows)
    ]
    return 200, {"sources_to_targets": cells, "units": "kilometers", "sources": sent["sources"],
                 "targets": sent["targets"], "algorithm": "costmatrix"}  # fmt: skip


@contextmanager
def road_server(roads: Roads) -> Iterator[Roads]:
    """Serves the town; `roads.url` is where."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(lambda: osrm(roads, self.path))

        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.path == "/sources_to_targets"
            self._answer(lambda: valhalla(roads, sent))

        def _answer(self, made: Any) -> None:
            roads.paths.append(self.path)
            time.sleep(roads.wait_s)
            if roads.faults:
                status, text = roads.faults.pop(0), "{}"
            else:
                status, found = made()
                text = json.dumps(found) if roads.garbage is None else roads.garbage
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(ConnectionError):  # who asked has given up
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.block_on_close = True, False
    roads.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield roads
    server.shutdown()
    server.server_close()
