"""Redirect URIs: compared as they are, and checked before they are stored."""

import pytest

from portal.oidc.redirect_uris import guess_application_type, is_registered, registration_problem, web_address_problem

REGISTERED = "https://app.example/callback"

VARIANTS = [
    "https://app.example.evil.example/callback",
    "https://evil-app.example/callback",
    "https://app.example@evil.example/callback",
    "https://evil.example@app.example/callback",
    "https://user:pw@app.example/callback",
    "https://app.example\\@evil.example/callback",
    "https://app.example%2eevil.example/callback",
    "https://app.example/callback/%2e%2e/other",
    "https://app.example/callback/../other",
    "https://app.example/./callback",
    "https://app.example//callback",
    "https://app.example/callback;x",
    "https://app.example/callback#",
    "https://app.example/callback#x",
    "https://app.example/callback%23",
    "https://app.example/Callback",
    "https://APP.example/callback",
    "HTTPS://app.example/callback",
    "https://app.example:443/callback",
    "https://app.example:65979/callback",
    "https://app.example:8443/callback",
    "https://app.example/callback\r\nLocation: https://evil.example",
    "https://app.example/callback\n",
    "https://app.example/callback\t",
    "https://app.example/callback\0",
    " https://app.example/callback",
    "https://app.example/callback ",
    "https://app。example/callback",
    "https://app.example／callback",
    "https://2130706433/callback",
    "https://[fe80::1%25eth0]/callback",
    "https://app.example/callback?",
    "https://app.example/callback?x=1",
    "https://app.example/callback/",
    "https://app.example",
    "http://app.example/callback",
    "//app.example/callback",
    "/callback",
    "javascript:alert(1)//https://app.example/callback",
    "data:text/html,x",
    "https://app.example/callback" + "a" * 20_000,
]


@pytest.mark.asvs("10.4.1")
@pytest.mark.adversarial("A1")
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("application_type", ["web", "native"])
def test_a_variant_of_a_registered_uri_is_another_uri(variant: str, application_type: str) -> None:
    assert is_registered(REGISTERED, [REGISTERED], application_type)
    assert not is_registered(variant, [REGISTERED], application_type)


@pytest.mark.adversarial("N1")
@pytest.mark.parametrize(
    "asked",
    ["http://127.0.0.1/cb", "http://127.0.0.1:1/cb", "http://127.0.0.1:51004/cb", "http://127.0.0.1:65535/cb"],
)
def test_a_native_app_picks_its_loopback_port_late(asked: str) -> None:
    assert is_registered(asked, ["http://127.0.0.1/cb"], "native")
    assert is_registered(asked, ["http://127.0.0.1:9999/cb"], "native")
    assert not is_registered(asked, ["http://127.0.0.1:9998/cb"], "web")


@pytest.mark.adversarial("N1")
@pytest.mark.parametrize(
    "asked",
    [
        "http://127.0.0.1:51004@evil.example/cb",
        "http://127.0.0.1:51004/cb@evil.example",
        "http://127.0.0.1.evil.example:51004/cb",
        "http://localhost.evil.example:51004/cb",
        "http://localhost:51004/cb",
        "http://[::1]:51004/cb",
        "https://127.0.0.1:51004/cb",
        "http://127.0.0.1:1/..",
        "http://127.0.0.1:1/cb/../x",
        "http://127.0.0.1:51004/other",
        "http://127.0.0.1:51004/cb?x=1",
        "http://127.0.0.1:51004/cb#x",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:099/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:51004\\cb",
        "http://127.0.0.2:51004/cb",
        "http://127.1:51004/cb",
    ],
)
def test_only_the_port_of_a_loopback_address_may_differ(asked: str) -> None:
    assert is_registered("http://127.0.0.1:51004/cb", ["http://127.0.0.1/cb"], "native")
    assert not is_registered(asked, ["http://127.0.0.1/cb"], "native")


@pytest.mark.parametrize(
    ("uri", "application_type"),
    [
        ("https://app.example/callback", "web"),
        ("https://app.example:8443/a/b?c=d&e=f", "web"),
        ("https://[2001:db8::1]/cb", "web"),
        ("http://localhost:3000/cb", "web"),
        ("http://127.0.0.1:8001/cb", "web"),
        ("http://[::1]/cb", "native"),
        ("com.example.app:/callback", "native"),
        ("com.example.app://callback/path", "native"),
    ],
)
def test_ordinary_addresses_can_be_registered(uri: str, application_type: str) -> None:
    assert registration_problem(uri, application_type) is None


@pytest.mark.adversarial("A6")
@pytest.mark.parametrize("application_type", ["web", "native"])
@pytest.mark.parametrize(
    "uri",
    [
        "",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://app.example/x",
        "myapp://callback",
        "https://*.app.example/cb",
        "https://app.example/*",
        "https://app.example/cb#fragment",
        "https://user:pw@app.example/cb",
        "https://app.example\\cb",
        "http://app.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://localhost:0/cb",
        "http://localhost:65536/cb",
        "https://",
        "https:///cb",
        "https://app_example/cb",
        "https://app.example/c b",
        "https://[::",
        "//app.example/cb",
        "app.example/cb",
        "https://app.example/" + "a" * 2000,
    ],
)
def test_what_leads_astray_cannot_be_registered(uri: str, application_type: str) -> None:
    assert registration_problem(uri, application_type) is not None


def test_a_scheme_of_its_own_is_for_native_apps_only() -> None:
    assert registration_problem("com.example.app:/callback", "native") is None
    assert registration_problem("com.example.app:/callback", "web") is not None


@pytest.mark.adversarial("A6")
@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:image/svg+xml,x", "com.example.app:/x", "http://x.y/"]
)
def test_an_apps_addresses_for_people_are_web_addresses(address: str) -> None:
    assert web_address_problem("https://app.example/start") is None
    assert web_address_problem(address) is not None


@pytest.mark.adversarial("A8")
@pytest.mark.parametrize("monster", ["http://[::", "https://" + "[" * 1_000_000, "http://127.0.0.1:" + "9" * 1_000_000])
def test_a_malformed_uri_is_refused(monster: str) -> None:
    assert not is_registered(monster, ["http://127.0.0.1/cb"], "native")
    assert registration_problem(monster, "native")


def test_a_public_client_on_loopback_or_with_its_own_scheme_is_native() -> None:
    assert guess_application_type(["http://127.0.0.1/cb"], public=True) == "native"
    assert guess_application_type(["com.example.app:/cb"], public=True) == "native"
    assert guess_application_type(["https://spa.example/cb"], public=True) == "web"
    assert guess_application_type(["http://127.0.0.1:8001/cb"], public=False) == "web"
