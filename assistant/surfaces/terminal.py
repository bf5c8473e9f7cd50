"""How the commands come by settings and parts, and who speaks at a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import typer

from assistant.surfaces.parts import ApiParts
from domain.settings import Settings
from domain.store import Store
from domain.values import Actor, Role

SURFACE = "terminal"
ROLE = typer.Option(Role.manager, "--role", help="Who asks.", case_sensitive=False)
CITY = typer.Option(None, "--city", help="The city that is asked about; default ROUNDSMAN_CITY.")

ReadSettings = Callable[[], Settings]


class Build(Protocol):
    """Builds the parts. `ticking`: the operation's clock runs on, as a server needs it; else it stands still."""

    def __call__(self, settings: Settings, *, ticking: bool = False) -> ApiParts:
        """The parts for these settings. Raises BadData, NotNow."""
        ...


def settings_in_force() -> Settings:
    """The settings of the environment. Raises pydantic's ValidationError for one that cannot be used."""
    return Settings.model_validate({})


@dataclass(frozen=True)
class Terminal:
    """Nothing is read or built before a command runs."""

    build: Build
    read_settings: ReadSettings

    @contextmanager
    def parts(self, *, ticking: bool = False, **changed: Any) -> Iterator[ApiParts]:
        """The parts, closed afterwards; `changed` are settings given on the command line (None: not given)."""
        given = {name: value for name, value in changed.items() if value is not None}
        built = self.build(self.read_settings().model_copy(update=given), ticking=ticking)
        try:
            yield built
        finally:
            built.close()

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The records alone, for commands that must work before there is a city."""
        store = Store(self.read_settings().url())
        try:
            store.migrate()
            yield store
        finally:
            store.close()


def actor_at_terminal(role: Role) -> Actor:
    """Whoever has a shell here has the database too: the role is taken as said, and recorded as said."""
    return Actor(f"terminal {role.value}", role)
