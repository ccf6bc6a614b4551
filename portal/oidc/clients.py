"""Clients: the apps that log people in through the portal. OAuth 2.0 section 2, https://www.rfc-editor.org/rfc/rfc6749#section-2.

Services for the command line and the pages (`create_client` …) and the record that the protocol code decides by.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, cast, get_args
from urllib.parse import urlsplit

from authlib.oauth2.rfc6749 import ClientMixin

from portal.authn.audit import COMMAND_LINE
from portal.crypto.tokens import new_token, token_digest
from portal.db.engine import Querier
from portal.oidc import queries
from portal.oidc.client_keys import jwks_problem
from portal.oidc.redirect_uris import (
    ApplicationType,
    guess_application_type,
    is_registered,
    registration_problem,
    web_address_problem,
)
from portal.oidc.scopes import OFFLINE_ACCESS, SCOPES, join_scopes, split_scope
from portal.oidc.signing_keys import ALGORITHM, ALGORITHMS
from portal.oidc.subjects import SubjectType, pairwise_key, pairwise_subject, sector_of

AuthMethod = Literal["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]
AUTH_METHODS: tuple[str, ...] = get_args(AuthMethod)
PUBLIC_METHOD: AuthMethod = "none"
KEY_METHOD: AuthMethod = "private_key_jwt"
SECRET_METHODS = frozenset({"client_secret_basic", "client_secret_post"})
GRANT_TYPES = ("authorization_code", "refresh_token")
# RFC 7591 section 2. An app that refreshes says so: a long-lived token that nobody uses is only there to be stolen.
DEFAULT_GRANT_TYPES = ("authorization_code",)
CLIENT_NAME_MAX_LENGTH = 80  # characters; longer names break the consent page on a phone
REDIRECT_URIS_MAX_COUNT = 50
OWN_SECRET_MIN_LENGTH = 32  # characters; stored as plain SHA-256, a secret must be beyond guessing


@dataclass(frozen=True, slots=True)
class Client(ClientMixin):
    """One app, with the methods that Authlib asks of one."""

    client_id: str
    name: str
    secret_hash: str | None
    token_endpoint_auth_method: AuthMethod
    application_type: ApplicationType
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    backchannel_logout_uri: str | None
    initiate_login_uri: str | None
    logo_uri: str | None
    grant_types: tuple[str, ...]
    scopes: tuple[str, ...]
    first_party: bool
    require_pkce: bool
    popup: bool
    publisher: str | None = None
    jwks: Mapping[str, Any] | None = None  # for private_key_jwt
    userinfo_signed_response_alg: str | None = None
    id_token_signed_response_alg: str = ALGORITHM
    pairwise_key: str | None = None

    @property
    def public(self) -> bool:
        """Whether it can keep no secret (a single-page or native app)."""
        return self.token_endpoint_auth_method == PUBLIC_METHOD

    @property
    def home(self) -> str | None:
        """Where a person begins again at the app: where it said, else its front page; None for native apps."""
        if self.initiate_login_uri or self.application_type == "native":
            return self.initiate_login_uri
        parts = urlsplit(self.redirect_uris[0])
        return f"{parts.scheme}://{parts.netloc}/"

    def subject_of(self, user_id: str) -> str:
        """Return the name by which the app knows a person: `sub` in everything that it gets."""
        return user_id if self.pairwise_key is None else pairwise_subject(self.pairwise_key, user_id)

    def get_client_id(self) -> str:
        """Return the client_id."""
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        """Return nothing: OpenID Connect Core section 3.1.2.1 requires the parameter."""
        return ""

    def get_allowed_scope(self, scope: Any) -> str | None:  # type: ignore[override]
        """Return what of the asked scope the app may have; None where that is nothing."""
        return join_scopes(asked for asked in split_scope(scope) if asked in self.scopes) or None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Tell whether the app registered this redirect URI."""
        return is_registered(redirect_uri, self.redirect_uris, self.application_type)

    def check_response_type(self, response_type: str) -> bool:
        """Tell whether the app may ask for this response type: the code flow is the only one."""
        return response_type == "code" and "authorization_code" in self.grant_types

    def check_grant_type(self, grant_type: str) -> bool:
        """Tell whether the app may use this grant; refreshing also where it may ask for offline_access."""
        return grant_type in self.grant_types or (grant_type == "refresh_token" and OFFLINE_ACCESS in self.scopes)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Tell whether the app authenticates this way: the one it registered and no other."""
        return method == self.token_endpoint_auth_method

    def check_client_secret(self, client_secret: str) -> bool:
        """Compare a secret with the stored digest, in constant time."""
        return self.secret_hash is not None and hmac.compare_digest(token_digest(client_secret), self.secret_hash)


@dataclass(frozen=True, slots=True)
class RegisteredClient:
    """A new app with its secret, which is shown this once; None for a public app."""

    client: Client
    client_secret: str | None


@dataclass(frozen=True, slots=True)
class InvalidRegistration:
    """Why an app was not registered, one plain sentence each."""

    problems: tuple[str, ...]


def client_from_row(row: Mapping[str, Any]) -> Client:
    """Make the record from the columns of authn.clients."""
    return Client(
        client_id=row["client_id"],
        name=row["name"],
        secret_hash=row["secret_hash"],
        token_endpoint_auth_method=row["token_endpoint_auth_method"],
        application_type=row["application_type"],
        redirect_uris=tuple(row["redirect_uris"]),
        post_logout_redirect_uris=tuple(row["post_logout_redirect_uris"]),
        backchannel_logout_uri=row["backchannel_logout_uri"],
        initiate_login_uri=row["initiate_login_uri"],
        logo_uri=row["logo_uri"],
        grant_types=tuple(row["grant_types"]),
        scopes=tuple(row["scopes"]),
        first_party=row["first_party"],
        require_pkce=row["require_pkce"],
        popup=row["popup"],
        publisher=row["publisher"],
        jwks=row["jwks"],
        userinfo_signed_response_alg=row["userinfo_signed_response_alg"],
        id_token_signed_response_alg=row["id_token_signed_response_alg"],
        pairwise_key=row["pairwise_key"],
    )


async def create_client(
    querier: Querier,
    namespace: str,
    *,
    name: str,
    redirect_uris: Sequence[str],
    post_logout_redirect_uris: Sequence[str] = (),
    backchannel_logout_uri: str | None = None,
    initiate_login_uri: str | None = None,
    logo_uri: str | None = None,
    public: bool = False,
    first_party: bool = False,
    scopes: Sequence[str] = SCOPES,
    grant_types: Sequence[str] = DEFAULT_GRANT_TYPES,
    token_endpoint_auth_method: str | None = None,
    application_type: ApplicationType | None = None,
    require_pkce: bool = True,
    popup: bool = False,
    publisher: str | None = None,
    jwks: Mapping[str, Any] | None = None,
    userinfo_signed_response_alg: str | None = None,
    id_token_signed_response_alg: str = ALGORITHM,
    subject_type: SubjectType = "public",
    client_id: str | None = None,
    client_secret: str | None = None,
    actor: Mapping[str, str] = COMMAND_LINE,
) -> RegisteredClient | InvalidRegistration:
    """Register an app.

    Parameters left out follow from the others: the authentication method from `public` and `jwks`, the application type
    from the redirect URIs; client_id and client_secret are random. A client_secret of one's own (seeds, configuration
    as code) needs 32 characters.
    """
    usual = "none" if public else "client_secret_basic" if jwks is None else "private_key_jwt"
    method = token_endpoint_auth_method or usual
    public = method == "none"
    kind = application_type or guess_application_type(redirect_uris, public=public)
    secret = client_secret or new_token().raw if method in SECRET_METHODS else None
    draft = Client(
        client_id=client_id or new_token().raw[:24],
        name=" ".join(name.split()),
        secret_hash=token_digest(secret) if secret else None,
        token_endpoint_auth_method=cast(AuthMethod, method),
        application_type=kind,
        redirect_uris=tuple(dict.fromkeys(redirect_uris)),
        post_logout_redirect_uris=tuple(dict.fromkeys(post_logout_redirect_uris)),
        backchannel_logout_uri=backchannel_logout_uri,
        initiate_login_uri=initiate_login_uri,
        logo_uri=logo_uri,
        grant_types=tuple(dict.fromkeys(grant_types)),
        scopes=split_scope(join_scopes(scope for given in scopes for scope in given.split())) or SCOPES,
        first_party=first_party,
        require_pkce=require_pkce,
        popup=popup,
        publisher=" ".join(publisher.split()) if publisher else None,
        jwks=jwks,
        userinfo_signed_response_alg=userinfo_signed_response_alg,
        id_token_signed_response_alg=id_token_signed_response_alg,
    )
    problems = tuple(_problems(draft, secret))
    if problems:
        return InvalidRegistration(problems)
    if subject_type == "pairwise":
        sector = sector_of(draft.redirect_uris, draft.client_id)
        if sector is None:
            return InvalidRegistration(
                ("Pairwise names need redirect URIs on one host: it is what they are made for.",)
            )
        salt = await queries.settle_pairwise_salt(querier, namespace, new_token().raw)
        draft = replace(draft, pairwise_key=pairwise_key(salt, sector))
    await queries.create_client(querier, namespace, asdict(draft), actor)
    return RegisteredClient(draft, secret)


async def find_client(querier: Querier, namespace: str, client_id: str) -> Client | None:
    """Return an app by its client_id, or None."""
    if not client_id.isprintable() or len(client_id) > 200:
        return None
    row = await queries.find_client(querier, namespace, client_id)
    return client_from_row(row) if row else None


async def list_clients(querier: Querier, namespace: str) -> list[Client]:
    """Return the apps of a namespace by name."""
    return [client_from_row(row) for row in await queries.list_clients(querier, namespace)]


async def rotate_client_secret(
    querier: Querier, namespace: str, client_id: str, actor: Mapping[str, str] = COMMAND_LINE
) -> str | None:
    """Give a confidential app a new secret and return it, this once; None for an unknown or public app."""
    token = new_token()
    done = await queries.rotate_client_secret(querier, namespace, client_id, token.digest, actor)
    return token.raw if done else None


async def delete_client(
    querier: Querier, namespace: str, client_id: str, actor: Mapping[str, str] = COMMAND_LINE
) -> bool:
    """Remove an app; its codes and tokens die with it. False for an unknown one."""
    return await queries.delete_client(querier, namespace, client_id, actor)


def _problems(client: Client, secret: str | None) -> list[str]:
    return list(
        dict.fromkeys([*_identity_problems(client, secret), *_address_problems(client), *_kind_problems(client)])
    )


def _identity_problems(client: Client, secret: str | None) -> list[str]:
    found: list[str] = []
    if not client.name or not client.name.isprintable() or len(client.name) > CLIENT_NAME_MAX_LENGTH:
        found.append(f"An app needs a name of 1 to {CLIENT_NAME_MAX_LENGTH} printable characters.")
    if client.token_endpoint_auth_method not in AUTH_METHODS:
        found.append(f"The authentication method must be one of {', '.join(AUTH_METHODS)}.")
    if client.id_token_signed_response_alg not in ALGORITHMS:
        found.append(f"ID tokens can be signed with {', '.join(ALGORITHMS)}.")
    if secret is not None and len(secret) < OWN_SECRET_MIN_LENGTH:
        found.append(f"A client secret of your own needs {OWN_SECRET_MIN_LENGTH} random characters or more.")
    return found


def _address_problems(client: Client) -> list[str]:
    found: list[str] = []
    if not 0 < len(client.redirect_uris) <= REDIRECT_URIS_MAX_COUNT:
        found.append(f"An app needs 1 to {REDIRECT_URIS_MAX_COUNT} redirect URIs.")
    for uri in (*client.redirect_uris, *client.post_logout_redirect_uris):
        problem = registration_problem(uri, client.application_type)
        if problem:
            found.append(problem)
    for address in (client.initiate_login_uri, client.logo_uri, client.backchannel_logout_uri):
        problem = web_address_problem(address) if address else None
        if problem:
            found.append(problem)
    return found


def _kind_problems(client: Client) -> list[str]:
    found: list[str] = []
    found += _key_problems(client)
    if client.application_type == "native" and not client.public:
        found.append("A native app can keep no secret: register it as public.")
    if client.public and not client.require_pkce:
        found.append("A public app cannot do without PKCE.")
    found += [f"There is no scope {scope!r}." for scope in client.scopes if scope not in SCOPES]
    found += [f"There is no grant {grant!r} yet." for grant in client.grant_types if grant not in GRANT_TYPES]
    if "authorization_code" not in client.grant_types:
        found.append("An app needs the grant authorization_code: no other one logs people in yet.")
    return found


def _key_problems(client: Client) -> list[str]:
    found: list[str] = []
    if (client.token_endpoint_auth_method == KEY_METHOD) != (client.jwks is not None):
        found.append("The method private_key_jwt needs the public keys of the app, and no other method takes any.")
    problem = jwks_problem(client.jwks) if client.jwks is not None else None
    if problem:
        found.append(problem)
    if client.userinfo_signed_response_alg not in (None, *ALGORITHMS):
        found.append(f"Userinfo can be signed with {', '.join(ALGORITHMS)} only.")
    if client.publisher and (len(client.publisher) > CLIENT_NAME_MAX_LENGTH or not client.publisher.isprintable()):
        found.append(f"A publisher has {CLIENT_NAME_MAX_LENGTH} printable characters at most.")
    return found
