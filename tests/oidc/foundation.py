"""A relying party as the OpenID Foundation's suite is one: static client, no PKCE unless the module says so.

https://openid.net/certification/conformance-testing-for-openid-connect/
"""

import base64
import json
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.oidc.people_and_apps import ISSUER, App, Browser, World, hidden_fields

RSA_WITH_SHA256 = "RS256"


@dataclass
class RelyingParty:
    """One client of the suite, with the browser of the person who tests it."""

    world: World
    app: App
    browser: Browser
    redirect_uri: str
    response_mode: str = "query"
    defaults: dict[str, str] = field(default_factory=lambda: {"scope": "openid"})

    def parameters(self, **changes: str | None) -> dict[str, str]:
        mode = None if self.response_mode == "query" else self.response_mode
        asked = {"code_challenge": None, "code_challenge_method": None, "response_mode": mode, **self.defaults}
        return self.app.parameters(**{**asked, "redirect_uri": self.redirect_uri, **changes})

    def url(self, **changes: str | None) -> str:
        return "/oauth2/authorize?" + urlencode(self.parameters(**changes))

    async def authorize(self, **changes: str | None) -> dict[str, str]:
        """Go through an authorization request, logging in where the portal asks for it; the answer to the app."""
        return await self.through(await self.browser.open(self.url(**changes)))

    async def through(self, response: httpx.Response) -> dict[str, str]:
        """Log in where the page asks for it, and return what the app gets."""
        if response.status_code == 200 and response.url.path == "/login":
            response = await self.browser.log_in_on(response)
        return self.answer(response)

    def answer(self, response: httpx.Response) -> dict[str, str]:
        """What the response carries to the app, in the mode that was asked for."""
        if self.response_mode == "form_post":
            assert response.status_code == 200, response.text
            assert f'method="post" action="{self.redirect_uri}"' in unescape(response.text), response.text
            assert "code=" not in str(response.headers)
            return hidden_fields(response.text)
        assert response.status_code == 303, response.text
        location = response.headers["location"]
        assert location.startswith(self.redirect_uri), location
        found = parse_qs(urlsplit(location).query, strict_parsing=True)
        return {name: values[0] for name, values in found.items()}

    async def tokens(self, **changes: str | None) -> dict[str, Any]:
        """The tokens of a whole code flow, its ID token checked."""
        answer = await self.authorize(**changes)
        assert answer["state"] == self.app.state
        assert answer["iss"] == ISSUER
        return await self.redeemed(answer["code"])

    async def redeemed(self, code: str, **changes: str | None) -> dict[str, Any]:
        response = await self.redeem(code, **changes)
        assert response.status_code == 200, response.text
        assert response.headers["cache-control"] == "no-store"
        tokens: dict[str, Any] = response.json()
        assert tokens["token_type"].lower() == "bearer"
        await self.verified(tokens["id_token"])
        return tokens

    async def redeem(self, code: str, **changes: str | None) -> httpx.Response:
        return await self.app.redeem(code, **{"code_verifier": None, "redirect_uri": self.redirect_uri, **changes})

    async def verified(self, id_token: str) -> dict[str, Any]:
        """The claims of an ID token whose signature and protocol claims are good."""
        keys = KeySet.import_key_set((await self.world.http.get("/oauth2/jwks")).json())
        token = jwt.decode(id_token, keys, algorithms=[RSA_WITH_SHA256])
        claims: dict[str, Any] = token.claims
        assert claims["iss"] == ISSUER
        assert claims["aud"] == self.app.client_id
        assert claims["exp"] > claims["iat"]
        assert claims["sub"]
        return claims

    async def claims(self, **changes: str | None) -> dict[str, Any]:
        return await self.verified((await self.tokens(**changes))["id_token"])

    async def userinfo(self, **changes: str | None) -> dict[str, Any]:
        response = await self.app.userinfo((await self.tokens(**changes))["access_token"])
        assert response.status_code == 200
        told: dict[str, Any] = response.json()
        return told


def unsigned(claims: dict[str, Any]) -> str:
    """A JWT with alg none."""
    parts = [{"alg": "none"}, claims]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, ""])
