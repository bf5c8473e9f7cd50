"""`roundsman doctor` looks at the whole ledger, not only at its end."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))

from scene import a_ctx

from assistant.health import Examined, health_of
from assistant.unavailable import NoModel
from domain.ledger import LedgerEntry
from domain.store import Store


def test_a_changed_record_in_the_middle_of_the_ledger_is_a_problem_of_the_doctor(store: Store, tmp_path: Path) -> None:
    ctx = a_ctx(store, tmp_path)
    for number in range(3):
        entry = LedgerEntry(
            kind="decision", at=ctx.now, thread="C-0001", actor="vera", role="viewer", surface="terminal",
            city="smalltown", question=f"question {number}", answer="none",
        )  # fmt: skip
        ctx.ledger.append(entry, f"test:{number}")
    ctx.ledger.close()
    parts = Examined(store, ctx.ledger, NoModel("no weights"), ctx.search, ctx.city)
    assert {h.name: h.ok for h in health_of(parts)}["ledger"]
    with sqlite3.connect(str(store.url.database)) as file:
        file.execute("DROP TRIGGER IF EXISTS ledger_no_update")
        file.execute("UPDATE ledger SET thread = 'C-0002' WHERE seq = 1")
    file.close()
    found = {h.name: h for h in health_of(parts)}
    assert not found["ledger"].ok
    assert "record 1" in found["ledger"].detail
    assert not found["language model"].ok
    assert "no weights" in found["language model"].detail
