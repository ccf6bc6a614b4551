"""A whole app with mozilla-django-oidc."""

import os
from pathlib import Path
from urllib.parse import urlencode
from wsgiref.simple_server import make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.urls import include, path

APP_URL, ISSUER = os.environ["APP_URL"], os.environ["ISSUER"]


def logout_url(request):
    """Where a log-out goes on: the portal's end of the session."""
    asked = {
        "id_token_hint": request.session["oidc_id_token"],
        "post_logout_redirect_uri": f"{APP_URL}/",
    }
    return f"{ISSUER}/oauth2/logout?{urlencode(asked)}"


OIDC_RP_CLIENT_ID = os.environ["CLIENT_ID"]
OIDC_RP_CLIENT_SECRET = os.environ["CLIENT_SECRET"]
OIDC_RP_SCOPES = "openid profile email"
OIDC_RP_SIGN_ALGO = "RS256"
OIDC_USE_PKCE = True
OIDC_TOKEN_USE_BASIC_AUTH = True
OIDC_STORE_ID_TOKEN = True
OIDC_OP_AUTHORIZATION_ENDPOINT = f"{ISSUER}/oauth2/authorize"
OIDC_OP_TOKEN_ENDPOINT = f"{ISSUER}/oauth2/token"
OIDC_OP_USER_ENDPOINT = f"{ISSUER}/oauth2/userinfo"
OIDC_OP_JWKS_ENDPOINT = f"{ISSUER}/oauth2/jwks"
OIDC_OP_LOGOUT_URL_METHOD = f"{__name__}.logout_url"

settings.configure(
    SECRET_KEY="a-long-random-text-that-signs-the-cookie",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["127.0.0.1"],
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "mozilla_django_oidc",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    AUTHENTICATION_BACKENDS=["mozilla_django_oidc.auth.OIDCAuthenticationBackend"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "app.sqlite3"}},
    **{name: value for name, value in globals().items() if name.startswith("OIDC_")},
    LOGIN_REDIRECT_URL="/",
    LOGOUT_REDIRECT_URL="/",
)
django.setup()


def me(request):
    return JsonResponse({"email": request.user.email if request.user.is_authenticated else None})


def leave(request):
    """A page with the button that logs out: the library wants it posted."""
    button = f'<input type="hidden" name="csrfmiddlewaretoken" value="{get_token(request)}"><button>Log out</button>'
    return HttpResponse(f'<form method="post" action="/oidc/logout/">{button}</form>')


urlpatterns = [path("", me), path("leave", leave), path("oidc/", include("mozilla_django_oidc.urls"))]

Path("app.sqlite3").unlink(missing_ok=True)
call_command("migrate", verbosity=0)
make_server("127.0.0.1", int(os.environ["PORT"]), get_wsgi_application()).serve_forever()
