"""What the worker does for the provider: signing keys made ahead and renewed, and apps told of logins that ended."""

from datetime import timedelta

from portal.jobs.job import Job
from portal.oidc.backchannel import CHANNEL, tell_apps_of_logouts
from portal.oidc.provider import Provider
from portal.oidc.queries import drop_retired_signing_keys
from portal.oidc.signing_keys import ALGORITHMS, KNOWN_AFTER_SIGNING, ROTATE_AFTER
from portal.outgoing.addresses import allowed_networks
from portal.tenancy.namespaces import list_namespaces
from portal.web.request import Portal

LOOK_AT_KEYS_EVERY = timedelta(hours=1)
TELL_APPS_EVERY = timedelta(seconds=2)  # where NOTIFY does not arrive, and for those that are tried again
DEFAULT_NAMESPACE = "default"  # others make their first key when their first app asks
ROTATION = {"actor_id": "worker", "reason": "the key is due"}


def provider_jobs(portal: Portal) -> tuple[Job, ...]:
    """Return the jobs for `portal.installed`."""
    # Of its own, not the requests': what it opens may be forgotten.
    provider = Provider(portal.database, portal.sealer)

    async def look_after_signing_keys() -> bool:
        keys = provider.signing_keys
        await keys.published(DEFAULT_NAMESPACE)
        others = [row.name for row in await list_namespaces(portal.database) if row.name != DEFAULT_NAMESPACE]
        for namespace in (DEFAULT_NAMESPACE, *others):
            for algorithm in ALGORITHMS:
                await keys.rotate(namespace, algorithm, older_than=ROTATE_AFTER, actor=ROTATION)
            await drop_retired_signing_keys(portal.database, namespace, KNOWN_AFTER_SIGNING)
        return False

    async def tell_apps() -> bool:
        settings = portal.settings
        return await tell_apps_of_logouts(provider, settings.url, allowed_networks(settings)) > 0

    return (
        Job("signing keys", LOOK_AT_KEYS_EVERY, look_after_signing_keys),
        Job("tell apps", TELL_APPS_EVERY, tell_apps, wakes_on=CHANNEL),
    )
