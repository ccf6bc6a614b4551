"""Authlib's authorization server, told about our clients, codes and tokens.

Authlib decides; its hooks are synchronous, so it runs in a greenlet, where each hook awaits one SQL function. There is
no transaction around it: a code that was taken stays taken, whatever answer follows, and no connection is held while
an ID token is signed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from authlib.oauth2 import AuthorizationServer, OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749 import UnsupportedGrantTypeError
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload

from portal.oidc.authorize.response import answer_to_app
from portal.oidc.clients import Client
from portal.oidc.parameters import Parameters
from portal.oidc.provider import Provider
from portal.oidc.synchronous import run_synchronous, wait_for
from portal.oidc.token.bearer import new_bearer_token
from portal.oidc.token.client_authentication import authenticate_client
from portal.oidc.token.grants.authorization_code import AuthorizationCodeGrant
from portal.oidc.token.grants.refresh_token import RefreshTokenGrant
from portal.oidc.token.introspection import Introspection
from portal.oidc.token.reuse_notice import Reuse
from portal.oidc.token.revocation import Revocation
from portal.web.request import CurrentSession

# RFC 7617 section 2: "the authentication parameter 'realm' is REQUIRED"; Authlib's own challenge has none.
CHALLENGE = {"WWW-Authenticate": 'Basic realm="apps"'}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the protocol answers: a document, or with a `location` what the app is to get there."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str]

    @property
    def location(self) -> str | None:
        """The redirect URI that the answer goes to, None for a document."""
        return self.headers.get("Location")


class ProtocolRequest(OAuth2Request):
    """An OAuth request whose parameters were read already: each once, none empty."""

    def __init__(
        self, server: "ProviderServer", method: str, path: str, parameters: Parameters, headers: Mapping[str, str]
    ) -> None:
        # Settings allow plain http on loopback only. Authlib checks again, and knows localhost but no tenant below it.
        uri = f"https://{server.issuer.partition('://')[2]}{path}"
        # Authlib looks headers up in Title-Case; ASGI brings them in lower case.
        super().__init__(method, uri, headers={name.title(): value for name, value in headers.items()})
        self.server = server
        self.payload = BasicOAuth2Payload(parameters)
        self._parameters = parameters

    @property
    def form(self) -> Parameters:
        """The parameters of the body."""
        return self._parameters


class ProviderServer(AuthorizationServer):
    """The authorization server for one request: its hooks need to know the namespace and who asks."""

    def __init__(
        self, provider: Provider, namespace: str, issuer: str, actor: Mapping[str, str], client: Client | None = None
    ) -> None:
        """Prepare for one request; `client` is the one that was looked up already, where there is one."""
        super().__init__()
        self.provider = provider
        self.namespace = namespace
        self.issuer = issuer
        self.actor = actor
        self._client = client
        self.register_token_generator("default", new_bearer_token)  # type: ignore[arg-type]
        self.register_grant(AuthorizationCodeGrant, AuthorizationCodeGrant.extensions())
        self.register_grant(RefreshTokenGrant, RefreshTokenGrant.extensions())
        self.register_endpoint(Revocation)
        self.register_endpoint(Introspection)
        self.reuse: Reuse | None = None  # set by the refresh grant where the person is to be told of one

    async def give_code(self, parameters: Parameters, session: CurrentSession) -> Answer:
        """Answer an authorization request whose person is logged in and agrees."""
        request = ProtocolRequest(self, "GET", "/oauth2/authorize", parameters, {})

        def authorization_response() -> Any:
            grant = self.get_authorization_grant(request)
            return self.create_authorization_response(request, grant_user=session, grant=grant)

        answer: Answer = await run_synchronous(authorization_response)
        return answer

    async def give_tokens(self, parameters: Parameters, headers: Mapping[str, str]) -> Answer:
        """Answer a token request."""
        request = ProtocolRequest(self, "POST", "/oauth2/token", parameters, headers)

        def token_response() -> Any:
            return self.create_token_response(request)

        answer: Answer = await run_synchronous(token_response)
        return answer

    async def answer_about_token(self, endpoint: str, parameters: Parameters, headers: Mapping[str, str]) -> Answer:
        """Answer a request to the endpoint that Authlib calls "revocation" or "introspection"."""
        request = ProtocolRequest(self, "POST", f"/oauth2/{endpoint}", parameters, headers)

        def endpoint_response() -> Any:
            respond: Any = self.create_endpoint_response
            return respond(endpoint, request)

        answer: Answer = await run_synchronous(endpoint_response)
        return answer

    def run(self, awaitable: Any) -> Any:
        """Wait for the database inside a hook."""
        return wait_for(awaitable)

    def query_client(self, client_id: str) -> Client | None:  # type: ignore[override]
        """Authlib hook: look an app up."""
        if self._client is not None and self._client.client_id == client_id:
            return self._client
        found: Client | None = self.run(self.provider.find_client(self.namespace, client_id))
        return found

    def authenticate_client(self, request: Any, methods: Any, endpoint: str = "token") -> Client:
        """Authlib hook: find out which app calls, by the one method it registered."""
        client, method = authenticate_client(self, request)
        request.auth_method = method
        return client

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Authlib hook: nobody listens."""

    def create_oauth2_request(self, request: Any) -> Any:
        """Authlib hook: requests arrive ready-made."""
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> Answer:
        """Authlib hook: the answer, for Litestar to send."""
        return Answer(status, body if isinstance(body, Mapping) else {}, dict(headers))

    def handle_error_response(self, request: Any, error: OAuth2Error) -> Answer:
        """Authlib hook: its own error redirects lack `iss` and rewrite the registered URI's query."""
        described = {"error": str(error.error), "error_description": _describe(error)}
        if error.redirect_uri:
            answer = answer_to_app(self.issuer, request.payload.state, **described)
            return Answer(303, answer, {"Location": error.redirect_uri})
        status, _, _ = error()
        return Answer(status, described, CHALLENGE if status == HTTPStatus.UNAUTHORIZED else {})


def _describe(error: OAuth2Error) -> str:
    # Authlib quotes what was sent. RFC 6749 section 5.2 allows few characters there, and nobody needs the echo.
    if isinstance(error, UnsupportedGrantTypeError):
        return "This grant_type is not supported."
    return str(error.get_error_description() or error.error)
