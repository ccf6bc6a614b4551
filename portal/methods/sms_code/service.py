"""Login by text message: send the code, and turn the right one into a completed factor."""

import secrets
from typing import Any
from uuid import uuid4

from litestar import Response

from portal.crypto.tokens import new_short_code, short_code_digest
from portal.db.engine import Querier
from portal.login.flow import LOGIN_FLOW_VALID_FOR, Enrolled, Factor, LoginFlow
from portal.login.mailed_proof import CODE_KEY_PURPOSE, CODE_VALID_FOR, Begun
from portal.login.queries import Completed
from portal.login.service import ProvenFactor, complete_factor
from portal.methods.sms_code import queries
from portal.sms.message import compose_text_message, seal_text_message
from portal.web.request import PortalRequest

FACTOR = Factor("sms_code", ("sms",))  # RFC 8176


async def send_text_message(request: PortalRequest, flow: LoginFlow | None, phone: str) -> Begun:
    """Send a code to a number; a second one within 30 seconds is not sent."""
    verification_id, code = str(uuid4()), new_short_code()
    message = compose_text_message(
        request.portal.templates,
        "login_code",
        phone,
        request.language,
        display_name=request.namespace.display_name,
        code=code,
        minutes=int(CODE_VALID_FOR.total_seconds() // 60),
    )
    wish = {
        "flow_id": flow.id if flow else None,
        "browser_digest": request.ensure_browser(),
        "phone": phone,
        "verification_id": verification_id,
        "code_digest": short_code_digest(request.portal.sealer.derive(CODE_KEY_PURPOSE), verification_id, code),
        "impossible_digest": secrets.token_hex(32),
        "link_digest": secrets.token_hex(32),  # no link is sent; the row has one all the same
        "code_expires_in": int(CODE_VALID_FOR.total_seconds()),
        "expires_in": int(LOGIN_FLOW_VALID_FOR.total_seconds()),
        "message": seal_text_message(request.portal.sealer, message),
    }
    return await queries.begin_sms_login(
        request.portal.database, wish, request.context.as_actor(), request.namespace.name
    )


async def complete_with_code(
    request: PortalRequest, flow: LoginFlow, tried: queries.Tried, proof: dict[str, str], *, remembered: bool
) -> Response[Any]:
    """Complete the factor with a code that the same commit uses up."""

    async def complete(database: Querier, login: dict[str, Any], actor: dict[str, Any], namespace: str) -> Completed:
        return await queries.complete_sms_login(database, login, proof, actor, namespace)

    proven = ProvenFactor(FACTOR, tried.user_id or "", flow.email or "", Enrolled(tried.has_second_factor))
    return await complete_factor(request, flow, proven, remembered=remembered, complete=complete)
