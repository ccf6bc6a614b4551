"""A passkey that the browser makes silently after a login by password, and the mailed link that takes it back.

Conditional create: https://www.w3.org/TR/webauthn-3/#sctn-createCredential. authn.may_save_passkey decides when.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from litestar import Response, Router, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from portal.clock import now
from portal.crypto.tokens import MAX_TOKEN_LENGTH, IssuedToken, new_token, token_digest
from portal.login.mailed_proof import sealed_mail
from portal.methods.passkey import queries
from portal.methods.passkey.account_routes import PAGE, default_name, described
from portal.methods.passkey.ceremonies import ask_to_register
from portal.methods.passkey.relying_party import relying_party
from portal.methods.passkey.verification import NewPasskey, Refused, read_answer, verify_registration
from portal.sessions.devices import describe_device
from portal.web.forms import read_form
from portal.web.logging import get_logger
from portal.web.pages import page
from portal.web.refusals import mark_refusal
from portal.web.request import PortalRequest
from portal.web.return_to import own_path_or_account

UPGRADE, UNDO = f"{PAGE}/upgrade", f"{PAGE}/undo"
UNDO_VALID_FOR = timedelta(days=7)  # somebody on holiday reads mail late; afterwards the security page removes it

log = get_logger("portal.login")


@post(f"{UPGRADE}/options", opt={"session": "required"}, status_code=200)
async def upgrade_options(request: PortalRequest) -> dict[str, Any]:
    """Begin a silent ceremony for the page's script; an empty answer where none may be."""
    await read_form(request)  # empty, but a form: nothing else is answered
    if not await _may(request):
        return {}
    return await ask_to_register(request, silent=True)


@post(UPGRADE, opt={"session": "required"}, status_code=303)
async def upgrade(request: PortalRequest) -> Redirect:
    """Enrol what the browser made, and lead on. Nobody asked for it: what goes wrong holds nobody up."""
    form = await read_form(request)
    person, return_to = request.required_session, own_path_or_account(form.text("return_to"))
    ceremony = await queries.take_ceremony(
        request.portal.database, form.text("ceremony"), ["upgrade"], request.browser_digest, request.namespace.name
    )
    answer = read_answer(form.secret("credential"))
    if ceremony is None or ceremony.user_id != person.user_id or answer is None:
        await _refuse(request, "ceremony")
        return Redirect(return_to, status_code=303)
    made = verify_registration(answer, challenge=ceremony.challenge, party=relying_party(request), verified=False)
    if isinstance(made, Refused):
        await _refuse(request, made.reason)
    else:
        outcome = await _save(request, made)
        log.info("passkey_saved", outcome=outcome)
    return Redirect(return_to, status_code=303)


@get(UNDO + "/{token:str}", opt={"session": "optional"})
async def undo_page(request: PortalRequest, token: FromPath[str]) -> Response[Any]:
    """Say what the button takes back. Reads only: mail scanners open every link."""
    found = await _find(request, token)
    if found is None:
        return _dead(request)
    return page(request, "methods/passkey/undo.html", token=token, done=False, **found)


@post(UNDO + "/{token:str}", opt={"session": "optional"}, status_code=200)
async def undo(request: PortalRequest, token: FromPath[str]) -> Response[Any]:
    """Take it back, once."""
    await read_form(request)
    found = await _find(request, token)
    undone = found is not None and await request.portal.database.fetchval(
        "select authn.undo_saved_passkey($1, $2, $3)",
        token_digest(token),
        request.context.as_actor(),
        request.namespace.name,
    )
    if found is None or not undone:
        return _dead(request)
    return page(request, "methods/passkey/undo.html", token=token, done=True, **found)


async def _may(request: PortalRequest) -> bool:
    person = request.required_session
    query = "select authn.may_save_passkey($1, $2, $3, $4)"
    whose = (UUID(person.user_id), UUID(person.session_id), request.browser_digest, request.namespace.name)
    # Without an address nobody could be told, and nobody could take it back.
    return person.email is not None and bool(await request.portal.database.fetchval(query, *whose))


async def _save(request: PortalRequest, made: NewPasskey) -> str:
    person, link = request.required_session, new_token()
    name = default_name(request, made)
    passkey = {
        **described(made, name),
        "undo_digest": link.digest,
        "undo_expires_in": int(UNDO_VALID_FOR.total_seconds()),
        "mail": _mail(request, link, person.email, name),
    }
    return str(
        await request.portal.database.fetchval(
            "select authn.save_passkey($1, $2, $3, $4, $5, $6)",
            UUID(person.user_id),
            UUID(person.session_id),
            request.browser_digest,
            passkey,
            request.context.as_actor(person.user_id),
            request.namespace.name,
        )
    )


def _mail(request: PortalRequest, link: IssuedToken, email: str | None, name: str | None) -> str | None:
    if email is None:
        return None
    device = describe_device(request.context.user_agent)
    return sealed_mail(
        request,
        "passkey_saved",
        email,
        passkey=name,
        browser=device.browser,
        system=device.system,
        ip_address=request.context.ip_address,
        changed_at=now(),
        link=f"{request.namespace.origin}{UNDO}/{link.raw}",
        days=UNDO_VALID_FOR.days,
    )


async def _refuse(request: PortalRequest, reason: str) -> None:
    person = request.required_session
    actor = request.context.as_actor(person.user_id)
    await queries.refuse_passkey(request.portal.database, person.user_id, reason, actor, request.namespace.name)


async def _find(request: PortalRequest, token: str) -> dict[str, Any] | None:
    if len(token) > MAX_TOKEN_LENGTH:
        return None
    row = await request.portal.database.fetchrow(
        "select * from authn.find_saved_passkey($1, $2)", token_digest(token), request.namespace.name
    )
    return dict(row) if row else None


def _dead(request: PortalRequest) -> Response[Any]:
    if request.method != "GET":
        mark_refusal(request.facts, "dead_link")
    logged_in = request.current_session is not None
    return page(request, "login/link_dead.html", status=410, app_name=None, go_on=None, logged_in=logged_in)


ROUTER = Router(path="/", route_handlers=[upgrade_options, upgrade, undo_page, undo])
