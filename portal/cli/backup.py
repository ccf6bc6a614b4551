"""`portal backup` and `portal restore`: the embedded database as one file. docs/operating.md, "Backup and restore".

A configured database is the operator's own, with the operator's own tools; this is for the one that has no operator.
"""

import os
import subprocess
from pathlib import Path

import click

from portal.cli.answers import Failure, answer, failing_plainly, json_option
from portal.db.embedded import EmbeddedPostgres
from portal.db.embedded.binaries import find_binaries
from portal.settings import load_settings

CONFIGURED = (
    "PORTAL_DATABASE_URL is set, so the database is looked after elsewhere: use pg_dump and pg_restore, as "
    "docs/operating.md says."
)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
@failing_plainly
def backup(file: Path, as_json: bool) -> None:
    """Write the embedded database into a new file, while the portal runs."""
    with _embedded() as server:
        try:
            # The dump holds password hashes and addresses: nobody else reads it, and it replaces nothing.
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise Failure(f"Cannot write {file}: {error.strerror}.") from error
        with os.fdopen(descriptor, "wb") as dump:
            failed = _run(server, ["pg_dump", "--format=custom"], stdout=dump.fileno())
        if failed:
            file.unlink()
            raise Failure(f"The backup failed: {failed}")
    answer(
        {"file": str(file), "bytes": file.stat().st_size},
        f"Wrote {file}. What it holds sealed opens only with the keys in PORTAL_SECRET_KEY or in "
        f"{load_settings(os.environ).data_dir / 'secret_key'}: keep them, too, in another place.",
        as_json=as_json,
    )


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True, readable=True))
@json_option
@failing_plainly
def restore(file: Path, as_json: bool) -> None:
    """Read a backup into an embedded database that has nothing in it yet."""
    with _embedded() as server, file.open("rb") as dump:
        if _run(server, ["psql", "-qc", "SELECT 1 FROM authn.migrations"]) is None:
            raise Failure(
                f"There is a portal in {load_settings(os.environ).data_dir} already. Restore into an empty "
                "PORTAL_DATA_DIR."
            )
        arguments = ["pg_restore", "--single-transaction", "--exit-on-error", "--dbname=portal"]
        failed = _run(server, arguments, stdin=dump.fileno())
        if failed:
            raise Failure(f"The restore failed and left nothing behind: {failed}")
    answer(
        {"file": str(file)},
        "Restored. Now run `portal restored`: it ends the sessions, codes and keys that may have been ended or used "
        "after the backup was taken. `portal serve` starts after that.",
        as_json=as_json,
    )


def _embedded() -> EmbeddedPostgres:
    settings = load_settings(os.environ)
    if settings.database_url:
        raise Failure(CONFIGURED)
    return EmbeddedPostgres(settings.data_dir)


def _run(server: EmbeddedPostgres, arguments: list[str], **files: int) -> str | None:
    """Run one of PostgreSQL's own programs as the database's superuser; return what it says where it fails.

    Superuser, because row-level security binds the owner, too: its dump would be refused.
    """
    cluster = server.cluster
    programs = find_binaries(cluster.account, cluster.data).folder
    ran = subprocess.run(
        [str(programs / arguments[0]), *arguments[1:]],
        env={
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C",
            "PGHOST": str(cluster.socket_folder),
            "PGPORT": "5432",
            "PGUSER": "postgres",
            "PGPASSWORD": cluster.passwords.superuser,  # in the environment: arguments are visible to everyone
            "PGDATABASE": "portal",
        },
        stdin=files.get("stdin", subprocess.DEVNULL),
        stdout=files.get("stdout", subprocess.DEVNULL),
        stderr=subprocess.PIPE,
        check=False,
    )
    return None if ran.returncode == 0 else ran.stderr.decode(errors="replace").strip()
