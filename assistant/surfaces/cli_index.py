"""`roundsman reindex`: make the documents of the search again, with progress."""

from __future__ import annotations

from enum import StrEnum

import typer

from assistant.surfaces.failures import clear, fail, show
from assistant.surfaces.printed import print_pairs
from assistant.surfaces.terminal import CITY, Terminal
from domain.errors import BadData


class Kind(StrEnum):
    """What is indexed."""

    bins = "bins"
    requests = "requests"
    rounds = "rounds"
    handbook = "handbook"


KIND = typer.Option([], "--kind", help="Only this kind; may be given more than once. Default: all.")


def add_reindex(cli: typer.Typer, terminal: Terminal) -> None:
    """The command, on the command line."""

    @cli.command()
    @clear
    def reindex(kinds: list[Kind] = KIND, city: str | None = CITY) -> None:
        """Make the search index again from records and pages, with the vectors that are missing or another model's."""
        with terminal.parts(city=city) as parts:
            if parts.index is None:
                raise BadData("There is no search index to make again.")
            done = parts.index.reindex([kind.value for kind in kinds], _tell)
        lines = [(kind, f"{count:,} documents changed") for kind, count in done.changed.items() if count]
        lines.append(("meanings", f"{done.without_meaning:,} texts without a vector"))
        show(print_pairs(lines))
        if done.faults:
            fail("; ".join(done.faults))


def _tell(kind: str, done: int, whole: int) -> None:
    typer.echo(f"{kind}: {done:,} of {whole:,}", err=True)
