"""python -m evals SUITE [--data PATH] [--json OUT] ...: one measurement on data given by path."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from pydantic import JsonValue

from domain.errors import BadData, RoundsmanError
from evals import provenance, suites
from evals.options import read

Suite = Callable[[argparse.Namespace], suites.Measured]
SUITES: dict[str, Suite] = {
    "conversations": suites.conversations, "toolcalling": suites.toolcalling, "new_tools": suites.new_tools,
    "routing": suites.routing, "operations": suites.operations, "reasons": suites.reasons,
    "forecast": suites.forecast, "ledger": suites.ledger, "ingestion": suites.ingestion, "patterns": suites.patterns,
    "retrieval": suites.retrieval,
    "spatial": suites.spatial, "production": suites.production,
}  # fmt: skip


def main(words: Sequence[str] | None = None) -> int:
    """Run a suite; 0, or 2 and one clear line for data that cannot be read."""
    options = read(words)
    program = provenance.program()  # as it is when the modules are read, whatever is edited meanwhile
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
    try:
        measured = SUITES[options.suite](options)
    except RoundsmanError as error:
        sys.stderr.write(f"{error}\n")
        return 2 if isinstance(error, BadData) else 1
    report: dict[str, JsonValue] = {
        "suite": options.suite,
        **program,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "command": provenance.command_line(sys.argv[1:] if words is None else words),
        "inputs": provenance.inputs(options),
        "model": provenance.model(options),
        "machine": provenance.machine(),
        "figures": measured.figures,
        "baselines": measured.baselines,
        "cases": measured.cases,
    }
    show(report)
    if options.out:
        options.out.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        if measured.chart:
            options.out.with_suffix(".svg").write_text(measured.chart, encoding="utf-8")
    return 0


def show(report: dict[str, JsonValue]) -> None:
    """A table for people: each figure with the baselines beside it."""
    figures, baselines = report["figures"], report["baselines"]
    assert isinstance(figures, dict)
    assert isinstance(baselines, dict)
    changed = " (changed)" if report["dirty"] else ""
    print(f"{report['suite']}: {report['cases']} cases, commit {report['commit']}{changed}, {report['date']}")
    columns = {name: found for name, found in baselines.items() if isinstance(found, dict)}
    print(f"{'':28}{'ours':>10}" + "".join(f"{name:>14}" for name in columns))
    for name, value in figures.items():
        if isinstance(value, dict):
            print(f"{name}:")
            for key, part in value.items():
                print(f"  {key:32} {json.dumps(part)}")
            continue
        if isinstance(value, list):
            print("\n".join([f"{name}:", *(f"  {part}" for part in value)]))
            continue
        others = "".join(f"{_text(found.get(name)):>14}" for found in columns.values())
        print(f"{name:28}{_text(value):>10}{others}")


def _text(value: JsonValue) -> str:
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
