"""A whole app with django-allauth: the portal is one of its OpenID Connect providers."""

import os
from pathlib import Path
from urllib.parse import urlencode
from wsgiref.simple_server import make_server

import django
from django.conf import settings
from django.contrib.auth import logout as end_session
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.shortcuts import redirect
from django.urls import include, path

APP_URL, ISSUER = os.environ["APP_URL"], os.environ["ISSUER"]

SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "portal",
                "name": "Portal",
                "client_id": os.environ["CLIENT_ID"],
                "secret": os.environ["CLIENT_SECRET"],
                "settings": {"server_url": ISSUER, "token_auth_method": "client_secret_basic"},
            }
        ],
    }
}

settings.configure(
    SECRET_KEY="a-long-random-text-that-signs-the-cookie",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["127.0.0.1"],
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
        "allauth",
        "allauth.account",
        "allauth.socialaccount",
        "allauth.socialaccount.providers.openid_connect",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "allauth.account.middleware.AccountMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
        }
    ],
    AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "app.sqlite3"}},
    LOGIN_REDIRECT_URL="/",
    SOCIALACCOUNT_LOGIN_ON_GET=True,
    SOCIALACCOUNT_STORE_TOKENS=True,
    SOCIALACCOUNT_ONLY=True,
    ACCOUNT_EMAIL_VERIFICATION="none",
    SOCIALACCOUNT_PROVIDERS=SOCIALACCOUNT_PROVIDERS,
)
django.setup()


def me(request):
    return JsonResponse({"email": request.user.email if request.user.is_authenticated else None})


def logout(request):
    """allauth ends its own session only; this ends the portal's as well."""
    end_session(request)
    asked = {"client_id": os.environ["CLIENT_ID"], "post_logout_redirect_uri": f"{APP_URL}/"}
    return redirect(f"{ISSUER}/oauth2/logout?{urlencode(asked)}")


urlpatterns = [path("", me), path("logout", logout), path("accounts/", include("allauth.urls"))]

Path("app.sqlite3").unlink(missing_ok=True)
call_command("migrate", verbosity=0)
make_server("127.0.0.1", int(os.environ["PORT"]), get_wsgi_application()).serve_forever()
