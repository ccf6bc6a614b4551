"""Whose address counts: the peer's, and what it forwards only where it is a trusted proxy (adversarial D2)."""

import ipaddress

import pytest

from portal.web.client_address import client_address

PROXIES = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1/128"))

pytestmark = [pytest.mark.asvs("15.3.4"), pytest.mark.adversarial("D2")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.9", (), "203.0.113.9"),
        ("203.0.113.9", ("198.51.100.1",), "203.0.113.9"),  # no proxy of ours: it may say what it likes
        ("10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("203.0.113.7, 198.51.100.1",), "198.51.100.1"),  # what stands further left, the client wrote
        ("10.0.0.1", ("203.0.113.7", "198.51.100.1"), "198.51.100.1"),
        ("10.0.0.1", ("198.51.100.1, 10.0.0.2",), "198.51.100.1"),  # two proxies of ours
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("nonsense",), "10.0.0.1"),
        ("10.0.0.1", ("198.51.100.1, nonsense",), "10.0.0.1"),
        ("10.0.0.1", ("::ffff:198.51.100.1",), "198.51.100.1"),
        ("::1", ("[2001:db8::5]",), "2001:db8::5"),
        ("10.0.0.1", ("203.0.113.7, 198.51.100.1:50123",), "198.51.100.1"),  # proxies that forward the port too
        ("10.0.0.1", ("203.0.113.7, [2001:db8::5]:50123",), "2001:db8::5"),
        ("::ffff:10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("", ("198.51.100.1",), "0.0.0.0"),
        ("/run/portal.sock", (), "0.0.0.0"),
    ],
)
def test_the_address_is_the_last_one_that_no_client_could_write(
    peer: str, forwarded: tuple[str, ...], address: str
) -> None:
    assert client_address(peer, forwarded, PROXIES) == address


def test_without_trusted_proxies_nothing_that_is_forwarded_counts() -> None:
    assert client_address("10.0.0.1", ("198.51.100.1",), ()) == "10.0.0.1"
