"""Recovery: send the mail, and turn a proven mailbox and a new password into a login."""

from datetime import timedelta
from typing import Any

from litestar import Response

from portal.db.engine import Querier
from portal.login.flow import Enrolled, LoginFlow
from portal.login.mailed_proof import Begun, draft_proof
from portal.login.queries import Completed
from portal.login.service import ProvenFactor, complete_factor
from portal.methods.email_code.service import FACTOR
from portal.methods.password.changed import password_changed_mail
from portal.recovery import queries
from portal.web.request import PortalRequest

LINK_VALID_FOR = timedelta(hours=1)  # a mail that came late still helps; a code beside it lives 10 minutes


async def send_mail(request: PortalRequest, flow: LoginFlow | None, email: str) -> Begun:
    """Send a recovery mail; a second one within 30 seconds is not sent."""
    wish = draft_proof(
        request,
        flow,
        email,
        message="recovery_code",
        other_message="login_not_possible",
        disabled_message="login_disabled",
        link_valid_for=LINK_VALID_FOR,
        resend=True,
    )
    return await queries.begin_recovery(
        request.portal.database, wish, request.context.as_actor(), request.namespace.name
    )


async def set_password(
    request: PortalRequest, flow: LoginFlow, user_id: str, email: str, password_hash: str
) -> Response[Any]:
    """Set the password and log in. What proved the person is the mailbox, so that is the factor of the login."""
    mail_changed = password_changed_mail(request, email)

    async def complete(database: Querier, login: dict[str, Any], actor: dict[str, Any], namespace: str) -> Completed:
        return await queries.finish_recovery(database, login, password_hash, mail_changed, actor, namespace)

    proven = ProvenFactor(FACTOR, user_id, email, Enrolled())
    return await complete_factor(request, flow, proven, remembered=flow.remembered, complete=complete)
