"""`roundsman people`: who may do what, and their keys. A key is shown once, when it is made."""

from __future__ import annotations

import typer

from assistant.surfaces.directory import add_person, list_people, remove_person
from assistant.surfaces.failures import clear, show
from assistant.surfaces.printed import print_table
from assistant.surfaces.terminal import Terminal
from domain.values import Actor, Role, Table


def people_commands(terminal: Terminal) -> typer.Typer:
    """The commands under `roundsman people`."""
    cli = typer.Typer(no_args_is_help=True)
    for add in (_add_add, _add_list, _add_remove):
        add(cli, terminal)
    return cli


def _add_add(cli: typer.Typer, terminal: Terminal) -> None:
    @cli.command()
    @clear
    def add(
        name: str,
        role: Role = typer.Option(..., "--role", case_sensitive=False),
        zone: str | None = typer.Option(
            None, "--zone", help="What a dispatcher may approve; everywhere when left out."
        ),
        scope: list[str] = typer.Option([], "--scope", help="For a program: read, propose or a tool's name."),
    ) -> None:
        """Add a person or program, or give them a new key and role."""
        with terminal.store() as store:
            key = add_person(store, Actor(name.strip(), role, zone, frozenset(scope)))
        show(f"{name.strip()} may now act as {role.value}. The key, shown only this once:\n{key}")


def _add_list(cli: typer.Typer, terminal: Terminal) -> None:
    @cli.command("list")
    @clear
    def list_all() -> None:
        """List the directory."""
        with terminal.store() as store:
            people = list_people(store)
        rows: list[list[str | int | float | None]] = [
            [p.name, p.role, p.zone, " ".join(p.scopes), f"{p.key_prefix}..." if p.key_prefix else None,
             "yes" if p.active else "no"]
            for p in people
        ]  # fmt: skip
        show(print_table(Table(columns=["name", "role", "zone", "scopes", "key", "active"], rows=rows), len(rows)))


def _add_remove(cli: typer.Typer, terminal: Terminal) -> None:
    @cli.command()
    @clear
    def remove(name: str) -> None:
        """Take a person's key away, at once."""
        with terminal.store() as store:
            remove_person(store, name.strip())
        show(f"{name.strip()} may do nothing any more.")
