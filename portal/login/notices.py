"""The mail that tells the owner what changed in how they log in, and from where."""

from portal.clock import now
from portal.login.address import read_address
from portal.login.mailed_proof import sealed_mail
from portal.sessions.devices import describe_device
from portal.web.request import PortalRequest


def security_mail(request: PortalRequest, email: str | None, what: str, *, ended: bool = False) -> str | None:
    """Compose it for the outbox; None for a person without an address.

    Args:
        request: whose device and network address the mail names.
        email: the owner's address, or the number of somebody without one.
        what: one sentence, marked for translation: "An authenticator app was added to your account."
        ended: whether every other session ended with it.
    """
    if email is None or read_address(email) is None:  # a login by text message goes by the number
        return None
    device = describe_device(request.context.user_agent)
    return sealed_mail(
        request,
        "security_changed",
        email,
        what=request.portal.templates.gettext(request.language)(what),
        ended=ended,
        browser=device.browser,
        system=device.system,
        ip_address=request.context.ip_address,
        changed_at=now(),
        recover_url=f"{request.namespace.origin}/recover",
    )
