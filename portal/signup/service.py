"""Sign-up: note the wish, and turn a code or link into an account with a session."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from portal.crypto.tokens import IssuedToken
from portal.login.finish import draft_session
from portal.login.flow import LoginFlow
from portal.login.links import Link
from portal.login.mailed_proof import Begun, draft_proof, sealed_mail, typed_code
from portal.login.method import methods_on
from portal.methods.email_code.service import FACTOR
from portal.methods.password.method import METHOD as PASSWORD
from portal.signup import queries
from portal.signup.admission import takes_passwords
from portal.web.request import PortalRequest
from portal.web.return_to import own_path_or_account

LINK_VALID_FOR = timedelta(hours=24)


async def begin(
    request: PortalRequest,
    flow: LoginFlow | None,
    email: str,
    *,
    name: str | None = None,
    password_hash: str | None = None,
    terms_version: str | None = None,
    resend: bool = False,
) -> Begun:
    """Note the sign-up and send its mail. Without a flow one is started for this browser."""
    wish = draft_proof(
        request,
        flow,
        email,
        message="signup_code",
        other_message="already_registered",
        link_valid_for=LINK_VALID_FOR,
        resend=resend,
    )
    # Composed every time, whatever the policy says at this moment: the database decides which mail is sent.
    refused = sealed_mail(request, "signup_refused", email, app_name=flow.app_name if flow else None)
    wish |= {"name": name, "password_hash": password_hash, "mail_refused": refused, "terms_version": terms_version}
    return await queries.begin_signup(request.portal.database, wish, request.context.as_actor(), request.namespace.name)


def chooses_another_way(request: PortalRequest, method_id: str) -> bool:
    """Return whether a sign-up asks for another way to log in than a password, and the namespace has it."""
    return any(method.sign_up_page for method in methods_on(request) if method.id == method_id)


def first_page(request: PortalRequest, flow: LoginFlow | None, return_to: str | None) -> str | None:
    """Return where a new account goes first: to make what it chose instead of a password, then back to the app."""
    if flow is None or flow.has_password or not takes_passwords(request):
        return return_to
    pages = [method.sign_up_page for method in methods_on(request) if method.sign_up_page]
    if not pages:
        return return_to
    return f"{pages[0]}?{urlencode({'return_to': own_path_or_account(return_to)})}"


async def use_code(request: PortalRequest, flow: LoginFlow, code: str) -> tuple[queries.Proven, IssuedToken]:
    """Check a code; the try is counted."""
    token, session = _draft(request, _amr(flow.has_password), remembered=flow.remembered)
    verification_id, digest = typed_code(request, flow, code)
    proven = await queries.use_signup_code(
        request.portal.database,
        flow.id,
        request.ensure_browser(),
        verification_id,
        digest,
        session,
        request.context.as_actor(),
        request.namespace.name,
    )
    return proven, token


async def use_link(
    request: PortalRequest, link_digest: str, link: Link, flow: LoginFlow | None
) -> tuple[queries.Proven, IssuedToken]:
    """Act on a mailed link; `flow` is the one that asked, in its own browser. Another is led to the app's beginning."""
    token, session = _draft(request, _amr(bool(flow and flow.has_password)), remembered=False)
    proven = await queries.use_signup_link(
        request.portal.database,
        link_digest,
        request.ensure_browser(),
        session,
        {**link.elsewhere(), "passwordless": not takes_passwords(request)},
        request.context.as_actor(),
        request.namespace.name,
    )
    return proven, token


async def finish(request: PortalRequest, flow: LoginFlow, password_hash: str) -> tuple[queries.Proven, IssuedToken]:
    """Give an account that was proven by a link elsewhere its password, and log this browser in."""
    token, session = _draft(request, PASSWORD.amr, remembered=flow.remembered)
    proven = await queries.finish_signup(
        request.portal.database,
        flow.id,
        request.ensure_browser(),
        password_hash,
        session,
        request.context.as_actor(flow.user_id),
        request.namespace.name,
    )
    return proven, token


def _amr(has_password: bool) -> tuple[str, ...]:
    """Say what a sign-up proved: the mailbox; and the password, which was chosen for this account a moment ago."""
    return PASSWORD.amr if has_password else FACTOR.amr


def _draft(request: PortalRequest, amr: tuple[str, ...], *, remembered: bool) -> tuple[IssuedToken, dict[str, Any]]:
    """Draft the first session, with the factor that a second step stands beside where one is asked for."""
    token, session = draft_session(request, amr, remembered=remembered)
    return token, {**session, "mailbox": asdict(FACTOR)}
