"""The code of an authenticator app at the second step of a login."""

from typing import Any

from litestar import Response, Router, post

from portal.db.engine import Querier
from portal.login.flow import Enrolled, Factor, LoginFlow
from portal.login.mailed_proof import read_code
from portal.login.queries import Completed
from portal.login.second_step import (
    WRONG,
    begin_second_step,
    fail_second_step,
    flow_at_second_step,
    show_second_step,
)
from portal.login.service import ProvenFactor, complete_factor
from portal.methods.totp import queries
from portal.methods.totp.codes import step_of
from portal.methods.totp.sealed import open_secret
from portal.web.forms import read_form
from portal.web.locale import mark
from portal.web.logging import get_logger
from portal.web.request import PortalRequest

FACTOR = Factor("totp", ("otp",))
MALFORMED = mark("Enter the six digits that your authenticator app shows.")
USED = mark("That code was used before. Wait for the next one and try again.")

log = get_logger("portal.login")


@post("/login/totp", opt={"session": "optional"}, status_code=200)
async def submit_totp(request: PortalRequest) -> Response[Any]:
    """Check a code and go on."""
    form = await read_form(request)
    flow = await flow_at_second_step(request, form.text("flow"))
    if isinstance(flow, Response):
        return flow
    code = read_code(form)
    if code is None:
        return await show_second_step(request, flow, way="totp", errors={"code": MALFORMED}, status=422)
    step = await begin_second_step(request, flow, "totp", "totp")
    if isinstance(step, Response):
        return step
    for authenticator in step.authenticators:
        secret = open_secret(request.portal.sealer, authenticator["secret"])
        found = step_of(secret, code, step.now) if secret else None
        if found is not None:
            proof = {"mfa_id": authenticator["id"], "step": found, "attempt_id": step.attempt_id}
            return await _complete(request, flow, step.user_id, proof)
    await fail_second_step(request, step, "totp")
    log.info("login_failed", method="totp")
    return await show_second_step(request, flow, way="totp", errors={"code": WRONG}, status=422)


async def _complete(request: PortalRequest, flow: LoginFlow, user_id: str, proof: dict[str, Any]) -> Response[Any]:
    async def complete(database: Querier, login: dict[str, Any], actor: dict[str, Any], namespace: str) -> Completed:
        return await queries.complete_totp_login(database, login, proof, actor, namespace)

    async def used() -> Response[Any]:
        return await show_second_step(request, flow, way="totp", errors={"code": USED}, status=422)

    proven = ProvenFactor(FACTOR, user_id, flow.email, Enrolled(second_step=True))
    return await complete_factor(request, flow, proven, remembered=flow.remembered, complete=complete, used=used)


async def challenge(request: PortalRequest, flow: LoginFlow) -> dict[str, Any]:
    """Return what the form of the second step needs: nothing but the flow."""
    return {}


ROUTER = Router(path="/", route_handlers=[submit_totp])
