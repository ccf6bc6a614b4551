"""What the worker does for the provider: the first signing key, made ahead of the first app that asks for it."""

from datetime import timedelta

from portal.jobs.job import Job
from portal.oidc.signing_keys import SigningKeys
from portal.web.request import Portal

LOOK_AT_KEYS_EVERY = timedelta(hours=1)
DEFAULT_NAMESPACE = "default"  # others make theirs when their first app asks


def provider_jobs(portal: Portal) -> tuple[Job, ...]:
    """Return the jobs for `portal.installed`."""

    async def make_first_signing_key() -> bool:
        # Keys of its own: what it opens may be forgotten, the point is that the row is there.
        await SigningKeys(portal.database, portal.sealer).published(DEFAULT_NAMESPACE)
        return False

    return (Job("signing keys", LOOK_AT_KEYS_EVERY, make_first_signing_key),)
