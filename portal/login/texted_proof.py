"""A code in a text message: made, sent, and what is said of it. Logging in by it and standing second share it."""

import secrets
from typing import Any
from uuid import uuid4

from portal.crypto.tokens import new_short_code, short_code_digest
from portal.login.flow import LOGIN_FLOW_VALID_FOR, LoginFlow
from portal.login.mailed_proof import CODE_KEY_PURPOSE, CODE_VALID_FOR
from portal.sms.message import compose_text_message, seal_text_message
from portal.web.locale import mark
from portal.web.request import PortalRequest

PHONE_INVALID = mark("Enter a number with its country, such as +41 79 123 45 67.")
CODE_MALFORMED = mark("Enter the six digits from the message.")
TOO_SOON = mark("We have just sent a message. Please wait a moment before you ask for another one.")
THROTTLED = mark("Too many messages were asked for from your network. Please try again in a quarter of an hour.")


def draft_texted_proof(request: PortalRequest, flow: LoginFlow | None, phone: str) -> dict[str, Any]:
    """Make the `p_wish` argument of the SQL function that sends a code to a number in E.164.

    Without a flow one is started. The digest that no code has is for a message that is held back.
    """
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
    return {
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
