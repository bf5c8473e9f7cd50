"""The model card of an adapter: what it was made of, how well it does, what it cannot, how to make it again.

    python -m finetune.card --adapter finetune/runs/a --results evals/results --out finetune/adapter/model-card.md

Written from training.json, adapter_config.json, log.jsonl and the filed results that say they measured these weights;
nothing in it is typed by hand, so it says "not measured" where no result is filed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domain.errors import BadData
from domain.files import file_digest
from finetune.adapters import Described, Making, describe
from finetune.stage import run_stage
from tools.beside import BESIDE

FIGURES = {
    "single_exact": "single turns right",
    "single_call_exact": "single calls right",
    "tool_right": "tool right",
    "multi_turn_exact": "turns of conversations right",
    "multi_pass1": "whole conversations right",
    "multi_pass4": "whole conversations right in all of four runs",
    "abstention": "abstains where no tool fits",
    "ask_back": "asks where a piece is missing",
    "tool_hallucination": "calls without ground",
    "right": "questions with tools never trained on, right",
    "call_exact": "calls of tools never trained on, right",
    "synthetic_minus_human": "single calls of validation rows minus those of people (points)",
    "unsupported_numbers": "numbers in answers that no result holds (count)",
    "unsupported_unchecked": "the same without the grounding check (count)",
    "turn_p50_s": "one turn, median (s)",
    "turn_p95_s": "one turn, 95th percentile (s)",
}
TOLD_APART = {"rank", "alpha", "init", "beta", "keep", "averaged", "tuned", "share"}
"""Parts of a plan that are said by another name or of one stage only."""
SUITES = ("conversations", "new_tools")
"""Suites whose figures are an adapter's."""
LIMITS = """- It chooses calls of the tools of the hash above and copies words into them; it answers nothing itself.
- In which tool it is and in choices the call classifier of the same rows has a say when it is served
  (`roundsman-calls.npz`), in which argument takes in what the question names another one (`roundsman-arguments.npz`),
  and in both a tuned encoder of sentences (`roundsman-encoder.npz`); a message with several requests is
  told apart first (`roundsman-requests.npz`), and typing errors are mended in what it reads (`roundsman-words.txt`).
- Calls of tools that are only declared in the prompt are read by another encoder (`roundsman-listed.npz`); the model
  has a say in which tool it is.
- It was trained on derived rows. Where the human-written cases score lower than the validation rows, phrasing that
  nobody thought of is what is missing.
- Rights, missing arguments, unknown and ambiguous names and every number in an answer are checked by code, not by it.
- An engine refuses it for another base or other tools (both hashes are compared at load)."""


@dataclass(frozen=True)
class Result:
    """One filed measurement."""

    name: str
    commit: str
    date: str
    cases: int
    figures: Mapping[str, Any]
    model: Mapping[str, Any]

    def is_of(self, weights: str, base: str) -> bool:
        """Whether the adapter of these weights was measured, or, beside it, the base of that digest with none."""
        worn = self.model.get("adapter") or self.model.get("said_adapter")
        if worn:
            return weights in (worn["sha256"], worn.get("weights_digest"))
        return bool(base) and self.model.get("base", {}).get("sha256") == base


def read_results(folder: Path) -> list[Result]:
    """The results of SUITES among `folder`'s JSON files, by name. Raises BadData for a file that is no result."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            said = json.loads(path.read_text())
            if said["suite"] in SUITES:
                asked = said.get("model") or {}
                commit = said["commit"] + (" changed" if said.get("dirty") else "")
                found.append(Result(path.stem, commit, said["date"], said["cases"], said["figures"], asked))
        except (ValueError, KeyError, TypeError) as error:
            raise BadData(f"{path}: not a filed result ({error!r})") from error
    return found


def of_adapter(adapter: Described, results: Sequence[Result]) -> list[Result]:
    """Results whose model wore this adapter, or was its base without one; one of unknown weights is neither."""
    base = adapter.making.base_digest if adapter.making else ""
    weights = file_digest(adapter.weights)
    return [result for result in results if result.is_of(weights, base)]


def newest(folder: Path, key: str) -> dict[str, float]:
    """The newest line of a run's log.jsonl that has `key`; empty without any."""
    log = folder / "log.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.is_file() else []
    return next((line for line in reversed(lines) if key in line), {})


def figure_table(results: list[Result]) -> Iterator[str]:
    """One row a figure, one column a result."""
    if not results:
        yield "Not measured."
        return
    yield "| figure | " + " | ".join(map(_headline, results)) + " |"
    yield "|---" * (len(results) + 1) + "|"
    for key, words in FIGURES.items():
        yield f"| {words} | " + " | ".join(_shown(key, r.figures.get(key)) for r in results) + " |"


def _headline(result: Result) -> str:
    told = {**{name: each.told for name, each in BESIDE.items()}, "reader": "reader of declarations"}
    files = ", ".join(words for name, words in told.items() if result.model.get(name))
    beside = f", {files} beside it" if files else ""
    return f"{result.name} ({result.cases} cases, {result.commit}, {result.date}{beside})"


def _shown(key: str, value: Any) -> str:
    if not isinstance(value, int | float):
        return "not measured"
    return str(value) if key.startswith("unsupported") or key.endswith("_s") else f"{100 * value:.1f} %"


def commands(made: Making, adapter: Described) -> Iterator[str]:
    """How to make it again: every flag that its plan says."""
    plan = made.plan
    flags = " ".join(
        _flag(name, value) for name, value in plan.items() if name not in TOLD_APART and value is not False
    )
    epochs = newest(adapter.folder, "epoch").get("epoch", 1.0)
    stage = made.stage if made.stage in {"sft", "prefer"} else "sft"
    own = f"--beta {plan['beta']} --keep {plan['keep']} " if stage == "prefer" else ""
    own += "--init FOLDER" if plan.get("init") else ""
    if stage == "prefer":
        yield f"    # rows.jsonl: {made.rows} pairs, SHA-256 {made.data_digest}"
    else:
        seed = "SEED" if made.rows_seed is None else made.rows_seed
        yield f"    python -m finetune.rows --turns {made.rows} --seed {seed} --out rows.jsonl"
        yield f"    # SHA-256 {made.data_digest}" + ("; its seed was not recorded" if seed == "SEED" else "")
    yield f"    python -m finetune.{stage} --rows rows.jsonl --out finetune/runs/again --epochs {epochs} \\"
    yield f"        --rank {adapter.rank} --alpha {adapter.alpha:g} {flags} {own}".rstrip()
    made_in = "finetune/runs/again"
    if plan.get("averaged"):
        yield f"    python -m finetune.average --first FOLDER --second {made_in} --share {plan['share']} \\"
        made_in = "finetune/runs/mean"
        yield f"        --out {made_in}"
    yield f"    python -m finetune.export --adapter {made_in} --out finetune/adapter/roundsman-small.gguf"
    if plan.get("init"):
        yield f"\nThe tuning started from an adapter whose weights have SHA-256 {plan['init']}."
    if plan.get("averaged"):
        yield f"The one that it was averaged with has SHA-256 {plan['averaged']}."


def _flag(name: str, value: Any) -> str:
    return f"--{name.replace('_', '-')}" + ("" if value is True else f" {value}")


def card(adapter: Described, results: list[Result]) -> str:
    """The page. Raises BadData for an adapter that does not say what it was made of."""
    made = adapter.making
    if not made:
        raise BadData(f"{adapter.folder} has no training.json, so nobody can say what it was made of")
    checked = newest(adapter.folder, "val_loss")
    said = ", ".join(f"{name.removeprefix('val_')} {value:g}" for name, value in checked.items() if "val_" in name)
    lines = [
        f"# Adapter for {made.base}",
        f"LoRA of rank {adapter.rank}, alpha {adapter.alpha:g}, on every linear layer; last stage: {made.stage}.",
        "",
        "| made of | SHA-256 or hash |",
        "|---|---|",
        f"| base model | `{made.base_digest}` |",
        f"| rows ({made.rows}) | `{made.data_digest}` |",
        f"| tool schemas | `{made.schema_hash}` |",
        f"| prompt style | `{made.prompt_hash}` |",
        f"| these weights | `{file_digest(adapter.weights)}` |",
        "",
        "## Figures",
        f"Validation rows (phrases and names that training never saw): {said or 'not measured'}.",
        "",
        *figure_table(results),
        "",
        "## Limits",
        LIMITS,
        "",
        "## How to make it again",
        *commands(made, adapter),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the card as the flags say."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--adapter", type=Path, required=True)
    p.add_argument("--results", type=Path, default=Path("evals/results"))
    p.add_argument("--only", nargs="*", help="of this adapter's and its base's results, only those of these names")
    p.add_argument("--out", type=Path, help="model-card.md in the adapter's folder when left out")
    args = p.parse_args()
    adapter = describe(args.adapter)
    filed = [r for r in read_results(args.results) if not args.only or r.name in args.only]
    results = of_adapter(adapter, filed)
    for other in (each for each in filed if each not in results):
        print(f"left out: {other.name} (not measured with these weights, nor with their base alone)")
    out = args.out or adapter.folder / "model-card.md"
    out.write_text(card(adapter, results))
    print(out)


if __name__ == "__main__":
    run_stage(main)
