"""A filed result says what was measured: program, command, bytes read, weights, machine."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from doubles import model_server, says

from assistant.local_model import packaged_weights
from domain.files import file_digest
from evals import provenance
from evals.__main__ import main
from evals.options import read
from tools.beside import BESIDE

CASE = {
    "id": "x", "city": "berkeley", "now": "2025-09-01T08:00", "role": "manager",
    "turns": [{"user": "write me a poem", "say": "decline:out_of_scope"}],
}  # fmt: skip
ANSWER = says('{"name":"decline","parameters":{"reason":"out_of_scope"}}')


def filed(folder: Path, *more: str) -> dict[str, Any]:
    """The report of one case on a server that declines."""
    cases, out = folder / "cases.jsonl", folder / "out.json"
    cases.write_text(json.dumps(CASE))
    with model_server(ANSWER) as server:
        url = server.url.replace("//", "//user:secret@")
        words = ["conversations", "--data", str(cases), "--engine", url, "--runs", "1", "--json", str(out), *more]
        assert main(words) == 0
    report: dict[str, Any] = json.loads(out.read_text())
    return report


def test_a_result_names_command_bytes_model_and_machine(tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_model.safetensors").write_bytes(b"weights")
    report = filed(tmp_path, "--adapter", str(adapter), "--model", "llama")
    assert report["command"].startswith("python -m evals conversations --data")
    assert "secret" not in json.dumps(report)
    data = tmp_path / "cases.jsonl"
    assert report["inputs"] == {"data": {"path": str(data), "sha256": file_digest(data)}}
    assert report["model"]["server"] == "llama"
    assert report["model"]["said_adapter"]["sha256"] == hashlib.sha256(b"weights").hexdigest()
    assert report["machine"]["cores"] == len(os.sched_getaffinity(0))
    assert report["machine"]["cpu"]
    assert set(report) >= {"commit", "dirty", "date", "figures", "baselines", "cases"}


def test_a_server_that_is_not_said_to_hold_an_adapter_is_of_unknown_weights(tmp_path: Path) -> None:
    assert filed(tmp_path)["model"]["said_adapter"] is None


def test_the_embedded_models_bytes_and_its_adapters_marks_are_told() -> None:
    told = provenance.model(read(["conversations"]))
    assert told is not None
    assert told["base"] == {"file": packaged_weights().name, "sha256": file_digest(packaged_weights())}
    worn = told["adapter"]
    assert isinstance(worn, dict)
    assert worn["sha256"] == file_digest(provenance.SHIPPED)
    assert worn["base_digest"] == file_digest(packaged_weights())
    assert all(told[name] for name in BESIDE)
    alone = {**told, "adapter": None, **dict.fromkeys(BESIDE)}
    assert provenance.model(read(["conversations", "--adapter", "none"])) == alone
    assert provenance.model(read(["ledger"])) is None


def test_the_reader_is_told_of_suites_that_list_tools() -> None:
    file = provenance.SHIPPED.with_name(provenance.READER)
    told = provenance.model(read(["new_tools"]))
    assert told is not None
    assert told["reader"] == {"file": file.name, "sha256": file_digest(file)}
    for words in (["new_tools", "--reader", "none"], ["toolcalling", "--adapter", "none"]):
        told = provenance.model(read(words))
        assert told is not None
        assert told["reader"] is None
    told = provenance.model(read(["conversations"]))
    assert told is not None
    assert "reader" not in told


def test_the_programs_commit_is_its_own_folders_and_a_changed_file_is_told(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        own = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        subprocess.run(["git", "-C", str(tmp_path), *own, *words], check=True, capture_output=True)

    assert provenance.program(tmp_path) == {"commit": "unknown", "dirty": None}
    git("init")
    (tmp_path / "a.py").write_text("1")
    git("add", "a.py")
    git("commit", "-m", "x")
    assert provenance.program(tmp_path)["dirty"] is False
    (tmp_path / "result.json").write_text("{}")
    assert provenance.program(tmp_path)["dirty"] is False
    (tmp_path / "a.py").write_text("2")
    assert provenance.program(tmp_path)["dirty"] is True


def test_the_commit_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = provenance.program()["commit"]
    monkeypatch.chdir(tmp_path)
    assert provenance.program()["commit"] == here
