"""`roundsman models`: a trained model is checked, copied, registered, promoted, rolled back; the register follows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from surface_cases import parts_over
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

from shelved import a_model

from assistant.surfaces.cli import make_cli
from assistant.surfaces.parts import ApiParts
from domain.clock import fixed_clock
from domain.errors import NotNow
from domain.operation import load_operation
from domain.ports import RegisteredVersion
from domain.settings import Settings
from domain.store import Store
from tools.fill_models import FillModels, stocked_models
from tools.refresh import Refresher, Ticking

NOW = datetime(2025, 9, 1, 15, 0, tzinfo=UTC)
UNTIL = datetime(2025, 8, 20, tzinfo=UTC)
Run = Callable[..., Result]


class KeptRegister:
    """A register in memory; `down` is why it cannot be used."""

    def __init__(self) -> None:
        self.versions: dict[str, str] = {}
        self.held: dict[str, str] = {}
        self.down = ""

    def record(self, name: str, versions: Sequence[RegisteredVersion], aliases: Mapping[str, str]) -> None:
        """Keeps all."""
        if self.down:
            raise NotNow(self.down)
        self.versions = {each.version: each.digest for each in versions}
        self.held = dict(aliases)

    def aliases(self, name: str) -> dict[str, str]:
        """What is held."""
        return self.held


@pytest.fixture
def register() -> KeptRegister:
    return KeptRegister()


@pytest.fixture
def run(store: Store, tmp_path: Path, register: KeptRegister) -> Run:
    """The command line; every command builds its parts anew, as it does in life."""
    home = tmp_path / "home"
    city = load_operation(store, "smalltown")

    def build(settings: Settings, *, ticking: bool = False) -> ApiParts:
        models = stocked_models(store, city.name, (home / "models" / "smalltown" / "fill",), NOW)
        refresher = Refresher(store, models, city, fixed_clock(NOW))
        table = Ticking(refresher, fixed_clock(NOW))
        return parts_over(store, home, forecasts=table, register=register, clock=fixed_clock(NOW))

    cli = make_cli(build, lambda: Settings.model_validate({"home": home}))
    return lambda *arguments: CliRunner().invoke(cli, arguments)


@pytest.fixture
def made(store: Store, tmp_path: Path) -> Path:
    """Two model folders, versions 1 and 2, outside the home."""
    rates = FillModels(store).rates(load_operation(store, "smalltown"), UNTIL)
    for version, wider in (("1", 2.0), ("2", 8.0)):
        a_model(rates, tmp_path / "made" / version, UNTIL, wider)
    return tmp_path / "made"


def told(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.output


def test_without_a_trained_model_it_is_said_what_forecasts(run: Run) -> None:
    assert "the hour-of-week rate forecasts" in told(run("models", "list"))


def test_registered_promoted_and_rolled_back(run: Run, made: Path, register: KeptRegister, tmp_path: Path) -> None:
    for version in ("1", "2"):
        assert f"version {version} is registered" in told(run("models", "register", str(made / version)))
    told(run("models", "promote", "1"))
    assert "champion is now version 2" in told(run("models", "promote", "2"))
    assert register.held == {"champion": "2", "previous": "1"}
    assert set(register.versions) == {"1", "2"}
    assert (tmp_path / "home" / "models" / "smalltown" / "fill" / "2" / "model.json").exists()
    assert "champion is version 1 again" in told(run("models", "rollback"))
    assert register.held == {"champion": "1", "previous": "2"}
    lines = told(run("models", "list")).splitlines()
    assert [line.split()[0] + " " + line.split()[-1] for line in lines] == ["1 champion", "2 previous"]


def test_a_damaged_model_is_not_taken_in(run: Run, made: Path, tmp_path: Path) -> None:
    (made / "1" / "rates.json").write_text("{}")
    result = run("models", "register", str(made / "1"))
    assert result.exit_code == 2  # data that cannot be read
    assert "rates.json is damaged" in result.output
    assert not (tmp_path / "home" / "models" / "smalltown" / "fill" / "1").exists()


def test_a_strange_version_or_alias_is_refused(run: Run, made: Path) -> None:
    told(run("models", "register", str(made / "1")))
    assert "version 7 of the fill/smalltown model is not registered" in run("models", "promote", "7").output
    assert "best is no alias" in run("models", "promote", "1", "--alias", "best").output
    assert "there is no previous version" in run("models", "rollback").output


def test_aliases_changed_in_the_register_are_taken_over(run: Run, made: Path, register: KeptRegister) -> None:
    for version in ("1", "2"):
        told(run("models", "register", str(made / version)))
    told(run("models", "promote", "1"))
    register.held = {"champion": "2", "canary": "1", "previous": "9"}
    answer = told(run("models", "sync"))
    assert "canary is now version 1; champion is now version 2" in answer
    assert register.held == {"champion": "2", "canary": "1", "previous": "1"}


def test_a_register_that_is_down_changes_nothing_and_is_told(run: Run, made: Path, register: KeptRegister) -> None:
    register.down = "the register is on holiday"
    told(run("models", "register", str(made / "1")))
    assert "MLflow was not told: the register is on holiday" in told(run("models", "promote", "1"))
    assert "champion" in told(run("models", "list"))
