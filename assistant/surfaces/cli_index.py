"""`roundsman reindex`: make the documents of the search again, with progress; `roundsman open`: a cited passage."""

from __future__ import annotations

from enum import StrEnum

import typer

from assistant.surfaces.failures import clear, fail, show
from assistant.surfaces.parts import ApiParts, Index
from assistant.surfaces.printed import print_pairs
from assistant.surfaces.terminal import CITY, Terminal
from domain.errors import BadData


class Kind(StrEnum):
    """What is indexed."""

    bins = "bins"
    requests = "requests"
    rounds = "rounds"
    handbook = "handbook"
    patterns = "patterns"
    predictions = "predictions"
    customers = "customers"


UNRECORDED = "none: no records name customers; contracts and permits in the city's folder are found as handbook"

KIND = typer.Option([], "--kind", help="Only this kind; may be given more than once. Default: all.")


def add_reindex(cli: typer.Typer, terminal: Terminal) -> None:
    """The command, on the command line."""

    @cli.command()
    @clear
    def reindex(kinds: list[Kind] = KIND, city: str | None = CITY) -> None:
        """Make the search index again from records and pages, with the vectors that are missing or another model's."""
        if Kind.customers in kinds:
            show(print_pairs([(Kind.customers, UNRECORDED)]))
        made = [kind.value for kind in kinds if kind is not Kind.customers]
        if kinds and not made:
            return
        with terminal.parts(city=city) as parts:
            done = _index(parts).reindex(made, _tell)
        lines = [(kind, f"{count:,} documents changed") for kind, count in done.changed.items() if count]
        lines.append(("meanings", f"{done.without_meaning:,} texts without a vector"))
        show(print_pairs(lines))
        if told := (*done.unread, *done.faults):
            fail("; ".join(told))


def add_open(cli: typer.Typer, terminal: Terminal) -> None:
    """The command, on the command line."""

    @cli.command("open")
    @clear
    def open_(ref: str = typer.Argument(..., metavar="ADDRESS"), city: str | None = CITY) -> None:
        """Show the passage of a page that an answer cites, like handbook/overflow-response.md#who-goes."""
        with terminal.parts(city=city) as parts:
            title, text = _index(parts).passage(ref)
        show(f"{title}\n\n{text}")


def _index(parts: ApiParts) -> Index:
    if parts.index is None:
        raise BadData("There is no search index here.")
    return parts.index


def _tell(kind: str, done: int, whole: int) -> None:
    typer.echo(f"{kind}: {done:,} of {whole:,}", err=True)
