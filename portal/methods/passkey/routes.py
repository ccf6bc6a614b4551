"""Login by passkey: the challenge, and the answer that becomes a completed factor."""

from typing import Any

from litestar import Response, Router, post

from portal.crypto.base64url import encode_base64url
from portal.db.engine import Querier
from portal.login.flow import Enrolled, Factor, LoginFlow
from portal.login.queries import Completed
from portal.login.routes import login_step
from portal.login.second_step import show_second_step
from portal.login.service import ProvenFactor, complete_factor, find_flow, flow_page_gone
from portal.methods.passkey import queries
from portal.methods.passkey.ceremonies import ask_for_the_account, ask_to_log_in
from portal.methods.passkey.relying_party import relying_party
from portal.methods.passkey.verification import (
    Assertion,
    Refused,
    StoredPasskey,
    credential_id_of,
    read_answer,
    verify_assertion,
)
from portal.web.forms import read_form
from portal.web.locale import mark
from portal.web.logging import get_logger
from portal.web.request import PortalRequest

WAY = "passkey"
AMR_SYNCED, AMR_BOUND = "swk", "hwk"  # RFC 8176: a key in software, a key in hardware
REFUSED = mark("That passkey did not work. Try again, or log in another way.")
UNKNOWN = mark("This site does not know that passkey. It may have been removed from your account. Log in another way.")
FRESH_ONE = mark("That passkey cannot confirm anything yet: log in with it once. Choose another way for now.")

log = get_logger("portal.login")


@post("/login/passkey/options", opt={"session": "optional"}, status_code=200)
async def login_options(request: PortalRequest) -> dict[str, Any]:
    """Begin a ceremony for the page's script."""
    form = await read_form(request)
    flow = await find_flow(request, form.text("flow"))
    if flow is None or not flow.usable:
        return await ask_to_log_in(request, None)
    if flow.factors and flow.user_id:
        return await ask_for_the_account(request, flow, flow.user_id, "second_step")
    same = _same_person(request, flow)
    if same:
        return await ask_for_the_account(request, flow, same, "login")
    return await ask_to_log_in(request, flow)


@post("/login/passkey", opt={"session": "optional"}, status_code=200)
async def submit_passkey(request: PortalRequest) -> Response[Any]:
    """Check the authenticator's answer and go on."""
    form = await read_form(request)
    flow_id = form.text("flow")
    flow = await find_flow(request, flow_id)
    if flow_id and (flow is None or not flow.usable):
        return await flow_page_gone(request, flow)
    second = bool(flow and flow.factors)
    # The challenge is gone now, whatever comes of its answer.
    ceremony = await queries.take_ceremony(
        request.portal.database,
        form.text("ceremony"),
        ["second_step" if second else "login"],
        request.browser_digest,
        request.namespace.name,
    )
    answer = read_answer(form.secret("credential"))
    credential_id = credential_id_of(answer) if answer else None
    if ceremony is None or answer is None or credential_id is None or ceremony.flow_id != (flow.id if flow else None):
        return await _refuse(request, flow, None, "ceremony")
    stored = await queries.find_passkey(request.portal.database, credential_id, request.namespace.name)
    if stored is None:
        return await _refuse(request, flow, None, "unknown credential", UNKNOWN, unknown=credential_id)
    problem = _whose(request, flow, ceremony, stored)
    if problem:
        return await _refuse(request, flow, stored.user_id, problem)
    if flow and flow.reauthenticate and stored.upgraded:
        return await _refuse(request, flow, stored.user_id, "upgraded passkey not used yet", FRESH_ONE)
    verified = verify_assertion(
        answer,
        stored,
        challenge=ceremony.challenge,
        party=relying_party(request),
        discovered=ceremony.user_id is None,
        verified=not second,
    )
    if isinstance(verified, Refused):
        return await _refuse(request, flow, stored.user_id, verified.reason)
    return await _complete(
        request, flow, stored, verified, remembered=_remembered(flow, form.checked("remember_device"))
    )


def _whose(
    request: PortalRequest, flow: LoginFlow | None, ceremony: queries.Ceremony, stored: StoredPasskey
) -> str | None:
    """Return what is wrong with the owner of a passkey in this place, or None."""
    if stored.disabled:
        return "account disabled"
    if ceremony.user_id is not None and ceremony.user_id != stored.user_id:
        return "passkey of somebody else"
    if flow and flow.factors and flow.user_id != stored.user_id:
        return "passkey of somebody else"
    same = _same_person(request, flow) if flow else None
    return "passkey of somebody else" if same and same != stored.user_id else None


def _same_person(request: PortalRequest, flow: LoginFlow) -> str | None:
    """Return who must prove anew who they are, or None where anybody may log in: after "Not you?" as well."""
    session = request.current_session
    return session.user_id if flow.reauthenticate and session and session.email == flow.email else None


def _remembered(flow: LoginFlow | None, ticked: bool) -> bool:
    return flow.remembered if flow and flow.factors else ticked


async def _complete(
    request: PortalRequest, flow: LoginFlow | None, stored: StoredPasskey, assertion: Assertion, *, remembered: bool
) -> Response[Any]:
    proof = {
        "mfa_id": stored.mfa_id,
        "sign_count": assertion.sign_count,
        "backed_up": assertion.backed_up,
        "user_verified": assertion.user_verified,
    }

    async def complete(database: Querier, login: dict[str, Any], actor: dict[str, Any], namespace: str) -> Completed:
        return await queries.complete_passkey_login(database, login, proof, actor, namespace)

    async def used() -> Response[Any]:
        return await _show(request, flow, REFUSED)

    key = AMR_SYNCED if stored.backup_eligible else AMR_BOUND
    amr = (key, "user") if assertion.user_verified else (key,)
    factor = Factor(WAY, amr, multi=assertion.user_verified)
    proven = ProvenFactor(factor, stored.user_id, stored.email, Enrolled(stored.demands_second_step))
    return await complete_factor(request, flow, proven, remembered=remembered, complete=complete, used=used)


async def _refuse(
    request: PortalRequest,
    flow: LoginFlow | None,
    user_id: str | None,
    reason: str,
    text: str = REFUSED,
    *,
    unknown: bytes | None = None,
) -> Response[Any]:
    actor = request.context.as_actor()
    await queries.refuse_passkey(request.portal.database, user_id, reason, actor, request.namespace.name)
    log.info("login_failed", method=WAY, reason=reason)
    return await _show(request, flow, text, unknown)


async def _show(
    request: PortalRequest, flow: LoginFlow | None, text: str, unknown: bytes | None = None
) -> Response[Any]:
    if flow and flow.factors:
        return await show_second_step(request, flow, way=WAY, form_error=text, status=422)
    # The page's script tells the authenticator what is unknown here, which then stops offering it (section 5.1.10.2).
    more: dict[str, Any] = {}
    if unknown:
        more = {"unknown_passkey": encode_base64url(unknown), "rp_id": relying_party(request).id}
    return await login_step(request, flow, email=flow.email if flow else None, form_error=text, status=422, **more)


async def challenge(request: PortalRequest, flow: LoginFlow) -> dict[str, Any]:
    """Return what the form of the second step needs: nothing but the flow."""
    return {}


ROUTER = Router(path="/", route_handlers=[login_options, submit_passkey])
