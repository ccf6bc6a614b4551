"""/account/apps: which apps know the person, what of them, and taking it back.

Each form works as plain HTML with a redirect; HTMX swaps the list alone. Withdrawn consent: OpenID Connect Core 1.0
section 11 and RFC 7009 leave the how to us; here every token is dead at once and the app is told.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.response import Redirect

from portal.db.engine import Querier
from portal.errors import NotFound
from portal.web.account_sections import sections
from portal.web.flash import SENTENCES, flash
from portal.web.forms import read_form
from portal.web.pages import page
from portal.web.request import PortalRequest

PAGE = "/account/apps"
ASK = "/account/apps/disconnect"


@dataclass(frozen=True, slots=True)
class ConnectedApp:
    """An app that a person allowed something, or logged in to."""

    client_id: str
    name: str
    publisher: str | None
    scopes: tuple[str, ...]
    first_used_at: datetime
    last_used_at: datetime


async def list_connected_apps(querier: Querier, namespace: str, user_id: str) -> list[ConnectedApp]:
    """Return a person's apps, last used first."""
    rows = await querier.fetch("select * from authn.list_connected_apps($1, $2)", UUID(user_id), namespace)
    return [ConnectedApp(**{**dict(row), "scopes": tuple(row["scopes"])}) for row in rows]


async def disconnect_app(
    querier: Querier, namespace: str, user_id: str, client_id: str, actor: Mapping[str, str]
) -> bool:
    """End all that a person allowed an app; False where it was not connected."""
    return bool(
        await querier.fetchval(
            "select authn.disconnect_app($1, $2, $3, $4)", UUID(user_id), client_id, dict(actor), namespace
        )
    )


@get(PAGE, opt={"session": "required"})
async def apps_page(request: PortalRequest) -> Response[Any]:
    """List the person's apps."""
    return await _list(request, "account/apps.html")


@get(ASK, opt={"session": "required"})
async def ask_page(request: PortalRequest) -> Response[Any]:
    """Ask once more, without a script. Query: app, the client_id."""
    wanted = request.query_params.get("app", "")
    for app in await _apps(request):
        if app.client_id == wanted:
            return page(request, "account/app_disconnect.html", sections=sections(request, PAGE), app=app)
    raise NotFound


@post(ASK, opt={"session": "required"}, status_code=200)
async def disconnect(request: PortalRequest) -> Response[Any]:
    """Take back what an app was allowed. Form: app, the client_id; an unknown one is as if it had gone already."""
    form = await read_form(request)
    person = request.required_session
    done = await disconnect_app(
        request.portal.database,
        request.namespace.name,
        person.user_id,
        form.text("app"),
        request.context.as_actor(person.user_id),
    )
    sentence = "app_disconnected" if done else "app_gone"
    if request.from_htmx:
        return await _list(request, "account/_apps.html", notice=SENTENCES[sentence])
    flash(request, sentence)
    return Redirect(PAGE, status_code=303)


async def _list(request: PortalRequest, template: str, **values: Any) -> Response[Any]:
    apps = await _apps(request)
    return page(request, template, sections=sections(request, PAGE), apps=apps, **{"notice": None, **values})


async def _apps(request: PortalRequest) -> list[ConnectedApp]:
    return await list_connected_apps(request.portal.database, request.namespace.name, request.required_session.user_id)


ROUTES = (apps_page, ask_page, disconnect)
