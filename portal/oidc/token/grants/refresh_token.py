"""The refresh token grant: RFC 6749 section 6, https://www.rfc-editor.org/rfc/rfc6749#section-6.

Every refresh token is used once, for confidential apps too (RFC 9700 section 4.14.2). The query that finds it takes
it, stores its successor and the new access token: whatever happens to the answer, there is one branch.
"""

from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidScopeError, grants

from portal.crypto.tokens import IssuedToken, new_token, token_digest
from portal.oidc.clients import AUTH_METHODS
from portal.oidc.id_token import Login
from portal.oidc.scopes import join_scopes, split_scope
from portal.oidc.token import queries
from portal.oidc.token.bearer import bearer_answer
from portal.oidc.token.id_tokens import IdTokens
from portal.oidc.token.refresh_successor import successors
from portal.oidc.token.reuse_notice import Reuse

# One text for all: unknown, used, expired and revoked are told apart in the audit log.
REFUSED = "The refresh token is unknown, expired or revoked."


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A refresh token that was just taken, as Authlib asks for it (`TokenMixin`), and what it gave."""

    taken: queries.RotatedToken
    access_token: IssuedToken
    successor: str

    def check_client(self, client: Any) -> bool:
        """Tell whether it is the app's own; taking it checked that."""
        return True

    def get_scope(self) -> str:
        """Return what the new access token opens."""
        return join_scopes(self.taken.scopes)


class RefreshTokenGrant(grants.RefreshTokenGrant):
    """Refresh tokens that live in the database as digests and stay there after their one use."""

    TOKEN_ENDPOINT_AUTH_METHODS = list(AUTH_METHODS)  # noqa: RUF012 - Authlib's shape

    @staticmethod
    def extensions() -> list[Any]:
        """Return what is registered with the grant."""
        return [IdTokens()]

    def authenticate_refresh_token(self, refresh_token: str) -> Any:
        """Authlib hook: take the token. Looking it up and revoking it later would let two requests both find it."""
        server: Any = self.server
        request: Any = self.request
        access_token = new_token()
        candidates = successors(server.provider.sealer, refresh_token)
        scope = request.payload.scope
        taken = server.run(
            queries.rotate_refresh_token(
                server.provider.querier,
                server.namespace,
                token_digest=token_digest(refresh_token),
                successor_digests=[token_digest(candidate) for candidate in candidates],
                client_id=request.client.client_id,
                # Checked in the same call: a request that asks for too much must not use the token up.
                scopes=split_scope(scope) if scope else None,
                access_digest=access_token.digest,
                actor=server.actor,
            )
        )
        if isinstance(taken, queries.RotatedToken):
            return Refreshed(taken, access_token, candidates[taken.successor])
        if isinstance(taken, queries.ReusedToken):
            server.reuse = Reuse(request.client.name, taken)
        elif taken.reason == "scope_too_wide":
            raise InvalidScopeError("The scope goes beyond what the refresh token was given for")
        raise InvalidGrantError(REFUSED)

    def authenticate_user(self, refresh_token: Any) -> Login:
        """Authlib hook: the login that is still spoken of, with its own auth_time and without its nonce."""
        taken = refresh_token.taken
        return Login(
            user_id=taken.user_id,
            session_id=taken.session_id,
            auth_time=taken.auth_time,
            amr=taken.amr,
            # Core section 12.2: it "SHOULD NOT have a nonce Claim": nothing of this answer went through a browser.
            nonce=None,
            claims=taken.claims,
            requested_claims=tuple(taken.requested_claims.get("id_token", ())),
        )

    def issue_token(self, user: Any, refresh_token: Any) -> dict[str, Any]:
        """Authlib hook: what was stored when the token was taken."""
        return bearer_answer(refresh_token.access_token.raw, refresh_token.get_scope(), refresh_token.successor)

    def save_token(self, token: Any) -> None:
        """Authlib hook: stored already, with the taking."""

    def revoke_old_credential(self, refresh_token: Any) -> None:
        """Authlib hook: used up already; the row stays, so that a reuse is noticed and ends the family."""
