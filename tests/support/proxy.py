"""HAProxy with TLS before two portals, set up as docs/operating.md says."""

import contextlib
import csv
import ipaddress
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.database import temporary_data_dir
from tests.support.private_cluster import documented

READY_WITHIN = 15.0  # seconds
VALID_FOR = timedelta(days=2)


@dataclass(frozen=True)
class Proxy:
    """A running HAProxy on https://localhost; clients trust `certificate`."""

    port: int
    folder: Path

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def certificate(self) -> Path:
        return self.folder / "certificate.pem"

    def servers_up(self) -> int:
        """How many portals it sends people to just now."""
        return sum(row["svname"].startswith("portal-") and row["status"] == "UP" for row in self._statistics())

    def requests_sent_on(self) -> int:
        """How many requests it has handed to the portals; its own looks at /readyz do not count."""
        [backend] = [row for row in self._statistics() if row["svname"] == "BACKEND"]
        return int(backend["req_tot"])

    def wait_until_up(self, servers: int) -> None:
        """Return when it sends people to so many portals."""
        deadline = time.monotonic() + READY_WITHIN
        while self.servers_up() != servers:
            assert time.monotonic() < deadline, f"HAProxy sees {self.servers_up()} portals, not {servers}"
            time.sleep(0.05)

    def _statistics(self) -> list[dict[str, str]]:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self.folder / "admin.sock"))
            admin.sendall(b"show stat\n")
            said = b"".join(iter(lambda: admin.recv(65536), b"")).decode()
        return list(csv.DictReader(said.strip().removeprefix("# ").splitlines()))


@contextlib.contextmanager
def haproxy(port: int, portals: Sequence[int]) -> Iterator[Proxy]:
    """Run HAProxy with the documented settings, changed only in addresses and folders."""
    program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/sbin")
    if program is None:
        raise SystemExit("HAProxy is needed. Debian: apt-get install haproxy")
    with temporary_data_dir() as folder:
        proxy = Proxy(port, folder)
        _make_certificate(folder)
        settings = documented("Proxy and TLS", "haproxy")
        for theirs, ours in (
            ("bind :443", f"bind 127.0.0.1:{port}"),
            ("/etc/haproxy/login.example.com.pem", str(folder / "both.pem")),
            ("login.example.com", f"localhost:{port}"),
            ("10.0.0.11:8000", f"127.0.0.1:{portals[0]}"),
            ("10.0.0.12:8000", f"127.0.0.1:{portals[1]}"),
            ("global\n", f"global\n    stats socket {folder}/admin.sock mode 600\n"),
        ):
            assert theirs in settings, theirs
            settings = settings.replace(theirs, ours)
        (folder / "haproxy.cfg").write_text(settings + "\n")
        with (folder / "haproxy.log").open("wb") as log:
            process = subprocess.Popen(
                [program, "-db", "-f", str(folder / "haproxy.cfg")], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            _wait_until_listening(proxy, process)
            yield proxy
        finally:
            process.terminate()
            process.wait(10)


def _wait_until_listening(proxy: Proxy, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + READY_WITHIN
    while True:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", proxy.port), timeout=1).close()
            return
        said = (proxy.folder / "haproxy.log").read_text(errors="replace")
        assert process.poll() is None, said
        assert time.monotonic() < deadline, said
        time.sleep(0.05)


def _make_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - VALID_FOR)
        .not_valid_after(now + VALID_FOR)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "certificate.pem").write_bytes(certificate)
    (folder / "both.pem").write_bytes(certificate + private)
    (folder / "both.pem").chmod(0o600)
