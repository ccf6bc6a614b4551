"""As whom the embedded PostgreSQL runs: PostgreSQL refuses root, so root drops to an unprivileged account."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from portal.db.embedded.errors import EmbeddedPostgresError

# `postgres` exists where a PostgreSQL package does and is made for this; `nobody` exists nearly everywhere.
UNPRIVILEGED_ACCOUNTS = ("postgres", "nobody", "daemon")


@dataclass(frozen=True, slots=True)
class Account:
    """An operating-system account, by number: it needs no name."""

    uid: int
    gid: int


def server_account(data_folder: Path) -> Account | None:
    """Return the account that the server must run as, or None where that is our own.

    `data_folder` keeps its owner once it exists, whoever starts the portal afterwards.
    """
    if os.geteuid() != 0:
        return None
    if data_folder.exists() and (owner := data_folder.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    for name in UNPRIVILEGED_ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedPostgresError(
        f"PostgreSQL does not run as root, and none of the accounts {', '.join(UNPRIVILEGED_ACCOUNTS)} exists. "
        "Run the portal as an ordinary user, or set PORTAL_DATABASE_URL."
    )


class RunOptions(TypedDict, total=False):
    """Arguments of `subprocess.run` and `Popen`."""

    user: int
    group: int
    extra_groups: list[int]


def run_options(account: Account | None) -> RunOptions:
    """Return the arguments that make `subprocess` run a program as the account."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def can_enter(account: Account | None, folder: Path) -> bool:
    """Whether the account gets into the folder, asked of the kernel: ACLs and mounts count, not only mode bits."""
    entered = subprocess.run(
        ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)],
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        **run_options(account),
    )
    return entered.returncode == 0


def make_private_folder(account: Account | None, folder: Path) -> None:
    """Make the folder with mode 0700, owned by the account. One that exists is left as it is."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return
    give_to(account, folder)


def give_to(account: Account | None, path: Path) -> None:
    """Make the account the owner of a file or folder that we just made."""
    if account is not None:
        os.chown(path, account.uid, account.gid)
