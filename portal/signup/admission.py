"""Who may sign up: what the namespace's policy says before anything is sent. The database asks again (081)."""

from typing import Any

from litestar import Response

from portal.login.flow import LoginFlow
from portal.methods.password.method import METHOD as PASSWORD
from portal.web.locale import mark
from portal.web.pages import page
from portal.web.refusals import mark_refusal
from portal.web.request import PortalRequest

DOMAIN_REFUSED = mark("Addresses of this domain cannot sign up here. Use another address, such as one from work.")
DOMAIN_ASKED = mark("Use an address that ends in {domains}.")
PASSWORDS_OFF = mark("There are no passwords here. Sign up without one.")
MAX_DOMAINS_SHOWN = 3  # more of them make no sentence


def takes_passwords(request: PortalRequest) -> bool:
    """Return whether a sign-up asks for a password."""
    return request.namespace.policy.allows(PASSWORD.id)


def domain_problem(request: PortalRequest, email: str) -> str | None:
    """Return why an address may not sign up, or None. It goes by the domain alone and tells nothing of accounts."""
    policy = request.namespace.policy
    if policy.permits_domain(email):
        return None
    mark_refusal(request.facts, "domain_refused")
    if policy.signup_domains is None or len(policy.signup_domains) > MAX_DOMAINS_SHOWN:
        return DOMAIN_REFUSED
    domains = ", ".join(f"@{domain}" for domain in policy.signup_domains)
    return request.portal.templates.gettext(request.language)(DOMAIN_ASKED).format(domains=domains)


def signup_closed(request: PortalRequest, flow: LoginFlow | None) -> Response[Any]:
    """Answer that nobody can sign up here, with the way to log in at the same app."""
    return page(
        request,
        "signup/closed.html",
        status=403,
        flow_id=flow.id if flow and flow.usable else None,
        app_name=flow.app_name if flow else None,
    )
