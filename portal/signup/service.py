"""Sign-up: note the wish, and turn a code or link into an account with a session."""

from datetime import timedelta

from portal.crypto.tokens import IssuedToken
from portal.login.finish import draft_session
from portal.login.flow import LoginFlow
from portal.login.links import Link
from portal.login.mailed_proof import Begun, draft_proof, typed_code
from portal.methods.password.method import METHOD as PASSWORD
from portal.signup import queries
from portal.web.request import PortalRequest

LINK_VALID_FOR = timedelta(hours=24)


async def begin(
    request: PortalRequest,
    flow: LoginFlow | None,
    email: str,
    *,
    name: str | None = None,
    password_hash: str | None = None,
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
    wish |= {"name": name, "password_hash": password_hash}
    return await queries.begin_signup(request.portal.database, wish, request.context.as_actor(), request.namespace.name)


async def use_code(request: PortalRequest, flow: LoginFlow, code: str) -> tuple[queries.Proven, IssuedToken]:
    """Check a code; the try is counted."""
    token, session = draft_session(request, PASSWORD.amr, remembered=flow.remembered)
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


async def use_link(request: PortalRequest, link_digest: str, link: Link) -> tuple[queries.Proven, IssuedToken]:
    """Act on a mailed link. A browser that did not ask for it is led to the app's own beginning in the end."""
    token, session = draft_session(request, PASSWORD.amr, remembered=False)
    proven = await queries.use_signup_link(
        request.portal.database,
        link_digest,
        request.ensure_browser(),
        session,
        link.elsewhere(),
        request.context.as_actor(),
        request.namespace.name,
    )
    return proven, token


async def finish(request: PortalRequest, flow: LoginFlow, password_hash: str) -> tuple[queries.Proven, IssuedToken]:
    """Give an account that was proven by a link elsewhere its password, and log this browser in."""
    token, session = draft_session(request, PASSWORD.amr, remembered=flow.remembered)
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
