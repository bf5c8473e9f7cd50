"""The search index on the surfaces: how far it is behind, making it again, and whom the ledger forgets."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from api_cases import STRANGER, caller, require_problem
from click.testing import Result
from surface_cases import parts_over
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

from embedders import ConceptEmbedder, NoEmbedder
from sqlalchemy import select

from assistant.health import Examined, health_of
from assistant.surfaces.cli import make_cli
from assistant.surfaces.parts import ApiParts
from assistant.unavailable import NoModel
from domain.embedding_costs import CostBook
from domain.index_records import ERASURES, OutboxEntry
from domain.ledger import LedgerEntry
from domain.records import Site
from domain.settings import Settings
from domain.store import Store
from domain.work_records import StoredPlan, Thread
from retrieval.keeping import IndexKeeper
from retrieval.sqlite_store import SqliteSearch
from retrieval.store import SearchRequest

NOW = datetime(2025, 8, 31, 15, 0, tzinfo=UTC)
Run = Callable[..., Result]


@pytest.fixture
def search(store: Store) -> Iterator[SqliteSearch]:
    """The search in the file of the records."""
    made = SqliteSearch(Path(str(store.url.database)), "smalltown", ConceptEmbedder())
    yield made
    made.close()


@pytest.fixture
def parts(store: Store, search: SqliteSearch, tmp_path: Path, small_city_folder: Path) -> ApiParts:
    """Parts of the small city with its real index."""
    index = IndexKeeper(store, search, "smalltown", small_city_folder)
    index.start(following=False)
    return parts_over(store, tmp_path / "home", index=index)


@pytest.fixture
def run(parts: ApiParts) -> Run:
    """Runs the command line over the parts."""
    return running(parts)


def running(parts: ApiParts) -> Run:
    def build(settings: Settings, *, ticking: bool = False) -> ApiParts:
        return parts

    cli = make_cli(build, lambda: parts.settings)
    return lambda *arguments: CliRunner().invoke(cli, arguments)


def rename(store: Store, name: str) -> datetime:
    """Gives the town hall another name; when the records noted it."""
    with store.write() as session:
        session.get_one(Site, ("smalltown", "town-hall")).name = name
        session.flush()
        return session.scalars(select(OutboxEntry.changed_at)).one()


async def test_the_metrics_tell_how_far_the_search_is_behind(parts: ApiParts) -> None:
    async with caller(parts) as api:
        text = (await api.get("/metrics")).text
        assert "roundsman_search_changes_waiting 0" in text
        assert "roundsman_search_lag_seconds 0" in text
    changed_at = rename(parts.store, "City Hall")
    later = replace(parts, wall=lambda: changed_at + timedelta(seconds=42))
    async with caller(later) as api:
        text = (await api.get("/metrics")).text
        assert "# TYPE roundsman_search_lag_seconds gauge" in text
        assert "roundsman_search_changes_waiting 1" in text
        assert "roundsman_search_lag_seconds 42" in text


async def test_the_metrics_tell_what_searches_did_and_never_what_was_asked(
    parts: ApiParts, search: SqliteSearch
) -> None:
    async with caller(parts) as api:
        before = (await api.get("/metrics")).text
        found = search.search(SearchRequest("quokka", kinds=("requests",)))
        search.search(SearchRequest("quokka", alpha=0.0))
        text = (await api.get("/metrics")).text
    assert 'roundsman_search_seconds_count{back_end="sqlite"} 0' in before
    assert f'roundsman_search_plans_total{{back_end="sqlite",plan="{found.plan}"}} 1' in text
    assert 'roundsman_search_plans_total{back_end="sqlite",plan="words alone"} 1' in text
    assert 'roundsman_search_seconds_bucket{back_end="sqlite",le="+Inf"} 2' in text
    assert 'roundsman_search_estimate_ratio_count{back_end="sqlite"} 2' in text
    assert 'roundsman_search_recall_count{back_end="sqlite"} 0' in text
    assert 'roundsman_search_degraded_total{back_end="sqlite"} 0' in text
    assert 'roundsman_search_unanswered_total{back_end="sqlite"} 0' in text
    assert "quokka" not in text


async def test_the_metrics_tell_what_a_paid_embedding_service_has_cost(parts: ApiParts) -> None:
    async with caller(parts) as api:
        assert "roundsman_embedding" not in (await api.get("/metrics")).text
        CostBook(parts.settings.home).add("text-embedding-3-small", 1_500, 0.00003)
        text = (await api.get("/metrics")).text
    assert "roundsman_embedding_tokens 1500" in text
    assert "roundsman_embedding_dollars 3e-05" in text


def test_the_doctor_tells_what_the_search_lacks(parts: ApiParts, search: SqliteSearch) -> None:
    examined = Examined(parts.store, parts.ledger, NoModel("no weights"), search, parts.operation)
    assert "wait" not in {h.name: h for h in health_of(examined)}["search"].detail
    rename(parts.store, "City Hall")
    assert "1 changes of the records wait, the oldest for" in {h.name: h for h in health_of(examined)}["search"].detail


def test_a_reindex_tells_what_it_did_and_how_far_it_was(run: Run, parts: ApiParts) -> None:
    rename(parts.store, "City Hall")
    done = run("reindex", "--kind", "bins")
    assert done.exit_code == 0
    assert "1 documents changed" in done.stdout
    assert "0 texts without a vector" in done.stdout
    assert "bins: 6 of 6" in done.stderr
    assert run("reindex", "--kind", "customs").exit_code == 2


def test_a_reindex_of_customers_says_that_no_records_name_any_and_does_the_rest(run: Run, parts: ApiParts) -> None:
    told = "no records name customers"
    alone = run("reindex", "--kind", "customers")
    assert (alone.exit_code, told in alone.stdout, alone.stderr) == (0, True, "")
    both = run("reindex", "--kind", "customers", "--kind", "bins")
    assert (both.exit_code, told in both.stdout, "bins: 6 of 6" in both.stderr) == (0, True, True)
    assert told not in run("reindex").stdout


def test_a_reindex_makes_the_vectors_of_another_model_again(run: Run, parts: ApiParts, search: SqliteSearch) -> None:
    other = SqliteSearch(Path(str(parts.store.url.database)), "smalltown", ConceptEmbedder("other"))
    assert other.health().faults
    keeper = IndexKeeper(parts.store, other, "smalltown", None)
    assert running(replace(parts, index=keeper))("reindex").exit_code == 0
    assert (other.health().faults, other.health().model) == ((), "other (512 numbers)")
    other.close()


def test_a_cited_passage_is_opened_by_its_address(run: Run) -> None:
    opened = run("open", "handbook/overflow.md")
    assert opened.exit_code == 0
    assert opened.stdout.startswith("Overflowing bins\n\n")
    assert run("open", "handbook/nothing.md").exit_code == 1


async def test_a_program_opens_a_cited_passage_and_nothing_else(parts: ApiParts) -> None:
    async with caller(parts) as api:
        found = await api.get("/api/passages", params={"address": "handbook/overflow.md"})
        assert (found.status_code, found.json()["title"]) == (200, "Overflowing bins")
        for address in ("handbook/none.md", "../city.toml", "handbook/../city.toml", "/etc/passwd"):
            require_problem(await api.get("/api/passages", params={"address": address}), 404)
    async with caller(parts, STRANGER) as api:
        require_problem(await api.get("/api/passages", params={"address": "handbook/overflow.md"}), 401)


def test_a_page_that_cannot_be_read_makes_a_reindex_fail_by_name(run: Run, small_city_folder: Path) -> None:
    (small_city_folder / "contracts").mkdir()
    (small_city_folder / "contracts" / "acme.pdf").write_bytes(b"%PDF-1.4")
    done = run("reindex", "--kind", "handbook")
    assert done.exit_code == 1
    assert "contracts/acme.pdf cannot be read: it is damaged" in done.stderr


def test_a_reindex_without_a_model_says_so_and_fails(parts: ApiParts, tmp_path: Path) -> None:
    blind = SqliteSearch(tmp_path / "blind.db", "smalltown", NoEmbedder())
    keeper = IndexKeeper(parts.store, blind, "smalltown", None)
    done = running(replace(parts, index=keeper))("reindex")
    assert done.exit_code == 1
    assert "the embedding model is not installed" in done.stderr
    blind.close()


def test_whom_the_ledger_erases_the_search_forgets_down_to_the_bytes_of_the_file(
    parts: ApiParts, store: Store, tmp_path: Path
) -> None:
    file = tmp_path / "apart.db"
    search = SqliteSearch(file, "smalltown", ConceptEmbedder())
    index = IndexKeeper(store, search, "smalltown", None)
    run = running(replace(parts, index=index))
    entry = LedgerEntry(
        kind="decision", at=parts.clock(), thread="C-0001", actor="Ana", role="viewer", surface="terminal",
        city="smalltown", question="hello", answer="none",
    )  # fmt: skip
    parts.ledger.append(entry, "test:1")
    with store.write() as session:
        for number, owner, home in ((1, "Ana", "Zanzibar"), (2, "Ben", "Timbuktu")):
            session.add(Thread(id=f"C-000{number}", city="smalltown", owner=owner, created_at=NOW))
            session.add(
                StoredPlan(
                    city="smalltown", id=f"P-000{number}", created_at=NOW, thread=f"C-000{number}", kind="plan",
                    parent=None, problem_hash="h", seed=0, core="c", gap=None, baseline={},
                    request={"near": f"my house in {home}"}, problem={}, plan={}, content_hash="c",
                )
            )  # fmt: skip
    index.start(following=False)
    assert {b"anzibar", b"imbuktu"} == words_in(file)
    assert run("ledger", "erase", "Ana").exit_code == 0
    assert {b"imbuktu"} == words_in(file)
    search.close()


def test_somebody_is_erased_though_the_search_cannot_be_used(parts: ApiParts, tmp_path: Path) -> None:
    entry = LedgerEntry(
        kind="decision", at=parts.clock(), thread="C-0001", actor="Ana", role="viewer", surface="terminal",
        city="smalltown", question="hello", answer="none",
    )  # fmt: skip
    recorded = parts.ledger.append(entry, "test:1")
    rename(parts.store, "City Hall")
    with parts.store.write() as session:
        session.add(Thread(id="C-0001", city="smalltown", owner="Ana", created_at=NOW))
    away = SqliteSearch(tmp_path, "smalltown", ConceptEmbedder())  # a folder, where its file should be
    done = running(replace(parts, index=IndexKeeper(parts.store, away, "smalltown", None)))("ledger", "erase", "Ana")
    assert done.exit_code == 1
    assert "Erased. Record 2" in done.stdout
    assert "the search index could not let go of their words now" in done.stderr
    assert parts.ledger.show(recorded.seq).erased
    with parts.store.read() as session:
        asked = select(OutboxEntry.kind).order_by(OutboxEntry.seq.desc())
        assert session.scalars(asked).first() == ERASURES  # what it lets go of later is overwritten too


def words_in(file: Path) -> set[bytes]:
    """Which of the two homes the bytes of a search file and its log hold, as text or as a word of the index."""
    data = (file.read_bytes() + file.with_name(file.name + "-wal").read_bytes()).lower()
    return {word for word in (b"anzibar", b"imbuktu") if word in data}
