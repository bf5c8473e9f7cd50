"""Claims about the chat page, made by a real browser against a real server process with the real parts.

Tools are called by name (`find_bins near=Library`), so that no language model takes part.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from assistant.surfaces.directory import add_person, remove_person
from domain.clock import wall_clock
from domain.ledger import Ledger, load_keys
from domain.store import Store
from domain.values import Actor, Role
from domain.work_records import Dispatch

selenium = pytest.importorskip("selenium", reason="selenium is not installed")
from browser_page import ChatPage, browser, free_port, missing_programs, serving  # noqa: E402  # needs selenium

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
HERE = Path(__file__).parent


@pytest.fixture(scope="module", autouse=True)
def _programs() -> None:
    """Skips without chromium; with ROUNDSMAN_REQUIRE_REAL=1 that is a failure."""
    why = missing_programs()
    if why and os.environ.get("ROUNDSMAN_REQUIRE_REAL") == "1":
        pytest.fail(why)
    if why:
        pytest.skip(why)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty home beside a folder of cities with the small one in it."""
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(HERE.parents[1] / "small_city", folder / "cities" / "smalltown")
    return folder / "home"


@pytest.fixture(scope="module")
def real_url(home: Path) -> Iterator[str]:
    """The address of a server with the real parts."""
    port = free_port()
    command = ["-c", "from app import main; main()", "serve", "--port", str(port)]
    with serving(command, f"http://localhost:{port}", real_settings(home), home.parent / "real.log") as url:
        yield url


def real_settings(home: Path) -> dict[str, str]:
    """The settings of a server with the real parts and a short search."""
    return {
        "ROUNDSMAN_HOME": str(home),
        "ROUNDSMAN_CITY": "smalltown",
        "ROUNDSMAN_CITIES_FOLDER": str(home.parent / "cities"),
        "ROUNDSMAN_SOLVE_SECONDS": "0.5",
    }


def test_a_question_shows_its_steps_a_table_and_a_map_without_any_other_host(real_url: str) -> None:
    with browser() as driver:
        page = ChatPage(driver, real_url)
        page.ask("find_bins near='Public Library' limit=10")
        page.read("Why")
        assert len(page.see("tbody tr")) >= 2
        assert page.see(".js-plotly-plot .scatterlayer .point", 2)
        assert "near" in page.open_step("find_bins")
        assert page.foreign_requests() == []
        assert page.complaints() == []


def test_hits_stand_on_the_map_with_their_passages(real_url: str) -> None:
    with browser() as driver:
        page = ChatPage(driver, real_url)
        page.ask("search_records query='bags beside the bin' kind=requests limit=3")
        page.read("Why")
        assert "Three bags removed" in page.point_at(".js-plotly-plot .scatterlayer .point", ".hoverlayer .hovertext")
        assert page.complaints() == []


def test_a_table_is_sorted_by_a_press_on_its_column(real_url: str) -> None:
    with browser() as driver:
        page = ChatPage(driver, real_url)
        page.ask("find_bins limit=12")
        first = [page.see("tbody tr")[0].text]
        for _ in range(2):
            driver.find_element("css selector", "thead th").find_element("css selector", "*").click()
            first.append(page.see("tbody tr")[0].text)
        assert len(set(first)) > 1


def test_a_round_is_planned_proposed_and_dispatched_once_by_the_approval(real_url: str, home: Path) -> None:
    with browser() as driver:
        page = ChatPage(driver, real_url)
        page.ask("plan_round when=tonight serve=all")
        assert page.see(".js-plotly-plot .scatterlayer .js-line")
        page.ask("propose_dispatch")
        page.read("Proposal A-0001")
        assert dispatched(home) == []
        page.press("Approve")
        page.read("R-0001 is dispatched")
        assert page.complaints() == []
    assert dispatched(home) == ["R-0001"]
    assert verified(home)


def test_a_long_search_shows_how_far_it_is_and_the_stop_button_takes_the_best_so_far(home: Path) -> None:
    port = free_port()
    settings = {**real_settings(home), "ROUNDSMAN_SOLVE_SECONDS": "60"}
    command = ["-c", "from app import main; main()", "serve", "--port", str(port)]
    url = f"http://localhost:{port}"
    with serving(command, url, settings, home.parent / "slow.log"), browser() as driver:
        page = ChatPage(driver, url)
        page.begin("plan_round when=tomorrow serve=all")
        page.open_running_step("plan_round")
        page.read("of the search")
        page.see("#stop-button")[-1].click()
        page.read("ended early on request")
        page.rest()
        assert "Plan P-" in page.text()
        page.ask("find_bins near=Library")
        assert "Task manually stopped" not in page.text().split("find_bins near=Library")[-1]


def test_a_proposal_that_was_decided_elsewhere_is_not_done_again(real_url: str, home: Path) -> None:
    with browser() as driver:
        page = ChatPage(driver, real_url)
        page.ask("plan_round when=tonight serve=all")
        page.ask("propose_dispatch")
        page.read("Proposal A-0002")
        with browser() as other_driver:
            other = ChatPage(other_driver, real_url)
            other.press("1 open proposal")
            other.read("Proposal A-0002")
            other.press("Reject")
            other.read("A-0002 is rejected")
        page.press("Approve")
        page.read("rejected already")
    assert dispatched(home) == ["R-0001"]


@pytest.fixture
def double(tmp_path: Path) -> tuple[list[str], str, Path]:
    """How to serve a scripted assistant: the command, its address and its log."""
    port = free_port()
    command = [str(HERE / "double_server.py"), str(tmp_path / "home"), str(port)]
    return command, f"http://localhost:{port}", tmp_path / "double.log"


def test_buttons_work_after_the_server_was_started_anew(double: tuple[list[str], str, Path]) -> None:
    command, url, log = double
    with browser() as driver:
        with serving(command, url, {}, log):
            page = ChatPage(driver, url)
            page.ask("send it")
            page.read("Proposal A-0001")
        with serving(command, url, {}, log):
            page.press_until("Approve", "R-0001 is dispatched")  # the page first has to find the new server


def test_each_proposal_of_an_answer_has_its_card(double: tuple[list[str], str, Path]) -> None:
    command, url, log = double
    with serving(command, url, {}, log), browser() as driver:
        page = ChatPage(driver, url)
        page.ask("two things")
        for proposal in ("A-0001", "A-0002"):
            page.read(f"Proposal {proposal}")


def test_choices_are_buttons_and_degraded_parts_are_said(double: tuple[list[str], str, Path]) -> None:
    command, url, log = double
    with serving(command, url, {}, log), browser() as driver:
        page = ChatPage(driver, url)
        page.ask("the library")
        page.press("Doe Library")
        assert page.read("Doe Library").count("fits more than one site") >= 1
        page.ask("plan a round")
        assert "Reduced: The forecast service cannot be reached" in page.text()
        page.ask("a bug")
        assert "That went wrong inside Roundsman" in page.text()
        assert "secret detail" not in page.text()


def test_with_the_demo_closed_the_page_wants_a_name_and_its_key(
    double: tuple[list[str], str, Path], tmp_path: Path
) -> None:
    command, url, log = double
    with serving(command, url, {"ROUNDSMAN_OPEN_DEMO": "false"}, log), browser() as driver:
        store = Store(f"sqlite:///{tmp_path / 'home' / 'roundsman.db'}")
        key = add_person(store, Actor("Vic", Role.viewer))
        page = ChatPage(driver, url, first="#password")
        assert "credentials" not in page.text()
        page.log_in("Vic", "not the key")
        page.read("credentials")
        page.log_in("Vic", key)
        page.ask("send it")
        page.read("Proposal A-0001")
        assert not page.has_button("Approve")  # a viewer may look
        add_person(store, Actor("Vic", Role.manager))
        page.ask("plan a round")
        assert page.has_button("Approve")  # the role of this moment, not of the login
        remove_person(store, "Vic")
        page.press("Approve")
        page.read("no longer in the directory")
        store.close()


def dispatched(home: Path) -> list[str]:
    """The rounds that were sent, in the server's records."""
    store = Store(f"sqlite:///{home / 'roundsman.db'}")
    with store.read() as session:
        found = list(session.scalars(select(Dispatch.id).order_by(Dispatch.id)))
    store.close()
    return found


def verified(home: Path) -> bool:
    """Whether the server's ledger is whole."""
    store = Store(f"sqlite:///{home / 'roundsman.db'}")
    verdict = Ledger(store, load_keys(home), home / "checkpoints", wall_clock).verify()
    store.close()
    return verdict.ok
