"""Recovery codes as the engine sees them."""

from litestar import Router

from portal.login.method import Method
from portal.methods.recovery_codes.account_routes import ROUTER as ACCOUNT
from portal.methods.recovery_codes.account_routes import card
from portal.methods.recovery_codes.routes import FACTOR, TYPE, challenge
from portal.methods.recovery_codes.routes import ROUTER as LOGIN

METHOD = Method(
    id="recovery_codes",
    amr=FACTOR.amr,
    router=Router(path="/", route_handlers=[LOGIN, ACCOUNT]),
    may_be_second=True,
    authenticator=TYPE,
    challenge=challenge,
    card=card,
)
