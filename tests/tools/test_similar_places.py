"""A place that no record has by that name becomes a question whose choices come from the search, and never a guess."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from embedders import ConceptEmbedder
from scene import a_ctx, ask

from domain.errors import StoreUnavailable, UnknownName
from domain.store import Store
from retrieval.sqlite_store import SqliteSearch
from retrieval.store import Document, Found, SearchRequest
from tools.context import Ctx
from tools.similar_places import with_choices


class Unreachable(SqliteSearch):
    """A search whose file is gone."""

    def search(self, request: SearchRequest) -> Found:
        """Raises StoreUnavailable."""
        raise StoreUnavailable("the file is gone")


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Iterator[Ctx]:
    """Three sites that are found by more than their names."""
    search = SqliteSearch(tmp_path / "indexed.db", "smalltown", ConceptEmbedder())
    search.upsert(
        [
            Document("sites/a", "bins", "Fire House", "Bins for Waste. Also called truck depot.", "records:sites/a"),
            Document("sites/b", "bins", "Ice Rink", "Bins for Waste. Also called snow.", "records:sites/b"),
            Document("r/1", "requests", "lorry lorry", "lorry", "records:requests/1"),
        ]
    )
    assert search.embed_pending(10) == 0
    yield replace(a_ctx(store, tmp_path), search=search)
    search.close()


def test_an_unknown_place_is_asked_back_with_sites_that_come_near_in_words_or_meaning(ctx: Ctx) -> None:
    with pytest.raises(UnknownName) as asked:
        ask(ctx, "find_bins", near="truck depot qqq")
    assert asked.value.choices == ("Fire House",)
    assert "Fire House" in asked.value.question


def test_only_sites_are_choices_and_nothing_far_is_one(ctx: Ctx) -> None:
    assert with_choices(UnknownName("place", "lorry depot truck"), ctx).choices == ("Fire House",)
    assert with_choices(UnknownName("place", "xylophone"), ctx).choices == ()


def test_names_spelled_alike_and_names_found_by_meaning_are_both_choices(ctx: Ctx) -> None:
    spelled = ["Truck Deport", "Ice Rink", "Depot Road"]
    assert with_choices(UnknownName("place", "lorry depot truck", spelled), ctx).choices == ("Fire House", *spelled)


def test_a_name_that_both_find_comes_first_and_five_are_enough(ctx: Ctx) -> None:
    both = UnknownName("place", "lorry depot truck", ["Deport", "Fire House", "A", "B", "C", "D"])
    assert with_choices(both, ctx).choices == ("Fire House", "Deport", "A", "B", "C")


def test_names_spelled_alike_stay_where_the_search_finds_nothing_and_other_kinds_are_left_alone(ctx: Ctx) -> None:
    alike, truck = UnknownName("place", "xylophone", ["Saxophone"]), UnknownName("truck", "truck depot")
    assert with_choices(alike, ctx) is alike
    assert with_choices(truck, ctx) is truck


def test_without_a_search_the_question_is_asked_as_it_was(ctx: Ctx, tmp_path: Path) -> None:
    unknown = UnknownName("place", "truck depot")
    assert with_choices(unknown, replace(ctx, search=Unreachable(tmp_path / "x.db", "smalltown"))) is unknown
