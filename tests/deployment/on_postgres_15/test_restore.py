"""A database of the operator's own: from one cluster to another by the steps of docs/operating.md."""

import contextlib
from pathlib import Path

import pytest

from portal.db.migrate import migrate
from tests.deployment.before_and_after import LONGER, a_past, follow_the_guide
from tests.support.database import TestDatabase, run_now, temporary_data_dir
from tests.support.private_cluster import PrivateCluster, documented, first_start, private_cluster
from tests.support.server import PortalServer, prepare_server


def portal_on(cluster: PrivateCluster, data_dir: Path) -> PortalServer:
    server = prepare_server(data_dir, PORTAL_DATABASE_URL=cluster.app_url, PORTAL_DATABASE_OWNER_URL=cluster.owner_url)
    server.database = TestDatabase("portal", cluster.app_url, cluster.owner_url, cluster.superuser_url)
    return server


def test_a_restored_dump_lets_people_in_and_keeps_dead_what_was_ended_since(tmp_path: Path) -> None:
    places = {"/backup": tmp_path}
    with contextlib.ExitStack() as stack:
        old_cluster, new_cluster = (stack.enter_context(private_cluster()) for _ in range(2))
        data_dir = stack.enter_context(temporary_data_dir())
        first_start(old_cluster)
        run_now(lambda: migrate(old_cluster.owner_url, old_cluster.app_url))
        old = portal_on(old_cluster, data_dir)
        stack.callback(old.stop)
        old.start()
        past = a_past(old)
        past.live()
        old_cluster.psql(documented("A database of your own", "sql").replace("BACKUP-PASSWORD", "secret"), "portal")
        backup_url = old_cluster.url("portal_backup", "secret")
        follow_the_guide("A database of your own", "backup", {"BACKUP_URL": backup_url}, places)
        past.go_on()
        key_ids = past.key_ids()
        old.stop()

        first_start(new_cluster)
        new = portal_on(new_cluster, data_dir)
        stack.callback(new.stop)
        new.environment |= {"PORTAL_URL": old.url, "PORT": old.environment["PORT"]}
        new.url = old.url
        settings = {name: value for name, value in new.environment.items() if name != "PORT"}
        settings["SUPERUSER_URL"] = new_cluster.superuser_url
        said = follow_the_guide("A database of your own", "restore", settings, places)
        assert "Ended 2 sessions." in said
        new.sql(*LONGER)
        new.start()
        past.portal = new
        past.assert_dead()
        assert past.key_ids() == key_ids
        past.assert_alive()


def test_the_owner_cannot_make_a_backup_that_silently_lacks_rows(tmp_path: Path) -> None:
    with private_cluster() as cluster:
        first_start(cluster)
        run_now(lambda: migrate(cluster.owner_url, cluster.app_url))
        with pytest.raises(AssertionError, match="row-level security"):
            follow_the_guide(
                "A database of your own", "backup", {"BACKUP_URL": cluster.owner_url}, {"/backup": tmp_path}
            )
