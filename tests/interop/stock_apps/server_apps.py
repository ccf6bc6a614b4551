"""The apps that need a tool chain or a server of the machine's own: Go, Java, Apache."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.interop.stock_apps.stock_app import CACHE, StockApp

APACHE_MODULES = Path("/usr/lib/apache2/modules")  # of Debian's packages


def _found(program: str, needed_for: str, *, also: str = "") -> str:
    path = os.pathsep.join([os.environ["PATH"], "/usr/local/go/bin", "/usr/sbin", "/sbin"])
    found = shutil.which(program, path=path)
    assert found, f"{needed_for} needs {also or program}: install it and try again."
    return found


def _go(folder: Path) -> list[str]:
    go = _found("go", "The Go app")
    # go.sum has the checksum of every module; nothing else is built.
    # -modcacherw: Go makes its downloads read-only otherwise, and `make clean` could not remove them.
    command = [go, "build", "-mod=readonly", "-modcacherw", "-o", "app", "."]
    subprocess.run(command, cwd=folder, env=os.environ | {"GOMODCACHE": str(CACHE / "go")}, check=True)
    return [str(folder / "app")]


def _apache(folder: Path) -> list[str]:
    apache = _found("apache2", "The Apache app", also="apache2-bin and libapache2-mod-auth-openidc")
    assert (APACHE_MODULES / "mod_auth_openidc.so").exists(), "The Apache app needs libapache2-mod-auth-openidc."
    os.environ.update(FOLDER=str(folder), MODULES=str(APACHE_MODULES))
    return [apache, "-X", "-f", str(folder / "apache.conf")]


def _spring(folder: Path) -> list[str]:
    maven, java = _found("mvn", "The Spring app", also="Maven"), _found("java", "The Spring app", also="Java 17")
    command = [maven, "--quiet", "--batch-mode", "--no-transfer-progress", f"-Dmaven.repo.local={CACHE / 'maven'}"]
    subprocess.run([*command, "package"], cwd=folder, check=True)
    return [java, "-jar", str(folder / "target" / "app.jar")]


GO_OIDC = StockApp("go_oidc", _go)
MOD_AUTH_OPENIDC = StockApp(
    "mod_auth_openidc",
    _apache,
    login="/login/",
    refresh="/callback?refresh=http%3A%2F%2F127.0.0.1%3A{PORT}%2Ftoken%2F&access_token={TOKEN}",
    token="/token/",
    logout="/callback?logout=http%3A%2F%2F127.0.0.1%3A{PORT}%2F",
)
SPRING_SECURITY = StockApp(
    "spring_security",
    _spring,
    login="/oauth2/authorization/portal",
    callback="/login/oauth2/code/portal",
    ends_by_form=True,
)
