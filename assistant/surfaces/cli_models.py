"""`roundsman models`: the trained fill models of a city, and which of them forecasts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import typer

from assistant.surfaces.failures import clear, show
from assistant.surfaces.parts import ApiParts
from assistant.surfaces.terminal import CITY, Terminal
from domain.errors import BadData, NotNow
from domain.ports import RegisteredVersion
from domain.repositories.models import ALIASES, Alias, aliases_at, is_registered, point_alias, roll_back
from tools.model_shelf import OnShelf, model_name, on_shelves, take_in

Change = Callable[[ApiParts, str, datetime], str]


def model_commands(terminal: Terminal) -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

    def changed(city: str | None, change: Change) -> None:
        with terminal.parts(city=city) as parts:
            done = change(parts, model_name(parts.operation.name), parts.clock())
            show("\n".join((done, *_listed(parts), _mirrored(parts))))

    @group.command("list")
    @clear
    def list_(city: str | None = CITY) -> None:
        """Show the versions on the shelf and what the aliases stand for."""
        with terminal.parts(city=city) as parts:
            show("\n".join(_listed(parts) or ["no trained model: the hour-of-week rate forecasts"]))

    @group.command()
    @clear
    def register(
        folder: Path = typer.Argument(..., metavar="MODEL_FOLDER", help="A folder with model.json and its files."),
        city: str | None = CITY,
    ) -> None:
        """Check a trained model, copy it onto the shelf and register it; it forecasts once it is promoted."""
        changed(city, lambda parts, _name, _now: _register(parts, folder))

    @group.command()
    @clear
    def promote(version: str, alias: str = "champion", city: str | None = CITY) -> None:
        """Point an alias (champion, canary, previous) to a version; the old champion becomes previous."""
        if alias not in ALIASES:
            raise BadData(f"{alias} is no alias; there are {', '.join(ALIASES)}")
        wanted: Alias = ALIASES[ALIASES.index(alias)]
        changed(city, lambda parts, name, now: _point(parts, name, {wanted: version}, now))

    @group.command()
    @clear
    def rollback(city: str | None = CITY) -> None:
        """Make the previous version champion again."""
        changed(city, _roll_back)

    @group.command()
    @clear
    def sync(city: str | None = CITY) -> None:
        """Take over the aliases that were changed in MLflow."""
        changed(city, _take_over)

    return group


def _register(parts: ApiParts, folder: Path) -> str:
    version = take_in(parts.store, parts.operation.name, _shelves(parts)[0], folder)
    return f"version {version} is registered"


def _point(parts: ApiParts, name: str, wanted: dict[Alias, str], now: datetime) -> str:
    with parts.store.write() as session:
        for alias, version in wanted.items():
            point_alias(session, name, alias, version, now)
    return "; ".join(f"{alias} is now version {version}" for alias, version in wanted.items()) or "nothing has changed"


def _roll_back(parts: ApiParts, name: str, now: datetime) -> str:
    with parts.store.write() as session:
        return f"champion is version {roll_back(session, name, now)} again"


def _take_over(parts: ApiParts, name: str, now: datetime) -> str:
    if parts.register is None:
        raise NotNow("There is no register of models.")
    theirs = parts.register.aliases(name)
    with parts.store.read() as session:
        ours = aliases_at(session, name, now)
        wanted = {
            alias: theirs[alias]
            for alias in ("canary", "champion", "previous")  # previous last: a new champion moves it
            if alias in theirs and theirs[alias] != ours.get(alias) and is_registered(session, name, theirs[alias])
        }
    return _point(parts, name, wanted, now)


def _listed(parts: ApiParts) -> list[str]:
    lines = []
    for model in _on_shelves(parts):
        until = f"{model.trained_until.astimezone(parts.operation.zone):%Y-%m-%d}"
        stands = ", ".join(model.aliases)
        lines.append(f"{model.version}  {', '.join(model.members)}, trained until {until}  {stands}".rstrip())
    return lines


def _on_shelves(parts: ApiParts) -> list[OnShelf]:
    return on_shelves(parts.store, parts.operation.name, _shelves(parts), parts.clock())


def _shelves(parts: ApiParts) -> tuple[Path, ...]:
    if parts.forecasts is None:
        raise NotNow("There is no shelf of models.")
    return parts.forecasts.refresher.shelves


def _mirrored(parts: ApiParts) -> str:
    """Brings MLflow in line; a register that cannot be kept is told and changes nothing."""
    if parts.register is None:
        return "there is no register of models beside the records"
    here = _on_shelves(parts)
    versions = [RegisteredVersion(each.version, str(each.folder), each.digest, each.metrics) for each in here]
    aliases = {str(alias): each.version for each in here for alias in each.aliases}
    try:
        parts.register.record(model_name(parts.operation.name), versions, aliases)
    except NotNow as error:
        return f"MLflow was not told: {error}"
    return "MLflow's register says the same"
