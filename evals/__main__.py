"""python -m evals SUITE [--data PATH] [--json OUT] ...: one measurement on data given by path."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from domain.errors import BadData, RoundsmanError
from evals import suites
from evals.routing.ablation import ARMS
from prompts.render import END

Suite = Callable[[argparse.Namespace], suites.Measured]
SUITES: dict[str, Suite] = {
    "conversations": suites.conversations, "toolcalling": suites.toolcalling, "new_tools": suites.new_tools,
    "routing": suites.routing, "ledger": suites.ledger,
}  # fmt: skip
MODEL = "conversations, toolcalling, new_tools"
"""Suites that ask a language model."""


def parser() -> argparse.ArgumentParser:
    """The command line. Options that a suite does not use are refused by it."""
    made = argparse.ArgumentParser(prog="python -m evals", description=__doc__)
    made.add_argument("suite", choices=sorted(SUITES))
    made.add_argument("--data", type=Path, help="the data to measure on")
    made.add_argument("--json", type=Path, dest="out", help="write the figures to this file")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--rounds", type=int, default=20, help="ledger: how many kills")
    _add_model_options(made)
    made.add_argument("--seconds", type=float, default=10.0, help="routing: CPU seconds of each run")
    made.add_argument("--seeds", type=int, default=1, help="routing: runs of each instance")
    made.add_argument("--peers", action="store_true", help="routing: OR-Tools, PyVRP and VROOM on the same seconds")
    made.add_argument("--ablation", choices=sorted(ARMS), help="routing: arms that differ in one setting")
    return made


def _add_model_options(made: argparse.ArgumentParser) -> None:
    made.add_argument("--engine", help=f"{MODEL}: URL of another OpenAI-compatible server")
    made.add_argument("--model", default="roundsman", help=f"{MODEL}: the model's name on that server")
    made.add_argument("--style", choices=sorted(END), default="small", help=f"{MODEL}: of that server's prompts")
    made.add_argument("--adapter", default="shipped", help=f"{MODEL}: `shipped`, `none`, or a GGUF file")
    made.add_argument("--free", action="store_true", help=f"{MODEL}: no span limits, an ablation")
    made.add_argument("--unmarked", action="store_true", help=f"{MODEL}: no marks in the prompt, an ablation")
    made.add_argument("--mistakes", type=Path, help="conversations, new_tools: write the wrong turns to this file")
    made.add_argument("--runs", type=int, default=4, help="conversations: runs for multi_pass4")
    made.add_argument("--single", action="store_true", help="conversations: only the one-turn cases")
    made.add_argument("--stock", action="store_true", help="conversations: the untuned model beside it, one-turn cases")
    made.add_argument("--rows", type=Path, help="conversations: training rows for the linear baseline")
    made.add_argument("--limit", type=int, help="toolcalling: at most so many questions of each file")


def main() -> int:
    """Run a suite; 0, or 2 and one clear line for data that cannot be read."""
    options = parser().parse_args()
    try:
        measured = SUITES[options.suite](options)
    except RoundsmanError as error:
        sys.stderr.write(f"{error}\n")
        return 2 if isinstance(error, BadData) else 1
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S607
    report: dict[str, JsonValue] = {
        "suite": options.suite,
        "commit": commit.stdout.strip() or "unknown",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "figures": measured.figures,
        "baselines": measured.baselines,
        "cases": measured.cases,
    }
    show(report)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


def show(report: dict[str, JsonValue]) -> None:
    """A table for people: each figure with the baselines beside it."""
    figures, baselines = report["figures"], report["baselines"]
    assert isinstance(figures, dict)
    assert isinstance(baselines, dict)
    print(f"{report['suite']}: {report['cases']} cases, commit {report['commit']}, {report['date']}")
    columns = {name: found for name, found in baselines.items() if isinstance(found, dict)}
    print(f"{'':28}{'ours':>10}" + "".join(f"{name:>12}" for name in columns))
    for name, value in figures.items():
        if isinstance(value, dict):
            print(f"{name}:")
            for key, part in value.items():
                print(f"  {key:32} {json.dumps(part)}")
            continue
        others = "".join(f"{_text(found.get(name)):>12}" for found in columns.values())
        print(f"{name:28}{_text(value):>10}{others}")


def _text(value: JsonValue) -> str:
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
