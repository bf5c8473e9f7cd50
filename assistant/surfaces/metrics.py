"""Counters in the text format of Prometheus 0.0.4, kept in this process."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.search_counts import Histogram, SearchCounts

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


@dataclass(frozen=True)
class Searches:
    """What the searches of this process did. Labels are the back end and the plan, never anything that was asked."""

    counted: SearchCounts

    def lines(self) -> list[str]:
        """As Prometheus reads it."""
        told, name = self.counted, "roundsman_search"
        label = f'back_end="{told.back_end}"'
        return [
            *_head(f"{name}_plans_total", "counter", "Answered searches by the order in which they looked."),
            *(f'{name}_plans_total{{{label},plan="{plan}"}} {n}' for plan, n in sorted(told.plans.items())),
            *_head(f"{name}_seconds", "histogram", "Seconds of a search, the vector of its question included."),
            *_histogram(f"{name}_seconds", label, told.seconds),
            *_head(f"{name}_estimate_ratio", "histogram", "Documents expected within the limits for each one there."),
            *_histogram(f"{name}_estimate_ratio", label, told.estimate_ratio),
            *_head(f"{name}_recall", "summary", "Share of the ten best that an approximate search found, by samples."),
            f"{name}_recall_sum{{{label}}} {told.recall:g}",
            f"{name}_recall_count{{{label}}} {told.samples}",
            *_head(f"{name}_degraded_total", "counter", "Answered searches that said what was missing."),
            f"{name}_degraded_total{{{label}}} {told.degraded}",
            *_head(f"{name}_unanswered_total", "counter", "Searches that a fault or the deadline ended."),
            f"{name}_unanswered_total{{{label}}} {told.unanswered}",
        ]


class Told(Protocol):
    """Something of this moment that Prometheus reads."""

    def lines(self) -> list[str]:
        """As Prometheus reads it."""
        ...


class Metrics:
    """Requests, their seconds, and refusals. Labels are routes and statuses, never anything of a request."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._seconds: dict[str, Histogram] = {}
        self._refusals: Counter[str] = Counter()

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts one answered request."""
        with self._turn:
            self._requests[method, route, status] += 1
            self._seconds[route] = self._seconds.get(route, Histogram(BUCKETS_S)).adding(seconds)

    def refuse(self, reason: str) -> None:
        """Counts one refusal."""
        with self._turn:
            self._refusals[reason] += 1

    def text(self, others: Sequence[Told] = ()) -> str:
        """Everything, and these values of the moment, as Prometheus reads it."""
        with self._turn:
            counted = [*self._request_lines(), *self._second_lines(), *self._refusal_lines()]
        return "\n".join([*counted, *(line for other in others for line in other.lines())]) + "\n"

    def _request_lines(self) -> list[str]:
        head = _head("roundsman_requests_total", "counter", "Answered requests by route and status.")
        return head + [
            f'roundsman_requests_total{{method="{method}",route="{route}",status="{status}"}} {count}'
            for (method, route, status), count in sorted(self._requests.items())
        ]

    def _second_lines(self) -> list[str]:
        name = "roundsman_request_seconds"
        lines = _head(name, "histogram", "Seconds until the answer was complete.")
        for route, counted in sorted(self._seconds.items()):
            lines += _histogram(name, f'route="{route}"', counted)
        return lines

    def _refusal_lines(self) -> list[str]:
        head = _head("roundsman_refusals_total", "counter", "Requests refused, by reason.")
        return head + [
            f'roundsman_refusals_total{{reason="{reason}"}} {n}' for reason, n in sorted(self._refusals.items())
        ]


def _head(name: str, kind: str, help_: str) -> list[str]:
    return [f"# HELP {name} {help_}", f"# TYPE {name} {kind}"]


def _histogram(name: str, label: str, counted: Histogram) -> list[str]:
    within = counted.within or (0,) * len(counted.limits)
    return [
        *(f'{name}_bucket{{{label},le="{b:g}"}} {n}' for b, n in zip(counted.limits, within, strict=True)),
        f'{name}_bucket{{{label},le="+Inf"}} {counted.count}',
        f"{name}_count{{{label}}} {counted.count}",
        f"{name}_sum{{{label}}} {counted.total:.6f}",
    ]
