"""Counters in the text format of Prometheus 0.0.4, kept in this process."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


@dataclass(frozen=True)
class Gauge:
    """A value of this moment."""

    name: str
    value: float
    help: str

    def lines(self) -> list[str]:
        """As Prometheus reads it."""
        return [*_head(self.name, "gauge", self.help), f"{self.name} {self.value:g}"]


class Metrics:
    """Requests, their seconds, and refusals. Labels are routes and statuses, never anything of a request."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._buckets: Counter[tuple[str, float]] = Counter()
        self._seconds: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._refusals: Counter[str] = Counter()

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts one answered request."""
        with self._turn:
            self._requests[method, route, status] += 1
            self._counts[route] += 1
            self._seconds[route] += seconds  # type: ignore[assignment]  # a Counter adds floats as well
            for limit in BUCKETS_S:
                self._buckets[route, limit] += seconds <= limit

    def refuse(self, reason: str) -> None:
        """Counts one refusal."""
        with self._turn:
            self._refusals[reason] += 1

    def text(self, gauges: Sequence[Gauge] = ()) -> str:
        """Everything, and these values of the moment, as Prometheus reads it."""
        with self._turn:
            counted = [*self._request_lines(), *self._second_lines(), *self._refusal_lines()]
        return "\n".join([*counted, *(line for gauge in gauges for line in gauge.lines())]) + "\n"

    def _request_lines(self) -> list[str]:
        head = _head("roundsman_requests_total", "counter", "Answered requests by route and status.")
        return head + [
            f'roundsman_requests_total{{method="{method}",route="{route}",status="{status}"}} {count}'
            for (method, route, status), count in sorted(self._requests.items())
        ]

    def _second_lines(self) -> list[str]:
        name = "roundsman_request_seconds"
        lines = _head(name, "histogram", "Seconds until the answer was complete.")
        for route, count in sorted(self._counts.items()):
            lines += [f'{name}_bucket{{route="{route}",le="{b}"}} {self._buckets[route, b]}' for b in BUCKETS_S]
            lines += [f'{name}_bucket{{route="{route}",le="+Inf"}} {count}', f'{name}_count{{route="{route}"}} {count}']
            lines += [f'{name}_sum{{route="{route}"}} {self._seconds[route]:.6f}']
        return lines

    def _refusal_lines(self) -> list[str]:
        head = _head("roundsman_refusals_total", "counter", "Requests refused, by reason.")
        return head + [
            f'roundsman_refusals_total{{reason="{reason}"}} {n}' for reason, n in sorted(self._refusals.items())
        ]


def _head(name: str, kind: str, help_: str) -> list[str]:
    return [f"# HELP {name} {help_}", f"# TYPE {name} {kind}"]
