"""The spatial suite: its made-up city is repeatable, its truth is its own, and a search that is wrong shows."""

from __future__ import annotations

import numpy as np
import pytest

from domain.spatial import haversine_m
from evals.search import by_share
from evals.search.spatial import Asked, figures
from evals.search.world import World
from retrieval import planner, sidecar
from retrieval.meanings import TextSource
from retrieval.planner import Nearest


@pytest.fixture(scope="module")
def world() -> World:
    """Three thousand documents."""
    return World(3_000, seed=7)


def test_the_same_seed_makes_the_same_city_and_another_seed_another(world: World) -> None:
    again, other = World(3_000, seed=7), World(3_000, seed=8)
    assert world.documents(0, 50) == again.documents(0, 50)
    assert (world.vectors(0, 50) == again.vectors(0, 50)).all()
    assert world.questions(0.1, 3)[2].text == again.questions(0.1, 3)[2].text
    assert world.documents(0, 50) != other.documents(0, 50)


def test_documents_of_one_topic_are_near_in_meaning_and_their_vectors_come_back_by_their_texts(world: World) -> None:
    vectors = world.vectors(0, 3_000)
    texts = [f"{d.title}. {d.text}" for d in world.documents(0, 200)]
    assert (world.embed(texts) == vectors[:200]).all()
    topic = np.bincount(world.topics).argmax()
    same, others = vectors[world.topics == topic], vectors[world.topics != topic]
    assert (same @ same.T).mean() > 0.35 > 0.1 > abs(same @ others.T).mean()


@pytest.mark.parametrize("share", [0.01, 0.1, 0.3, 1.0])
def test_a_circle_holds_the_share_that_it_is_made_for(world: World, share: float) -> None:
    for question in world.questions(share, 5):
        circle = question.circle
        places = zip(world.lat.tolist(), world.lon.tolist(), strict=True)
        inside = sum((haversine_m(lat, lon, circle.lat, circle.lon) or 0) <= circle.radius_m for lat, lon in places)
        assert inside == pytest.approx(share * 3_000, rel=0.05)


def test_at_odds_a_circle_holds_few_of_the_topic_that_is_asked_about(world: World) -> None:
    def found(at_odds: bool) -> float:
        questions = world.questions(0.1, 20, at_odds=at_odds)
        shares = []
        for question in questions:
            inside = by_share.metres(world.lat, world.lon, question) <= question.circle.radius_m
            near = np.argsort(-(world.vectors(0, 3_000) @ question.vector))[:10]
            shares.append(inside[near].mean())
        return float(np.mean(shares))

    assert found(at_odds=True) < 0.05 < found(at_odds=False)


def test_an_exact_search_has_a_recall_of_one_in_every_bucket() -> None:
    found, baselines, cases = figures(Asked(600, 2, 1))
    assert cases == 20
    assert found["worst_recall10"] == found["worst_hybrid_recall10"] == 1
    buckets = found["buckets"]
    assert isinstance(buckets, dict)
    assert {*buckets} == {
        "0.01%", "0.10%", "1.00%", "3.00%", "10.00%", "30.00%", "100.00%",
        "1.00% at odds", "10.00% at odds", "30.00% at odds",
    }  # fmt: skip
    assert all(isinstance(each, dict) and float(str(each["regret"])) >= 1 for each in buckets.values())
    assert {*baselines} == {"limits first", "all meanings", "chosen"}
    first = found["first_questions"]
    assert isinstance(first, dict)
    assert {*first} == {"as it starts", "read ahead"}


def test_where_every_hit_is_counted_only_exact_plans_are_timed_though_there_is_an_index(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("usearch", reason="the approximate index is an extra: pip install roundsman[large]")
    monkeypatch.setattr(sidecar, "FROM", 50)
    monkeypatch.setattr(planner, "FEW", 50)
    monkeypatch.setattr(planner, "ADVANTAGE", 0.0)
    buckets = figures(Asked(600, 2, 1))[0]["buckets"]
    assert isinstance(buckets, dict)
    plans: dict[str, set[str]] = {"plans": set(), "floor_plans": set()}
    for each in buckets.values():
        assert isinstance(each, dict)
        assert float(str(each["floor_p95_ms"])) > 0
        for name, seen in plans.items():
            told = each[name]
            assert isinstance(told, dict)
            assert sum(int(str(count)) for count in told.values()) == 2
            seen |= {*told}
    assert "meaning first" in plans["plans"]
    assert plans["floor_plans"] <= {"limits first", "all meanings"}


def test_a_search_that_misses_the_nearest_has_a_recall_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = TextSource.exact

    def without_the_best(source: TextSource, numbers: object, depth: int) -> Nearest:
        found = exact(source, numbers, depth)  # type: ignore[arg-type]
        return Nearest(found.numbers[1:], found.cosines[1:])

    monkeypatch.setattr(TextSource, "exact", without_the_best)
    found, _, _ = figures(Asked(600, 2, 1))
    worst = found["worst_recall10"]
    assert isinstance(worst, float)
    assert worst == pytest.approx(0.9)
