"""PKCE with S256 and nothing else: RFC 7636, https://www.rfc-editor.org/rfc/rfc7636.

Required of every client, as RFC 9700 section 2.1.1 wants it.
"""

from typing import Any

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7636.challenge import compare_s256_code_challenge

METHOD = "S256"


class S256Challenge(CodeChallenge):
    """Authlib's PKCE extension without its two gaps.

    As it comes it allows `plain`, which is its default when the method is left out, so that whoever reads the
    authorization request holds the verifier; and it enforces PKCE for public clients only.
    """

    DEFAULT_CODE_CHALLENGE_METHOD = METHOD
    SUPPORTED_CODE_CHALLENGE_METHOD = [METHOD]  # noqa: RUF012 - Authlib's own shape
    CODE_CHALLENGE_METHODS = {METHOD: compare_s256_code_challenge}  # noqa: RUF012

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        """Check the authorization request's side."""
        asked = grant.request.payload.data
        challenge, method = asked.get("code_challenge"), asked.get("code_challenge_method")
        if grant.request.client.require_pkce and not challenge:
            raise InvalidRequestError("Missing 'code_challenge'")
        # RFC 7636 section 4.3: a left-out method means "plain", which is not offered.
        if challenge and method != METHOD:
            raise InvalidRequestError("'code_challenge_method' must be S256")
        super().validate_code_challenge(grant, redirect_uri)

    def validate_code_verifier(self, grant: Any, result: Any) -> None:
        """Check the token request's side."""
        code = grant.request.authorization_code
        verifier = grant.request.form.get("code_verifier")
        # The client may have been switched to PKCE after the code was given.
        if grant.request.client.require_pkce and not code.code_challenge:
            raise InvalidGrantError("The code was given without PKCE")
        if code.code_challenge and not verifier:
            raise InvalidGrantError("Missing 'code_verifier'")
        super().validate_code_verifier(grant, result)

    def get_authorization_code_challenge_method(self, authorization_code: Any) -> str:
        """Return the method: only one was ever stored."""
        return METHOD
