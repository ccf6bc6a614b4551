"""Error pages: each says what happened and the next step, keeps the way back, and names the request for support.

Programs that ask for JSON get `{"code", "detail"}`. When rendering fails, a page without any moving part is left.
"""

import html
from http import HTTPStatus
from typing import Any, cast

from litestar import Response
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, Receive, Scope, Send

from portal.db.engine import DatabaseUnavailable
from portal.errors import NotFound, Problem, ServiceUnavailable, Unprocessable
from portal.web.locale import mark
from portal.web.logging import get_logger
from portal.web.pages import page
from portal.web.refusals import mark_refusal
from portal.web.request import PortalRequest
from portal.web.return_to import own_path

RETRY_AFTER_OUTAGE = 3  # seconds; the embedded database is back within that, a fail-over within a few of these

WORDS: dict[int, tuple[str, str]] = {
    400: (mark("We could not read that request"), mark("Please go back and try again from the page.")),
    403: (mark("That is not allowed"), mark("Please open the page again and repeat what you did.")),
    404: (mark("There is nothing here"), mark("Check the address, or go on from the start page.")),
    405: (mark("That does not work here"), mark("Please go back and use the buttons on the page.")),
    409: (mark("That has already happened"), mark("Something changed in between. Please start again.")),
    413: (mark("That was too much"), mark("Please shorten what you entered and try again.")),
    415: (mark("That format does not work here"), mark("Please use the form on the page.")),
    422: (mark("Something in the form does not fit"), mark("Please go back, check the fields and try again.")),
    429: (mark("Please wait a moment"), mark("There were too many tries. Wait a little, then try again.")),
    500: (mark("Something went wrong on our side"), mark("Nothing you did is lost. Please try again.")),
    503: (mark("We will be right back"), mark("A part of the service is not answering. Please try again in a moment.")),
}
RETRYABLE = frozenset({429, 500, 503})
CODES = {
    400: "bad_request",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "too_many_requests",
    503: "unavailable",
}

log = get_logger("portal.errors")


def answer_problem(request: PortalRequest, problem: Problem) -> Response[Any]:
    """Answer one of our own exceptions."""
    if isinstance(problem, Unprocessable):
        mark_refusal(request.facts, "odd_form")
    elif isinstance(problem, NotFound) and request.method != "GET":
        mark_refusal(request.facts, "not_theirs")  # a form that names what is somebody else's, or is gone
    elif isinstance(problem, ServiceUnavailable):
        mark_refusal(request.facts, "busy")
    return error_page(
        request,
        problem.status,
        heading=problem.heading,
        text=problem.text,
        way_back=problem.way_back,
        retry_after=problem.retry_after,
    )


def answer_http_exception(request: PortalRequest, error: HTTPException) -> Response[Any]:
    """Answer Litestar's exceptions (no route, wrong method, body too large)."""
    status = error.status_code if error.status_code in WORDS else 400 if error.status_code < 500 else 500
    response = error_page(request, status)
    allowed = (error.headers or {}).get("allow")
    if allowed:  # RFC 9110 section 15.5.6: a 405 names what would work. HEAD does wherever GET does, see the gate.
        response.headers["allow"] = allowed.replace("GET", "GET, HEAD")
    return response


def answer_outage(request: PortalRequest, error: DatabaseUnavailable) -> Response[Any]:
    """Answer while the database is away: 503, never a guess."""
    log.error("database_unavailable", reason=str(error))
    return error_page(request, 503, retry_after=RETRY_AFTER_OUTAGE)


def answer_fault(request: PortalRequest, error: Exception) -> Response[Any]:
    """Answer a fault: the log gets the detail, the person a request id."""
    log.exception("unhandled_fault", error=error)  # noqa: LOG004 - Litestar calls this from its handler
    return error_page(request, 500)


def error_page(
    request: PortalRequest,
    status: int,
    *,
    heading: str | None = None,
    text: str | None = None,
    way_back: str | None = None,
    retry_after: int | None = None,
) -> Response[Any]:
    """Answer with the error page of a status, or with JSON for a program."""
    gettext = request.portal.templates.gettext(request.language)
    default_heading, default_text = WORDS.get(status, WORDS[500])
    said = gettext(text or default_text)
    response: Response[Any]
    if request.wants_json:
        response = Response({"code": CODES.get(status, "error"), "detail": said}, status_code=status)
    else:
        try:
            response = page(
                request,
                "errors/error.html",
                status=status,
                heading=gettext(heading or default_heading),
                text=said,
                correlation_id=request.context.request_id,
                back_href=own_path(way_back) or "/",
                back_label=gettext(mark("Go back") if way_back else mark("Go to the start page")),
                retry_href=_same_page(request) if status in RETRYABLE else None,
                retry_seconds=retry_after,
            )
        except Exception as error:
            log.exception("error_page_failed", error=error)
            response = Response(_bare_page(status, said), status_code=status, media_type="text/html")
    if retry_after is not None:
        response.headers["retry-after"] = str(retry_after)
    return response


def last_resort(status: int, text: str) -> ASGIApp:
    """Return an answer that needs neither templates nor a route."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        body = _bare_page(status, text).encode()
        headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", str(len(body)).encode())]
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers.append((b"retry-after", str(RETRY_AFTER_OUTAGE).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return cast(ASGIApp, answer)


def _same_page(request: PortalRequest) -> str | None:
    if request.method != "GET":
        return None
    query = request.scope["query_string"].decode("latin-1")
    return own_path(request.scope["path"] + (f"?{query}" if query else ""))


def _bare_page(status: int, text: str) -> str:
    heading = WORDS.get(status, (str(status), ""))[0]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>'
        f"{html.escape(heading)}</title><main><h1>{html.escape(heading)}</h1><p>{html.escape(text)}</p>"
        '<p><a href="/">Go to the start page</a></p></main></html>'
    )
