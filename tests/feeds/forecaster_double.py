"""A forecast server on loopback that answers as Chronos' endpoint and TimesFM's document it, and can be made to fail.

It says that a series goes on as its last step did, give or take a point a decile.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Oracle:
    """What the server is like: `faults` are statuses given first; `wait_s` passes before each answer; `garbage` is
    said instead of an answer; `crossing` turns the deciles round."""

    url: str = ""
    faults: list[int] = field(default_factory=list)
    wait_s: float = 0.0
    garbage: str | None = None
    crossing: bool = False
    asked: list[int] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)


def goes_on(oracle: Oracle, series: list[float], hours: int) -> list[list[float]]:
    """Deciles of each hour."""
    assert len(series) >= 5
    step = series[-1] - series[-2]
    order = range(4, -5, -1) if oracle.crossing else range(-4, 5)
    return [[series[-1] + step * hour + decile for decile in order] for hour in range(1, hours + 1)]


def chronos(oracle: Oracle, sent: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """{"inputs": [{"target": [...]}], "parameters": {"prediction_length": ..., "quantile_levels": [...]}}"""
    assert set(sent) == {"inputs", "parameters"}
    levels, hours = sent["parameters"]["quantile_levels"], sent["parameters"]["prediction_length"]
    assert all(0.1 <= level <= 0.9 for level in levels)
    assert hours <= 1000
    if len(sent["inputs"]) > 1000:
        return 400, {"error": "too many series"}
    oracle.asked.append(len(sent["inputs"]))
    told = [goes_on(oracle, each["target"], hours) for each in sent["inputs"]]
    return 200, {
        "predictions": [
            {"mean": [hour[4] for hour in each],
             **{f"{level:g}": [hour[round(level * 10) - 1] for hour in each] for level in levels}}
            for each in told
        ]
    }  # fmt: skip


def timesfm(oracle: Oracle, sent: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """{"instances": [{"input": [...], "horizon": ...}]}"""
    oracle.asked.append(len(sent["instances"]))
    told = [goes_on(oracle, each["input"], each["horizon"]) for each in sent["instances"]]
    return 200, {
        "predictions": [
            {"point_forecast": [hour[4] for hour in each], "quantile_forecast": [[hour[4], *hour] for hour in each]}
            for each in told
        ]
    }


@contextmanager
def serving(oracle: Oracle) -> Iterator[Oracle]:
    """The oracle behind an address until the block ends: /chronos and /timesfm."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            oracle.tokens.append(self.headers.get("Authorization"))
            time.sleep(oracle.wait_s)
            if oracle.faults:
                self._say(oracle.faults.pop(0), b"{}")
            elif oracle.garbage is not None:
                self._say(200, oracle.garbage.encode())
            else:
                status, answer = (chronos if self.path == "/chronos" else timesfm)(oracle, sent)
                self._say(status, json.dumps(answer).encode())

        def _say(self, status: int, body: bytes) -> None:
            with suppress(BrokenPipeError, ConnectionResetError):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    oracle.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield oracle
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
