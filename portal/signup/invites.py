"""/invite/<code>: the link of an invitation. Opening it changes nothing; its button leads to the sign-up.

The code opens no account by itself: the sign-up proves the address as any other does.
"""

from datetime import timedelta
from typing import Any

from litestar import Response, Router, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from portal.crypto.tokens import MAX_TOKEN_LENGTH, IssuedToken, token_digest
from portal.db.engine import Querier
from portal.login.routes import end_own_session
from portal.login.service import new_flow
from portal.web.pages import page
from portal.web.refusals import mark_refusal
from portal.web.request import PortalRequest

VALID_FOR = timedelta(days=7)  # as authn.create_invite; the mail says so


@get("/invite/{code:str}", opt={"session": "optional"})
async def invite_page(request: PortalRequest, code: FromPath[str]) -> Response[Any]:
    """Show whom the link invites. Reads only."""
    email = await _invited(request, code)
    if email is None:
        return _refused(request, code)
    return page(request, "signup/invite.html", email=email, code=code)


@post("/invite/{code:str}", opt={"session": "optional"}, status_code=303)
async def use_invite(request: PortalRequest, code: FromPath[str]) -> Response[Any]:
    """Lead to the sign-up with the address filled in. Signing up uses the invitation, not this.

    Whoever is logged in is logged out first, as the button said: the sign-up is for somebody without an account.
    """
    email = await _invited(request, code)
    if email is None:
        return _refused(request, code)
    await end_own_session(request)
    flow_id = await new_flow(request, purpose="signup", email=email)
    return Redirect(f"/signup?flow={flow_id}", status_code=303)


async def create_invite(
    database: Querier, email: str, code: IssuedToken, mail: str, actor: dict[str, Any], namespace: str
) -> str:
    """Invite an address; returns `invited`, or why not: `registered`, `closed`, `domain_refused`."""
    return str(
        await database.fetchval(
            "select authn.create_invite($1, $2, $3, $4, $5)", email, code.digest, mail, actor, namespace
        )
    )


async def withdraw_invite(database: Querier, email: str, actor: dict[str, Any], namespace: str) -> bool:
    """End the invitation of an address; False when there is none that still works."""
    return bool(await database.fetchval("select authn.withdraw_invite($1, $2, $3)", email, actor, namespace))


async def _invited(request: PortalRequest, code: str) -> str | None:
    if len(code) > MAX_TOKEN_LENGTH or request.namespace.policy.signup == "closed":
        return None
    row = await request.portal.database.fetchrow(
        "select * from authn.find_invite($1, $2)", token_digest(code), request.namespace.name
    )
    return str(row["email"]) if row and row["usable"] else None


def _refused(request: PortalRequest, code: str) -> Response[Any]:
    mark_refusal(request.facts, "invitation")
    return page(request, "signup/invite.html", status=410, email=None, code=code)


ROUTER = Router(path="/", route_handlers=[invite_page, use_invite])
