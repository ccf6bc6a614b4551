"""django-allauth on Django, PostgreSQL and gunicorn: the peer that most Python sites use."""

import asyncio
from collections.abc import Mapping

from benchmarks.cluster import DatabaseServer
from benchmarks.contenders.contender import CACHE, ROOT, Contender, free_port

PYTHON = CACHE / "venv" / "bin" / "python"
FOLDER = ROOT / "benchmarks" / "peers"
# Threads, so that connections are kept as the portal keeps them; its default worker closes each after one answer.
SERVER = ("-m", "gunicorn", "--workers", "1", "--threads", "4", "--keep-alive", "60", "--log-level", "warning")

LOGIN_PAGE = "/accounts/login/"
SESSION_CHECK = "/_allauth/browser/v1/auth/session"
SIGNED_IN_PAGE = "/accounts/password/change/"  # the cheapest of its pages for a person who is logged in


def make_allauth(server: DatabaseServer, database_url: str) -> Contender:
    """Describe the server; `prepare_allauth` comes first."""
    port = free_port()
    command = [str(PYTHON), *SERVER, "--bind", f"127.0.0.1:{port}", "allauth_site.wsgi:application"]
    return Contender(
        "django-allauth", command, _environment(database_url), FOLDER, port, "bench_allauth", server.postmaster
    )


async def prepare_allauth(database_url: str) -> str:
    """Make its tables and one account; return the Cookie header of a session."""
    process = await asyncio.create_subprocess_exec(
        *(str(PYTHON), "-m", "allauth_site.prepare"),
        cwd=FOLDER,
        env=dict(_environment(database_url)),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError("django-allauth could not be prepared")
    return output.decode().strip()


def _environment(database_url: str) -> Mapping[str, str]:
    return {"BENCH_DATABASE_URL": database_url, "DJANGO_SETTINGS_MODULE": "allauth_site.settings"}
