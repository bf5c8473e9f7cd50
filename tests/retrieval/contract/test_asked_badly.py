"""What a person may ask or an index may be, however odd: `search_records` answers or asks, on every back end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from back_ends import Opens
from embedders import ConceptEmbedder
from pydantic import JsonValue

from domain.clock import fixed_clock
from domain.errors import AskAgain, BadData, MissingPiece, OutOfRange, UnknownName
from domain.ledger import Ledger, load_keys
from domain.operation import load_operation
from domain.ports import ModelIdentity
from domain.store import Store
from domain.values import Actor, Call, Result, Role
from engines.routing.distances import HaversineMatrix
from retrieval.indexing import index_city
from retrieval.keeping import KeptStore
from retrieval.record_documents import documents_of
from retrieval.store import Document
from tools.context import Ctx, ThreadView
from tools.fill_models import FillModels
from tools.use import use

NOW = datetime(2025, 9, 1, 15, 0, tzinfo=UTC)  # 08:00 in the small city
LID = "records:requests/R1004"  # "Lid broken"
REINDEX = "run roundsman reindex"


class Wider(ConceptEmbedder):
    """Another model, whose vectors have one number more."""

    dimensions = ConceptEmbedder.dimensions + 1


class Narrow(ConceptEmbedder):
    """A model that gives fewer numbers than it says, as one behind an address may from one day to another."""

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """As the other, all but three numbers cut off."""
        return super().embed(texts)[:, :3]


def asking(store: Store, search: KeptStore, folder: Path) -> Ctx:
    """A viewer's question on the morning of 1 September 2025."""
    city = load_operation(store, "smalltown")
    now = NOW.astimezone(city.zone)
    return Ctx(
        city=city,
        store=store,
        search=search,
        distances=HaversineMatrix(),
        fill=FillModels(store),
        ledger=Ledger(store, load_keys(folder), folder / "checkpoints", fixed_clock(now)),
        model=ModelIdentity("none", engine="test"),
        actor=Actor("ana", Role.viewer),
        now=now,
        thread=ThreadView("t-1"),
    )


@pytest.fixture
def ctx(store: Store, search: KeptStore, tmp_path: Path, small_city_folder: Path) -> Ctx:
    """The small city, indexed."""
    index_city(store, search, "smalltown", small_city_folder)
    assert search.embed_pending(30) == 0
    return asking(store, search, tmp_path)


def ask(ctx: Ctx, query: str, **parameters: JsonValue) -> Result[Any]:
    """The answer."""
    return use(Call("search_records", {"query": query, **parameters}), ctx).result


ASKED_BACK: list[tuple[str, dict[str, JsonValue], type[AskAgain], str]] = [
    ("", {}, AskAgain, "."),
    ("  \t ", {}, AskAgain, "."),
    ('?!* ( ) " ^ :', {}, MissingPiece, "What should I look for"),
    ("lid", {"near": "station", "within_m": 0}, OutOfRange, "How many metres"),
    ("lid", {"near": "station", "within_m": 20_000_000}, AskAgain, "50 km"),
    ("lid", {"near": "-122.26, 37.87"}, OutOfRange, "latitude first"),
    ("lid", {"near": "137.87, -122.26"}, OutOfRange, "no point on the earth"),
    ("lid", {"limit": 0}, AskAgain, "."),
    ("lid", {"limit": 1_000_000}, AskAgain, "."),
]


@pytest.mark.parametrize(("query", "more", "error", "said"), ASKED_BACK)
def test_what_cannot_be_looked_for_becomes_a_question(
    ctx: Ctx, query: str, more: dict[str, JsonValue], error: type[AskAgain], said: str
) -> None:
    with pytest.raises(error, match=said):
        ask(ctx, query, **more)


@pytest.mark.parametrize(
    "query",
    ['"lid broken', '""lid"" broken*', "lid AND broken", "lid OR NOT broken", "lid + broken -", "^lid broken",
     "lid & !broken | (", "lid <-> broken:*", "lid broken\x00", "lid \ud800 broken", "%s lid %(broken)s",
     "lid broken " * 5_000],
)  # fmt: skip
def test_syntax_of_a_database_and_fifty_thousand_characters_find_what_their_words_say(ctx: Ctx, query: str) -> None:
    result = ask(ctx, query, kind="requests")
    assert result.facts.best_ref == LID
    assert (result.facts.searched_documents, result.degraded) == (8, [])


@pytest.mark.parametrize(
    "query",
    ["NEAR(lid broken, 3)", "title:lid broken", "{title text}: lid broken", "lid broken' OR 1=1 --",
     "'; DROP TABLE search_documents; --", "x" * 50_000, "lid" * 17_000],
)  # fmt: skip
def test_what_looks_like_a_command_is_only_words(ctx: Ctx, query: str) -> None:
    result = ask(ctx, query, kind="requests")
    assert result.facts.hits_found < 8
    assert (result.facts.searched_documents, result.degraded) == (8, [])


def test_the_widest_radius_holds_all_that_has_a_place_and_another_ocean_nothing(ctx: Ctx) -> None:
    wide = ask(ctx, "lid broken", kind="requests", near="station", within_m=50_000)
    assert (wide.facts.best_ref, wide.facts.searched_documents) == (LID, 7)  # one has no place
    nowhere = ask(ctx, "lid broken", kind="requests", near="0.5, 0.5")
    assert nowhere.facts.searched_documents == 0
    assert nowhere.why[0].text.endswith("it has 8 in all.")


def test_a_place_that_no_record_names_is_asked_back_with_what_the_search_finds_of_sites(ctx: Ctx) -> None:
    also = "Bins for Waste. Also called truck depot."
    ctx.search.upsert([Document("sites/fire-house", "bins", "Fire House", also, "records:sites/fire-house")])
    assert ctx.search.embed_pending(30) == 0
    for call in (
        Call("find_bins", {"near": "lorry depot"}),
        Call("search_records", {"query": "lid", "near": "lorry depot"}),
    ):
        with pytest.raises(UnknownName) as asked:
            use(call, ctx)
        assert asked.value.choices[:1] == ("Fire House",)


# ---------------------------------------------------------------- an index that is not what it should be


def test_an_index_of_another_model_finds_by_words_and_names_the_command(ctx: Ctx, open_search: Opens) -> None:
    other = open_search(embedder=Wider("wider"))
    result = ask(replace(ctx, search=other), "lid broken", kind="requests")
    assert result.facts.best_ref == LID
    assert len(result.degraded) == 1
    assert "meaning search is off" in result.degraded[0]
    assert "rebuild them with this one: roundsman reindex" in result.degraded[0]
    assert "words (BM25)." in result.why[-1].text
    with pytest.raises(BadData, match="roundsman reindex"):
        other.embed_pending(30)


def test_a_question_s_vector_of_the_wrong_size_is_not_compared_and_the_answer_says_so(
    ctx: Ctx, open_search: Opens
) -> None:
    narrow = open_search(embedder=Narrow())
    result = ask(replace(ctx, search=narrow), "lid broken", kind="requests")
    assert result.facts.best_ref == LID
    (told,) = result.degraded
    assert told.endswith("concepts gives a question 3 numbers, not 512")


def test_an_index_whose_building_was_cut_off_says_so_and_names_the_command(
    store: Store, search: KeptStore, tmp_path: Path
) -> None:
    search.upsert(_requests(store)[:4])
    assert search.embed_pending(30) == 0
    result = ask(asking(store, search, tmp_path), "lid broken", kind="requests")
    assert result.facts.searched_documents == 4
    assert any(REINDEX in each for each in result.degraded)


def test_an_index_whose_building_was_cut_off_says_so_also_when_no_change_waits(ctx: Ctx) -> None:
    ctx.search.delete([document.id for document in _requests(ctx.store)[4:]])
    ctx.search.remember("records", "")
    result = ask(ctx, "lid broken", kind="requests")
    assert result.facts.searched_documents == 4
    assert any(REINDEX in each for each in result.degraded)


def test_documents_that_have_no_vector_yet_are_counted(ctx: Ctx) -> None:
    (changed,) = [each for each in _requests(ctx.store) if each.url_ref == LID]
    ctx.search.upsert([replace(changed, text="The lid is broken in two.")])
    result = ask(ctx, "lid broken", kind="requests")
    assert result.facts.best_ref == LID
    told = "meaning search still covers 7 of 8 documents; the others are found by words alone"
    assert result.degraded == [told]


def _requests(store: Store) -> list[Document]:
    """The documents of the city's requests."""
    with store.read() as session:
        return list(documents_of(session, "smalltown", "requests"))
