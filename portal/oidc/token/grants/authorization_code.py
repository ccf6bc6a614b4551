"""The authorization code grant, with ID tokens: RFC 6749 section 4.1, https://www.rfc-editor.org/rfc/rfc6749#section-4.1.

One class for both halves, as Authlib has it: giving the code, and taking it for tokens.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749 import InvalidGrantError, grants
from authlib.oidc.core.errors import LoginRequiredError

from portal.crypto.tokens import new_token, token_digest
from portal.oidc import queries
from portal.oidc.authorize.claims import read_claims
from portal.oidc.authorize.response import answer_to_app
from portal.oidc.clients import AUTH_METHODS
from portal.oidc.id_token import Login
from portal.oidc.pkce import S256Challenge
from portal.oidc.scopes import join_scopes, split_scope
from portal.oidc.token import queries as token_queries
from portal.oidc.token.id_tokens import IdTokens
from portal.oidc.token.lifetimes import AUTHORIZATION_CODE_VALID_FOR
from portal.web.request import CurrentSession


@dataclass(frozen=True, slots=True)
class RedeemedCode:
    """A code that was just used up, as Authlib asks for it (`AuthorizationCodeMixin`)."""

    taken: queries.TakenCode

    @property
    def code_challenge(self) -> str | None:
        """The PKCE challenge that it was asked for with."""
        return self.taken.code_challenge

    def get_redirect_uri(self) -> str:
        """Return the redirect URI that it was sent to."""
        return self.taken.redirect_uri

    def get_scope(self) -> str:
        """Return what it gives."""
        return join_scopes(self.taken.scopes)


class AuthorizationCodeGrant(grants.AuthorizationCodeGrant):
    """Codes that live in the database as digests, are used up by the query that finds them, and stay there."""

    TOKEN_ENDPOINT_AUTH_METHODS = list(AUTH_METHODS)  # noqa: RUF012 - Authlib's shape

    @staticmethod
    def extensions() -> list[Any]:
        """Return what is registered with the grant."""
        return [S256Challenge(required=True), IdTokens()]

    def create_authorization_response(  # type: ignore[override]
        self, redirect_uri: str, grant_user: CurrentSession
    ) -> tuple[int, dict[str, str], list[tuple[str, str]]]:
        """Give a code to the app: Authlib's step, with `iss`, and with the mode of the answer left to the endpoint."""
        code = self.generate_authorization_code()
        request: Any = self.request
        request.user = grant_user
        self.save_authorization_code(code, request)
        answer = answer_to_app(self.server.issuer, request.payload.state, code=code)
        return 303, answer, [("Location", redirect_uri)]

    def generate_authorization_code(self) -> str:
        """Authlib hook: 256 random bits."""
        return new_token().raw

    def save_authorization_code(self, code: str, request: Any) -> None:
        """Authlib hook: store the code's digest and what it stands for."""
        session: CurrentSession = request.user
        asked = request.payload.data
        new_code = queries.NewCode(
            digest=token_digest(code),
            client_id=request.client.client_id,
            user_id=session.user_id,
            session_id=session.session_id,
            redirect_uri=asked["redirect_uri"],
            scopes=split_scope(request.scope),
            nonce=asked.get("nonce"),
            code_challenge=asked.get("code_challenge"),
            auth_time=session.auth_time,
            amr=session.amr,
            requested_claims=read_claims(asked, request.client).by_name(),
        )
        issued = self.server.run(
            queries.issue_authorization_code(
                self.server.provider.querier,
                self.server.namespace,
                new_code,
                valid_for=AUTHORIZATION_CODE_VALID_FOR,
                actor=self.server.actor,
            )
        )
        if not issued:
            raise LoginRequiredError(redirect_uri=asked["redirect_uri"])

    def query_authorization_code(self, code: str, client: Any) -> RedeemedCode | None:
        """Authlib hook: take the code. Looking it up and deleting it later would let two requests both find it."""
        taken = self.server.run(
            queries.take_authorization_code(
                self.server.provider.querier,
                self.server.namespace,
                code_digest=token_digest(code),
                client_id=client.client_id,
                actor=self.server.actor,
            )
        )
        return RedeemedCode(taken) if isinstance(taken, queries.TakenCode) else None

    def delete_authorization_code(self, authorization_code: RedeemedCode) -> None:
        """Authlib hook: the row stays, so that a second use is noticed and ends what the first one gave."""

    def authenticate_user(self, authorization_code: RedeemedCode) -> Login:
        """Authlib hook: the login that the code stands for; taking it checked that the person may still log in."""
        taken = authorization_code.taken
        return Login(
            user_id=taken.user_id,
            session_id=taken.session_id,
            auth_time=taken.auth_time,
            amr=taken.amr,
            nonce=taken.nonce,
            claims=taken.claims,
            requested_claims=tuple(taken.requested_claims.get("id_token", ())),
        )

    def save_token(self, token: Mapping[str, Any]) -> None:
        """Authlib hook: store what was issued, as digests."""
        server: Any = self.server
        request: Any = self.request
        refresh_token = token.get("refresh_token")
        stored = server.run(
            token_queries.issue_tokens(
                server.provider.querier,
                server.namespace,
                code_id=request.authorization_code.taken.code_id,
                access_digest=token_digest(token["access_token"]),
                refresh_digest=token_digest(refresh_token) if refresh_token else None,
                actor=server.actor,
            )
        )
        if not stored:  # the app or the person was deleted since the code was taken
            raise InvalidGrantError("The code is no longer valid")
