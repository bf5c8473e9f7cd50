"""What a proposal holds: until when it can be done, whom it is about, what it rests on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pydantic import JsonValue
from scene import a_ctx, ask

from domain.errors import AskAgain
from domain.store import Store
from domain.work_records import Proposal
from tools.context import Ctx, ThreadView, Tuning


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return replace(a_ctx(store, tmp_path), tuning=Tuning(solve_seconds=0.1))


def planned(ctx: Ctx, when: str) -> tuple[Ctx, datetime]:
    """The thread after a plan, and when its round leaves."""
    facts = ask(ctx, "plan_round", when=when, serve="all").facts
    leaves = datetime.strptime(facts.round_starts, "%Y-%m-%d %H:%M").replace(tzinfo=ctx.zone)
    return replace(ctx, thread=ThreadView("t-1", last_plan=facts.plan_id)), leaves


def stored(ctx: Ctx, proposal_id: str) -> Proposal:
    with ctx.store.read() as session:
        return session.get_one(Proposal, proposal_id)


# ---------------------------------------------------------------- dispatches and the clock


def test_a_dispatch_stays_open_until_its_round_leaves_and_no_longer(ctx: Ctx) -> None:
    thread, leaves = planned(ctx, "tomorrow")
    late = replace(thread, now=leaves - timedelta(hours=2))
    facts = ask(late, "propose_dispatch").facts
    assert facts.expires == f"{leaves:%Y-%m-%d %H:%M}"
    assert stored(ctx, facts.proposal_id).expires_at == leaves


def test_a_dispatch_far_ahead_of_its_round_is_open_for_half_a_day(ctx: Ctx) -> None:
    thread, leaves = planned(ctx, "Thursday")
    assert leaves - ctx.now > timedelta(hours=12)
    proposal = stored(ctx, ask(thread, "propose_dispatch").facts.proposal_id)
    assert proposal.expires_at == ctx.now + timedelta(hours=12)


@pytest.mark.parametrize("late_by_s", [0, 1, 86_400])
def test_a_round_that_should_have_left_is_asked_back_and_nothing_is_stored(ctx: Ctx, late_by_s: int) -> None:
    thread, leaves = planned(ctx, "tomorrow")
    with pytest.raises(AskAgain, match="is over"):
        ask(replace(thread, now=leaves + timedelta(seconds=late_by_s)), "propose_dispatch")
    with ctx.store.read() as session:
        assert session.get(Proposal, "A-0001") is None


# ---------------------------------------------------------------- whom a ticket is about


def ticket(ctx: Ctx, kind: str = "complaint", **named: JsonValue) -> tuple[dict[str, JsonValue], list[str]]:
    """The stored content of a ticket, and its evidence."""
    result = ask(ctx, "propose_ticket", kind=kind, note="it smells", **named)
    content = stored(ctx, result.facts.proposal_id).content
    return content, [each.ref for reason in result.why for each in reason.evidence]


@pytest.mark.parametrize("kind", ["complaint", "recovery"])
def test_a_ticket_for_a_site_is_about_all_its_bins(ctx: Ctx, kind: str) -> None:
    content, evidence = ticket(ctx, kind, bin="Town Hall")
    assert content["about"] == f"{kind.capitalize()} ticket for Town Hall: “it smells”"
    assert (content["bin_id"], content["near"], content["zone"]) == (None, "Town Hall", "North zone")
    assert (content["lat"], content["lon"]) == (45.0, -123.0)
    assert evidence == ["records:bins/101", "records:bins/102"]


def test_maintenance_is_for_one_bin_of_a_site(ctx: Ctx) -> None:
    with pytest.raises(AskAgain, match="Town Hall stands for 2 bins") as asked:
        ticket(ctx, "maintenance", bin="Town Hall")
    assert asked.value.choices == ("101 Town Hall Waste", "102 Town Hall Bottles/Cans")
    with pytest.raises(AskAgain, match="Which bin"):
        ticket(ctx, "maintenance", near="Town Hall")
    content, evidence = ticket(ctx, "maintenance", bin="101")
    assert (content["bin_id"], content["near"], evidence) == ("101", None, ["records:bins/101"])


@pytest.mark.parametrize("kind", ["complaint", "maintenance"])
def test_a_ticket_for_a_truck_rests_on_the_truck_s_record(ctx: Ctx, kind: str) -> None:
    content, evidence = ticket(ctx, kind, truck="truck 2")
    assert content["about"] == f"{kind.capitalize()} ticket for Truck 2: “it smells”"
    assert evidence == ["records:trucks/Truck 2"]


def test_a_ticket_for_a_place_and_a_truck_names_both(ctx: Ctx) -> None:
    content, evidence = ticket(ctx, truck="truck 1", near="Elm Street")
    assert content["about"] == "Complaint ticket for Elm Street, Truck 1: “it smells”"
    assert evidence == ["records:places/Elm Street", "records:trucks/Truck 1"]
    assert ticket(ctx, near="Town Hall")[1] == ["records:sites/town-hall"]
    assert ticket(ctx, near="45.001, -123.002")[1] == ["geo:45.001,-123.002"]


def test_a_ticket_about_nothing_is_a_question(ctx: Ctx) -> None:
    with pytest.raises(AskAgain, match="Which bin, place or truck"):
        ticket(ctx)


@pytest.mark.parametrize(
    ("named", "zone"),
    [
        ({"near": "South zone"}, "South zone"),
        ({"near": "Market Square"}, "South zone"),
        ({"near": "Riverside"}, "South zone"),
        ({"near": "45.0045, -123.0061"}, "North zone"),
        ({"near": "Centre"}, None),
        ({"near": "46.5, -123.0"}, None),
        ({"truck": "truck 1"}, None),
    ],
)
def test_a_ticket_has_the_zone_of_its_place_where_there_is_one(
    ctx: Ctx, named: dict[str, JsonValue], zone: str | None
) -> None:
    assert ticket(ctx, **named)[0]["zone"] == zone


# ---------------------------------------------------------------- what a watch checks


def test_the_card_of_a_watch_and_its_record_say_what_is_checked(ctx: Ctx) -> None:
    said = "more than five bins near Town Hall pass 90 percent"
    result = ask(ctx, "propose_watch", condition=said, near="Town Hall", threshold_pct=90, min_count=5)
    content = stored(ctx, result.facts.proposal_id).content
    assert (content["condition"], content["min_count"], content["threshold_pct"]) == (said, 6, 90)
    assert "at least 6 bins at or above 90 %" in result.facts.about
    assert "at least 6 bins at or above 90 %" in result.why[0].text
