"""The checks of an authorization request, in the order they are made: OpenID Connect Core section 3.1.2.2.

https://openid.net/specs/openid-connect-core-1_0.html#AuthRequestValidation. Each is one small function. Those about
the app and its redirect URI come first and end on a page; the others are told to the app.
"""

import re
from collections.abc import Callable

from portal.oidc.authorize.claims import claims_problem, read_claims
from portal.oidc.authorize.response import RESPONSE_MODES
from portal.oidc.clients import Client
from portal.oidc.errors import PageError, RedirectError
from portal.oidc.parameters import Parameters
from portal.oidc.pkce import METHOD
from portal.oidc.scopes import SCOPES, split_scope

CODE_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # the base64url of a SHA-256 is never longer or shorter
PROMPTS = frozenset({"none", "login", "consent", "create", "select_account"})
MAX_AGE = re.compile(r"[0-9]{1,10}")  # seconds
ACR_VALUES = frozenset({"aal1", "aal2"})  # one factor, two factors: authenticator assurance levels of NIST SP 800-63B
REQUEST_MAX_LENGTH = 8192  # bytes; a long state, an id_token_hint and claims together have less
NONCE_MAX_LENGTH = 1024  # characters; it is stored and signed
# RFC 9126 and the like: what these would change must not be dropped without a word.
UNSUPPORTED = {
    "request": ("request_not_supported", "Request objects are not supported."),
    "request_uri": ("request_uri_not_supported", "The request_uri parameter is not supported."),
    "registration": ("registration_not_supported", "The registration parameter is not supported."),
}

Check = Callable[[Parameters, Client], RedirectError | None]


def check_client_id(parameters: Parameters) -> PageError | None:
    """Nothing can be decided without an app."""
    client_id = parameters.get("client_id", "")
    if not client_id:
        return PageError("client_missing", "The client_id parameter is missing.")
    if len(client_id) > 200 or not client_id.isascii() or not client_id.isprintable():
        return PageError("client_unknown", "The client_id is not registered.")
    return None


def check_redirect_uri(parameters: Parameters, client: Client) -> PageError | None:
    """RFC 9700 section 4.11.2: never redirect to an address that the app has not registered."""
    redirect_uri = parameters.get("redirect_uri")
    if not redirect_uri:
        return PageError("redirect_uri_missing", "The redirect_uri parameter is missing.", client)
    if not client.check_redirect_uri(redirect_uri):
        return PageError("redirect_uri_unknown", "The redirect_uri is not registered for this client.", client)
    return None


def check_unsupported(parameters: Parameters, client: Client) -> RedirectError | None:
    """OpenID Connect Core section 3.1.2.6: each has an error of its own."""
    for name, (error, description) in UNSUPPORTED.items():
        if name in parameters:
            return RedirectError(error, description)
    return None


def check_response_type(parameters: Parameters, client: Client) -> RedirectError | None:
    """The code flow only: RFC 9700 section 2.1.2 advises against tokens in the front channel."""
    response_type = parameters.get("response_type")
    if not response_type:
        return RedirectError("invalid_request", "The response_type parameter is missing.")
    if response_type != "code":
        return RedirectError("unsupported_response_type", "Only response_type code is supported.")
    if not client.check_response_type(response_type):
        return RedirectError("unauthorized_client", "The client may not use the authorization code grant.")
    return None


def check_response_mode(parameters: Parameters, client: Client) -> RedirectError | None:
    """Answered in another mode than asked, the app would not find the answer, or somebody else would."""
    if parameters.get("response_mode", "query") not in RESPONSE_MODES:
        return RedirectError("invalid_request", f"The response_mode must be {' or '.join(RESPONSE_MODES)}.")
    return None


def check_scope(parameters: Parameters, client: Client) -> RedirectError | None:
    """Unknown scopes are left out (OpenID Connect Core section 3.1.2.1); something must be left."""
    if not allowed_scopes(parameters, client):
        return RedirectError("invalid_scope", "The scope parameter names no scope that this client may have.")
    return None


def check_pkce(parameters: Parameters, client: Client) -> RedirectError | None:
    """PKCE for every client, confidential ones too (RFC 9700 section 2.1.1), unless switched off for it."""
    challenge, method = parameters.get("code_challenge"), parameters.get("code_challenge_method")
    if not challenge and not method and not client.require_pkce:
        return None
    if not challenge:
        return RedirectError("invalid_request", "The code_challenge parameter is missing (PKCE is required).")
    if method != METHOD:  # a left-out method means plain (RFC 7636 section 4.3)
        return RedirectError("invalid_request", "The code_challenge_method must be S256.")
    if not CODE_CHALLENGE.fullmatch(challenge):
        return RedirectError("invalid_request", "The code_challenge is not the base64url of a SHA-256.")
    return None


def check_prompt(parameters: Parameters, client: Client) -> RedirectError | None:
    """An unknown prompt may be one that must not be ignored; none stands alone (Core section 3.1.2.1)."""
    prompts = asked_prompts(parameters)
    if not prompts <= PROMPTS:
        return RedirectError("invalid_request", "The prompt parameter has an unknown value.")
    if "none" in prompts and len(prompts) > 1:
        return RedirectError("invalid_request", "The prompt none cannot be combined with another.")
    return None


def check_max_age(parameters: Parameters, client: Client) -> RedirectError | None:
    """A max_age that cannot be read must not become no max_age."""
    if "max_age" in parameters and not MAX_AGE.fullmatch(parameters["max_age"]):
        return RedirectError("invalid_request", "The max_age must be a whole number of seconds.")
    return None


def check_nonce(parameters: Parameters, client: Client) -> RedirectError | None:
    """Optional in the code flow, and of any content; only its length is bounded."""
    if len(parameters.get("nonce", "")) > NONCE_MAX_LENGTH:
        return RedirectError("invalid_request", "The nonce is too long.")
    return None


def check_claims(parameters: Parameters, client: Client) -> RedirectError | None:
    """Claims are wishes and may stay open; what bars a login is not passed over."""
    if "claims" not in parameters:
        return None
    problem = claims_problem(parameters["claims"])
    if problem:
        return RedirectError("invalid_request", problem)
    essential = read_claims(parameters, client).essential_acr
    # Core section 5.5.1.1: an essential acr with values that cannot be reached is a failed authentication.
    if essential and not ACR_VALUES & set(essential):
        return RedirectError("unmet_authentication_requirements", "The essential acr value cannot be given.")
    return None


def check_length(parameters: Parameters, client: Client) -> RedirectError | None:
    """Anybody may send a request, and it is kept for days."""
    if sum(len(name.encode()) + len(value.encode()) for name, value in parameters.items()) > REQUEST_MAX_LENGTH:
        return RedirectError("invalid_request", "The request is too long.")
    return None


CHECKS: tuple[Check, ...] = (
    check_unsupported,
    check_response_type,
    check_response_mode,
    check_scope,
    check_pkce,
    check_prompt,
    check_max_age,
    check_nonce,
    check_claims,
    check_length,
)


def first_problem(parameters: Parameters, client: Client) -> RedirectError | None:
    """Return what the first failing check says, or None where the request is in order."""
    for check in CHECKS:
        problem = check(parameters, client)
        if problem:
            return problem
    return None


def asked_prompts(parameters: Parameters) -> frozenset[str]:
    """Return the prompts asked for."""
    return frozenset(parameters.get("prompt", "").split())


def allowed_scopes(parameters: Parameters, client: Client) -> tuple[str, ...]:
    """Return the asked scopes that the portal knows and the app may have."""
    asked = split_scope(parameters.get("scope"))
    return tuple(scope for scope in SCOPES if scope in asked and scope in client.scopes)


def scopes_to_allow(parameters: Parameters, client: Client) -> tuple[str, ...]:
    """Return what the person is asked to allow: the scopes, and those that open claims asked for by name."""
    asked = {*allowed_scopes(parameters, client), *read_claims(parameters, client).scopes()}
    return tuple(scope for scope in SCOPES if scope in asked)
