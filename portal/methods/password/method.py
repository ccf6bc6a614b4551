"""Password login as the engine sees it."""

from portal.login.method import Method
from portal.methods.password.routes import ROUTER

METHOD = Method(id="password", amr=("pwd",), router=ROUTER, may_be_first=True)
