"""The apps in JavaScript: npm's packages, exactly as package-lock.json has them."""

from pathlib import Path

from tests.interop.stock_apps.stock_app import StockApp
from tests.support.node import WHEEL, npm_install


def _node(folder: Path) -> list[str]:
    npm_install(folder)
    return [str(WHEEL / "bin" / "node"), "app.mjs"]


OPENID_CLIENT = StockApp("openid_client", _node)
OAUTH4WEBAPI = StockApp("oauth4webapi", _node)
EXPRESS_OPENID_CONNECT = StockApp("express_openid_connect", _node)
AUTHJS = StockApp(
    "authjs",
    _node,
    login="/auth/signin",
    callback="/auth/callback/portal",
    refresh=None,  # Auth.js keeps tokens and leaves their renewal to the app
    starts_by_form=True,
)
