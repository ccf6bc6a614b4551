"""Scopes and the claims that each one opens: OpenID Connect Core 1.0 section 5.4, https://openid.net/specs/openid-connect-core-1_0.html#ScopeClaims."""

from collections.abc import Iterable

# OpenID Connect Core 1.0 section 11: an app may go on while the person is not there. Opens no claim.
OFFLINE_ACCESS = "offline_access"
CLAIMS_OF_SCOPE: dict[str, tuple[str, ...]] = {
    "openid": ("sub",),
    "profile": ("name", "preferred_username", "picture", "locale", "zoneinfo", "updated_at"),
    "email": ("email", "email_verified"),
    "phone": ("phone_number", "phone_number_verified"),
    "address": ("address",),
    OFFLINE_ACCESS: (),
}
SCOPES = tuple(CLAIMS_OF_SCOPE)  # the order in which pages and discovery list them
_SCOPE_OF_CLAIM = {claim: scope for scope, claims in CLAIMS_OF_SCOPE.items() for claim in claims}


def split_scope(scope: str | None) -> tuple[str, ...]:
    """Split a scope parameter at its blanks; each scope once, in the order given."""
    return tuple(dict.fromkeys((scope or "").split()))


def join_scopes(scopes: Iterable[str]) -> str:
    """Return scopes as a scope parameter, those known to the portal in its order."""
    given = tuple(scopes)
    return " ".join([scope for scope in SCOPES if scope in given] + [scope for scope in given if scope not in SCOPES])


def scope_of_claim(claim: str) -> str:
    """Return the scope that opens a claim.

    Raises:
        KeyError: for a claim that no scope opens.
    """
    return _SCOPE_OF_CLAIM[claim]


def claims_of(scopes: Iterable[str]) -> frozenset[str]:
    """Return the names of the claims that these scopes open."""
    return frozenset(claim for scope in scopes for claim in CLAIMS_OF_SCOPE.get(scope, ()))
