"""What an authorization request still needs of the person: OpenID Connect Core section 3.1.2.3, a pure function.

https://openid.net/specs/openid-connect-core-1_0.html#Authenticates
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from portal.oidc.authorize.checks import ACR_VALUES, asked_prompts, scopes_to_allow
from portal.oidc.authorize.claims import read_claims
from portal.oidc.clients import Client
from portal.oidc.errors import RedirectError
from portal.oidc.id_token import acr_of
from portal.oidc.parameters import Parameters
from portal.web.request import CurrentSession

WEAK, STRONG = "aal1", "aal2"
Interaction = Literal["login", "signup", "consent"]
# Prompts that demand a proof made for this very request. select_account leads to the login page, where another account
# can be entered.
FRESH_LOGIN_PROMPTS = frozenset({"login", "select_account", "create"})


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that the decision depends on."""

    parameters: Parameters
    client: Client
    session: CurrentSession | None
    asked_at: datetime  # the database's now
    stored_at: datetime | None  # since when the request waits; None when it has just come
    granted_scopes: frozenset[str]  # what the person allowed this app before
    just_allowed: bool  # the person has pressed "Allow" for this request
    hinted_user_id: str | None  # the subject of a valid id_token_hint
    has_second_factor: bool = False  # looked up only where `wants_stronger_login`


def next_interaction(situation: Situation) -> Interaction | RedirectError | None:
    """Return what the person must do next, an error that the app is told, or None where a code may be given."""
    prompts = asked_prompts(situation.parameters)
    if _is_too_weak(situation):
        return RedirectError("unmet_authentication_requirements", "The login is not as strong as acr demands.")
    interaction = _login_needed(situation, prompts) or _consent_needed(situation, prompts)
    if interaction is None or "none" not in prompts:
        return interaction
    # Core section 3.1.2.6: with prompt=none the app is told what the person would have to do, and no page is shown.
    if interaction == "consent":
        return RedirectError("consent_required", "The person has not allowed this app all that it asks for.")
    return RedirectError("login_required", "The person is not logged in as this request needs.")


def wants_stronger_login(situation: Situation) -> bool:
    """Tell whether the app asks for two factors and the login has one (RFC 9470: step-up)."""
    session = situation.session
    if session is None or acr_of(session.amr) == STRONG:
        return False
    return wants_two_factors(situation.parameters, situation.client)


def wants_two_factors(parameters: Parameters, client: Client) -> bool:
    """Tell whether the app asks for two factors, of those who have them."""
    claims = read_claims(parameters, client)
    if claims.essential_acr:
        return WEAK not in claims.essential_acr
    wished = (*parameters.get("acr_values", "").split(), *claims.wished_acr)
    # In the order of preference (Core section 3.1.2.1); what we do not know is passed over.
    return next((value for value in wished if value in ACR_VALUES), WEAK) == STRONG


def scopes_to_ask(situation: Situation) -> tuple[str, ...]:
    """Return what the consent page asks for: what is new, or all of it where the app wants to ask again."""
    scopes = scopes_to_allow(situation.parameters, situation.client)
    if "consent" in asked_prompts(situation.parameters) or not _is_surely_the_app(situation):
        return scopes
    return tuple(scope for scope in scopes if scope not in situation.granted_scopes)


def _is_surely_the_app(situation: Situation) -> bool:
    # RFC 8252 section 8.6: any program on a device can listen on a loopback port or claim a scheme, and so pass for a
    # public app that a person allowed before. An https address or a secret tells it apart.
    return not situation.client.public or situation.parameters["redirect_uri"].startswith("https://")


def _login_needed(situation: Situation, prompts: frozenset[str]) -> Interaction | None:
    session = situation.session
    page: Interaction = "signup" if "create" in prompts else "login"
    if session is None:
        return page
    fresh = _is_fresh(situation, session)
    if prompts & FRESH_LOGIN_PROMPTS and not fresh:
        return page
    if not fresh and _is_too_old(situation, session):
        return "login"
    # Fresh or not: the login page asks whoever has a second factor for it, so nobody comes back without.
    if _steps_up(situation, prompts):
        return "login"
    return None if _is_the_person_meant(situation, session) else "login"


def _is_fresh(situation: Situation, session: CurrentSession) -> bool:
    return situation.stored_at is not None and session.auth_time >= situation.stored_at


def _is_too_weak(situation: Situation) -> bool:
    session = situation.session
    if session is None or not read_claims(situation.parameters, situation.client).essential_acr:
        return False
    # Whoever has a second factor is asked for it; an account without one cannot get any further.
    return wants_stronger_login(situation) and not situation.has_second_factor


def _steps_up(situation: Situation, prompts: frozenset[str]) -> bool:
    if not situation.has_second_factor or not wants_stronger_login(situation):
        return False
    # A wish is no reason to answer prompt=none with an error.
    return "none" not in prompts or bool(read_claims(situation.parameters, situation.client).essential_acr)


def _is_too_old(situation: Situation, session: CurrentSession) -> bool:
    if "max_age" not in situation.parameters:
        return False
    max_age = timedelta(seconds=int(situation.parameters["max_age"]))
    return situation.asked_at - session.auth_time > max_age


def _is_the_person_meant(situation: Situation, session: CurrentSession) -> bool:
    # Core sections 3.1.2.1 and 5.5.1: the answer must be about the person whom the app names, or none.
    named = read_claims(situation.parameters, situation.client).subject
    meant = {situation.hinted_user_id, named} - {None}
    return meant <= {situation.client.subject_of(session.user_id)}


def _consent_needed(situation: Situation, prompts: frozenset[str]) -> Interaction | None:
    if situation.just_allowed:
        return None
    if "consent" in prompts:
        return "consent"
    if situation.client.first_party:
        return None
    return "consent" if scopes_to_ask(situation) else None
