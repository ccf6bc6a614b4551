"""The mail that tells the owner of an account that its password was changed, and from where."""

from portal.clock import now
from portal.login.mailed_proof import sealed_mail
from portal.sessions.devices import describe_device
from portal.web.request import PortalRequest


def password_changed_mail(request: PortalRequest, email: str, *, first: bool = False) -> str:
    """Compose it for the outbox. With `first` the account had no password before."""
    device = describe_device(request.context.user_agent)
    return sealed_mail(
        request,
        "password_changed",
        email,
        first=first,
        browser=device.browser,
        system=device.system,
        ip_address=request.context.ip_address,
        changed_at=now(),
        recover_url=f"{request.namespace.origin}/recover",
    )
