"""A login by passkey: its two requests after the page, what they cost, and the verification alone.

The authenticator is the software one of the tests. It signs between the two requests, outside of every figure of ours.
"""

import json
import time

import cbor2

from benchmarks.contenders.portal import PortalUnderTest, make_portal
from benchmarks.counting_proxy import counting_proxy
from benchmarks.http_client import Connection, Load
from benchmarks.measure import Figure, Work, interleave
from benchmarks.report import Report
from benchmarks.stage import Stage
from portal.crypto.base64url import decode_base64url, encode_base64url
from portal.methods.passkey.relying_party import RelyingParty, user_handle
from portal.methods.passkey.verification import StoredPasskey, read_answer, verify_assertion
from tests.support.authenticator import Authenticator

OWNER = 399  # whose account has the passkey; nobody else measures with it
VERIFICATIONS = 400
USER_ID = "00000000-0000-4000-8000-000000000000"


class Device:
    """A browser with a passkey."""

    def __init__(self, portal: PortalUnderTest, authenticator: Authenticator) -> None:
        self.portal, self.authenticator, self.requests = portal, authenticator, 0

    async def log_in(self, connection: Connection) -> None:
        """Log in as the page's script does: ask for a challenge, then post its answer."""
        asked = await connection.send(self.portal.post("/login/passkey/options", {}))
        begun = json.loads(asked.body)
        browser = "; ".join(f"{name}={value}" for name, value in asked.cookies().items())
        form = {"ceremony": begun["ceremony"], "credential": self.authenticator.answer(begun["publicKey"])}
        answer = await connection.send(self.portal.post("/login/passkey", form, cookie=browser))
        self.requests = 2
        if answer.status != 303:
            raise RuntimeError(f"a passkey was answered with {answer.status}: {answer.body[:300]!r}")


async def passkey(stage: Stage, report: Report) -> None:
    """Measure it beside a login by password."""
    portal = await stage.portal()
    device = Device(portal, await _enrol(portal))
    works = [
        Work("by passkey", portal.contender.port, device.log_in, portal.contender.cpu_seconds),
        Work("by password", portal.contender.port, portal.logins(), portal.contender.cpu_seconds),
    ]
    by_passkey, by_password = await interleave(works, stage.pace, connections=1)
    async with counting_proxy(stage.server.app_url) as proxy:
        stand_in = make_portal(stage.server, url=portal.origin, database_url=proxy.url(stage.server.app_url))
        await stage.start(stand_in.contender)
        connection = Connection(stand_in.contender.port)
        counted = Device(stand_in, device.authenticator)
        counts = await proxy.count(lambda: counted.log_in(connection))
        connection.close()
        stage.stop(stand_in.contender)
    report.figure("login", by_passkey, counts)
    report.figure("login", by_password)
    report.figure("verification of an assertion, ES256", _verify())
    report.at_most("passkey", "login by passkey: requests after the page", counted.requests, 2)
    report.at_most(
        "passkey", "login by passkey: CPU, share of a login by password", by_passkey.cpu / by_password.cpu, 1
    )


async def _enrol(portal: PortalUnderTest) -> Authenticator:
    cookie = await portal.log_in(OWNER)
    authenticator = Authenticator(portal.origin)
    begun = json.loads((await portal.ask(portal.post("/account/passkeys/options", {}, cookie=cookie), expect=200)).body)
    form = {"ceremony": begun["ceremony"], "credential": authenticator.register(begun["publicKey"]), "name": "Phone"}
    await portal.ask(portal.post("/account/passkeys", form, cookie=cookie), expect=303)
    return authenticator


def _verify() -> Figure:
    """Check one assertion after the other, in this process."""
    origin = "https://login.example.com"
    authenticator = Authenticator(origin, handle=user_handle(USER_ID))
    stored = StoredPasskey(
        "1", USER_ID, None, cbor2.dumps(authenticator.cose_key), 0, True, False, False, False
    )  # fmt: skip
    challenge = encode_base64url(b"c" * 32)
    answer = read_answer(authenticator.answer({"challenge": challenge}))
    party = RelyingParty("login.example.com", origin, "Portal")
    figure, load = Figure("this process"), Load()
    began, cpu = time.perf_counter(), time.process_time()
    for _ in range(VERIFICATIONS):
        started = time.perf_counter()
        verified = verify_assertion(
            answer, stored, challenge=decode_base64url(challenge), party=party, discovered=True, verified=True
        )
        load.latencies.append(time.perf_counter() - started)
        if not hasattr(verified, "sign_count"):
            raise RuntimeError(f"not verified: {verified}")
    load.seconds = time.perf_counter() - began
    figure.add(load, time.process_time() - cpu)
    return figure
