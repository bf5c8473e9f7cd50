"""The command line: `roundsman ask`, `serve`, `doctor`, `load`, `reindex`, `refresh`, `approve`, ... and two groups."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import typer

from assistant.ports import Decision, Inquiry
from assistant.surfaces.cli_forecasts import add_refresh, renew_after_load, renewal_text
from assistant.surfaces.cli_index import add_open, add_reindex
from assistant.surfaces.cli_ledger import ledger_commands
from assistant.surfaces.cli_models import model_commands
from assistant.surfaces.cli_people import people_commands
from assistant.surfaces.failures import Unreadable, clear, fail, show
from assistant.surfaces.parts import ApiParts, PartHealth
from assistant.surfaces.printed import print_answer, print_card, print_pairs
from assistant.surfaces.questions import read_now, read_question, read_thread
from assistant.surfaces.terminal import (
    CITY,
    ROLE,
    SURFACE,
    Build,
    ReadSettings,
    Terminal,
    actor_at_terminal,
    settings_in_force,
)
from domain.clock import wall_clock
from domain.errors import AskAgain, BadData, RoundsmanError
from domain.loading import LoadReport, load_city
from domain.values import Role

MOST_FAULTS = 20


def make_cli(build: Build, read_settings: ReadSettings = settings_in_force) -> typer.Typer:
    """The command line over what `build` makes of the settings."""
    terminal = Terminal(build, read_settings)
    cli = typer.Typer(
        help="Ask the waste-collection operation, plan its rounds, see why.",
        no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
    )  # fmt: skip
    for add in (_add_ask, _add_serve, _add_doctor, _add_load, add_reindex, add_open, add_refresh, _add_decide):
        add(cli, terminal)
    cli.add_typer(ledger_commands(terminal), name="ledger", help="Verify, show, replay, erase and export decisions.")
    cli.add_typer(model_commands(terminal), name="models", help="Trained fill models, and which of them forecasts.")
    cli.add_typer(people_commands(terminal), name="people", help="Who may do what: the directory and its keys.")
    return cli


# ---------------------------------------------------------------- ask


def _add_ask(cli: typer.Typer, terminal: Terminal) -> None:
    @cli.command()
    @clear
    def ask(
        question: str = typer.Argument(..., help="In your own words, at most 4,000 characters."),
        as_json: bool = typer.Option(False, "--json", help="The whole answer as JSON."),
        role: Role = ROLE,
        thread: str | None = typer.Option(None, "--thread", help="Go on with an earlier conversation."),
        city: str | None = CITY,
        now: str | None = typer.Option(None, "--now", help="The moment of asking, ISO 8601; local when without zone."),
    ) -> None:
        """One question, one answer."""
        asked, in_thread = _usage(read_question, question), _usage(read_thread, thread)
        _usage(read_now, now, wall_clock().tzinfo)
        with terminal.parts(city=city) as parts:
            at = _usage(read_now, now, parts.operation.zone)
            inquiry = Inquiry(asked, actor_at_terminal(role), in_thread, SURFACE, at)
            answer = asyncio.run(parts.asks.ask(inquiry))
        show(json.dumps(answer.as_json(), ensure_ascii=False, indent=2) if as_json else print_answer(answer))


def _usage(read: Callable[..., Any], *given: Any) -> Any:
    """What cannot be an argument at all is bad usage, not a question back."""
    try:
        return read(*given)
    except AskAgain as error:
        raise Unreadable(error.question) from None


# ---------------------------------------------------------------- serve, doctor, load


def _add_serve(cli: typer.Typer, terminal: Terminal) -> None:
    @cli.command()
    @clear
    def serve(
        host: str | None = typer.Option(None, "--host", help="Address to listen on; default ROUNDSMAN_HOST."),
        port: int | None = typer.Option(None, "--port", min=1, max=65535, help="Port; default ROUNDSMAN_PORT."),
    ) -> None:
        """Serve the chat page and the API."""
        from assistant.surfaces.serve import serve as serve_until_stopped

        with terminal.parts(ticking=True, host=host, port=port) as parts:
            serve_until_stopped(parts, show)


def _add_doctor(cli: typer.Typer, terminal: Terminal) -> None:
    @cli.command()
    @clear
    def doctor(city: str | None = CITY) -> None:
        """Check every part and say what to do about each fault."""
        try:
            with terminal.parts(city=city) as parts:
                found = parts.health()
        except RoundsmanError as error:
            found = [PartHealth("start", False, " ".join(str(error).split()), "Repair this first; then run it again.")]
        show(print_pairs([(part.name, _health(part)) for part in found]))
        if broken := [part.name for part in found if not part.ok and part.needed]:
            fail(f"not ready: {', '.join(broken)}.")


def _health(part: PartHealth) -> str:
    if part.ok:
        return f"ok       {part.detail}".rstrip()
    word = "problem " if part.needed else "reduced "
    return f"{word} {part.detail}{' -> ' + part.advice if part.advice else ''}"


def _add_load(cli: typer.Typer, terminal: Terminal) -> None:
    @cli.command()
    @clear
    def load(
        folder: Path = typer.Argument(..., metavar="CITY_FOLDER", help="A folder with city.toml, sites.csv, bins.csv."),
        strict: bool = typer.Option(False, "--strict", help="Load no file that has a faulty row."),
    ) -> None:
        """Load a city folder into the records."""
        if not folder.is_dir():
            raise BadData(f"{folder} is not a folder. Give the folder that holds city.toml.")
        with terminal.store() as store:
            report = load_city(store, folder, strict=strict, at=wall_clock())
            renewed = renew_after_load(store, terminal.read_settings(), folder, report.city)
        show(f"{_load_report(report)}\n{renewal_text(renewed)}")
        for fault in report.faults[:MOST_FAULTS]:
            typer.echo(f"roundsman: {fault}", err=True)
        if _left_out(report):
            raise typer.Exit(1)


def _left_out(report: LoadReport) -> list[str]:
    """Files of which nothing could be loaded."""
    return [name for name in report.fault_counts if name not in report.counts and name not in report.unchanged]


def _load_report(report: LoadReport) -> str:
    """Rows by file; faults are counted here and listed on stderr."""
    lines = [(name, f"{count:,} rows{_faulty(report, name)}") for name, count in report.counts.items()]
    lines += [(name, "unchanged since it was loaded") for name in report.unchanged]
    lines += [(name, "NOT loaded: see below, mend the file and load again") for name in _left_out(report)]
    return f"{report.city}: loaded.\n{print_pairs(lines)}"


def _faulty(report: LoadReport, name: str) -> str:
    faults = report.fault_counts.get(name, 0)
    return f", {faults:,} faulty rows left out" if faults else ""


# ---------------------------------------------------------------- approve, reject


def _add_decide(cli: typer.Typer, terminal: Terminal) -> None:
    shown = typer.Option(None, "--hash", help="The content you saw (or its first 8 characters): refuse any other.")

    @cli.command()
    @clear
    def approve(proposal_id: str, role: Role = ROLE, content: str | None = shown, city: str | None = CITY) -> None:
        """Show a proposal and approve exactly what is shown."""
        with terminal.parts(city=city) as parts:
            _decide(parts, proposal_id, "approve", role, content=content)

    @cli.command()
    @clear
    def reject(
        proposal_id: str,
        role: Role = ROLE,
        reason: str = typer.Option("", "--reason", help="Why: it is recorded."),
        city: str | None = CITY,
    ) -> None:
        """Show a proposal and reject it."""
        with terminal.parts(city=city) as parts:
            _decide(parts, proposal_id, "reject", role, reason=reason)


def _decide(
    parts: ApiParts,
    proposal_id: str,
    verdict: Literal["approve", "reject"],
    role: Role,
    *,
    content: str | None = None,
    reason: str = "",
) -> None:
    card = parts.decides.card(proposal_id.strip().upper())
    show(print_card(card))
    sys.stdout.flush()  # the card stands before the decision, whatever happens next
    if content and not (len(content) >= 8 and card.content_hash.startswith(content.lower())):
        fail(f"{card.proposal_id} is not what you saw: its content is now {card.content_hash}. Nothing was done.")
    word = Decision(card.proposal_id, verdict, actor_at_terminal(role), card.content_hash, SURFACE, reason)
    decided = parts.decides.decide(word)
    show(f"\n{decided.sentence}")
