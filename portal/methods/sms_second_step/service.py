"""Send a code to the number of an account, or to one that is to become it, and say what was wrong."""

import secrets
from typing import Any, Literal
from uuid import uuid4

from portal.crypto.tokens import new_short_code, short_code_digest
from portal.login.flow import LOGIN_FLOW_VALID_FOR, Factor, LoginFlow
from portal.login.mailed_proof import CODE_KEY_PURPOSE, CODE_VALID_FOR, typed_code
from portal.methods.sms_second_step import queries
from portal.methods.sms_second_step.queries import Asked
from portal.sms.message import compose_text_message, seal_text_message
from portal.web.locale import mark
from portal.web.request import PortalRequest

FACTOR = Factor("sms_second_step", ("sms",))  # RFC 8176
Purpose = Literal["sms_second_step", "sms_set_up"]
TYPE = "sms"  # of its rows in authn.mfa_secrets, whose secret is the number

CODE_MALFORMED = mark("Enter the six digits from the message.")
CODE_WRONG = mark("That code does not match. Check the newest message and try again.")
CODE_DEAD = mark("That code no longer works. Ask for a new message below.")
PHONE_INVALID = mark("Enter a number with its country, such as +41 79 123 45 67.")
ADDED = mark("A phone number was added to your account. A login asks for a code that is sent there.")
REFUSALS = {
    "too_soon": mark("We have just sent a message. Please wait a moment before you ask for another one."),
    "throttled": mark("Too many messages were asked for from your network. Please try again in a quarter of an hour."),
    "capped": mark("We cannot send more messages to that number now. Use another way, or try again tomorrow."),
}


async def send_text(
    request: PortalRequest,
    flow: LoginFlow | None,
    phone: str,
    purpose: Purpose,
    **more: Any,
) -> Asked:
    """Send a code to a number; the older one ends. `more` are further fields of what the SQL function takes."""
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
        "purpose": purpose,
        "flow_id": flow.id if flow else None,
        "browser_digest": request.ensure_browser(),
        "phone": phone,
        "verification_id": verification_id,
        "code_digest": short_code_digest(request.portal.sealer.derive(CODE_KEY_PURPOSE), verification_id, code),
        "link_digest": secrets.token_hex(32),  # no link is sent; the row has one all the same
        "code_expires_in": int(CODE_VALID_FOR.total_seconds()),
        "expires_in": int(LOGIN_FLOW_VALID_FOR.total_seconds()),
        "message": seal_text_message(request.portal.sealer, message),
        **more,
    }
    # In the name of the account, by which its number is found when the account is deleted.
    actor = request.context.as_actor(more.get("user_id") or (flow.user_id if flow else None))
    return await queries.send_text(request.portal.database, wish, actor, request.namespace.name)


def proof_of(request: PortalRequest, flow: LoginFlow, code: str) -> dict[str, str]:
    """Return a typed code as the SQL functions compare it."""
    verification_id, code_digest = typed_code(request, flow, code)
    return {"verification_id": verification_id, "code_digest": code_digest}


def waits_for_code(flow: LoginFlow, purpose: str) -> bool:
    """Return whether a code of this purpose was sent in this flow and may still be typed."""
    return flow.proof_purpose == purpose and not flow.code_used and not flow.code_expired
