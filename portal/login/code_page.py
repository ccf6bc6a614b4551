"""The page that asks for a mailed code: one anatomy for sign-up, login and recovery (templates/login/code.html)."""

from dataclasses import dataclass
from typing import Any

from litestar import Response

from portal.clock import now
from portal.login.flow import LoginFlow
from portal.login.mailed_proof import Begun
from portal.web.locale import mark
from portal.web.pages import messages, page
from portal.web.request import PortalRequest

RESEND_AFTER = 30  # seconds; the database enforces it, the page counts it down
CODE_WRONG = mark("That code does not match. Check the newest mail and try again.")
CODE_DEAD = mark("That code no longer works. Ask for a new one below.")
CODE_MALFORMED = mark("Enter the six digits from the mail.")
TOO_SOON = mark("We have just sent a mail. Please wait a moment before you ask for another one.")
THROTTLED = mark("Too many mails were asked for from your network. Please try again in a quarter of an hour.")


@dataclass(frozen=True, slots=True)
class CodePage:
    """Where one such page and its forms are. `page` also takes the code where `verify` is the same path."""

    template: str
    page: str
    verify: str
    resend: str
    status: str

    def of(self, flow_id: str | None) -> str:
        """Return the address of a flow's page."""
        return f"{self.page}?flow={flow_id}"


def resend_in(flow: LoginFlow) -> int:
    """Return the seconds until the flow's newest code may be followed by another one; 0 when it may now."""
    sent = flow.code_sent_at
    return max(0, RESEND_AFTER - int((now() - sent).total_seconds())) if sent else 0


def show_code_page(
    request: PortalRequest,
    step: CodePage,
    flow: LoginFlow,
    *,
    errors: dict[str, str] | None = None,
    form_error: str | None = None,
    status: int = 200,
    **values: Any,
) -> Response[Any]:
    """Render the page; `errors` and `form_error` are texts before translation."""
    return page(
        request,
        step.template,
        status=status,
        form_may_leave=True,
        step=step,
        flow_id=flow.id,
        app_name=flow.app_name,
        email=flow.email,
        resend_in=resend_in(flow),
        **messages(request, errors, form_error),
        **values,
    )


def answer_refused_code(
    request: PortalRequest, step: CodePage, flow: LoginFlow, outcome: str, tries_left: int, **values: Any
) -> Response[Any]:
    """Answer a code that is wrong or dead."""
    text = CODE_WRONG if outcome == "wrong" and tries_left else CODE_DEAD
    return show_code_page(request, step, flow, errors={"code": text}, status=422, **values)


def answer_refused_mail(
    request: PortalRequest, step: CodePage, flow: LoginFlow, begun: Begun, **values: Any
) -> Response[Any]:
    """Answer a mail that was asked for too soon or too often."""
    text = TOO_SOON if begun.outcome == "too_soon" else THROTTLED
    response = show_code_page(request, step, flow, form_error=text, status=429, **values)
    response.headers["retry-after"] = str(begun.retry_after)
    return response
