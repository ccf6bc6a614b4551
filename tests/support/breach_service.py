"""A range service of breached passwords on this machine: it answers as Have I Been Pwned does, and notes what is asked.

https://haveibeenpwned.com/API/v3#PwnedPasswords
"""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PADDING = 800  # lines at least, with those that pad


@dataclass
class BreachService:
    """What it knows, how it answers, and what it was asked."""

    url: str = ""
    breached: set[str] = field(default_factory=lambda: {"password"})
    padding: set[str] = field(default_factory=set)  # passwords whose digits happen to pad an answer
    answer: bytes | None = None  # instead of the right one
    status: int = 200
    asked: list[str] = field(default_factory=list)  # request line and head

    def lines(self, prefix: str) -> bytes:
        """The rest of each hash that begins so, and how often it was seen; padding was never seen."""
        lines = [f"{digits[5:]}:{2 + number}" for number, digits in enumerate(sorted(map(sha1, self.breached)))
                 if digits.startswith(prefix)]  # fmt: skip
        lines += [f"{digits[5:]}:0" for digits in map(sha1, self.padding) if digits.startswith(prefix)]
        lines.append(f"{'F' * 35}:7")  # somebody else's: every range has hundreds of those
        lines += [f"{number:035X}:0" for number in range(PADDING - len(lines))]
        return "\r\n".join(lines).encode()


def sha1(password: str) -> str:
    """The 40 digits that stand for a password."""
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


@contextmanager
def breach_service() -> Iterator[BreachService]:
    """Serve for as long as the block runs."""
    service = BreachService()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            service.asked.append(f"{self.requestline}\n{self.headers}")
            prefix = self.path.rpartition("/")[2]
            body = service.lines(prefix) if service.answer is None else service.answer
            self.send_response(service.status)
            self.send_header("content-type", "text/plain")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service.url = f"http://127.0.0.1:{server.server_address[1]}/range/"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield service
        server.shutdown()
