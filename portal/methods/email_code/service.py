"""Login by mail: send it, and turn its code, its link or an approval into a completed factor."""

from datetime import timedelta
from typing import Any

from litestar import Response

from portal.db.engine import Querier
from portal.login.flow import Enrolled, Factor, LoginFlow
from portal.login.mailed_proof import Begun, draft_proof
from portal.login.queries import Completed
from portal.login.service import ProvenFactor, complete_factor
from portal.methods.email_code import queries
from portal.methods.email_code.queries import Account
from portal.web.request import PortalRequest

# RFC 8176 registers no value for a mailbox. "otp" means one-time password devices, and an app that asks for one must
# not take a mail for one. Other values are by agreement (section 1); this one says what was proven.
FACTOR = Factor("email_code", ("email",))


async def send_mail(request: PortalRequest, flow: LoginFlow | None, email: str) -> Begun:
    """Send a login mail; a second one within 30 seconds is not sent."""
    wish = draft_proof(
        request,
        flow,
        email,
        message="login_code",
        other_message="login_not_possible",
        disabled_message="login_disabled",
        link_valid_for=timedelta(minutes=request.namespace.policy.login_link_minutes),
        resend=True,
    )
    return await queries.begin_mail_login(
        request.portal.database, wish, request.context.as_actor(), request.namespace.name
    )


async def complete_with_proof(
    request: PortalRequest, flow: LoginFlow, account: Account, proof: dict[str, str], *, remembered: bool
) -> Response[Any]:
    """Complete the factor with a proof that the same commit uses up (see authn.complete_mail_login)."""

    async def complete(database: Querier, login: dict[str, Any], actor: dict[str, Any], namespace: str) -> Completed:
        return await queries.complete_mail_login(database, login, proof, actor, namespace)

    proven = ProvenFactor(FACTOR, account.user_id, account.email, Enrolled(account.has_second_factor))
    return await complete_factor(request, flow, proven, remembered=remembered, complete=complete)
