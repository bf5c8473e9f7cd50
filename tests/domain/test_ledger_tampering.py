"""Nobody changes the ledger unseen: every deed of `evals.tampering` is found and placed, by us and by the script."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.chain import Row, message, seal
from domain.errors import LedgerUnavailable
from domain.ledger import Keys, Verdict
from evals.tampering import DEEDS, TEXTS, Deed, Victim, example, truncate

SCRIPT = Path(__file__).parents[2] / "domain" / "verify_standalone.py"
RECORDS, EVERY = 20, 6
DeedOf = Callable[[Victim, Random], Deed]
DEED_NAMES = [deed.__name__ for deed in DEEDS]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    victim = Victim(tmp_path_factory.mktemp("victim"), RECORDS, EVERY)
    yield victim
    victim.close()


@pytest.fixture
def victim(made: Victim) -> Iterator[Victim]:
    yield made
    made.restore()


def verdict_of_the_script(victim: Victim, keys: Keys, *flags: str) -> tuple[int, str]:
    """Its exit code and line, run as a stranger would: elsewhere, isolated, without our packages on the path."""
    key, vkey, export = (victim.home / name for name in ("given.key", "given.vkey", "export.jsonl"))
    key.write_text(keys.hmac_key.hex())
    vkey.write_text(keys.vkey)
    victim.ledger().export(export)
    run = subprocess.run(
        [sys.executable, "-I", *flags, SCRIPT, export, "--key", key, "--vkey", vkey, "--checkpoints",
         victim.checkpoints], capture_output=True, text=True, cwd=victim.home, check=False,
    )  # fmt: skip
    assert run.stderr == ""
    return run.returncode, run.stdout


def said(verdict: Verdict) -> tuple[int, str]:
    """What the script should say, up to its reason."""
    if verdict.ok:
        return 0, f"whole: {verdict.records} records"
    return 1, f"{verdict.kind} at record {verdict.first_bad_seq}:"


# ---------------------------------------------------------------- found, and where


def test_an_untouched_ledger_is_whole_and_wholly_covered(victim: Victim) -> None:
    verdict = victim.ledger().verify()
    assert (verdict.ok, verdict.records, verdict.covered) == (True, RECORDS, RECORDS)
    assert (verdict.first_bad_seq, verdict.kind) == (None, None)


@pytest.mark.parametrize("deed", DEEDS, ids=DEED_NAMES)
def test_every_deed_is_found_and_the_place_where_trust_ends_is_named(victim: Victim, deed: DeedOf) -> None:
    for seed in range(25):
        done = deed(victim, Random(seed))
        verdict = victim.ledger(done.keys).verify()
        assert (verdict.ok, verdict.first_bad_seq) == (False, done.first_bad), (seed, done, verdict)
        victim.restore()
    assert victim.ledger().verify().ok


def test_the_kind_of_fault_is_named(victim: Victim) -> None:
    rows = victim.rows
    swapped = [rows[1]._replace(seq=1), rows[0]._replace(seq=2), *rows[2:]]
    moved_up = [*rows[:4], *(row._replace(seq=row.seq - 1) for row in rows[5:])]
    cases = {"edit": [rows[0]._replace(thread="x"), *rows[1:]],
             "gap": [*rows[:4], *rows[5:]], "reorder": swapped, "truncation": rows[:-1]}  # fmt: skip
    for kind, changed in cases.items():
        victim.write(changed)
        assert victim.ledger().verify().kind == kind
    victim.write(moved_up)
    assert victim.ledger().verify().kind == "gap"


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, RECORDS - 1), field=st.sampled_from(Row._fields[6:] + TEXTS), where=st.floats(0, 0.999),
       turned=st.integers(1, 255))  # fmt: skip
def test_any_changed_byte_of_any_record_is_found(
    victim: Victim, at: int, field: str, where: float, turned: int
) -> None:
    row = victim.rows[at]
    old = getattr(row, field)
    data = bytearray(old if isinstance(old, bytes) else old.encode())
    data[int(where * len(data))] ^= turned
    if isinstance(old, bytes):
        victim.write([*victim.rows[:at], Row(**{**row._asdict(), field: bytes(data)}), *victim.rows[at + 1 :]])
    else:  # text may hold any bytes on SQLite, also such that are no text
        victim.file.execute(f"UPDATE ledger SET {field} = CAST(? AS TEXT) WHERE seq = ?", (bytes(data), at + 1))
    verdict = victim.ledger().verify()
    assert (verdict.ok, verdict.first_bad_seq, verdict.kind) == (False, at + 1, "edit")
    victim.restore()


def test_a_record_resealed_alone_with_the_stolen_key_is_betrayed_by_the_next(victim: Victim) -> None:
    for note in victim.checkpoints.glob("*.checkpoint"):
        note.unlink()
    changed = victim.rows[6]._replace(body=b"{}")
    changed = changed._replace(hash=seal(victim.keys.hmac_key, message(changed)))
    victim.write([*victim.rows[:6], changed, *victim.rows[7:]])
    verdict = victim.ledger().verify()
    assert (verdict.kind, verdict.first_bad_seq) == ("fork", 7)
    assert verdict_of_the_script(victim, victim.keys)[1].startswith("fork at record 7:")


def test_a_tail_cut_after_the_last_checkpoint_is_the_one_thing_unseen(tmp_path: Path) -> None:
    victim = Victim(tmp_path, records=8, every=6)
    (victim.checkpoints / "000000000008.checkpoint").unlink()  # as if it had not been closed
    victim.write(victim.rows[:7], head_follows=True)
    assert victim.ledger().verify().ok
    victim.write(victim.rows[:5], head_follows=True)
    verdict = victim.ledger().verify()
    assert (verdict.kind, verdict.first_bad_seq) == ("truncation", 6)
    victim.close()


def test_with_the_head_left_as_it_was_even_a_single_lost_record_is_seen(victim: Victim) -> None:
    for note in victim.checkpoints.glob("*.checkpoint"):
        note.unlink()
    victim.write(victim.rows[:-1])
    verdict = victim.ledger().verify()
    assert (verdict.kind, verdict.first_bad_seq) == ("truncation", RECORDS)


def test_a_ledger_emptied_with_its_head_is_truncated_from_the_first_record(victim: Victim) -> None:
    victim.write([], head_follows=True)
    victim.file.execute("DELETE FROM ledger_head")
    verdict = victim.ledger().verify()
    assert (verdict.kind, verdict.first_bad_seq) == ("truncation", 1)


def test_the_quick_look_finds_a_cut_tail_and_a_change_after_the_newest_checkpoint(tmp_path: Path) -> None:
    victim = Victim(tmp_path, records=10, every=6)
    assert victim.ledger().verify(full=False).ok
    truncate(victim, Random(1))
    assert victim.ledger().verify(full=False).kind == "truncation"
    victim.restore()
    (victim.checkpoints / "000000000010.checkpoint").unlink()
    assert victim.ledger().verify(full=False).covered == 6
    victim.write([*victim.rows[:8], victim.rows[8]._replace(body=b"{}"), victim.rows[9]])
    verdict = victim.ledger().verify(full=False)
    assert (verdict.kind, verdict.first_bad_seq) == ("edit", 9)
    victim.write([*victim.rows[:2], *victim.rows[3:]])
    assert victim.ledger().verify(full=False).kind == "gap"
    victim.close()


def test_a_tampered_record_is_not_built_upon(victim: Victim) -> None:
    victim.write([*victim.rows[:-1], victim.rows[-1]._replace(body=b"{}")])
    with pytest.raises(LedgerUnavailable, match="last record does not fit"):
        victim.ledger().append(example(99), "k-99")


# ---------------------------------------------------------------- the second opinion


def test_the_script_finds_an_untouched_ledger_whole(victim: Victim) -> None:
    assert verdict_of_the_script(victim, victim.keys) == (0, f"whole: {RECORDS} records\n")


@pytest.mark.parametrize("deed", DEEDS, ids=DEED_NAMES)
def test_the_script_says_the_same_of_every_deed(victim: Victim, deed: DeedOf) -> None:
    for seed in range(4):
        done = deed(victim, Random(seed + 100))
        code, line = verdict_of_the_script(victim, done.keys)
        expected, start = said(victim.ledger(done.keys).verify())
        assert (code, line[: len(start)]) == (expected, start), (seed, done, line)
        victim.restore()


def test_the_script_needs_no_package_and_says_what_it_then_leaves_out(victim: Victim) -> None:
    code, line = verdict_of_the_script(victim, victim.keys, "-S")  # without site-packages
    assert code == 0
    assert line.startswith(f"whole: {RECORDS} records (signatures not looked at")
    victim.write(victim.rows[:9], head_follows=True)
    code, line = verdict_of_the_script(victim, victim.keys, "-S")
    assert (code, line.split(":")[0]) == (1, "truncation at record 10")


def test_the_script_is_short_and_imports_nothing_of_ours() -> None:
    code = SCRIPT.read_text()
    assert code.count("\n") < 150
    imports = [step for step in ast.walk(ast.parse(code)) if isinstance(step, ast.Import | ast.ImportFrom)]
    named = {step.module or "" if isinstance(step, ast.ImportFrom) else step.names[0].name for step in imports}
    assert {name.split(".")[0] for name in named} - sys.stdlib_module_names == {"cryptography"}


def test_a_file_that_is_no_export_is_said_to_be_unreadable(victim: Victim, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"seq": 1}\n')
    (tmp_path / "key").write_text("00" * 32)
    run = subprocess.run(
        [sys.executable, SCRIPT, tmp_path / "x.jsonl", "--key", tmp_path / "key", "--checkpoints", tmp_path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stdout.split(":")[0]) == (2, "cannot read")


def test_an_export_is_complete_and_its_bytes_are_the_databases(victim: Victim) -> None:
    assert victim.ledger().export(victim.home / "all.jsonl") == RECORDS
    lines = [json.loads(line) for line in (victim.home / "all.jsonl").read_text().splitlines()]
    assert [line["seq"] for line in lines[:-1]] == list(range(1, RECORDS + 1))
    assert [b64decode(line["asked_ciphertext"]) for line in lines[:-1]] == [r.asked_ciphertext for r in victim.rows]
    assert lines[-1]["head"]["hash"] == victim.rows[-1].hash.hex()
