"""The apps in Python: packages of PyPI, exactly as requirements/interop.txt has them."""

from pathlib import Path

from tests.interop.stock_apps.stock_app import CACHE, StockApp

PYTHON = CACHE / "venv" / "bin" / "python"


def _python(_folder: Path) -> list[str]:
    assert PYTHON.exists(), "The Python apps need their packages: run `make interop`."
    return [str(PYTHON), "app.py"]


AUTHLIB = StockApp("authlib", _python)
DJANGO_ALLAUTH = StockApp(
    "django_allauth",
    _python,
    login="/accounts/oidc/portal/login/",
    callback="/accounts/oidc/portal/login/callback/",
    refresh=None,  # it stores the refresh token and leaves its use to the app
)
MOZILLA_DJANGO_OIDC = StockApp(
    "mozilla_django_oidc",
    _python,
    login="/oidc/authenticate/",
    callback="/oidc/callback/",
    refresh=None,  # it renews sessions by prompt=none
    logout="/leave",
    ends_by_form=True,
)
