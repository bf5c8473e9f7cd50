"""Claims about the command line, made with typer's runner; the server's refusals with a real process's socket."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from doubles import KeptApprovals, ScriptedAssistant
from surface_cases import ANSWER, CARD, parts_over
from typer.testing import CliRunner

from assistant.shown import ProposalCard
from assistant.surfaces.cli import make_cli
from assistant.surfaces.directory import actor_of_key
from assistant.surfaces.parts import ApiParts, PartHealth
from domain.errors import StoreUnavailable
from domain.ledger import LedgerEntry
from domain.settings import Settings
from domain.store import Store
from domain.values import Actor, Role
from domain.work_records import IdempotencyKey, Thread, Turn

ROOT = Path(__file__).parents[3]
Run = Callable[..., Result]


@pytest.fixture
def parts(store: Store, tmp_path: Path) -> ApiParts:
    """Parts of the small city with a scripted assistant."""
    return parts_over(store, tmp_path / "home")


@pytest.fixture
def run(parts: ApiParts) -> Run:
    """Runs the command line over the parts."""
    return running(parts)


def running(parts: ApiParts, fault: Exception | None = None) -> Run:
    """A command line whose parts are these, or whose start fails."""

    def build(settings: Settings, *, ticking: bool = False) -> ApiParts:
        if fault:
            raise fault
        return parts

    settings = parts.settings.model_copy(update={"database_url": parts.store.url.render_as_string()})
    cli = make_cli(build, lambda: settings)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli, arguments)

    return run


def require_failure(result: Result, code: int, *words: str) -> None:
    """One line on stderr with these words, and the exit code."""
    assert result.exit_code == code, result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("roundsman: ")
    for word in words:
        assert word in lines[0]


# ---------------------------------------------------------------- ask


def test_an_answer_shows_text_table_reasons_and_what_was_understood(run: Run) -> None:
    result = run("ask", "Which bins overflow?")
    assert result.exit_code == 0
    text = result.stdout
    assert text.startswith(ANSWER.text)
    assert "bin      site         fill_pct\n-------  -----------  --------\n1514000  Sather Gate        97" in text
    assert "... and 3 more rows" in text
    assert "- The compost bin at Sather Gate fills 21 % a day since Monday. [bin 1514000: bins:1514000;" in text
    assert "forecast_fill with near = Sather Gate, 500 m; by = 2025-09-01 12:00" in text
    assert "Data: last emptying 2025-08-31 06:40" in text
    assert "Decision D-0001" in text


def test_json_is_the_whole_answer_and_nothing_else(run: Run) -> None:
    result = run("ask", "overflow?", "--json", "--thread", "t-5", "--role", "viewer")
    assert json.loads(result.stdout) == {**ANSWER.as_json(), "thread": "t-5"}


def test_the_options_of_ask_reach_the_assistant(run: Run, parts: ApiParts) -> None:
    run("ask", "overflow?", "--role", "dispatcher", "--thread", "t-5", "--now", "2025-08-31T14:00")
    assert isinstance(parts.asks, ScriptedAssistant)
    (inquiry,) = parts.asks.inquiries
    assert (inquiry.actor.role, inquiry.thread, inquiry.surface) == (Role.dispatcher, "t-5", "terminal")
    assert inquiry.now is not None
    assert inquiry.now.isoformat() == "2025-08-31T14:00:00-07:00"


def test_a_proposal_shows_the_command_that_approves_it(run: Run) -> None:
    text = run("ask", "send it").stdout
    assert "Truck 1: 10 stops, 12.4 km" in text
    assert "roundsman approve A-0001 --role manager" in text
    assert "Note: The forecast service cannot be reached" in text


def test_a_question_back_lists_its_choices(run: Run) -> None:
    assert "  - Doe Library\n  - Moffitt Library" in run("ask", "the library").stdout


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        ("x" * 20_000, "4,000"),
        ("🚛🗑️🔥", "words"),
        ("\udcff\udcfe\udc00", "empty"),
        ("\x00\x01\x02", "empty"),
    ],
)
def test_what_is_no_question_ends_with_a_clear_sentence(run: Run, question: str, word: str) -> None:
    require_failure(run("ask", question), 2, word)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--now", "yesterday"),
        ("--now", "2025-13-01"),
        ("--now", "0001-01-01"),
        ("--thread", "../etc"),
        ("--thread", "x" * 65),
    ],
)
def test_an_unusable_option_is_bad_usage(run: Run, option: str, value: str) -> None:
    require_failure(run("ask", "overflow?", option, value), 2)


@pytest.mark.parametrize(
    "arguments", [("ask",), ("ask", "overflow?", "--role", "emperor"), ("dance",), ("ask", "a", "b")]
)
def test_wrong_usage_is_exit_code_2(run: Run, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


def test_a_failure_is_one_line_without_traceback(run: Run) -> None:
    require_failure(run("ask", "broken store"), 1, "disk is full")


def test_a_bug_is_one_line_that_names_its_place(run: Run) -> None:
    result = run("ask", "bug")
    require_failure(result, 1, "fault in Roundsman itself", "ZeroDivisionError", "doubles.py:")


def test_a_record_cannot_send_commands_to_the_terminal(store: Store, tmp_path: Path) -> None:
    evil = ProposalCard(**{**CARD.__dict__, "title": "Dispatch \x1b]0;owned\x07\x1b[2J"})
    parts = parts_over(store, tmp_path, decides=KeptApprovals([evil]))
    assert "\x1b" not in running(parts)("approve", "A-0001").stdout


def test_an_unusable_setting_is_named(parts: ApiParts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUNDSMAN_PORT", "eighty")
    cli = make_cli(lambda settings, ticking=False: parts)
    require_failure(CliRunner().invoke(cli, ["ask", "overflow?"]), 2, "ROUNDSMAN_PORT")


def test_a_command_starts_without_the_server_s_and_the_models_libraries() -> None:
    heavy = ("chainlit", "fastapi", "torch", "plotly", "pandas", "langgraph", "uvicorn")
    code = f"import sys, assistant.surfaces.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


# ---------------------------------------------------------------- approve, reject


def test_approving_shows_the_card_first_and_approves_exactly_its_content(run: Run, parts: ApiParts) -> None:
    result = run("approve", "a-0001", "--role", "manager")
    assert result.exit_code == 0
    assert result.stdout.index("Truck 2: 8 stops") < result.stdout.index("R-0001 is dispatched")
    (word,) = kept(parts).words
    assert (word.verdict, word.shown_hash, word.actor.role) == ("approve", CARD.content_hash, Role.manager)


def test_a_second_approval_does_nothing_and_says_so(run: Run, parts: ApiParts) -> None:
    run("approve", "A-0001")
    require_failure(run("approve", "A-0001"), 1, "approved already")
    assert kept(parts).effects == ["R-0001"]


def test_a_role_that_may_not_approve_is_told(run: Run, parts: ApiParts) -> None:
    require_failure(run("approve", "A-0001", "--role", "viewer"), 1, "viewer")
    assert not kept(parts).effects


@pytest.mark.parametrize(("content", "effects"), [("9f2c0000", 1), ("9f2c", 0), ("deadbeef00", 0)])
def test_a_named_content_must_be_the_shown_one(run: Run, parts: ApiParts, content: str, effects: int) -> None:
    run("approve", "A-0001", "--hash", content)
    assert len(kept(parts).effects) == effects


def test_rejecting_keeps_the_reason(run: Run, parts: ApiParts) -> None:
    assert run("reject", "A-0001", "--reason", "too late").exit_code == 0
    assert [(w.verdict, w.reason) for w in kept(parts).words] == [("reject", "too late")]


def test_an_unknown_proposal_is_a_clear_failure(run: Run) -> None:
    require_failure(run("approve", "A-7777"), 1, "A-7777")


def kept(parts: ApiParts) -> KeptApprovals:
    """The double behind the parts."""
    assert isinstance(parts.decides, KeptApprovals)
    return parts.decides


# ---------------------------------------------------------------- doctor, load, serve


def test_the_doctor_prints_a_line_for_each_part_and_what_to_do(run: Run) -> None:
    result = run("doctor")
    assert result.stdout.splitlines() == ["records  ok       12 bins", "search   reduced  no words -> Install it."]
    assert result.exit_code == 0


def test_the_doctor_fails_when_a_needed_part_is_out(store: Store, tmp_path: Path) -> None:
    parts = parts_over(store, tmp_path, health=lambda: [PartHealth("ledger", False, "locked", "Stop the other one.")])
    result = running(parts)("doctor")
    assert "ledger  problem  locked -> Stop the other one." in result.stdout
    require_failure(result, 1, "ledger")


def test_the_doctor_can_say_that_nothing_starts(parts: ApiParts) -> None:
    result = running(parts, StoreUnavailable("The records cannot be used: the server is gone."))("doctor")
    assert "the server is gone" in result.stdout
    assert result.exit_code == 1


def test_loading_a_city_says_what_came_in(run: Run, small_city_folder: Path) -> None:
    result = run("load", str(small_city_folder))
    assert result.exit_code == 0
    assert "smalltown: loaded." in result.stdout


@pytest.mark.parametrize("strict", [True, False])
def test_faulty_rows_are_told_and_strict_refuses_them(run: Run, small_city_folder: Path, strict: bool) -> None:
    with (small_city_folder / "sites.csv").open("a") as sites:
        sites.write("S9,Nowhere,not-a-number,12\n")
    result = run("load", str(small_city_folder), *(["--strict"] if strict else []))
    assert result.exit_code == (2 if strict else 0)
    assert "sites.csv" in result.stderr


def test_loading_what_is_no_city_is_exit_code_2(run: Run, tmp_path: Path) -> None:
    require_failure(run("load", str(tmp_path / "nowhere")), 2, "not a folder")
    require_failure(run("load", str(tmp_path)), 2, "city.toml")


def test_a_port_in_use_is_named(store: Store, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        parts = parts_over(store, tmp_path)
        parts = parts_over(store, tmp_path, settings=parts.settings.model_copy(update={"port": port}))
        require_failure(running(parts)("serve"), 1, f"Port {port} is in use", "--port")


def test_an_open_demo_is_not_served_to_other_machines(store: Store, tmp_path: Path) -> None:
    parts = parts_over(store, tmp_path)
    parts = parts_over(store, tmp_path, settings=parts.settings.model_copy(update={"host": "0.0.0.0"}))
    require_failure(running(parts)("serve"), 2, "0.0.0.0", "people add")


# ---------------------------------------------------------------- ledger, people


def recorded(parts: ApiParts, actor: str = "Ana") -> str:
    """A decision in the ledger."""
    entry = LedgerEntry(
        kind="decision", at=parts.clock(), thread="t-1", actor=actor, role="viewer", surface="api", city="smalltown",
        question="which bins overflow?", answer="18 bins", answer_kind="answer",
    )  # fmt: skip
    return parts.ledger.append(entry, f"test:{actor}").decision_id


def test_a_whole_ledger_verifies_and_a_changed_one_names_its_first_bad_record(run: Run, parts: ApiParts) -> None:
    for actor in ("Ana", "Ben"):
        recorded(parts, actor)
    assert run("ledger", "verify").exit_code == 0
    with parts.store.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA query_only=OFF")
        connection.exec_driver_sql("DROP TRIGGER ledger_no_update")
        connection.exec_driver_sql("UPDATE ledger SET thread = 'other' WHERE seq = 2")
    require_failure(run("ledger", "verify"), 1, "first bad record 2")


def test_a_decision_is_shown_by_id_and_by_number(run: Run, parts: ApiParts) -> None:
    decision = recorded(parts)
    assert "which bins overflow?" in run("ledger", "show", decision.lower()).stdout
    (record,) = json.loads(run("ledger", "show", "1", "--json").stdout)
    assert (record["decision_id"], record["answer"]) == (decision, "18 bins")
    require_failure(run("ledger", "show", "D-9999"), 1, "D-9999")


def test_erasing_somebody_makes_their_words_unreadable_and_keeps_the_chain(run: Run, parts: ApiParts) -> None:
    decision = recorded(parts)
    assert "Record 2" in run("ledger", "erase", "Ana").stdout
    assert "which bins" not in run("ledger", "show", decision).stdout
    assert run("ledger", "verify").exit_code == 0
    require_failure(run("ledger", "erase", "Ana"), 1)


def test_erasing_somebody_deletes_the_copies_of_their_words(run: Run, parts: ApiParts) -> None:
    recorded(parts)
    with parts.store.write() as session:
        for owner, words in (("Ana", "anas-own-words"), ("Ben", "bens-own-words")):
            session.add(Thread(id=owner, city="smalltown", owner=owner, created_at=parts.clock()))
            session.flush()
            session.add(
                Turn(
                    thread=owner, number=1, question=words, calls=[], results=[], answer=words, kind="answer",
                    at=parts.clock(),
                )
            )  # fmt: skip
            session.add(IdempotencyKey(actor=owner, key="k", body_hash="", response={"a": words}, at=parts.clock()))
    assert run("ledger", "erase", "Ana").exit_code == 0
    file = Path(str(parts.store.url.database))
    kept_bytes = file.read_bytes() + file.with_name(file.name + "-wal").read_bytes()
    assert b"anas-own-words" not in kept_bytes
    assert b"bens-own-words" in kept_bytes


def test_the_ledger_is_exported_to_a_file(run: Run, parts: ApiParts, tmp_path: Path) -> None:
    recorded(parts)
    assert "1 records" in run("ledger", "export", str(tmp_path / "out.jsonl")).stdout
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 2
    require_failure(run("ledger", "export", str(tmp_path)), 2, str(tmp_path))


def test_a_replay_runs_the_audit_tool_and_says_its_reasons(run: Run, parts: ApiParts) -> None:
    result = run("ledger", "replay", "d-0001")
    assert result.exit_code == 0
    assert "- The compost bin" in result.stdout
    require_failure(run("ledger", "replay", "D-0001", "--role", "viewer"), 1, "viewer")


def test_a_key_is_shown_once_and_works_until_its_person_is_removed(run: Run, parts: ApiParts) -> None:
    key = run("people", "add", "Ana", "--role", "dispatcher", "--zone", "North zone").stdout.splitlines()[-1]
    assert actor_of_key(parts.store, key) == Actor("Ana", Role.dispatcher, "North zone")
    listed = run("people", "list").stdout
    assert "Ana" in listed
    assert key not in listed
    run("people", "remove", "Ana")
    assert actor_of_key(parts.store, key) is None
    require_failure(run("people", "remove", "Zoe"), 1, "Zoe")
