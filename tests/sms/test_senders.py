"""Text messages leave by a signed POST, and every answer of the gateway is understood."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from portal.mail.message import Mail
from portal.mail.senders import Refused, Sent, TryAgain
from portal.sms.senders import SmsGatewayError, WebhookSender, parse_sms_url

SECRET = b"a secret of twenty-four bytes or more"
ANSWERS = [(200, Sent), (202, Sent), (422, Refused), (410, Refused), (401, TryAgain), (429, TryAgain), (503, TryAgain)]
MESSAGE = Mail("+41791234567", "", "123456 is your code – für dich", "", "", "en", "the-reference")


class Gateway:
    """An operator's gateway that notes what it gets."""

    def __init__(self) -> None:
        self.answer = 204
        self.headers: dict[str, str] = {}
        self.body = b""
        self.paths: list[str] = []
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                gateway.paths.append(self.path)
                gateway.headers = {name.lower(): value for name, value in self.headers.items()}
                gateway.body = self.rfile.read(int(self.headers["content-length"]))
                self.send_response(gateway.answer)
                self.send_header("location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def sender(self, timeout: float = 5) -> WebhookSender:
        secret = "whsec_" + base64.b64encode(SECRET).decode().replace("=", "%3D").replace("/", "%2F")
        return WebhookSender(parse_sms_url(f"http://:{secret}@127.0.0.1:{self.port}/send?team=a"), timeout=timeout)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    made = Gateway()
    yield made
    made.server.shutdown()
    made.server.server_close()


async def test_the_signature_covers_id_time_and_body(gateway: Gateway) -> None:
    assert await gateway.sender().send(MESSAGE) == Sent()
    assert gateway.paths == ["/send?team=a"]
    assert json.loads(gateway.body) == {"type": "sms", "to": MESSAGE.to, "text": MESSAGE.text}
    headers = gateway.headers
    assert headers["webhook-id"] == "the-reference"
    assert "authorization" not in headers
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + gateway.body
    expected = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


@pytest.mark.parametrize(("status", "kind"), ANSWERS)
async def test_what_the_gateway_answers_is_understood(gateway: Gateway, status: int, kind: type) -> None:
    gateway.answer = status
    assert isinstance(await gateway.sender().send(MESSAGE), kind)


async def test_no_redirect_is_followed(gateway: Gateway) -> None:
    gateway.answer = 302
    assert isinstance(await gateway.sender().send(MESSAGE), TryAgain)
    assert gateway.paths == ["/send?team=a"]


async def test_a_gateway_that_is_away_is_tried_again(gateway: Gateway) -> None:
    sender = gateway.sender()
    gateway.server.shutdown()
    gateway.server.server_close()
    assert isinstance(await sender.send(MESSAGE), TryAgain)


@pytest.mark.parametrize(
    "url",
    [
        "https://sms.example.com/send", "https://:short@sms.example.com/", "http://:" + "s" * 40 + "@sms.example.com/",
        "ftp://:" + "s" * 40 + "@sms.example.com/", "https://:whsec_***@sms.example.com/",
        "https://:" + "s" * 40 + "@:x/",
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_used_is_refused_without_repeating_the_secret(url: str) -> None:
    with pytest.raises(SmsGatewayError) as refused:
        parse_sms_url(url)
    assert "s" * 40 not in str(refused.value)
    assert "short" not in str(refused.value)


def test_the_secret_is_not_shown() -> None:
    assert "ssss" not in repr(parse_sms_url("https://:" + "s" * 40 + "@sms.example.com/send"))
