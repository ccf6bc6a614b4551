"""Each module of the OpenID Foundation that applies has a test of its name, and a seeded fault that the test finds.

https://openid.net/certification/conformance-testing-for-openid-connect/: plans Basic, Form Post, Config, RP-Initiated
Logout and Back-Channel Logout, with discovery and static clients.
"""

import re
from pathlib import Path

from tests.faults.fault import read_faults

THOSE_THAT_APPLY = """
alternate-happy-flow backchannel-logout-discovery-endpoint-verification backchannel-rp-initiated-logout
claims-essential claims-locales codereuse codereuse-30seconds discovery-endpoint-verification display-page display-popup
ensure-post-request-succeeds ensure-registered-redirect-uri ensure-request-object-with-redirect-uri
ensure-request-with-acr-values-succeeds ensure-request-with-unknown-parameter-succeeds
ensure-request-with-valid-pkce-succeeds ensure-request-without-nonce-succeeds-for-code-flow id-token-hint
idtoken-signature login-hint max-age-1 max-age-10000 prompt-login prompt-none-logged-in prompt-none-not-logged-in
refresh-token request-uri-unsigned-supported-correctly-or-rejected-as-unsupported rp-initiated-logout
rp-initiated-logout-bad-id-token-hint rp-initiated-logout-bad-post-logout-redirect-uri
rp-initiated-logout-discovery-endpoint-verification rp-initiated-logout-modified-id-token-hint
rp-initiated-logout-no-id-token-hint rp-initiated-logout-no-params rp-initiated-logout-no-post-logout-redirect-uri
rp-initiated-logout-no-state rp-initiated-logout-only-state
rp-initiated-logout-query-added-to-post-logout-redirect-uri scope-address scope-all scope-email scope-phone
scope-profile server server-client-secret-post server-rotate-keys ui-locales
unsigned-request-object-supported-correctly-or-rejected-as-unsupported userinfo-get userinfo-post-body
userinfo-post-header
"""
MODULES = THOSE_THAT_APPLY.split()


def test_every_module_has_a_test_of_its_name() -> None:
    sources = "".join(path.read_text() for path in sorted(Path(__file__).parent.glob("test_openid_foundation_*.py")))
    tests = set(re.findall(r"^async def test_oidcc_(\w+)\(", sources, re.MULTILINE))
    assert tests == {module.replace("-", "_") for module in MODULES}


def test_every_module_finds_a_seeded_fault() -> None:
    found = {
        test.rpartition("::test_oidcc_")[2] for fault in read_faults(["openid_foundation"]) for test in fault.tests
    }
    assert found == {module.replace("-", "_") for module in MODULES}
