"""`roundsman ledger`: verify, show, replay, erase, export."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import typer

from assistant.surfaces.failures import clear, fail, show
from assistant.surfaces.forgetting import forget_copies
from assistant.surfaces.parts import ApiParts
from assistant.surfaces.printed import print_pairs
from assistant.surfaces.record_json import record_json
from assistant.surfaces.terminal import ROLE, Terminal, actor_at_terminal
from domain.errors import NotNow, UnknownName
from domain.values import Call, Role


def ledger_commands(terminal: Terminal) -> typer.Typer:
    """The commands under `roundsman ledger`."""
    cli = typer.Typer(no_args_is_help=True)
    for add in (_add_verify, _add_show, _add_replay, _add_erase, _add_export):
        add(cli, terminal)
    return cli


def _add_verify(cli: typer.Typer, terminal: Terminal) -> None:
    @cli.command()
    @clear
    def verify() -> None:
        """Check every record, every link and every signed checkpoint."""
        with terminal.parts() as parts:
            verdict = parts.ledger.verify()
        if not verdict.ok:
            at = f"first bad record {verdict.first_bad_seq}: " if verdict.first_bad_seq is not None else ""
            fail(f"the ledger is not whole: {at}{verdict.sentence}")
        show(verdict.sentence)


def _add_show(cli: typer.Typer, terminal: Terminal) -> None:
    @cli.command("show")
    @clear
    def show_decision(
        decision: str = typer.Argument(..., metavar="ID", help="A decision (D-0001) or a record's number."),
        as_json: bool = typer.Option(False, "--json", help="The records as JSON."),
    ) -> None:
        """Show all records of a decision."""
        with terminal.parts() as parts:
            found = [parts.ledger.show(int(decision))] if decision.isdecimal() else parts.ledger.find(decision.upper())
        if not found:
            raise UnknownName("decision in the ledger", decision)
        told = [record_json(record) for record in found]
        show(json.dumps(told, ensure_ascii=False, indent=2) if as_json else "\n\n".join(_told(one) for one in told))


def _told(record: dict[str, Any]) -> str:
    return print_pairs(
        [
            (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
            for name, value in record.items()
        ]
    )


def _add_replay(cli: typer.Typer, terminal: Terminal) -> None:
    @cli.command()
    @clear
    def replay(decision: str = typer.Argument(..., metavar="ID"), role: Role = ROLE) -> None:
        """Run a decision's deterministic tools (D-0001), or a stored plan's search (P-0001), again and compare."""
        call = Call("audit_trail", {"decision": decision.upper(), "check": "replay"})
        with terminal.parts() as parts:
            ran = asyncio.run(_run(parts, call, role))
        show(ran.used.result.sentence())
        for reason in ran.used.result.why:
            show(f"  - {reason.text}")


async def _run(parts: Any, call: Call, role: Role) -> Any:
    return await parts.run_tool(call, actor_at_terminal(role))


def _add_erase(cli: typer.Typer, terminal: Terminal) -> None:
    @cli.command()
    @clear
    def erase(subject: str = typer.Argument(..., help="The person's name as the ledger has it.")) -> None:
        """Destroy a person's key: their words become unreadable, and the chain still verifies."""
        with terminal.parts() as parts:
            forget_copies(parts.store, subject)  # before, so that the ledger's clean-up overwrites them too
            erasure = parts.ledger.erase(subject, by=actor_at_terminal(Role.manager).name)
            forgotten, fault = _forget_in_index(parts)  # last: the key goes whether or not the index can be reached
        purged = (
            ""
            if erasure.purged and forgotten
            else " Old copies may stay in the database's files until it is compacted."
        )
        show(f"Erased. Record {erasure.ref.seq} of the ledger says so.{purged}")
        if fault:
            fail(f"the search index could not let go of their words now, and does when it follows again: {fault}")


def _forget_in_index(parts: ApiParts) -> tuple[bool, str]:
    """Whether the index has let go of everything, and why it could not be used."""
    try:
        return parts.index is None or parts.index.forget(), ""
    except NotNow as error:
        return False, str(error)


def _add_export(cli: typer.Typer, terminal: Terminal) -> None:
    @cli.command()
    @clear
    def export(file: Path = typer.Argument(..., help="Where to write the JSON lines.")) -> None:
        """Write all records to a file, words still encrypted."""
        with terminal.parts() as parts:
            written = parts.ledger.export(file)
        show(f"{written:,} records written to {file}.")
