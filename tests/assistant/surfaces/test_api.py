"""Claims about the HTTP API, made over the ASGI application itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from api_cases import LOCAL, PROBLEM, STRANGER, caller, caller_of, read_events, require_problem, tools_of
from doubles import KeptApprovals, ScriptedAssistant
from sqlalchemy import update
from surface_cases import ANSWER, ANSWERS, CARD, parts_over

from assistant.surfaces.api import make_api
from assistant.surfaces.directory import add_person, remove_person
from assistant.surfaces.parts import ApiParts, Limits, PartHealth
from domain.ledger import LedgerEntry
from domain.store import Store
from domain.values import Actor, Role
from domain.work_records import Person, Thread
from tools.registry import TOOLS


@pytest.fixture
def parts(store: Store, tmp_path: Path) -> ApiParts:
    """Parts of the small city with a scripted assistant."""
    return parts_over(store, tmp_path / "home")


# ---------------------------------------------------------------- chat


async def test_a_question_gets_the_whole_answer(parts: ApiParts) -> None:
    async with caller(parts) as api:
        response = await api.post("/api/chat", json={"question": "Which bins overflow?", "thread": "t-9"})
    assert response.status_code == 200
    assert response.json() == {**ANSWER.as_json(), "thread": "t-9"}


async def test_the_moment_of_a_question_is_local_to_the_city_when_it_names_no_zone(parts: ApiParts) -> None:
    async with caller(parts) as api:
        await api.post("/api/chat", json={"question": "overflow?", "now": "2025-08-31T14:00"})
        await api.post("/api/chat", json={"question": "overflow?", "now": "2025-08-31T21:00:00+00:00"})
    local, zoned = (inquiry.now for inquiry in scripted(parts).inquiries)
    assert local == zoned == datetime(2025, 8, 31, 21, tzinfo=UTC)


async def test_a_streamed_answer_comes_as_numbered_steps_and_then_the_answer(parts: ApiParts) -> None:
    async with caller(parts) as api:
        response = await api.post("/api/chat", json={"question": "overflow?"}, headers={"Accept": "text/event-stream"})
    assert response.headers["content-type"].startswith("text/event-stream")
    events = read_events(response.text)
    assert [name for _, name, _ in events] == ["step", "step", "step", "step", "answer"]
    assert [number for number, _, _ in events] == ["1", "2", "3", "4", "5"]
    assert events[1][2]["name"] == "forecast_fill"
    assert events[-1][2] == ANSWER.as_json()


async def test_a_slow_answer_keeps_its_stream_alive_with_comments(store: Store, tmp_path: Path) -> None:
    slow = parts_over(store, tmp_path, asks=ScriptedAssistant(ANSWERS, 0.2), limits=Limits(keep_alive_s=0.03))
    async with caller(slow) as api:
        response = await api.post("/api/chat", json={"question": "overflow?"}, headers={"Accept": "text/event-stream"})
    assert response.text.count(": ping") >= 3
    assert read_events(response.text)[-1][1] == "answer"


async def test_a_stream_that_fails_ends_with_a_problem_event(parts: ApiParts) -> None:
    async with caller(parts) as api:
        response = await api.post(
            "/api/chat", json={"question": "broken store"}, headers={"Accept": "text/event-stream"}
        )
    name, problem = read_events(response.text)[-1][1:]
    assert (name, problem["status"]) == ("problem", 503)


@pytest.mark.parametrize("question", ["", "   \n", "x" * 4_001, "🚛🗑️", "\ufffd\ufffd\ufffd a"])
async def test_what_is_no_question_is_refused_with_a_sentence(parts: ApiParts, question: str) -> None:
    async with caller(parts) as api:
        problem = require_problem(await api.post("/api/chat", json={"question": question}), 422)
    assert len(str(problem["detail"])) > 20
    assert not scripted(parts).inquiries


async def test_the_limit_of_a_question_is_said(parts: ApiParts) -> None:
    async with caller(parts) as api:
        problem = require_problem(await api.post("/api/chat", json={"question": "why " * 2_000}), 422)
    assert "4,000" in str(problem["detail"])


async def test_more_questions_than_the_server_takes_are_refused_at_once(store: Store, tmp_path: Path) -> None:
    busy = parts_over(store, tmp_path, asks=ScriptedAssistant(ANSWERS, 0.3), limits=Limits(questions_at_once=2))
    async with caller(busy) as api:
        responses = await asyncio.gather(*(api.post("/api/chat", json={"question": "overflow?"}) for _ in range(5)))
        after = await api.post("/api/chat", json={"question": "overflow?"})
        counted = (await api.get("/metrics")).text
    statuses = sorted(response.status_code for response in responses)
    assert statuses == [200, 200, 503, 503, 503]
    assert all("retry-after" in r.headers for r in responses if r.status_code == 503)
    assert after.status_code == 200
    assert 'roundsman_refusals_total{reason="not_now"} 3' in counted


# ---------------------------------------------------------------- tools


async def test_every_tool_has_a_route_with_its_own_schema_and_examples(parts: ApiParts) -> None:
    async with caller(parts) as api:
        document = (await api.get("/openapi.json")).json()
    for name, tool in TOOLS.items():
        post = document["paths"][f"/api/tools/{name}"]["post"]
        body = post["requestBody"]["content"]["application/json"]
        assert body["schema"] == tool.parameters_schema()
        assert [e["value"] for e in body["examples"].values()] == [e.parameters for e in tool.examples]
        assert post["responses"]["200"]["content"]["application/json"]["schema"]


@pytest.mark.parametrize(
    ("path", "tool"),
    [
        ("/api/ml/predict/route-optimization", "plan_round"),
        ("/api/ml/predict/bin-fullness", "forecast_fill"),
        ("/api/tools/find_bins", "find_bins"),
    ],
)
async def test_a_tool_is_run_with_the_caller_s_words_and_rights(parts: ApiParts, path: str, tool: str) -> None:
    async with caller(parts) as api:
        response = await api.post(path, json={"near": "Sather Gate"})
    assert response.status_code == 200, response.text
    (call, actor), found = ran(parts), response.json()
    assert (call.name, call.parameters, actor.role) == (tool, {"near": "Sather Gate"}, Role.manager)
    assert found["result"]["why"]
    assert found["sentence"] == "18 of 42 bins near Sather Gate will be over the limit."
    assert found["decision_id"] == "D-0007"


async def test_the_models_status_takes_a_model_by_name(parts: ApiParts) -> None:
    async with caller(parts) as api:
        await api.get("/api/ml/models/status", params={"model": "fill"})
    assert ran(parts)[0].parameters == {"model": "fill"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[" * 30_000, 400),
        (b"[1]", 422),
        (b'{"nearby": "x"}', 422),
        (b'{"near": 7}', 422),
        (b'{"limit": 1e99}', 422),
        (b'{"limit": -5}', 422),
        (b'{"near": "\\ud800"}', 422),
        (b'{"near": "a\\u0000b"}', 422),
        (b'{"near": "%s"}' % (b"x" * 1_001), 422),
    ],
)
async def test_parameters_that_do_not_fit_are_refused_before_the_tool_runs(
    parts: ApiParts, body: bytes, status: int
) -> None:
    async with caller(parts) as api:
        require_problem(await api.post("/api/tools/find_bins", content=body), status)
    assert not tools_of(parts).runs


@pytest.mark.parametrize("word", ["Atlantis", "library", "yesteryear", "the far moon"])
async def test_a_question_back_is_422_with_choices_and_never_repeats_the_words(parts: ApiParts, word: str) -> None:
    async with caller(parts) as api:
        problem = require_problem(await api.post("/api/tools/find_bins", json={"near": word}), 422)
    assert word not in str(problem["detail"])
    assert isinstance(problem["choices"], list)


async def test_choices_of_an_ambiguous_name_come_along(parts: ApiParts) -> None:
    async with caller(parts) as api:
        problem = require_problem(await api.post("/api/tools/find_bins", json={"near": "library"}), 422)
    assert problem["choices"] == ["Doe Library", "Moffitt Library"]


async def test_what_is_out_for_now_is_503_and_says_when_to_come_back(parts: ApiParts) -> None:
    async with caller(parts) as api:
        response = await api.post("/api/tools/find_bins", json={"near": "no store"})
    require_problem(response, 503)
    assert int(response.headers["retry-after"]) > 0


async def test_a_bug_is_500_and_tells_nothing_of_itself(parts: ApiParts) -> None:
    async with caller(parts) as api:
        response = await api.post("/api/chat", json={"question": "a bug"})
    require_problem(response, 500)
    assert "secret detail" not in response.text
    assert "ZeroDivision" not in response.text


# ---------------------------------------------------------------- addresses, methods, sizes


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nothing", 404),
        ("POST", "/api/tools/destroy_everything", 404),
        ("GET", "/api/chat", 405),
        ("DELETE", "/api/approvals/A-0001", 405),
        ("GET", "/api/approvals/A-9999", 404),
        ("GET", "/api/decisions/D-9999", 404),
        ("GET", "/api/approvals/'; DROP TABLE proposals", 422),
        ("GET", "/v1/nothing", 404),
    ],
)
async def test_wrong_addresses_and_methods_are_problems_too(
    parts: ApiParts, method: str, path: str, status: int
) -> None:
    async with caller(parts) as api:
        problem = require_problem(await api.request(method, path), status)
    assert "DROP" not in json.dumps(problem)


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_over_64_kib_is_413_whether_or_not_it_says_its_length(parts: ApiParts, declared: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(70):
            yield b"x" * 1024

    async with caller(parts) as api:
        content = b"x" * 70 * 1024 if declared else pieces()
        require_problem(await api.post("/api/chat", content=content), 413)


async def test_a_fault_of_the_schema_names_fields_of_ours_and_no_value(parts: ApiParts) -> None:
    sent = {"question": ["s3cret-value"], "s3cret-field": 1}
    async with caller(parts) as api:
        response = await api.post("/api/chat", json=sent)
    problem = require_problem(response, 422)
    assert "s3cret" not in response.text
    assert {"field": "question", "problem": "Input should be a valid string"} in problem["errors"]  # type: ignore[operator]


async def test_every_answer_carries_its_request_id_and_safe_headers(parts: ApiParts) -> None:
    async with caller(parts) as api:
        ok, missing = await api.get("/healthz"), await api.get("/api/nothing")
    assert len(ok.headers["x-request-id"]) == 32
    assert missing.json()["request_id"] == missing.headers["x-request-id"]
    assert ok.headers["x-frame-options"] == "DENY"
    assert ok.headers["x-content-type-options"] == "nosniff"


# ---------------------------------------------------------------- who is calling


async def test_a_key_is_its_person_with_the_role_of_this_moment(parts: ApiParts) -> None:
    key = add_person(parts.store, Actor("Ana", Role.dispatcher, "North zone"))
    async with caller(parts, STRANGER, key, "rounds.example") as api:
        await api.post("/api/tools/find_bins", json={})
        remove_person(parts.store, "Ana")
        require_problem(await api.post("/api/tools/find_bins", json={}), 401)
    assert [actor for _, actor in tools_of(parts).runs] == [Actor("Ana", Role.dispatcher, "North zone")]


async def test_a_person_who_is_not_active_may_nothing(parts: ApiParts) -> None:
    key = add_person(parts.store, Actor("Ana", Role.manager))
    with parts.store.write() as session:
        session.execute(update(Person).values(active=False))
    async with caller(parts, STRANGER, key) as api:
        require_problem(await api.get("/api/approvals"), 401)


async def test_a_new_key_replaces_the_old_one_and_neither_is_kept_in_the_clear(parts: ApiParts) -> None:
    old, new = (add_person(parts.store, Actor("Ana", Role.viewer)) for _ in range(2))
    async with caller(parts, STRANGER, old) as api:
        require_problem(await api.get("/api/approvals"), 401)
    async with caller(parts, STRANGER, new) as api:
        assert (await api.get("/api/approvals")).status_code == 200
    assert new.encode() not in Path(str(parts.store.url.database)).read_bytes()


@pytest.mark.parametrize(
    ("client", "host", "headers"),
    [
        (STRANGER, "localhost:8000", {}),
        (LOCAL, "rebound.example:8000", {}),
        (LOCAL, "localhost:8000", {"X-Forwarded-For": "203.0.113.7"}),
        (LOCAL, "localhost:8000", {"Origin": "https://evil.example"}),
        (LOCAL, "localhost:8000", {"Origin": "null"}),
        (LOCAL, "localhost:8000", {"Authorization": "Bearer wrong"}),
        (LOCAL, "localhost:8000", {"Authorization": "Basic bWU6bWU="}),
    ],
)
async def test_without_a_key_only_this_machine_s_own_programs_and_pages_are_the_demo_s_manager(
    parts: ApiParts, client: tuple[str, int], host: str, headers: dict[str, str]
) -> None:
    async with caller(parts, client, host=host) as api:
        response = await api.post("/api/chat", json={"question": "overflow?"}, headers=headers)
    require_problem(response, 401)
    assert response.headers["www-authenticate"] == "Bearer"
    assert not scripted(parts).inquiries


async def test_the_chat_page_s_cookie_opens_nothing(parts: ApiParts) -> None:
    async with caller(parts, STRANGER) as api:
        require_problem(await api.get("/api/approvals", headers={"Cookie": "access_token=anything"}), 401)


async def test_closing_the_demo_asks_everybody_for_a_key(store: Store, tmp_path: Path) -> None:
    open_parts = parts_over(store, tmp_path)
    closed = parts_over(store, tmp_path, settings=open_parts.settings.model_copy(update={"open_demo": False}))
    async with caller(closed) as api:
        require_problem(await api.get("/api/approvals"), 401)


async def test_a_program_may_do_what_its_scopes_name_and_nothing_else(parts: ApiParts) -> None:
    key = add_person(parts.store, Actor("meter", Role.api, scopes=frozenset({"find_bins"})))
    async with caller(parts, STRANGER, key) as api:
        assert (await api.post("/api/tools/find_bins", json={})).status_code == 200
        require_problem(await api.post("/api/tools/plan_round", json={}), 403)
        require_problem(await api.post("/api/chat", json={"question": "overflow?"}), 403)


async def test_nobody_goes_on_with_somebody_else_s_conversation(parts: ApiParts) -> None:
    with parts.store.write() as session:
        session.add(Thread(id="C-0009", city="smalltown", owner="Ana", created_at=parts.clock()))
    ana, ben = (add_person(parts.store, Actor(name, Role.viewer)) for name in ("Ana", "Ben"))
    sent = {"question": "overflow?", "thread": "C-0009"}
    app = make_api(parts)
    async with caller_of(app, STRANGER, ana) as hers, caller_of(app, STRANGER, ben) as his:
        require_problem(await his.post("/api/chat", json=sent), 404)
        assert (await hers.post("/api/chat", json=sent)).status_code == 200


# ---------------------------------------------------------------- approvals


async def test_open_proposals_are_listed_and_shown(parts: ApiParts) -> None:
    async with caller(parts) as api:
        assert (await api.get("/api/approvals")).json() == {"approvals": [CARD.as_json()]}
        assert (await api.get("/api/approvals/a-0001")).json() == CARD.as_json()


async def test_an_approval_needs_an_idempotency_key(parts: ApiParts) -> None:
    async with caller(parts) as api:
        require_problem(await api.post("/api/approvals/A-0001/approve", json={"content_hash": CARD.content_hash}), 400)
    assert not kept(parts).words


async def test_the_same_key_and_body_get_the_same_answer_and_one_effect(parts: ApiParts) -> None:
    async with caller(parts) as api:
        first, second = [await approve(api, "k-1") for _ in range(2)]
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"
    assert kept(parts).effects == ["R-0001"]


async def test_the_same_key_with_another_body_is_refused(parts: ApiParts) -> None:
    async with caller(parts) as api:
        await approve(api, "k-1")
        require_problem(await approve(api, "k-1", reason="again"), 422)


async def test_a_key_belongs_to_its_caller(parts: ApiParts) -> None:
    key = add_person(parts.store, Actor("Ben", Role.manager))
    async with caller(parts) as api, caller(parts, STRANGER, key) as other:
        await approve(api, "k-1")
        require_problem(await approve(other, "k-1"), 422)  # a first word of Ben's, and the proposal is decided


async def test_a_refused_approval_repeats_its_refusal_as_a_problem(parts: ApiParts) -> None:
    async with caller(parts) as api:
        for _ in range(2):
            require_problem_again(await approve(api, "k-2", content_hash="0" * 64))
    assert not kept(parts).effects


async def test_a_key_is_free_again_after_a_failure_that_may_pass(parts: ApiParts) -> None:
    headers = {"Idempotency-Key": "k-3"}
    async with caller(parts) as api:
        for _ in range(2):
            require_problem(await api.post("/api/tools/find_bins", json={"near": "no store"}, headers=headers), 503)
    assert len(tools_of(parts).runs) == 2


async def test_a_repetition_while_the_first_still_runs_is_409(store: Store, tmp_path: Path) -> None:
    slow = parts_over(store, tmp_path, asks=ScriptedAssistant(ANSWERS, 0.3))
    async with caller(slow) as api:
        sent = {"json": {"question": "overflow?"}, "headers": {"Idempotency-Key": "k"}}
        first = asyncio.create_task(api.post("/api/chat", **sent))  # type: ignore[arg-type]
        await asyncio.sleep(0.1)
        require_problem(await api.post("/api/chat", **sent), 409)  # type: ignore[arg-type]
        assert (await first).status_code == 200


async def test_a_key_whose_first_try_was_killed_works_again(store: Store, tmp_path: Path) -> None:
    began = datetime(2025, 9, 1, 12, tzinfo=UTC)
    killed = parts_over(store, tmp_path, asks=ScriptedAssistant(ANSWERS, 30), wall=lambda: began)
    sent = {"json": {"question": "overflow?"}, "headers": {"Idempotency-Key": "k"}}
    async with caller(killed) as api:
        dying = asyncio.create_task(api.post("/api/chat", **sent))  # type: ignore[arg-type]
        await asyncio.sleep(0.2)
        dying.cancel()
    later = parts_over(store, tmp_path, wall=lambda: began + timedelta(minutes=3))
    async with caller(later) as api:
        assert (await api.post("/api/chat", **sent)).status_code == 200  # type: ignore[arg-type]


async def test_a_role_that_may_not_approve_is_403(parts: ApiParts) -> None:
    key = add_person(parts.store, Actor("Vic", Role.viewer))
    async with caller(parts, STRANGER, key) as api:
        require_problem(await approve(api, "k-1"), 403)
    assert not kept(parts).effects


async def test_a_rejection_keeps_its_reason_and_does_nothing(parts: ApiParts) -> None:
    sent = {"content_hash": CARD.content_hash, "reason": "truck 2 is at the garage"}
    async with caller(parts) as api:
        response = await api.post("/api/approvals/A-0001/reject", json=sent, headers={"Idempotency-Key": "k"})
    assert response.json()["state"] == "rejected"
    assert [(w.verdict, w.reason, w.surface) for w in kept(parts).words] == [("reject", sent["reason"], "api")]
    assert not kept(parts).effects


# ---------------------------------------------------------------- decisions, health, metrics


async def test_the_record_of_a_decision_is_for_managers_and_auditors(parts: ApiParts) -> None:
    entry = LedgerEntry(
        kind="decision", at=parts.clock(), thread="t-1", actor="Ana", role="viewer", surface="api", city="smalltown",
        question="overflow?", answer="18 bins", answer_kind="answer",
    )  # fmt: skip
    made = parts.ledger.append(entry, "test:1")
    viewer = add_person(parts.store, Actor("Vic", Role.viewer))
    async with caller(parts) as api, caller(parts, STRANGER, viewer) as other:
        found = (await api.get(f"/api/decisions/{made.decision_id}")).json()
        require_problem(await other.get(f"/api/decisions/{made.decision_id}"), 403)
    assert found["records"][0]["question"] == "overflow?"
    assert found["records"][0]["hash"] == made.hash


async def test_ready_says_which_part_is_out_and_alive_does_not_care(store: Store, tmp_path: Path) -> None:
    out = parts_over(store, tmp_path, health=lambda: [PartHealth("records", False, "disk full", "Free some.")])
    async with caller(out, STRANGER) as api:
        ready, alive = await api.get("/readyz"), await api.get("/healthz")
    assert (ready.status_code, alive.status_code) == (503, 200)
    assert ready.json() == {"ready": False, "parts": [{"name": "records", "ok": False, "needed": True}]}


async def test_a_part_with_a_fallback_does_not_make_the_server_unready(parts: ApiParts) -> None:
    async with caller(parts) as api:
        assert (await api.get("/readyz")).json()["ready"] is True


async def test_metrics_count_routes_and_never_what_was_typed(parts: ApiParts) -> None:
    async with caller(parts) as api:
        await api.post("/api/chat", json={"question": "overflow?"})
        await api.get("/api/approvals/A-0001")
        await api.get('/api/evil"} 1')
        text = (await api.get("/metrics")).text
    assert 'roundsman_requests_total{method="POST",route="/api/chat",status="200"} 1' in text
    assert 'route="/api/approvals/{proposal_id}",status="200"} 1' in text
    assert 'roundsman_request_seconds_count{route="/api/chat"} 1' in text
    assert "evil" not in text


# ---------------------------------------------------------------- what the tests look at


def scripted(parts: ApiParts) -> ScriptedAssistant:
    """The double behind the parts."""
    assert isinstance(parts.asks, ScriptedAssistant)
    return parts.asks


def kept(parts: ApiParts) -> KeptApprovals:
    """The double behind the parts."""
    assert isinstance(parts.decides, KeptApprovals)
    return parts.decides


def ran(parts: ApiParts) -> tuple:  # type: ignore[type-arg]
    """The one call that was run, and for whom."""
    (only,) = tools_of(parts).runs
    return only


def require_problem_again(response: httpx.Response) -> None:
    """A refusal by problem document, the first time or replayed."""
    assert response.status_code == 422
    assert response.headers["content-type"] == PROBLEM


async def approve(
    api: httpx.AsyncClient, key: str, content_hash: str = CARD.content_hash, **more: str
) -> httpx.Response:
    """Approve A-0001."""
    sent = {"content_hash": content_hash, **more}
    return await api.post("/api/approvals/A-0001/approve", json=sent, headers={"Idempotency-Key": key})
