"""Revocation: an app ends its own tokens. RFC 7009, https://www.rfc-editor.org/rfc/rfc7009#section-2."""

from typing import Any

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError
from authlib.oauth2.rfc7009 import RevocationEndpoint

from portal.crypto.tokens import token_digest
from portal.oidc.token import queries


class Revocation(RevocationEndpoint):
    """Ends a token in the query that finds it; a refresh token with all that came from the same code."""

    def authenticate_token(self, request: Any, client: Any) -> None:
        """Authlib hook: end the token and leave nothing to do.

        One that is unknown is as good as ended (section 2.2): the answer is 200. The hint is not looked at, for it may
        be wrong and the search must then go on (section 2.1), and one probe of an index each is no search.
        """
        if "token" not in request.form:
            raise InvalidRequestError("Missing 'token' in request.")
        server: Any = self.server
        outcome = server.run(
            queries.revoke_token(
                server.provider.querier,
                server.namespace,
                token_digest=token_digest(request.form["token"]),
                client_id=client.client_id,
                actor=server.actor,
            )
        )
        # Section 2.1: the server "verifies whether the token was issued to the client making the revocation request".
        if outcome == "other_client":
            raise InvalidGrantError("The token was issued to another client.")
