"""/account/passkeys: add one, rename it, remove it, let it be the second step after a password."""

from typing import Any
from uuid import UUID

from litestar import Response, Router, get, post
from litestar.response import Redirect

from portal.crypto.base64url import encode_base64url
from portal.login.authenticators import SECURITY_PAGE, answer_removal, answer_renaming, read_name, remove
from portal.login.notices import security_mail
from portal.login.reauthentication import ask_to_log_in_again, login_is_recent
from portal.methods.passkey import queries
from portal.methods.passkey.ceremonies import ask_to_register
from portal.methods.passkey.providers import provider_of
from portal.methods.passkey.relying_party import relying_party, user_handle
from portal.methods.passkey.verification import NewPasskey, Refused, read_answer, verify_registration
from portal.sessions.devices import describe_device
from portal.web.account_sections import sections
from portal.web.flash import flash
from portal.web.forms import read_form
from portal.web.locale import mark
from portal.web.pages import messages, page
from portal.web.request import PortalRequest
from portal.web.return_to import own_path

PAGE, ADD_PAGE = "/account/passkeys", "/account/passkeys/add"
FAILED = mark("That passkey could not be added. Please try again.")
TAKEN = mark("That passkey is in use already. Please try again and let your device make a new one.")
TOO_MANY = mark("You have fifty passkeys. Remove one on the security page first.")
ADDED = mark("A passkey was added to your account.")
REMOVED = mark("A passkey was removed from your account.")
SECOND_STEP_ON = mark("Logging in with your password asks for a passkey as a second step now.")
SECOND_STEP_OFF = mark("Logging in with your password no longer asks for a passkey as a second step.")


@get("/.well-known/passkey-endpoints", include_in_schema=False)
async def passkey_endpoints(request: PortalRequest) -> dict[str, str]:
    """Tell password managers where passkeys are added and managed. https://w3c.github.io/webappsec-passkey-endpoints/."""
    origin = request.namespace.origin
    return {"enroll": f"{origin}{ADD_PAGE}", "manage": f"{origin}{SECURITY_PAGE}"}


@get(ADD_PAGE, opt={"session": "required"})
async def add_page(request: PortalRequest) -> Response[Any]:
    """Explain what a passkey is, and begin."""
    return_to = own_path(request.query_params.get("return_to"))
    if not login_is_recent(request.required_session):
        return await ask_to_log_in_again(request, ADD_PAGE)
    return _add(request, return_to)


@post(f"{PAGE}/options", opt={"session": "required"}, status_code=200)
async def registration_options(request: PortalRequest) -> dict[str, Any]:
    """Begin a ceremony for the page's script; `again` names the page that asks for a fresh login first."""
    await read_form(request)  # empty, but a form: nothing else is answered
    if not login_is_recent(request.required_session):
        return {"again": ADD_PAGE}
    return await ask_to_register(request)


@post(PAGE, opt={"session": "required"}, status_code=303)
async def add_passkey(request: PortalRequest) -> Response[Any]:
    """Check the authenticator's answer and enrol the passkey."""
    form = await read_form(request)
    person, return_to = request.required_session, own_path(form.text("return_to"))
    if not login_is_recent(person):
        return await ask_to_log_in_again(request, ADD_PAGE)
    ceremony = await queries.take_ceremony(
        request.portal.database, form.text("ceremony"), ["register"], request.browser_digest, request.namespace.name
    )
    answer = read_answer(form.secret("credential"))
    if ceremony is None or ceremony.user_id != person.user_id or answer is None:
        return await _refuse(request, "ceremony", return_to)
    made = verify_registration(answer, challenge=ceremony.challenge, party=relying_party(request))
    if isinstance(made, Refused):
        return await _refuse(request, made.reason, return_to)
    outcome = await enrol(request, made, read_name(form) or default_name(request, made), ADDED)
    if outcome == "login_not_recent":
        return await ask_to_log_in_again(request, ADD_PAGE)
    if outcome != "enrolled":
        return _add(request, return_to, form_error=TOO_MANY if outcome == "too_many" else TAKEN, status=409)
    flash(request, "passkey_added")
    # From the offer after a login the way leads back to the app.
    return Redirect(return_to or SECURITY_PAGE, status_code=303)


@post(PAGE + "/{mfa_id:uuid}/rename", opt={"session": "required"}, status_code=303)
async def rename_passkey(request: PortalRequest) -> Redirect:
    """Give a passkey the name that its owner knows it by."""
    return await answer_renaming(request)


@post(PAGE + "/{mfa_id:uuid}/remove", opt={"session": "required"}, status_code=303)
async def remove_passkey(request: PortalRequest) -> Response[Any]:
    """Remove a passkey, unless it is the last way in; end every other session, and tell the owner."""
    await read_form(request)
    outcome = await remove(request, request.path_params["mfa_id"], "webauthn", REMOVED)
    return await answer_removal(request, outcome, flash_name="passkey_removed")


@post(f"{PAGE}/second-step", opt={"session": "required"}, status_code=303)
async def set_second_step(request: PortalRequest) -> Response[Any]:
    """Let a password login ask for a passkey, or no longer."""
    form, person = await read_form(request), request.required_session
    on = form.text("ask") == "yes"
    outcome = await request.portal.database.fetchval(
        "select authn.set_second_step($1, $2, 'webauthn', $3, $4, $5, $6)",
        UUID(person.user_id),
        UUID(person.session_id),
        on,
        security_mail(request, person.email, SECOND_STEP_ON if on else SECOND_STEP_OFF, ended=True),
        request.context.as_actor(person.user_id),
        request.namespace.name,
    )
    if outcome == "login_not_recent":
        return await ask_to_log_in_again(request, SECURITY_PAGE)
    flash(request, "second_step_on" if on else "second_step_off")
    return Redirect(SECURITY_PAGE, status_code=303)


async def enrol(request: PortalRequest, made: NewPasskey, name: str | None, what: str) -> str:
    """Enrol a verified passkey for the person who is logged in, and tell them `what`."""
    person = request.required_session
    passkey = {**described(made, name), "mail": security_mail(request, person.email, what)}
    actor = request.context.as_actor(person.user_id)
    return await queries.enrol_passkey(
        request.portal.database, person.user_id, person.session_id, passkey, actor, request.namespace.name
    )


def described(made: NewPasskey, name: str | None) -> dict[str, Any]:
    """Return a verified passkey as authn.enrol_passkey takes it."""
    return {
        "credential_id": made.credential_id.hex(),
        "secret": encode_base64url(made.public_key),
        "name": name,
        "sign_count": made.sign_count,
        "aaguid": str(made.aaguid),
        "transports": list(made.transports),
        "backup_eligible": made.backup_eligible,
        "backed_up": made.backed_up,
    }


def default_name(request: PortalRequest, made: NewPasskey) -> str | None:
    """Return who keeps it, or where it was made."""
    device = describe_device(request.context.user_agent)
    return provider_of(made.aaguid) or device.system


async def card(request: PortalRequest) -> dict[str, Any]:
    """Return what the card on the security page needs, and what its script tells the browser's password manager."""
    person = request.required_session
    passkeys = await queries.list_passkeys(request.portal.database, person.user_id, request.namespace.name)
    return {
        "passkeys": [
            {
                "id": passkey.id,
                "name": passkey.name,
                "provider": provider_of(passkey.aaguid),
                "synced": passkey.backup_eligible,
                "upgraded": passkey.upgraded,
                "created_at": passkey.created_at,
                "last_used_at": passkey.last_used_at,
            }
            for passkey in passkeys
        ],
        "second_step": any(passkey.second_step for passkey in passkeys),
        "rp_id": relying_party(request).id,
        "user_handle": encode_base64url(user_handle(person.user_id)),
        "credential_ids": " ".join(encode_base64url(passkey.credential_id) for passkey in passkeys),
    }


async def _refuse(request: PortalRequest, reason: str, return_to: str | None) -> Response[Any]:
    person = request.required_session
    actor = request.context.as_actor(person.user_id)
    await queries.refuse_passkey(request.portal.database, person.user_id, reason, actor, request.namespace.name)
    return _add(request, return_to, form_error=FAILED, status=422)


def _add(
    request: PortalRequest, return_to: str | None, *, form_error: str | None = None, status: int = 200
) -> Response[Any]:
    return page(
        request,
        "methods/passkey/add.html",
        status=status,
        sections=sections(request, SECURITY_PAGE),
        return_to=return_to,
        **messages(request, None, form_error),
    )


ROUTER = Router(
    path="/",
    route_handlers=[
        passkey_endpoints,
        add_page,
        registration_options,
        add_passkey,
        rename_passkey,
        remove_passkey,
        set_second_step,
    ],
)
