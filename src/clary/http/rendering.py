"""Turns problems into bytes: the envelope, and RFC 9457 when asked for. The one place where this happens."""

import errno
from typing import Any, cast

import structlog
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from clary.db.database import UnavailableError
from clary.errors import ProblemError
from clary.http.access import Access
from clary.http.envelope import error_body
from clary.http.problems import (
    InternalError,
    InvalidJsonError,
    MethodNotAllowedError,
    RouteNotFoundError,
    ValidationFailedError,
)
from clary.http.reasons import reason_of
from clary.http.requests import accepts
from clary.http.routing import methods_of
from clary.kit import json_text

log = structlog.get_logger()

DISK_FAULTS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG})
PROBLEM_JSON = "application/problem+json"


class JsonBytes(Response):
    """A JSON body."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Serialises."""
        return json_text.dumps(content)


async def render_problem(request: Request, problem: Exception) -> Response:
    """Renders a `ProblemError` for the route that raised it."""
    assert isinstance(problem, ProblemError)
    answers = answers_of(request)
    if accepts(request.headers.get("accept", ""), PROBLEM_JSON) and answers != "protocol":
        return _rfc9457(request, problem)
    body = error_body(
        code=problem.code, message=problem.message.render(), slug=problem.slug, request_id=request_id_of(request)
    )
    status = problem.http_status
    if answers in ("stream", "file", "detailed") and status == 200:
        status = problem.true_status
    if isinstance(problem, (ValidationFailedError, InvalidJsonError)) or problem.code == 422:
        errors = problem.errors if isinstance(problem, ValidationFailedError) else _one_entry(problem)
        body["errors"] = errors
        body["detail"] = problem.message.render() if answers == "stream" else errors
    if answers == "detailed":
        body["detail"] = problem.message.render()
    return JsonBytes(body, status_code=status, headers=problem.headers)


def _one_entry(problem: ProblemError) -> list[dict[str, Any]]:
    return [{"type": problem.slug, "loc": ["body"], "msg": problem.message.render()}]


def _rfc9457(request: Request, problem: ProblemError) -> Response:
    message = problem.message.render()
    body: dict[str, Any] = {
        "type": f"urn:clary:problem:{problem.slug}",
        "title": message,
        "status": problem.true_status,
        "detail": message,
        "instance": request.url.path,
        "code": problem.slug,
        "request_id": request_id_of(request),
    }
    if isinstance(problem, ValidationFailedError):
        body["errors"] = problem.errors
    return JsonBytes(body, status_code=problem.true_status, headers=problem.headers, media_type=PROBLEM_JSON)


async def render_framework_error(request: Request, error: Exception) -> Response:
    """404 and 405 of the router, and validation failures of the framework, as our own problems."""
    if isinstance(error, RequestValidationError):
        return await render_problem(request, validation_problem(error))
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return await render_problem(request, RouteNotFoundError())
    if error.status_code == 405:
        return await render_problem(request, MethodNotAllowedError(headers={"Allow": ", ".join(methods_of(request))}))
    log.error("framework_error", status=error.status_code)
    return await render_problem(request, InternalError())


async def render_unforeseen(request: Request, error: Exception) -> Response:
    """The HTTP last resort: logs once, tells the caller the request id and nothing else.

    A disk that is full, read-only or failing is no fault of the program: the answer says to come back (platform 1.2).
    """
    request.state.fault_is_logged = True
    if isinstance(error, OSError) and error.errno in DISK_FAULTS:
        log.error("disk_unavailable", reason=errno.errorcode.get(error.errno), route=request.url.path)
        return await render_problem(request, UnavailableError())
    log.error("unhandled_fault", exc_info=error, request_id=request_id_of(request), route=request.url.path)
    return await render_problem(request, InternalError())


async def render_gone(_request: Request, _error: Exception) -> Response:
    """The client hung up while it was sending: no fault of ours, and nobody reads the answer."""
    return Response(status_code=400)


def validation_problem(error: RequestValidationError) -> ValidationFailedError:
    """One readable sentence naming the first field, and the framework's list without the values sent."""
    found = cast("list[dict[str, Any]]", error.errors())
    listed = [{"type": each["type"], "loc": list(each["loc"]), "msg": each["msg"]} for each in found]
    first = found[0] if found else {"type": "value_error", "loc": ["body"], "msg": "invalid"}
    return ValidationFailedError(sentence(first), listed)


def sentence(entry: dict[str, Any]) -> str:
    """`field: what is wrong`; the part of the request (`body`, `query` …), which comes first, is left out."""
    place, *rest = [str(part) for part in entry["loc"]] or ["body"]
    path = rest if place in ("body", "query", "path", "header") else [place, *rest]
    reason = reason_of(entry).render()
    return f"{'.'.join(path)}: {reason}" if path else reason


def answers_of(request: Request) -> str:
    """How the route at hand answers; `envelope` where none was found."""
    access = cast("Access | None", getattr(request.state, "access", None))
    return access.answers if access is not None else "envelope"


def request_id_of(request: Request) -> str:
    """The id in `X-Request-Id` of the answer."""
    return cast("str", getattr(request.state, "request_id", ""))
