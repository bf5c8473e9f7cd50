"""Best-known costs: CVRPLIB solution files beside the instances, or one list for a folder."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from pathlib import Path

from domain.errors import BadData

ROUTE = re.compile(r"route\s*#?\s*\d+\s*:?(.*)", re.IGNORECASE)
COST = re.compile(r"cost\s*:?\s*([-+.\deE]+)", re.IGNORECASE)
LISTS = ("BKS.json", "bks.json", "best_known.json", "bks.csv", "best_known.csv")


@dataclass(frozen=True)
class Published:
    """A published cost as it stands, and the routes in the file's own numbers (0-based points), when it has any.

    `exact` says that the list gives unrounded Euclidean costs.
    """

    cost: float
    routes: tuple[tuple[int, ...], ...] = ()
    exact: bool = False


def published(file: Path) -> Published | None:
    """What is known about the best solution of an instance file; None when nothing is.

    Raises BadData, naming file and line, for a solution or a list that cannot be read.
    """
    for ending in (".sol", ".sol.txt"):
        solution = file.with_name(file.stem + ending)
        if solution.is_file():
            return _solution(solution)
    for name in LISTS:
        if (found := file.with_name(name)).is_file():
            costs = _json_list(found) if found.suffix == ".json" else _csv_list(found)
            return costs.get(file.stem)
    return None


def _solution(file: Path) -> Published | None:
    """`Route #1: 3 1 2` lines and a cost; None for a file of another kind that has neither."""
    routes, cost = [], None
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        if found := ROUTE.match(line.strip()):
            if not re.fullmatch(r"[\d\s]*", found[1]):
                raise BadData(f"{file}:{number}: a route must be a list of point numbers")
            routes.append(tuple(map(int, found[1].split())))
        elif found := COST.match(line.strip()):
            try:
                cost = float(found[1])
            except ValueError:
                raise BadData(f"{file}:{number}: the cost is no number: {found[1]}") from None
    if cost is None and routes:
        raise BadData(f"{file}: it has routes but no line `Cost NUMBER`")
    return None if cost is None else Published(cost, tuple(routes))


def _json_list(file: Path) -> dict[str, Published]:
    """`{"C101": 827.3}`, or VROOM's `{"C101": {"distance_only": {"best_known_cost": 828.94}}}` (unrounded)."""
    try:
        found = json.loads(file.read_text("utf-8"))
        nested = {
            name: Published(
                float((each.get("distance_only") or next(iter(each.values())))["best_known_cost"]), (), True
            )
            for name, each in found.items()
            if isinstance(each, dict)
        }
        plain = {name: float(each) for name, each in found.items() if not isinstance(each, dict)}
    except (ValueError, TypeError, KeyError, AttributeError, StopIteration) as error:
        raise BadData(f"{file}: it must be an object of costs by instance name ({error})") from None
    return nested | _with_rounding(plain)


def _csv_list(file: Path) -> dict[str, Published]:
    """Rows `name,cost`; a first row without a number is the heading."""
    costs = {}
    with file.open(encoding="utf-8", newline="") as lines:
        for number, row in enumerate(csv.reader(lines), 1):
            try:
                costs[row[0].strip()] = float(row[1])
            except (IndexError, ValueError):
                if number > 1 and row:
                    raise BadData(f"{file}:{number}: a row must be `name,cost`") from None
    return _with_rounding(costs)


def _with_rounding(costs: dict[str, float]) -> dict[str, Published]:
    """A list with a cost of two or more decimals is one of unrounded distances."""
    exact = any(abs(cost * 10 - round(cost * 10)) > 1e-6 for cost in costs.values())
    return {name: Published(cost, (), exact) for name, cost in costs.items()}
