"""Enrolled authenticators of the person who is logged in: list, enrol, rename, remove. For every method with some."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Response
from litestar.response import Redirect

from portal.errors import Conflict, NotFound
from portal.login.method import methods_on
from portal.login.notices import security_mail
from portal.login.reauthentication import ask_to_log_in_again
from portal.web.flash import flash
from portal.web.forms import Form, read_form
from portal.web.locale import mark
from portal.web.request import PortalRequest

SECURITY_PAGE = "/account/security"
NAME_MAX_LENGTH = 80  # characters
LAST_WAY_IN_HEADING = mark("Your only way to log in")
LAST_WAY_IN = mark("This is the only way to log in to your account. Add another one first, then remove this one.")


@dataclass(frozen=True, slots=True)
class Authenticator:
    """One enrolled authenticator, as its owner may see it."""

    id: str
    name: str | None
    created_at: datetime
    last_used_at: datetime | None


async def authenticators_of(request: PortalRequest, mfa_type: str) -> list[Authenticator]:
    """Return what the person has enrolled of a type, oldest first."""
    rows = await request.portal.database.fetch(
        "select id, name, created_at, last_used_at from authn.list_mfa($1, $2) where mfa_type = $3",
        UUID(request.required_session.user_id),
        request.namespace.name,
        mfa_type,
    )
    return [Authenticator(str(row["id"]), row["name"], row["created_at"], row["last_used_at"]) for row in rows]


def read_name(form: Form) -> str | None:
    """Return the name that was typed, cut to what a list can show; None for none."""
    name = "".join(character for character in form.text("name") if character.isprintable())
    return name[:NAME_MAX_LENGTH].strip() or None


async def enrol(request: PortalRequest, authenticator: dict[str, Any], what: str, *, ended: bool = False) -> str:
    """Enrol it and tell the owner `what`, and whether every other session `ended` with it.

    Returns the outcome of authn.enrol_authenticator.
    """
    person = request.required_session
    return str(
        await request.portal.database.fetchval(
            "select outcome from authn.enrol_authenticator($1, $2, $3, $4, $5)",
            UUID(person.user_id),
            UUID(person.session_id),
            {**authenticator, "mail": security_mail(request, person.email, what, ended=ended)},
            request.context.as_actor(person.user_id),
            request.namespace.name,
        )
    )


async def answer_renaming(request: PortalRequest) -> Redirect:
    """Give the authenticator of the address (`mfa_id`) the name that its owner typed.

    Raises:
        NotFound: for one that is not theirs.
    """
    form, person = await read_form(request), request.required_session
    renamed = await request.portal.database.fetchval(
        "select authn.rename_authenticator($1, $2, $3, $4, $5)",
        UUID(person.user_id),
        request.path_params["mfa_id"],
        read_name(form),
        request.context.as_actor(person.user_id),
        request.namespace.name,
    )
    if not renamed:
        raise NotFound
    flash(request, "authenticator_renamed")
    return Redirect(SECURITY_PAGE, status_code=303)


async def remove(request: PortalRequest, mfa_id: UUID, mfa_type: str, what: str) -> str:
    """Remove it, end every other session and tell the owner `what`; returns what authn.remove_authenticator did.

    One of another `mfa_type` is unknown: the mail would say that something else was removed.
    """
    person = request.required_session
    removal = {
        "mfa_type": mfa_type,
        "mail": security_mail(request, person.email, what, ended=True),
        "by_mail": any(method.identity == "email" for method in methods_on(request)),
    }
    return str(
        await request.portal.database.fetchval(
            "select authn.remove_authenticator($1, $2, $3, $4, $5, $6)",
            UUID(person.user_id),
            mfa_id,
            UUID(person.session_id),
            removal,
            request.context.as_actor(person.user_id),
            request.namespace.name,
        )
    )


async def answer_removal(request: PortalRequest, outcome: str, *, flash_name: str) -> Response[Any]:
    """Answer what `remove` did."""
    if outcome == "login_not_recent":
        return await ask_to_log_in_again(request, SECURITY_PAGE)
    if outcome == "unknown":
        raise NotFound
    if outcome == "last_way_in":
        raise Conflict(LAST_WAY_IN, heading=LAST_WAY_IN_HEADING, way_back=SECURITY_PAGE)
    flash(request, flash_name)
    return Redirect(SECURITY_PAGE, status_code=303)
