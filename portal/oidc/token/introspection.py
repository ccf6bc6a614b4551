"""Introspection: an app asks whether a token of its own still works. RFC 7662, https://www.rfc-editor.org/rfc/rfc7662#section-2."""

from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from portal.crypto.tokens import token_digest
from portal.oidc.clients import Client
from portal.oidc.scopes import join_scopes
from portal.oidc.token import queries
from portal.oidc.token.client_authentication import refuse_client

# RFC 8693 section 2.2.1: what is "not an access token". An API that takes only Bearer cannot be handed a refresh token.
TOKEN_TYPES = {"access_token": "Bearer", "refresh_token": "N_A"}


class Introspection(IntrospectionEndpoint):
    """Tells a confidential app about its own tokens, and of any other that it is not active."""

    def authenticate_endpoint_client(self, request: Any) -> Client:
        """Authlib hook: section 2.1, "the authorization server MUST also require some form of authorization"."""
        client: Client = self.server.authenticate_client(request, None, self.ENDPOINT_NAME)
        if client.public:
            raise refuse_client(self.server, client.client_id, "public_client")
        return client

    def authenticate_token(self, request: Any, client: Client) -> queries.WorkingToken | None:
        """Authlib hook: find the token. The hint is not looked at; both kinds are looked for in one query."""
        if "token" not in request.form:
            raise InvalidRequestError("Missing 'token' in request.")
        server: Any = self.server
        found: queries.WorkingToken | None = server.run(
            queries.introspect_token(
                server.provider.querier,
                server.namespace,
                token_digest=token_digest(request.form["token"]),
                client_id=client.client_id,
            )
        )
        self._client = client
        return found

    def create_introspection_payload(self, token: queries.WorkingToken | None) -> dict[str, Any]:
        """Authlib hook: section 2.2. Of a token that does not work nothing else is said, not even why."""
        if token is None:
            return {"active": False}
        issuer = self.server.issuer
        told = {
            "active": True,
            "iss": issuer,
            # Without a resource of its own a token is for the portal: userinfo, or the token endpoint.
            "aud": issuer,
            "client_id": self._client.client_id,
            "sub": self._client.subject_of(token.user_id),
            "scope": join_scopes(token.scopes),
            "token_type": TOKEN_TYPES[token.token_type],
            "iat": int(token.issued_at.timestamp()),
            "exp": int(token.expires_at.timestamp()),
            "sid": token.session_id,
        }
        # What the token does not open to the app is not opened by asking about the token.
        if "email" in token.scopes and token.claims.get("email"):
            told["username"] = token.claims["email"]
        return told
