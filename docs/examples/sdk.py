"""Sign somebody up, log them in, list their sessions and read the audit trail: nothing but the SDK and a database.

    DATABASE_URL=postgresql://portal_app:…@localhost/portal python docs/examples/sdk.py

The database was brought up with `portal migrate`. The example works in a namespace of its own and deletes the account
at the end, so it can run again.
"""

import asyncio
import hashlib
import os
import secrets
import sys

import argon2
import asyncpg

from portal.authn import AuthnClient, AuthnError

PASSWORDS = argon2.PasswordHasher()  # argon2id: the database sees the hash, never the password
NOBODYS_HASH = PASSWORDS.hash(secrets.token_hex())  # checked where there is no account, so that both cost the same time
EMAIL, PASSWORD = "alice@example.com", "correct-horse-battery"


def new_token() -> tuple[str, str]:
    """Return a random token for its holder, and the digest that the database keeps of it."""
    raw = secrets.token_urlsafe(32)
    return raw, hashlib.sha256(raw.encode()).hexdigest()


async def sign_up(authn: AuthnClient) -> str:
    """Make an account and prove its address, as the link in a mail would."""
    user_id = await authn.create_user(EMAIL, PASSWORDS.hash(PASSWORD))
    _mailed, digest = new_token()
    await authn.create_token(user_id, digest, "email_verify")
    await authn.verify_email(digest)
    return user_id


async def log_in(authn: AuthnClient, email: str, password: str) -> str | None:
    """Return a session token, or None: wrong password, unknown address and locked out look the same from outside."""
    if await authn.is_locked_out(email):
        return None
    credentials = await authn.get_credentials(email)
    try:
        PASSWORDS.verify((credentials and credentials.password_hash) or NOBODYS_HASH, password)
    except argon2.exceptions.VerifyMismatchError:
        await authn.record_login_attempt(email, success=False, ip_address="192.0.2.1")
        return None
    if credentials is None or credentials.disabled_at is not None:
        return None
    await authn.record_login_attempt(email, success=True, ip_address="192.0.2.1")
    raw, digest = new_token()
    await authn.create_session(credentials.user_id, digest, ip_address="192.0.2.1", user_agent="example")
    return raw


async def main(database_url: str) -> None:
    """Run through an account's life."""
    connection = await asyncpg.connect(database_url)
    try:
        authn = AuthnClient(connection, "sdk-example")
        await authn.set_actor("example", request_id="r-1", ip_address="192.0.2.1")
        try:
            user_id = await sign_up(authn)
        except AuthnError as error:
            sys.exit(f"Could not sign {EMAIL} up: {error}.")
        print(f"Signed up {EMAIL} as {user_id}.")

        print("Wrong password:", await log_in(authn, EMAIL, "a guess"))
        token = await log_in(authn, EMAIL, PASSWORD)
        holder = token and await authn.validate_session(hashlib.sha256(token.encode()).hexdigest())
        print("Logged in as:", holder and holder.email)

        print("Sessions:")
        for session in await authn.list_sessions(user_id):
            print(f"  from {session.ip_address} with {session.user_agent}, until {session.expires_at:%Y-%m-%d}")

        print("Audit trail, newest first:")
        for event in await authn.get_audit_events(limit=20):
            print(f"  {event.event_type} of {event.resource_type} by {event.actor_id}")

        await authn.delete_user(user_id)
        print("Deleted the account.")
    finally:
        await connection.close()


if __name__ == "__main__":
    if "DATABASE_URL" not in os.environ:
        sys.exit("Set DATABASE_URL to the address of a database that `portal migrate` has brought up.")
    asyncio.run(main(os.environ["DATABASE_URL"]))
