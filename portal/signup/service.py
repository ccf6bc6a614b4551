"""Sign-up: compose the mails, note the wish, and turn a code or link into an account with a session.

The same work is done for a new address and for one that has an account: all mails are composed and sealed before the
database chooses the one that is sent, so that neither bytes nor work tell a stranger which it was.
"""

import secrets
from datetime import timedelta
from typing import Any
from uuid import uuid4

from portal.crypto.tokens import IssuedToken, new_short_code, new_token, short_code_digest
from portal.login.finish import draft_session
from portal.login.flow import LOGIN_FLOW_VALID_FOR, LoginFlow, app_start
from portal.mail.message import compose, seal_mail
from portal.methods.password.method import METHOD as PASSWORD
from portal.signup import queries
from portal.web.request import PortalRequest

CODE_VALID_FOR = timedelta(minutes=10)  # NIST SP 800-63B-4 3.1.3.2: at most ten minutes
LINK_VALID_FOR = timedelta(hours=24)
CODE_KEY_PURPOSE = "short codes"


async def begin(
    request: PortalRequest,
    flow: LoginFlow | None,
    email: str,
    *,
    name: str | None = None,
    password_hash: str | None = None,
    resend: bool = False,
) -> queries.Begun:
    """Note the sign-up and send its mail. Without a flow one is started for this browser."""
    verification_id = str(uuid4())
    code, link = new_short_code(), new_token()
    key = request.portal.sealer.derive(CODE_KEY_PURPOSE)
    url = f"{request.namespace.origin}/link/{link.raw}"
    app_name = flow.app_name if flow else None
    wish: dict[str, Any] = {
        "flow_id": flow.id if flow else None,
        "browser_digest": request.ensure_browser(),
        "email": email,
        "name": name,
        "password_hash": password_hash,
        "verification_id": verification_id,
        "code_digest": short_code_digest(key, verification_id, code),
        "impossible_digest": secrets.token_hex(32),
        "link_digest": link.digest,
        "code_expires_in": int(CODE_VALID_FOR.total_seconds()),
        "expires_in": int(LINK_VALID_FOR.total_seconds()),
        "mail_code": _mail(request, "signup_code", email, app_name, url, code),
        "mail_link": _mail(request, "signup_code", email, app_name, url, None),
        "mail_registered": _mail(request, "already_registered", email, app_name, url, None),
        "resend": resend,
    }
    return await queries.begin_signup(request.portal.database, wish, request.context.as_actor(), request.namespace.name)


async def use_code(request: PortalRequest, flow: LoginFlow, code: str) -> tuple[queries.Proven, IssuedToken]:
    """Check a code against every key that may have made it; the newest counts the try."""
    token, session = draft_session(request, PASSWORD.amr, remembered=flow.remembered)
    verification_id = flow.verification_id or str(uuid4())
    digest = short_code_digest(request.portal.sealer.derive(CODE_KEY_PURPOSE), verification_id, code)
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


async def use_link(request: PortalRequest, link_digest: str, link: queries.Link) -> tuple[queries.Proven, IssuedToken]:
    """Act on a mailed link. A browser that did not ask for it is led to the app's own beginning in the end."""
    token, session = draft_session(request, PASSWORD.amr, remembered=False)
    elsewhere = {
        "return_to": app_start(link.client_id),
        "client_id": link.client_id,
        "app_name": link.app_name,
        "expires_in": int(LOGIN_FLOW_VALID_FOR.total_seconds()),
    }
    proven = await queries.use_signup_link(
        request.portal.database,
        link_digest,
        request.ensure_browser(),
        session,
        elsewhere,
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


def _mail(request: PortalRequest, message: str, email: str, app_name: str | None, link: str, code: str | None) -> str:
    namespace = request.namespace
    values: dict[str, object] = {
        "link": link,
        "app_name": app_name,
        "hours": int(LINK_VALID_FOR.total_seconds() // 3600),
    }
    if message == "signup_code":
        values |= {"code": code, "minutes": int(CODE_VALID_FOR.total_seconds() // 60)}
    mail = compose(
        request.portal.templates,
        message,
        email,
        request.language,
        display_name=namespace.display_name,
        sender_name=namespace.mail_sender_name,
        **values,
    )
    return seal_mail(request.portal.sealer, mail)
