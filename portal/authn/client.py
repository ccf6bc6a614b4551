"""AuthnClient: every operation of the SDK on one connection and one namespace."""

from portal.authn.api_keys import ApiKeyOperations
from portal.authn.audit import AuditOperations
from portal.authn.federated_identities import FederatedIdentityOperations
from portal.authn.identities import IdentityOperations
from portal.authn.login_attempts import LoginAttemptOperations
from portal.authn.maintenance import MaintenanceOperations
from portal.authn.mfa import MfaOperations
from portal.authn.profiles import ProfileOperations
from portal.authn.sessions import SessionOperations
from portal.authn.tokens import TokenOperations
from portal.authn.users import UserOperations


class AuthnClient(
    UserOperations,
    ProfileOperations,
    IdentityOperations,
    FederatedIdentityOperations,
    SessionOperations,
    TokenOperations,
    MfaOperations,
    ApiKeyOperations,
    LoginAttemptOperations,
    AuditOperations,
    MaintenanceOperations,
):
    """The operations of schema `authn` for one namespace.

    `connection` is an asyncpg Connection or Pool, or anything else that has their fetch, fetchrow and fetchval; one
    call is one statement. Ids are text both ways. Look-ups give None when nothing matches. A client that an actor was
    set on belongs to one request: make one for each, it costs nothing.

    Raises (every method):
        AuthnValidationError: an argument is missing, empty, too long or malformed.
        AuthnError: the database refused for another reason; see its `sqlstate`.
    """
