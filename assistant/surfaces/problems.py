"""Errors over HTTP: RFC 9457 problem+json. What the caller sent is never sent back, and neither are secrets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import JsonValue
from starlette.exceptions import HTTPException
from starlette.types import Scope

from domain.errors import AmbiguousName, AskAgain, BadData, NotNow, NotPermitted, UnclearTime, UnknownName

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
SAFE_PROBLEMS = 10
PLAIN = {
    404: "There is nothing at this address. /openapi.json lists what there is.",
    405: "This address does not take that method; the Allow header names those that it takes.",
    413: "The body is larger than this server reads.",
    500: "A fault in Roundsman itself. The request id finds it in the server's log.",
}


class Problem(Exception):
    """A refusal with its status. `more` are extension members; everything in it was written by us."""

    def __init__(self, status: int, detail: str, more: Mapping[str, Any] | None = None, **headers: str) -> None:
        super().__init__(detail)
        self.status, self.detail, self.more = status, detail, dict(more or {})
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def as_json(self) -> dict[str, Any]:
        """The problem document."""
        title = HTTPStatus(self.status).phrase
        return {"type": "about:blank", "title": title, "status": self.status, "detail": self.detail, **self.more}


def openai_error(problem: Problem) -> dict[str, Any]:
    """A problem as OpenAI's clients read it."""
    kind = "server_error" if problem.status >= 500 else "invalid_request_error"
    return {"error": {"message": problem.detail, "type": kind, "code": str(problem.status), "param": None}}


def problem_response(problem: Problem, scope: Scope) -> JSONResponse:
    """The response for a problem; under /v1 it is an error of OpenAI's protocol as well."""
    document = problem.as_json()
    if scope["path"].startswith("/v1/"):
        document |= openai_error(problem)
    if "roundsman.request_id" in scope:
        document["request_id"] = scope["roundsman.request_id"]
    return JSONResponse(document, problem.status, problem.headers, media_type=MEDIA_TYPE)


def problem_of(error: Exception, sent: object = None) -> Problem:
    """What an error of ours is over HTTP; `sent` is the parsed body, whose words must not come back."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, AskAgain):
        more = {"type": "urn:roundsman:ask-again", "choices": list(error.choices)}
        return Problem(422, _question_without_input(error, sent), more)
    if isinstance(error, NotPermitted):
        return Problem(403, str(error), {"type": "urn:roundsman:not-permitted"})
    if isinstance(error, NotNow | TimeoutError):
        detail = str(error) or "It took longer than its budget and was left; ask for less at once."
        return Problem(503, detail, {"type": "urn:roundsman:not-now"}, Retry_After=str(RETRY_AFTER_S))
    if isinstance(error, BadData):
        return Problem(422, _unless_echo(str(error), sent, "What was sent cannot be read."))
    return Problem(500, PLAIN[500])


def install_problems(app: FastAPI) -> None:
    """Makes every error of the app a problem document."""
    for kind in (AskAgain, NotPermitted, NotNow, TimeoutError, BadData, Problem, Exception):
        app.add_exception_handler(kind, _answer)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _refused)


async def _answer(request: Request, error: Exception) -> Response:
    return problem_response(problem_of(error, getattr(request.state, "sent", None)), request.scope)


async def _refused(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    problem = Problem(status, PLAIN.get(status, HTTPStatus(status).phrase + "."))
    problem.headers.update(getattr(error, "headers", None) or {})
    return problem_response(problem, request.scope)


async def _unreadable(request: Request, error: Exception) -> Response:
    """Names of fields only where they are ours; never a value."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    faults: list[JsonValue] = [{"field": _field(one), "problem": str(one["msg"])} for one in found[:SAFE_PROBLEMS]]
    problem = Problem(422, "The request does not fit the schema in /openapi.json.", {"errors": faults})
    return problem_response(problem, request.scope)


def _field(fault: Mapping[str, Any]) -> str:
    if fault["type"] in {"extra_forbidden", "json_invalid"}:
        return "(unknown)" if fault["type"] == "extra_forbidden" else "(body)"
    return ".".join(str(part) for part in fault["loc"][1:]) or "(body)"


def _question_without_input(error: AskAgain, sent: object) -> str:
    if isinstance(error, UnknownName):
        return f"There is no {error.kind} of that name."
    if isinstance(error, AmbiguousName):
        return f"That name fits more than one {error.kind}; choose one of `choices`."
    if isinstance(error, UnclearTime):
        return "A time cannot be read. Say for example “tomorrow noon”, “next Friday” or “2025-09-01 12:00”."
    return _unless_echo(error.question, sent, "The request has no single meaning; `choices` may name some.")


def _unless_echo(text: str, sent: object, otherwise: str) -> str:
    """The text, unless it repeats something of the body."""
    folded = text.casefold()
    return otherwise if any(word.casefold() in folded for word in _words(sent) if word.strip()) else text


def _words(sent: object) -> Iterator[str]:
    if isinstance(sent, str):
        yield sent
    elif isinstance(sent, Mapping):
        for name, value in sent.items():
            yield str(name)
            yield from _words(value)
    elif isinstance(sent, list):
        for value in sent:
            yield from _words(value)
