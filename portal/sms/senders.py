"""How a text message leaves: a signed POST to the operator's gateway, which knows a provider's own ways.

The signature is that of Standard Webhooks: https://www.standardwebhooks.com, "Webhook metadata" and "Signature scheme".
"""

import asyncio
import base64
import hashlib
import hmac
import http.client
import json
import ssl
import time
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from portal.mail.message import Mail
from portal.mail.senders import Delivery, DevelopmentInbox, Refused, Sender, Sent, TryAgain, WaitingSender
from portal.settings import LOOPBACK_NAMES, Settings

ANSWER_TIMEOUT = 10.0  # seconds; the gateway takes the message, it need not wait until it arrived
MIN_SECRET_BYTES = 24  # Standard Webhooks: 24 to 64 bytes
# The gateway says about this one message that no later try would mend it.
REFUSED_STATUSES = frozenset({410, 422})


class SmsGatewayError(ValueError):
    """PORTAL_SMS_URL does not say where to send text messages; the text is a plain sentence without the secret."""


@dataclass(frozen=True, slots=True)
class SmsGateway:
    """Where text messages are handed in, from PORTAL_SMS_URL."""

    scheme: str
    host: str
    port: int | None
    target: str  # path and query
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class WebhookSender:
    """Posts `{"type": "sms", "to", "text"}` with a signature over id, time and body."""

    gateway: SmsGateway
    keeps_payload: bool = False
    ready: bool = True
    timeout: float = ANSWER_TIMEOUT

    async def send(self, mail: Mail) -> Delivery:
        """Post the message; the same id at every try lets the gateway drop a repetition."""
        body = json.dumps({"type": "sms", "to": mail.to, "text": mail.text}, ensure_ascii=False).encode()
        try:
            status = await asyncio.to_thread(self._post, mail.reference, body)
        except (OSError, http.client.HTTPException) as error:
            return TryAgain(type(error).__name__)
        if 200 <= status < 300:
            return Sent()
        reason = f"the SMS gateway answered {status}"
        return Refused(reason) if status in REFUSED_STATUSES else TryAgain(reason)

    def _post(self, message_id: str, body: bytes) -> int:
        # No redirect is followed: a signature and a code are for the configured address alone.
        gateway = self.gateway
        connection: http.client.HTTPConnection = (
            http.client.HTTPSConnection(
                gateway.host, gateway.port, timeout=self.timeout, context=ssl.create_default_context()
            )
            if gateway.scheme == "https"
            else http.client.HTTPConnection(gateway.host, gateway.port, timeout=self.timeout)
        )
        moment = int(time.time())
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(moment),
            "webhook-signature": sign(gateway.secret, message_id, moment, body),
        }
        try:
            connection.request("POST", gateway.target, body, headers)
            return connection.getresponse().status
        finally:
            connection.close()


def sign(secret: bytes, message_id: str, moment: int, body: bytes) -> str:
    """Return the webhook-signature header: HMAC-SHA256 over `id.timestamp.body`, version 1."""
    signed = hmac.new(secret, f"{message_id}.{moment}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def sms_sender_for(settings: Settings) -> Sender:
    """Return the sender that the settings ask for.

    Raises:
        SmsGatewayError: when PORTAL_SMS_URL cannot be read.
    """
    if settings.sms_url:
        return WebhookSender(parse_sms_url(settings.sms_url), keeps_payload=settings.dev)
    return DevelopmentInbox() if settings.dev else WaitingSender()


def sms_is_possible(settings: Settings) -> bool:
    """Return whether text messages can leave at all: to a gateway, or into the development inbox."""
    return settings.sms_url is not None or settings.dev


def parse_sms_url(url: str) -> SmsGateway:
    """Read `https://:SECRET@gateway.example.com/path`; the secret signs and is not sent. http only on loopback.

    Raises:
        SmsGatewayError: with a plain sentence that repeats no secret.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise SmsGatewayError("PORTAL_SMS_URL is no address such as https://:SECRET@sms.example.com/send.") from error
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.fragment:
        raise SmsGatewayError("PORTAL_SMS_URL is no address such as https://:SECRET@sms.example.com/send.")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_NAMES:
        raise SmsGatewayError("PORTAL_SMS_URL may be http only on localhost: the codes would travel in the clear.")
    secret = _secret(unquote(parts.password or ""))
    if len(secret) < MIN_SECRET_BYTES:
        raise SmsGatewayError(f"PORTAL_SMS_URL needs a secret of {MIN_SECRET_BYTES} bytes or more before the @.")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return SmsGateway(parts.scheme, parts.hostname, port, target, secret)


def _secret(text: str) -> bytes:
    # "whsec_" and base64 is how Standard Webhooks writes secrets; any other text stands for itself.
    if not text.startswith("whsec_"):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except ValueError as error:
        raise SmsGatewayError("The secret in PORTAL_SMS_URL begins with whsec_ but is not base64 after it.") from error
