"""Two namespaces on two hosts: each is a relying party of its own, and a passkey of one is nothing at the other."""

import pytest

from tests.methods.passkey.test_passkeys import add_passkey, ask, use_passkey
from tests.support.events import passkeys_refused
from tests.support.person import PASSWORD, an_email
from tests.support.tenant import MakeTenant, Tenant


@pytest.fixture
def hosts(a_tenant: MakeTenant) -> tuple[Tenant, Tenant]:
    return a_tenant(), a_tenant()


def test_each_host_is_its_own_relying_party(hosts: tuple[Tenant, Tenant]) -> None:
    for tenant in hosts:
        visitor = tenant.visitor()
        name = tenant.host.partition(":")[0]
        assert ask(visitor, "/login/passkey/options")["publicKey"]["rpId"] == name
        email = an_email("chen")
        tenant.account(email)
        visitor.log_in(email, PASSWORD)
        assert ask(visitor, "/account/passkeys/options")["publicKey"]["rp"]["id"] == name
        assert visitor.open("/.well-known/passkey-endpoints").response.json()["enroll"].startswith(tenant.url + "/")


def test_k1_a_passkey_of_one_host_is_nothing_at_the_other(hosts: tuple[Tenant, Tenant]) -> None:
    here, there = hosts
    email = an_email("chen")
    for tenant in hosts:
        tenant.account(email)
    passkey = add_passkey(here.visitor().log_in(email, PASSWORD))
    assert use_passkey(here.visitor(), passkey).is_logged_in()

    # As its browser would answer at its own host, and forged as if it belonged to the other.
    for bent in ({}, {"origin": there.url, "rp_id": there.host.partition(":")[0]}):
        other = use_passkey(there.visitor(), passkey, **bent)
        assert other.response.status_code == 422
        assert not other.is_logged_in()
        assert "does not know that passkey" in other.page.text
        assert passkeys_refused(other) == ["unknown credential"]
    assert use_passkey(here.visitor(), passkey).is_logged_in()


def test_k1_a_ceremony_of_one_host_is_answered_at_no_other(hosts: tuple[Tenant, Tenant]) -> None:
    here, there = hosts
    email = an_email("chen")
    here.account(email)
    passkey = add_passkey(here.visitor().log_in(email, PASSWORD))
    abroad = there.visitor()
    begun = ask(abroad, "/login/passkey/options")
    answer = {"ceremony": begun["ceremony"], "credential": passkey.answer(begun["publicKey"])}
    local = here.visitor()
    ask(local, "/login/passkey/options")
    # The very browser cookie of the other host, too: only the namespace differs.
    for cookie in abroad.http.cookies.jar:
        local.http.cookies.set(cookie.name, cookie.value or "", domain=cookie.domain, path=cookie.path)
    assert not local.post("/login/passkey", answer).is_logged_in()
    assert passkeys_refused(local) == ["ceremony"]
    assert use_passkey(here.visitor(), passkey).is_logged_in(), "the positive control"


def test_k1_an_answer_for_the_other_hosts_name_is_refused(hosts: tuple[Tenant, Tenant]) -> None:
    here, there = hosts
    email = an_email("chen")
    here.account(email)
    passkey = add_passkey(here.visitor().log_in(email, PASSWORD))
    for bent in ({"origin": there.url}, {"rp_id": there.host.partition(":")[0]}):
        bent_here = use_passkey(here.visitor(), passkey, **bent)
        assert not bent_here.is_logged_in()
        assert passkeys_refused(bent_here) == ["InvalidAuthenticationResponse"]
    assert use_passkey(here.visitor(), passkey).is_logged_in(), "the positive control"
