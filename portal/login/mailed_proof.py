"""A code and a link in one mail: made, mailed, and read back. Sign-up, login and recovery prove a mailbox with it.

The same work is done whether or not there is anything to prove: every mail is composed and sealed before the database
chooses the one that is sent, so that neither bytes nor work tell a stranger which it was.
"""

import re
import secrets
from datetime import timedelta
from typing import Any, Literal, NamedTuple
from uuid import uuid4

from portal.crypto.tokens import new_short_code, new_token, short_code_digest
from portal.login.flow import LOGIN_FLOW_VALID_FOR, LoginFlow
from portal.mail.message import compose, seal_mail
from portal.web.forms import Form
from portal.web.request import PortalRequest

CODE_VALID_FOR = timedelta(minutes=10)  # NIST SP 800-63B-4 3.1.3.2: at most ten minutes
CODE_KEY_PURPOSE = "short codes"


class Begun(NamedTuple):
    """What asking for a mail did: `sent`, `too_soon`, `throttled` (both with `retry_after` seconds) or `gone`."""

    outcome: Literal["sent", "too_soon", "throttled", "gone"]
    flow_id: str | None
    retry_after: int


def begun(row: Any) -> Begun:
    """Read what an SQL function that sends such a mail returned."""
    return Begun(row["outcome"], str(row["flow_id"]) if row["flow_id"] else None, row["retry_after"])


def draft_proof(
    request: PortalRequest,
    flow: LoginFlow | None,
    email: str,
    *,
    message: str,
    other_message: str,
    link_valid_for: timedelta,
    resend: bool,
    disabled_message: str | None = None,
) -> dict[str, Any]:
    """Make the `p_wish` argument of the SQL function that notes the wish and sends its mail.

    `message` is the mail with code and link, `other_message` the one for an address where there is nothing to prove:
    folders of templates/email; `disabled_message` is the one for a disabled account, where that is another. With
    `resend` a second mail within 30 seconds is refused. Without a flow one is started.
    """
    verification_id = str(uuid4())
    code, link = new_short_code(), new_token()
    values: dict[str, object] = {
        "app_name": flow.app_name if flow else None,
        "link": f"{request.namespace.origin}/link/{link.raw}",
        "minutes": _minutes(CODE_VALID_FOR),
        "link_minutes": _minutes(link_valid_for),
        "hours": _minutes(link_valid_for) // 60,
        "signup_open": request.namespace.policy.signup == "open",
    }
    return {
        "flow_id": flow.id if flow else None,
        "browser_digest": request.ensure_browser(),
        "email": email,
        "verification_id": verification_id,
        "code_digest": short_code_digest(_code_key(request), verification_id, code),
        "impossible_digest": secrets.token_hex(32),
        "link_digest": link.digest,
        "code_expires_in": int(CODE_VALID_FOR.total_seconds()),
        "link_expires_in": int(link_valid_for.total_seconds()),
        "expires_in": int(LOGIN_FLOW_VALID_FOR.total_seconds()),
        "mail_code": sealed_mail(request, message, email, code=code, **values),
        "mail_link": sealed_mail(request, message, email, code=None, **values),
        "mail_other": sealed_mail(request, other_message, email, **values),
        "mail_disabled": sealed_mail(request, disabled_message, email, **values) if disabled_message else None,
        "resend": resend,
    }


def sealed_mail(request: PortalRequest, message: str, email: str, **values: object) -> str:
    """Compose the mail templates/email/<message> in the language and name of the request, as the outbox keeps it."""
    namespace = request.namespace
    mail = compose(
        request.portal.templates,
        message,
        email,
        request.language,
        display_name=namespace.display_name,
        sender_name=namespace.mail_sender_name,
        support=namespace.support_email,
        **values,
    )
    return seal_mail(request.portal.sealer, mail)


def read_code(form: Form) -> str | None:
    """Return the six digits that were typed, without the spaces and dashes that people and mail programs add."""
    code = re.sub(r"[\s-]", "", form.text("code"))
    return code if re.fullmatch(r"[0-9]{6}", code) else None


def typed_code(request: PortalRequest, flow: LoginFlow, code: str) -> tuple[str, str]:
    """Return the verification that a flow waits for, and the digest of what was typed for it."""
    verification_id = flow.verification_id or str(uuid4())
    return verification_id, short_code_digest(_code_key(request), verification_id, code)


def approval_digits(request: PortalRequest, verification_id: str) -> str:
    """Return the two digits that the browser that asked shows, and that another one types to let it go on."""
    digest = short_code_digest(request.portal.sealer.derive("approval digits"), verification_id, "")
    return f"{int(digest, 16) % 100:02d}"


def _code_key(request: PortalRequest) -> bytes:
    return request.portal.sealer.derive(CODE_KEY_PURPOSE)


def _minutes(duration: timedelta) -> int:
    return int(duration.total_seconds() // 60)
