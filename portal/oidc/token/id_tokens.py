"""ID tokens beside access tokens: OpenID Connect Core 1.0 sections 3.1.3.3 and 12.2.

https://openid.net/specs/openid-connect-core-1_0.html#RefreshTokenResponse
"""

from dataclasses import replace
from typing import Any

from authlib.oidc.core.grants import OpenIDCode

from portal.oidc.id_token import Login, sign_id_token
from portal.oidc.scopes import split_scope


class IdTokens(OpenIDCode):
    """Adds an ID token where the scope has openid. The grant's user is the `Login` that it tells of."""

    def exists_nonce(self, nonce: str, request: Any) -> bool:
        """Authlib hook: a nonce is the app's own affair; refusing a repeated one breaks a reload of the page."""
        return False

    def encode_id_token(self, token: dict[str, Any], request: Any) -> str:
        """Authlib hook: Authlib's own puts the time of the token request in place of a missing auth_time."""
        server, login = request.server, request.user
        assert isinstance(login, Login)  # noqa: S101 - what our grants return as the user
        algorithm = request.client.id_token_signed_response_alg
        key = server.run(server.provider.signing_keys.current(server.namespace, algorithm))
        return sign_id_token(
            key,
            algorithm=algorithm,
            issuer=server.issuer,
            client_id=request.client.client_id,
            login=replace(login, user_id=request.client.subject_of(login.user_id)),
            scopes=split_scope(token["scope"]),
            access_token=token["access_token"],
        )
