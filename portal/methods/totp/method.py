"""Authenticator apps as the engine sees them."""

from litestar import Router

from portal.login.method import Method
from portal.methods.totp.account_routes import ROUTER as ACCOUNT
from portal.methods.totp.account_routes import card
from portal.methods.totp.login_set_up import PAGE as SET_UP_PAGE
from portal.methods.totp.login_set_up import ROUTER as SET_UP
from portal.methods.totp.routes import FACTOR, challenge
from portal.methods.totp.routes import ROUTER as LOGIN

METHOD = Method(
    id="totp",
    amr=FACTOR.amr,
    router=Router(path="/", route_handlers=[LOGIN, SET_UP, ACCOUNT]),
    may_be_second=True,
    authenticator="totp",
    challenge=challenge,
    set_up_page=SET_UP_PAGE,
    card=card,
)
