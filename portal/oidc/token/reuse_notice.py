"""The mail about a refresh token that came twice: somebody may have copied it (RFC 9700 section 4.14.2).

https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2

The family has ended by then, committed, so that nothing waits for the mail. Should the process die in between, the mail
stays due, and the next token of that family that comes, which an app will send, brings it on its way.
"""

from dataclasses import dataclass

from portal.mail.message import compose, seal_mail
from portal.oidc.token.queries import ReusedToken, tell_refresh_reuse
from portal.web.locale import choose_language
from portal.web.request import PortalRequest


@dataclass(frozen=True, slots=True)
class Reuse:
    """Whose access to which app ended by a reuse."""

    app_name: str
    token: ReusedToken


async def tell_person(request: PortalRequest, reuse: Reuse) -> None:
    """Put the mail into the outbox, once for a family; nothing where the person has no address."""
    if reuse.token.email is None:
        return
    namespace = request.namespace
    mail = compose(
        request.portal.templates,
        "refresh_reuse",
        reuse.token.email,
        # The app's request says nothing of the person's language; their profile does.
        choose_language(reuse.token.locale or ""),
        display_name=namespace.display_name,
        sender_name=namespace.mail_sender_name,
        app_name=reuse.app_name,
        link=f"{namespace.origin}/account/devices",
    )
    await tell_refresh_reuse(
        request.portal.database,
        namespace.name,
        family_id=reuse.token.family_id,
        sealed_mail=seal_mail(request.portal.sealer, mail),
    )
