"""compose.yaml without Docker: its roles on a real PostgreSQL, its settings for the portal, and somebody logs in."""

import os
import re
import subprocess
import sys

from portal.settings import load_settings
from tests.deployment.on_postgres_15.test_restore import portal_on
from tests.support.database import temporary_data_dir
from tests.support.person import PASSWORD, Person
from tests.support.private_cluster import documented, private_cluster
from tests.support.server import ROOT

COMPOSE = (ROOT / "compose.yaml").read_text()
DEFAULTS = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", COMPOSE))


def with_defaults(text: str) -> str:
    """What compose makes of a text where the environment gives nothing."""
    return re.sub(r"\$\{(\w+):-[^}]*\}", lambda found: DEFAULTS[found[1]], text)


def settings() -> dict[str, str]:
    return {name: with_defaults(value) for name, value in re.findall(r"^ +(PORTAL_\w+): (.+)$", COMPOSE, re.MULTILINE)}


def roles() -> str:
    [block] = re.findall(r"^    content: \|\n((?:      .*\n)+)", COMPOSE, re.MULTILINE)
    return re.sub(r"^      ", "", block, flags=re.MULTILINE)


def test_its_settings_are_settings_of_the_portal() -> None:
    loaded = load_settings(settings())
    assert loaded.url == "http://localhost:8000"
    assert not loaded.dev, "development mode shows every mail to whoever asks"
    # One value, wherever it stands: a password that is changed in one place only would lock the portal out.
    assert len(set(re.findall(r"\$\{(\w+):-([^}]*)\}", COMPOSE))) == len(DEFAULTS)


def test_its_roles_are_those_of_the_guide() -> None:
    theirs = re.sub(r"'(OWNER|APP)-PASSWORD'", lambda found: f":'{found[1].lower()}_password'", documented(
        "Roles and database", "sql"
    ))  # fmt: skip
    assert theirs.splitlines() == [line for line in roles().splitlines() if not line.startswith("\\getenv")]


def test_somebody_logs_in_to_what_it_describes() -> None:
    with private_cluster() as cluster, temporary_data_dir() as data_dir:
        subprocess.run(
            [str(cluster.programs / "psql"), "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "--quiet"],
            # As the image's entry point runs the files of its folder.
            env={
                "PATH": os.environ["PATH"],
                **cluster.login("postgres", cluster.superuser_password, "postgres"),
                **DEFAULTS,
            },
            input=roles(),
            text=True,
            check=True,
        )
        here = {name: value.replace("@database/", f"@127.0.0.1:{cluster.port}/") for name, value in settings().items()}
        server = portal_on(cluster, data_dir)
        server.environment |= {name: here[name] for name in ("PORTAL_DATABASE_URL", "PORTAL_DATABASE_OWNER_URL")}
        server.environment |= {"PORTAL_SECRET_KEY": here["PORTAL_SECRET_KEY"], "PORTAL_DEV": "1"}
        ours = {name: value for name, value in server.environment.items() if name != "PORT"}
        subprocess.run([sys.executable, "-m", "portal", "migrate"], cwd=ROOT, env=ours, check=True)
        try:
            server.start()
            with Person(server) as zoe:
                zoe.sign_up("zoe@example.org", PASSWORD)
                assert zoe.is_logged_in()
        finally:
            server.stop()
