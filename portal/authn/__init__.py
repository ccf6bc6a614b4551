"""The Python SDK over the SQL functions of schema `authn`.

It imports nothing else of the portal and works on a bare asyncpg connection or pool, so that other programs can use it
too. The portal's services are built on it: no other module knows the names of the SQL functions behind it.
"""

from portal.authn.client import AuthnClient
from portal.authn.errors import AuthnError, AuthnValidationError
from portal.authn.records import (
    ApiKey,
    ApiKeyHolder,
    AuditEvent,
    CleanupCounts,
    Credentials,
    FederatedIdentity,
    FederatedLogin,
    Identity,
    LoginAttempt,
    MfaEntry,
    MfaSecret,
    Profile,
    ProvenIdentity,
    Record,
    Session,
    SessionHolder,
    Stats,
    TokenHolder,
    User,
    VerifiedIdentity,
)

__all__ = [
    "ApiKey",
    "ApiKeyHolder",
    "AuditEvent",
    "AuthnClient",
    "AuthnError",
    "AuthnValidationError",
    "CleanupCounts",
    "Credentials",
    "FederatedIdentity",
    "FederatedLogin",
    "Identity",
    "LoginAttempt",
    "MfaEntry",
    "MfaSecret",
    "Profile",
    "ProvenIdentity",
    "Record",
    "Session",
    "SessionHolder",
    "Stats",
    "TokenHolder",
    "User",
    "VerifiedIdentity",
]
