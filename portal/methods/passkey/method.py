"""Passkeys as the engine sees them."""

from litestar import Router

from portal.login.method import Method
from portal.methods.passkey.account_routes import ADD_PAGE, card
from portal.methods.passkey.account_routes import ROUTER as ACCOUNT
from portal.methods.passkey.offer import ROUTER as OFFER
from portal.methods.passkey.offer import offer_after_login
from portal.methods.passkey.routes import AMR_SYNCED, WAY, challenge
from portal.methods.passkey.routes import ROUTER as LOGIN
from portal.methods.passkey.silent import ROUTER as SILENT

METHOD = Method(
    id=WAY,
    amr=(AMR_SYNCED, "user"),
    router=Router(path="/", route_handlers=[LOGIN, ACCOUNT, OFFER, SILENT]),
    may_be_first=True,
    may_be_second=True,
    quiet=True,
    authenticator="webauthn",
    identifier_option=True,
    challenge=challenge,
    sign_up_page=ADD_PAGE,
    after_login=offer_after_login,
    card=card,
)
