"""The card says what the folder and the filed results say, and nothing else."""

from __future__ import annotations

import argparse
import json
import shlex
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from tiny import BASE, PLAN, a_run

from domain.errors import BadData
from domain.files import file_digest
from finetune.adapters import Making, describe
from finetune.card import LIMITS, card, of_adapter, read_results
from finetune.training import add_flags, plan_of, save_weights

MADE = Making("sft", "smollm2-0", "b" * 64, "d" * 64, "s3", "small-2", 24, {"lr": 0.002, "seed": 7, "style": "small"})


def a_folder(folder: Path, made: Making | None = MADE) -> Path:
    run = a_run(folder, PLAN)
    run.making = made
    save_weights(run, BASE)
    lines = [{"step": 1, "epoch": 0.5}, {"step": 2, "val_loss": 0.25, "val_exact": 0.75}, {"step": 3, "epoch": 1.25}]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def results(folder: Path) -> Path:
    said = {"suite": "conversations", "commit": "abc", "date": "2026-11-26", "cases": 150}
    (folder / "ours.json").write_text(json.dumps(said | {"figures": {"single_exact": 0.8125, "turn_p50_s": 0.338}}))
    (folder / "stock.json").write_text(json.dumps(said | {"figures": {"single_exact": 0.1}}))
    added = {"right": 0.5, "call_exact": 0.25, "tool_right": 0.75}
    (folder / "tools.json").write_text(json.dumps(said | {"suite": "new_tools", "figures": added}))
    (folder / "ledger.json").write_text(json.dumps(said | {"suite": "ledger", "figures": {}}))
    return folder


def test_digests_figures_and_commands_are_the_folder_s_own(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    page = card(describe(a_folder(tmp_path)), read_results(results(tmp_path / "results")))
    for digest in (MADE.base_digest, MADE.data_digest, "`s3`", "`small-2`"):
        assert digest in page
    assert "| single turns right | 81.2 % | 10.0 % | not measured |" in page
    assert "| calls of tools never trained on, right | not measured | not measured | 25.0 % |" in page
    assert "| one turn, median (s) | 0.338 | not measured | not measured |" in page
    assert f"finetune.rows --turns {MADE.rows} --seed SEED " in page
    assert "its seed was not recorded" in page
    assert "loss 0.25, exact 0.75" in page
    assert "--epochs 1.25" in page
    assert "--rank 4 --alpha 8 --lr 0.002 --seed 7 --style small" in page
    assert "ledger" not in page


@pytest.mark.parametrize(
    ("model", "taken"),
    [
        ({"base": {"sha256": MADE.base_digest}, "adapter": {"sha256": "f" * 64, "weights_digest": "OWN"}}, True),
        ({"server": "roundsman", "said_adapter": {"sha256": "OWN"}}, True),
        ({"base": {"sha256": MADE.base_digest}, "adapter": None}, True),
        ({"base": {"sha256": "0" * 64}, "adapter": None}, False),
        ({"base": {"sha256": MADE.base_digest}, "adapter": {"sha256": "e" * 64}}, False),
        ({"server": "roundsman", "said_adapter": None}, False),
        (None, False),
    ],
)
def test_only_results_of_its_own_weights_or_its_bare_base_are_its_figures(
    model: dict[str, object] | None, taken: bool, tmp_path: Path
) -> None:
    (tmp_path / "adapter").mkdir()
    adapter = describe(a_folder(tmp_path / "adapter"))
    said = {"suite": "conversations", "commit": "abc", "date": "2026-11-26", "cases": 150, "figures": {}}
    told = json.dumps({**said, "model": model}).replace("OWN", file_digest(adapter.weights))
    (tmp_path / "one.json").write_text(told)
    (tmp_path / "older.json").write_text(json.dumps(said))
    assert [result.name for result in of_adapter(adapter, read_results(tmp_path))] == ["one"] * taken


def test_every_flag_of_the_plan_and_the_rows_seed_are_in_the_commands(tmp_path: Path) -> None:
    made = replace(MADE, plan=asdict(replace(PLAN, decay=0.5)), rows_seed=5)
    page = card(describe(a_folder(tmp_path, made)), [])
    assert "--seed 5 --out rows.jsonl" in page
    told = page[page.index("python -m finetune.sft") :].partition("python -m finetune.export")[0]
    flags = argparse.ArgumentParser()
    add_flags(flags, lr=1.0)
    given = flags.parse_args(shlex.split(told.replace("\\\n", " "))[3:])
    assert plan_of(given, None) == replace(PLAN, decay=0.5)
    assert given.init is None
    from_another = replace(made, plan={**made.plan, "init": "a" * 64})
    assert "--init FOLDER\n" in card(describe(a_folder(tmp_path, from_another)), [])
    assert "--full" not in told
    assert "--full" in card(describe(a_folder(tmp_path, replace(made, plan={"full": True}))), [])


def test_without_results_it_says_not_measured(tmp_path: Path) -> None:
    assert "\nNot measured.\n" in card(describe(a_folder(tmp_path)), [])


def test_an_adapter_of_unknown_making_gets_no_card(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"no training\.json"):
        card(describe(a_folder(tmp_path, None)), [])


def test_a_file_that_is_no_result_is_named(tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_text("[]")
    with pytest.raises(BadData, match=r"odd\.json: not a filed result"):
        read_results(tmp_path)


def test_an_average_says_of_what_and_by_which_command(tmp_path: Path) -> None:
    made = replace(MADE, plan=MADE.plan | {"averaged": "a" * 64, "tuned": "t" * 64, "share": 0.5})
    page = card(describe(a_folder(tmp_path, made)), [])
    assert "finetune.average --first FOLDER --second finetune/runs/again --share 0.5" in page
    assert "finetune.export --adapter finetune/runs/mean" in page
    assert f"averaged with has SHA-256 {'a' * 64}" in page
    assert "--averaged" not in page


def test_the_shipped_card_tells_the_limits_and_the_newest_figures() -> None:
    shipped = Path(__file__).parents[2]
    told = (shipped / "finetune" / "adapter" / "model-card.md").read_text(encoding="utf-8")
    newest = json.loads((shipped / "evals" / "results" / "conversations-test.json").read_text(encoding="utf-8"))
    assert LIMITS in told
    assert f"({newest['cases']} cases, {newest['commit']}, {newest['date']}" in told
    assert f"| single turns right | {100 * newest['figures']['single_exact']:.1f} % |" in told
