"""Claims about long work over HTTP: accepted as a job, followed, ended early, told to its owner alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from api_cases import STRANGER, caller, caller_of, read_events, require_problem, tools_of
from surface_cases import parts_over

from assistant.surfaces.api import make_api
from assistant.surfaces.directory import add_person
from assistant.surfaces.parts import ApiParts
from domain.store import Store
from domain.values import Actor, Role


@pytest.fixture
def parts(store: Store, tmp_path: Path) -> ApiParts:
    """Parts of the small city with a scripted assistant."""
    return parts_over(store, tmp_path / "home")


async def test_long_work_is_accepted_as_a_job_that_tells_its_outcome(parts: ApiParts) -> None:
    headers = {"Prefer": "respond-async", "Idempotency-Key": "k"}
    async with caller(parts) as api:
        first, again = [await api.post("/api/tools/plan_round", json={}, headers=headers) for _ in range(2)]
        assert (first.status_code, first.json()["state"]) == (202, "running")
        assert first.headers["location"] == again.headers["location"] == first.json()["href"]
        streamed = await api.get(first.headers["location"], headers={"Accept": "text/event-stream"})
        final = (await api.get(first.headers["location"])).json()
    assert read_events(streamed.text)[-1][2] == final
    assert final["state"] == "done"
    assert final["outcome"]["result"]["why"]
    assert len(tools_of(parts).runs) == 1


async def test_a_job_that_fails_tells_the_problem(parts: ApiParts) -> None:
    async with caller(parts) as api:
        sent = await api.post("/api/tools/plan_round", json={"near": "no store"}, headers={"Prefer": "respond-async"})
        await api.get(sent.headers["location"], headers={"Accept": "text/event-stream"})
        final = (await api.get(sent.headers["location"])).json()
    assert (final["state"], final["outcome"]["status"]) == ("failed", 503)


async def test_a_job_is_its_owner_s_alone_and_needs_the_tool_s_right(parts: ApiParts) -> None:
    ben = add_person(parts.store, Actor("Ben", Role.manager))
    meter = add_person(parts.store, Actor("meter", Role.api, scopes=frozenset({"find_bins"})))
    headers = {"Prefer": "respond-async"}
    app = make_api(parts)
    async with (
        caller_of(app) as api,
        caller_of(app, STRANGER, ben) as other,
        caller_of(app, STRANGER, meter) as program,
    ):
        sent = await api.post("/api/tools/plan_round", json={}, headers=headers)
        require_problem(await other.get(sent.headers["location"]), 404)
        require_problem(await program.post("/api/tools/plan_round", json={}, headers=headers), 403)


async def test_a_long_search_streams_its_progress_and_is_ended_with_the_best_so_far(parts: ApiParts) -> None:
    headers = {"Prefer": "respond-async"}
    async with caller(parts) as api:
        sent = await api.post("/api/tools/plan_round", json={"near": "the long way"}, headers=headers)
        where = sent.headers["location"]
        streaming = asyncio.create_task(api.get(where, headers={"Accept": "text/event-stream"}))
        while (now := (await api.get(where)).json()).get("progress", {}).get("share", 0) < 0.08:
            await asyncio.sleep(0.02)  # the stream has long begun by then
        assert (now["state"], now["progress"]["unserved"]) == ("running", 3)
        ended = await api.delete(where)
        assert (ended.status_code, ended.json()["ended_early"]) == (202, True)
        events = read_events((await streaming).text)
        final = (await api.get(where)).json()
        assert (await api.delete(where)).status_code == 200
    kinds = [kind for _, kind, _ in events]
    assert kinds[0] == kinds[-1] == "state"
    assert set(kinds[1:-1]) == {"progress"}
    assert [number for number, _, _ in events] == [str(n) for n in range(1, len(events) + 1)]
    assert events[-1][2] == final
    assert (final["state"], final["ended_early"]) == ("done", True)
    assert "progress" not in final


async def test_a_job_is_ended_by_its_owner_alone(parts: ApiParts) -> None:
    ben = add_person(parts.store, Actor("Ben", Role.manager))
    app = make_api(parts)
    async with caller_of(app) as api, caller_of(app, STRANGER, ben) as other:
        sent = await api.post(
            "/api/tools/plan_round", json={"near": "the long way"}, headers={"Prefer": "respond-async"}
        )
        where = sent.headers["location"]
        require_problem(await other.delete(where), 404)
        assert "ended_early" not in (await api.get(where)).json()
        await api.delete(where)
        await api.get(where, headers={"Accept": "text/event-stream"})
