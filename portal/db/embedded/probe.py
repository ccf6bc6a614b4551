"""Whether the embedded PostgreSQL answers, asked by connecting: a process number can be anyone's by now."""

import socket
import struct
from pathlib import Path
from typing import Literal

SOCKET_NAME = ".s.PGSQL.5432"
PROTOCOL_3 = 196608
CANNOT_CONNECT_NOW = b"57P03"  # starting up, shutting down or recovering
ANSWER_WITHIN = 2.0  # seconds; a local server under load answers in milliseconds

Liveness = Literal["ready", "busy", "away"]


def ask(socket_folder: Path) -> Liveness:
    """Return `ready` where a login would be tried, `busy` where a server is but not (yet) for us, `away` for none."""
    body = struct.pack("!i", PROTOCOL_3) + b"user\0portal_app\0database\0portal\0\0"
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(ANSWER_WITHIN)
        try:
            client.connect(str(socket_folder / SOCKET_NAME))
            client.sendall(struct.pack("!i", len(body) + 4) + body)
            answer = client.recv(1024)
        except (FileNotFoundError, ConnectionRefusedError):
            return "away"
        except OSError:
            return "busy"  # a full backlog, a slow or just dying server: asked again a moment later
    if not answer or (answer.startswith(b"E") and b"C" + CANNOT_CONNECT_NOW in answer):
        return "busy"
    return "ready"  # a request for the password, or another refusal that only a running server can give
