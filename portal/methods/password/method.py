"""Password login as the engine sees it."""

from litestar import Router

from portal.login.method import Method
from portal.methods.password.account_routes import ROUTER as ACCOUNT
from portal.methods.password.account_routes import card
from portal.methods.password.routes import ROUTER as LOGIN

METHOD = Method(
    id="password",
    amr=("pwd",),
    router=Router(path="/", route_handlers=[LOGIN, ACCOUNT]),
    may_be_first=True,
    needs_password=True,
    card=card,
)
