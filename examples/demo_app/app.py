"""A small app that logs people in through the portal over OpenID Connect. It knows nothing else of the portal."""

import logging
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from litestar import Litestar, Request, Response, get, post
from litestar.contrib.jinja import JinjaTemplateEngine
from litestar.datastructures import Cookie, ResponseHeader
from litestar.response import Redirect, Template
from litestar.static_files import create_static_files_router
from litestar.template import TemplateConfig

from logout_tokens import read_logout_token
from openid import (
    LoginEnded,
    LoginRefused,
    StartedLogin,
    VerifiedLogin,
    end_session_url,
    finish_login,
    revoke_login,
    start_login,
)
from sessions import SESSION_VALID_FOR, Session, end_session, end_sessions_of, resume_session, start_session
from settings import DEMO_URL, ISSUER

FOLDER = Path(__file__).parent
SECURE = DEMO_URL.startswith("https://")
SESSION_COOKIE = "__Host-demo_session" if SECURE else "demo_session"
LOGIN_COOKIE = "demo_login_"  # and the login's state
LOGIN_WITHIN = 24 * 3600  # seconds; the portal keeps a waiting login about as long

SECURITY_HEADERS = {
    # The form that logs out may lead on to the portal, and browsers apply form-action to where it leads.
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    f"frame-ancestors 'none'; form-action 'self' {ISSUER}",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}

# What a person reads when the portal answers with an error. https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1
REFUSALS = {
    "access_denied": (
        "You did not let us know who you are",
        "That is fine: the portal has told us nothing about you. You can log in whenever you like.",
    ),
    "temporarily_unavailable": ("The portal is busy", "Please wait a moment, then try again."),
    "server_error": ("The portal had a problem", "Please wait a moment, then try again."),
}
REFUSED = ("The portal did not log you in", "Nothing was changed. You can try again.")
UNKNOWN_LOGIN = (
    "This login did not begin here",
    "It was completed already, or it began in another browser. Start a new one, it only takes a moment.",
)
NOT_TRUSTED = (
    "We could not check the portal's answer",
    "Either it does not answer just now, or the answer was not meant for this app. You have not been logged in.",
)

TIMES = frozenset({"iat", "exp", "auth_time", "updated_at"})  # claims in seconds since 1970

log = logging.getLogger("demo_app")


@get("/")
async def home(request: Request[Any, Any, Any]) -> Template:
    """Show who is logged in, or the ways in."""
    session = resume_session(request.cookies.get(SESSION_COOKIE))
    if session is not None and session.login.is_stale and not await _still_logged_in(request, session):
        return Template("logged_out.html", context={"issuer": ISSUER, "where": "ended"})
    if session is None:
        # The portal comes back here when it has logged the person out, with the state that we gave it.
        if "state" in request.query_params:
            return Template("logged_out.html", context={"issuer": ISSUER, "where": "everywhere"})
        return Template("welcome.html", context={"issuer": ISSUER})
    claims = session.login.userinfo | session.login.id_token_claims
    context = {
        "name": claims.get("name") or claims.get("email") or claims["sub"],
        "email": claims.get("email"),
        "rows": claim_rows(session.login),
        "fresh_until": _in_words("exp", int(session.login.access_token_ends_at)),
        "refreshed": session.login.refreshed,
        "can_refresh": session.login.refresh_token is not None,
        "issuer": ISSUER,
    }
    return Template("account.html", context=context)


@get("/login")
async def log_in() -> Response[Any]:
    """Send the browser to the portal. The portal may lead here too, with its `iss`; there is no other provider."""
    return await _send_to_portal()


@get("/signup")
async def sign_up() -> Response[Any]:
    """The same, but begin with a new account: https://openid.net/specs/openid-connect-prompt-create-1_0.html."""
    return await _send_to_portal(prompt="create")


@get("/callback")
async def come_back(request: Request[Any, Any, Any]) -> Response[Any]:
    """Take the portal's answer."""
    answer = request.query_params
    state = answer.get("state", "")
    started = _started_login(state, request.cookies.get(LOGIN_COOKIE + state))
    if started is None:
        # The cookie is what ties an answer to this browser: without it, somebody could send a link that logs a person
        # in to an account of theirs.
        if resume_session(request.cookies.get(SESSION_COOKIE)):
            return Redirect("/", status_code=303)
        return _problem(UNKNOWN_LOGIN, 400)
    if "error" in answer:
        return _without_login_cookie(_problem(REFUSALS.get(answer["error"], REFUSED), 200, answer["error"]), state)
    try:
        login = await finish_login(answer.get("code", ""), answer.get("iss"), started)
    except LoginRefused as refused:
        log.warning("login refused: %s", refused)
        return _without_login_cookie(_problem(NOT_TRUSTED, 502), state)
    end_session(request.cookies.get(SESSION_COOKIE))
    response = Redirect("/", status_code=303)
    response.set_cookie(_cookie(SESSION_COOKIE, start_session(login), path="/", max_age=SESSION_VALID_FOR))
    return _without_login_cookie(response, state)


@post("/refresh")
async def refresh(request: Request[Any, Any, Any]) -> Response[Any]:
    """Ask the portal anew before it is time to: the button is there to see it happen."""
    session = resume_session(request.cookies.get(SESSION_COOKIE))
    if session is not None and session.login.refresh_token and not await _still_logged_in(request, session):
        return Redirect("/logged-out?ended", status_code=303)
    return Redirect("/", status_code=303)


@post("/logout")
async def log_out(request: Request[Any, Any, Any]) -> Response[Any]:
    """End the session here, give the tokens back and, where the portal offers it, lead on to end the session there.

    SameSite=Lax keeps the cookie out of another site's form, so nobody else can send this.
    """
    session = end_session(request.cookies.get(SESSION_COOKIE))
    onward = None
    try:
        if session:
            await revoke_login(session.login)
            onward = await end_session_url(session.login.id_token)
    except LoginRefused as refused:
        log.warning("the portal's log-out is out of reach: %s", refused)
    response = Redirect(onward or "/logged-out", status_code=303)
    response.set_cookie(_cookie(SESSION_COOKIE, "", path="/", max_age=0))
    return response


@post("/backchannel-logout", status_code=200)
async def end_by_provider(request: Request[Any, Any, Any]) -> Response[Any]:
    """The provider says that a login has ended: https://openid.net/specs/openid-connect-backchannel-1_0.html#BCRequest."""
    try:
        form = await request.form()
        claims = await read_logout_token(str(form.get("logout_token", "")))
    except LoginRefused as refused:
        log.warning("logout token refused: %s", refused)
        return Response({"error": "invalid_request"}, status_code=400)
    log.info("the portal ended %d sessions", end_sessions_of(claims["sid"]))
    return Response(b"")


@get("/logged-out")
async def logged_out(request: Request[Any, Any, Any]) -> Template:
    """Say so, and that the portal is another matter."""
    where = "ended" if "ended" in request.query_params else "here"
    return Template("logged_out.html", context={"issuer": ISSUER, "where": where})


def claim_rows(login: VerifiedLogin) -> list[tuple[str, str, str]]:
    """Return name, value in words, and where each claim came from."""
    rows = []
    for name in dict.fromkeys([*login.id_token_claims, *login.userinfo]):
        sources = [
            source
            for source, claims in (("ID token", login.id_token_claims), ("userinfo", login.userinfo))
            if name in claims
        ]
        value = login.id_token_claims.get(name, login.userinfo.get(name))
        rows.append((name, _in_words(name, value), " and ".join(sources)))
    return rows


async def _still_logged_in(request: Request[Any, Any, Any], session: Session) -> bool:
    """Renew the login; end this app's session, too, where the portal says that it is over."""
    try:
        await session.refresh()
    except LoginEnded as ended:
        log.info("the login has ended at the portal: %s", ended)
        end_session(request.cookies.get(SESSION_COOKIE))
        return False
    except LoginRefused as refused:
        # The portal is away: what it said last stands until it is asked again.
        log.warning("the login could not be renewed: %s", refused)
    return True


async def _send_to_portal(**parameters: str) -> Response[Any]:
    try:
        started = await start_login(**parameters)
    except LoginRefused as refused:
        log.warning("the portal is out of reach: %s", refused)
        return _problem(NOT_TRUSTED, 502)
    response = Redirect(started.url, status_code=303)
    kept = f"{started.nonce}.{started.code_verifier}"
    response.set_cookie(_cookie(LOGIN_COOKIE + started.state, kept, path="/callback", max_age=LOGIN_WITHIN))
    return response


def _started_login(state: str, kept: str | None) -> StartedLogin | None:
    nonce, separator, code_verifier = (kept or "").partition(".")
    return StartedLogin("", state, nonce, code_verifier) if separator else None


def _cookie(name: str, value: str, *, path: str, max_age: int) -> Cookie:
    return Cookie(name, path, value, max_age=max_age, httponly=True, secure=SECURE, samesite="lax")


def _without_login_cookie(response: Response[Any], state: str) -> Response[Any]:
    response.set_cookie(_cookie(LOGIN_COOKIE + state, "", path="/callback", max_age=0))
    return response


def _problem(texts: tuple[str, str], status: int, error: str = "") -> Response[Any]:
    title, text = texts
    shown = error if re.fullmatch(r"[a-z_]{1,60}", error) else ""  # it came with a link: no text of others on our page
    context = {"title": title, "text": text, "error": shown}
    return Template("problem.html", context=context, status_code=status)  # type: ignore[return-value]


def _in_words(name: str, value: Any) -> str:
    if name in TIMES and isinstance(value, int):
        return f"{datetime.fromtimestamp(value, UTC):%d %B %Y, %H:%M:%S} UTC"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


app = Litestar(
    route_handlers=[
        home,
        log_in,
        sign_up,
        come_back,
        refresh,
        log_out,
        end_by_provider,
        logged_out,
        create_static_files_router(path="/static", directories=[FOLDER / "static"]),
    ],
    template_config=TemplateConfig(directory=FOLDER / "templates", engine=JinjaTemplateEngine),
    response_headers=[ResponseHeader(name=name, value=value) for name, value in SECURITY_HEADERS.items()],
    openapi_config=None,
    logging_config=None,
)
