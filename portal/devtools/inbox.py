"""The development inbox: every mail and text message of the portal, at /dev/inbox and, for programs, /dev/inbox.json.

It reads the outbox itself, so that a mail is here as soon as the request that wrote it was answered. It hands out codes
and links to anyone who asks: its routes exist only with PORTAL_DEV=1, which needs a loopback address.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from litestar import Response, Router, get
from litestar.params import FromPath

from portal.crypto.sealing import CannotOpen
from portal.devtools.sections import sections
from portal.errors import NotFound
from portal.mail.message import Mail, open_mail
from portal.web.pages import page
from portal.web.request import PortalRequest

SHOWN = 500  # newest mails that are looked through
REMEMBERED = 2000  # opened mails kept by this process, so that a program that polls costs little

_LINK = re.compile(r"https?://[^\s<>\"']+")
_CODE = re.compile(r"\b\d{6}\b")
# The mail is a stranger's page: no script, no request, no form; a link leads out of the frame.
_FRAME_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; "
    "sandbox allow-top-navigation-by-user-activation"
)
_PAGE_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class InboxMail:
    """One mail as the inbox shows it."""

    id: int
    mail: Mail
    sent_at: datetime

    @property
    def links(self) -> list[str]:
        """Every address in the text, in the order of the text."""
        return [link.rstrip(".,;:!?)") for link in _LINK.findall(self.mail.text)]

    @property
    def code(self) -> str | None:
        """The first six digits that stand alone in the text, outside of its links and of the address it went to."""
        found = _CODE.search(_LINK.sub("", self.mail.text).replace(self.mail.to, ""))
        return found[0] if found else None

    def as_json(self) -> dict[str, Any]:
        """Return the form that programs rely on."""
        return {
            "to": self.mail.to,
            "subject": self.mail.subject,
            "text": self.mail.text,
            "html": self.mail.html,
            "links": self.links,
            "code": self.code,
            "sent_at": self.sent_at.isoformat(),
        }


@get("/dev/inbox.json")
async def inbox_as_json(request: PortalRequest) -> list[dict[str, Any]]:
    """Answer the mails to `?to=ADDRESS`, or all of them, newest first."""
    return [item.as_json() for item in await _read(request, request.query_params.get("to"))]


@get("/dev/inbox")
async def inbox(request: PortalRequest) -> Response[bytes]:
    """Show the list."""
    recipient = request.query_params.get("to", "").strip()
    mails = await _read(request, recipient)
    return page(request, "dev/inbox.html", mails=mails, recipient=recipient, sections=sections("/dev/inbox"))


@get("/dev/inbox/{mail_id:int}")
async def one_mail(request: PortalRequest, mail_id: FromPath[int]) -> Response[bytes]:
    """Show one mail: its text, and its HTML in a frame that can do nothing."""
    item = await _find(request, mail_id)
    response = page(request, "dev/inbox_mail.html", item=item, sections=sections("/dev/inbox"))
    response.headers["content-security-policy"] = _PAGE_CSP
    return response


@get("/dev/inbox/{mail_id:int}/html")
async def html_of_one_mail(request: PortalRequest, mail_id: FromPath[int]) -> Response[str]:
    """Answer the HTML part alone, for the frame."""
    item = await _find(request, mail_id)
    content = item.mail.html.replace("<head>", '<head><base target="_top">', 1)
    headers = {"content-security-policy": _FRAME_CSP, "x-frame-options": "SAMEORIGIN"}
    return Response(content, media_type="text/html", headers=headers)


async def _find(request: PortalRequest, mail_id: int) -> InboxMail:
    for item in await _read(request, None):
        if item.id == mail_id:
            return item
    raise NotFound("This mail is no longer in the inbox.", way_back="/dev/inbox")


async def _read(request: PortalRequest, recipient: str | None) -> list[InboxMail]:
    portal = request.portal
    opened = _opened_before(request)
    rows = [
        row
        for kind in ("mail", "sms")
        for row in await portal.database.fetch(
            "select * from authn.list_outbox($1, $2, $3, $4)", kind, list(opened), SHOWN, request.namespace.name
        )
    ]
    rows.sort(key=lambda row: row["id"], reverse=True)
    mails = []
    for row in rows:
        mail = opened.get(row["id"])
        if mail is None and row["payload"] is not None:
            try:
                mail = opened[row["id"]] = open_mail(portal.sealer, row["payload"])
            except CannotOpen:  # written before PORTAL_SECRET_KEY changed
                continue
        if mail is not None and (not recipient or mail.to.lower() == recipient.lower()):
            mails.append(InboxMail(row["id"], mail, row["sent_at"] or row["created_at"]))
    while len(opened) > REMEMBERED:
        opened.pop(next(iter(opened)))
    return mails


def _opened_before(request: PortalRequest) -> dict[int, Mail]:
    """Return the mails that this application opened already, oldest first: unsealing hundreds per poll adds up."""
    state = request.app.state
    if "inbox_opened" not in state:
        state.inbox_opened = {}
    return cast("dict[int, Mail]", state.inbox_opened)


ROUTER = Router(path="/", route_handlers=[inbox_as_json, inbox, one_mail, html_of_one_mail], include_in_schema=False)
