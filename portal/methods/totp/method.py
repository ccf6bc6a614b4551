"""Authenticator apps as the engine sees them."""

from litestar import Router

from portal.login.method import Method
from portal.methods.totp.account_routes import ROUTER as ACCOUNT
from portal.methods.totp.account_routes import card
from portal.methods.totp.routes import FACTOR, challenge
from portal.methods.totp.routes import ROUTER as LOGIN

METHOD = Method(
    id="totp",
    amr=FACTOR.amr,
    router=Router(path="/", route_handlers=[LOGIN, ACCOUNT]),
    may_be_second=True,
    authenticator="totp",
    challenge=challenge,
    card=card,
)
