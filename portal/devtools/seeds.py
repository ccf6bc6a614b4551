"""What a development portal starts with: accounts to log in with, and the demo app. Only with PORTAL_DEV=1.

The password and the secret stand here for everybody: nothing of this may ever exist outside development.
"""

import os

from portal.accounts.provisioning import provision_user
from portal.authn import AuthnClient
from portal.crypto.hashing import PASSWORDS
from portal.crypto.sealing import Sealer
from portal.db.engine import Database
from portal.methods.totp.codes import new_secret
from portal.methods.totp.sealed import seal_secret
from portal.oidc.clients import RegisteredClient, create_client, delete_client, find_client
from portal.settings import Settings
from portal.web.logging import get_logger

NAMESPACE = "default"
PASSWORD = "correct-horse-battery"  # noqa: S105 - public on purpose, and refused outside development
ACCOUNTS = (
    ("alice@example.com", "Alice Example"),
    ("bo@example.com", "Bo Example"),
    ("chen@example.com", "Chen Example"),
    ("dana@example.com", "Dana Example"),
)
WITH_AN_APP = "bo@example.com"  # its code: `portal users totp bo@example.com`
BY_MAIL_ONLY = "chen@example.com"  # no password; a passkey can be added then

DEMO_CLIENT_ID = "demo-app"
DEMO_CLIENT_SECRET = "demo-app-secret-for-development-only"  # noqa: S105 - likewise
DEMO_ORIGIN = "http://127.0.0.1:8001"  # another site than localhost, so that cookies are really tried

ACTOR = {"actor_id": "development seeds"}

log = get_logger("portal.devtools")


async def seed(settings: Settings, database: Database, sealer: Sealer) -> None:
    """Make the accounts and the demo app where they are missing; what exists stays as it is.

    Raises:
        RuntimeError: outside development.
    """
    if not settings.dev:
        raise RuntimeError("seeds have public passwords: they are for PORTAL_DEV=1 only")
    accounts = AuthnClient(database, NAMESPACE)
    for email, name in ACCOUNTS:
        if await accounts.get_user_by_email(email) is None:
            made = None if email == BY_MAIL_ONLY else await PASSWORDS.hash(PASSWORD)
            await provision_user(database, NAMESPACE, email, password_hash=made, name=name, verified=True, actor=ACTOR)
            if email == WITH_AN_APP and (user := await accounts.get_user_by_email(email)):
                await accounts.add_mfa(user.user_id, "totp", seal_secret(sealer, new_secret()), "Bo's phone")
            log.info("account_seeded", email=email)
    await _seed_demo_app(database, os.environ.get("DEMO_URL", DEMO_ORIGIN).rstrip("/"))


async def _seed_demo_app(database: Database, origin: str) -> None:
    """Register the demo app at `origin`, anew where it has moved to another port or was not told of log-outs yet."""
    known = await find_client(database, NAMESPACE, DEMO_CLIENT_ID)
    outdated = known is not None and (
        f"{origin}/callback" not in known.redirect_uris or known.backchannel_logout_uri is None
    )
    if outdated:
        await delete_client(database, NAMESPACE, DEMO_CLIENT_ID, ACTOR)
        known = None
    if known is None:
        registered = await create_client(
            database,
            NAMESPACE,
            name="Demo app",
            client_id=DEMO_CLIENT_ID,
            client_secret=DEMO_CLIENT_SECRET,
            redirect_uris=[f"{origin}/callback"],
            post_logout_redirect_uris=[f"{origin}/"],
            # A third-party app on purpose: the consent page is part of what there is to see.
            first_party=False,
            backchannel_logout_uri=f"{origin}/backchannel-logout",
            initiate_login_uri=f"{origin}/login",
            grant_types=["authorization_code", "refresh_token"],
            actor=ACTOR,
        )
        if not isinstance(registered, RegisteredClient):
            raise RuntimeError(" ".join(registered.problems))
        log.info("client_seeded", client_id=DEMO_CLIENT_ID)
