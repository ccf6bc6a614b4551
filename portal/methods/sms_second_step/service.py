"""Send a code to the number of an account, or to one that is to become it, and say what was wrong."""

from typing import Any, Literal

from portal.login.flow import Factor, LoginFlow
from portal.login.mailed_proof import typed_code
from portal.login.texted_proof import THROTTLED, TOO_SOON, draft_texted_proof
from portal.methods.sms_second_step import queries
from portal.methods.sms_second_step.queries import Asked
from portal.web.locale import mark
from portal.web.request import PortalRequest

FACTOR = Factor("sms_second_step", ("sms",))  # RFC 8176
Purpose = Literal["sms_second_step", "sms_set_up"]
TYPE = "sms"  # of its rows in authn.mfa_secrets, whose secret is the number

CODE_WRONG = mark("That code does not match. Check the newest message and try again.")
CODE_DEAD = mark("That code no longer works. Ask for a new message below.")
ADDED = mark("A phone number was added to your account. A login asks for a code that is sent there.")
REFUSALS = {
    "too_soon": TOO_SOON,
    "throttled": THROTTLED,
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
    wish = {**draft_texted_proof(request, flow, phone), "purpose": purpose, **more}
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
