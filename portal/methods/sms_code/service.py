"""Login by text message: send the code, and turn the right one into a completed factor."""

from typing import Any

from litestar import Response

from portal.db.engine import Querier
from portal.login.flow import Enrolled, Factor, LoginFlow
from portal.login.mailed_proof import Begun
from portal.login.queries import Completed
from portal.login.service import ProvenFactor, complete_factor
from portal.login.texted_proof import draft_texted_proof
from portal.methods.sms_code import queries
from portal.web.request import PortalRequest

FACTOR = Factor("sms_code", ("sms",))  # RFC 8176


async def send_text_message(request: PortalRequest, flow: LoginFlow | None, phone: str) -> Begun:
    """Send a code to a number; a second one within 30 seconds is not sent."""
    wish = draft_texted_proof(request, flow, phone)
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
