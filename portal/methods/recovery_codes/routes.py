"""A recovery code at the second step of a login."""

from typing import Any

from litestar import Response, Router, post

from portal.db.engine import Querier
from portal.login.flow import Enrolled, Factor, LoginFlow
from portal.login.notices import security_mail
from portal.login.queries import Completed
from portal.login.second_step import (
    begin_second_step,
    fail_second_step,
    flow_at_second_step,
    show_second_step,
)
from portal.login.service import ProvenFactor, complete_factor
from portal.methods.recovery_codes import queries
from portal.methods.recovery_codes.codes import number_of, read_code
from portal.web.forms import read_form
from portal.web.locale import mark
from portal.web.logging import get_logger
from portal.web.request import PortalRequest

WAY, TYPE = "recovery_codes", "recovery_codes"
FACTOR = Factor(WAY, ("otp",))  # RFC 8176: a one-time password, whatever device or paper it comes from
MALFORMED = mark("A recovery code looks like 3-k7mpq-2xw9r-8tnva. Check it and try again.")
WRONG = mark("That is none of your recovery codes, or it was used before. Try another one.")
CODE_USED = mark("A recovery code was used to log in to your account.")

log = get_logger("portal.login")


@post("/login/recovery-code", opt={"session": "optional"}, status_code=200)
async def submit_recovery_code(request: PortalRequest) -> Response[Any]:
    """Check a recovery code and go on."""
    form = await read_form(request)
    flow = await flow_at_second_step(request, form.text("flow"))
    if isinstance(flow, Response):
        return flow
    code = read_code(form.text("code"))
    if code is None:
        return await show_second_step(request, flow, way=WAY, errors={"code": MALFORMED}, status=422)
    step = await begin_second_step(request, flow, WAY, TYPE)
    if isinstance(step, Response):
        return step
    for codes in step.authenticators:
        number = await number_of(code, codes["secret"])
        if number is not None:
            proof = {
                "mfa_id": codes["id"],
                "number": number,
                "attempt_id": step.attempt_id,
                "mail": security_mail(request, flow.email, CODE_USED),
            }
            return await _complete(request, flow, step.user_id, proof)
    await fail_second_step(request, step, TYPE)
    log.info("login_failed", method=WAY)
    return await show_second_step(request, flow, way=WAY, errors={"code": WRONG}, status=422)


async def _complete(request: PortalRequest, flow: LoginFlow, user_id: str, proof: dict[str, Any]) -> Response[Any]:
    async def complete(database: Querier, login: dict[str, Any], actor: dict[str, Any], namespace: str) -> Completed:
        return await queries.complete_recovery_code_login(database, login, proof, actor, namespace)

    async def used() -> Response[Any]:
        return await show_second_step(request, flow, way=WAY, errors={"code": WRONG}, status=422)

    proven = ProvenFactor(FACTOR, user_id, flow.email, Enrolled(second_step=True))
    return await complete_factor(request, flow, proven, remembered=flow.remembered, complete=complete, used=used)


async def challenge(request: PortalRequest, flow: LoginFlow) -> dict[str, Any]:
    """Return what the form of the second step needs: nothing but the flow."""
    return {}


ROUTER = Router(path="/", route_handlers=[submit_recovery_code])
