"""Lengths and lifetimes come from the policy of the namespace, within a second; one that cannot be read closes it."""

import time

import httpx
import pytest

from portal.tenancy.hosts import CACHED_FOR
from tests.support.person import PASSWORD, an_email, newest_mail
from tests.support.tenant import MakeTenant, Tenant

EMAIL = "zoe@example.org"


def session_of(tenant: Tenant, email: str) -> dict[str, object]:
    query = (
        "select extract(epoch from s.idle_timeout) / 3600 as idle, "
        "round(extract(epoch from s.absolute_expires_at - s.created_at) / 3600) as absolute "
        "from authn.sessions s join authn.users u on u.id = s.user_id where u.namespace = $1 and u.email = $2"
    )
    [row] = tenant.rows(query, tenant.name, email)
    return row


def test_the_shortest_password_is_the_policys(a_tenant: MakeTenant) -> None:
    tenant = a_tenant(password_min_length=21)
    zoe = tenant.visitor().open("/signup").submit("/signup", email=an_email(), new_password=PASSWORD)
    assert zoe.response.status_code == 422
    assert "Use at least 21 characters" in zoe.page.text
    tenant.set_policy(password_min_length=8)
    assert zoe.submit("/signup", new_password=PASSWORD).path == "/signup/verify"


def test_a_session_lasts_as_long_as_the_policy_says(a_tenant: MakeTenant) -> None:
    tenant = a_tenant(session_idle_hours=2, session_absolute_hours=12)
    tenant.account(EMAIL)
    fields = {"email": EMAIL, "password": PASSWORD, "remember_device": "1"}
    answer = tenant.visitor().http.post("/login/password", data=fields, headers={"origin": tenant.url})
    [cookie] = [line for line in answer.headers.get_list("set-cookie") if line.startswith("portal_session=")]
    assert f"Max-Age={12 * 3600}" in cookie
    assert session_of(tenant, EMAIL) == {"idle": 2, "absolute": 12}


def test_without_a_policy_a_session_lasts_fourteen_idle_and_ninety_days(a_tenant: MakeTenant) -> None:
    tenant = a_tenant()
    tenant.account(EMAIL)
    tenant.visitor().log_in(EMAIL)
    assert session_of(tenant, EMAIL) == {"idle": 14 * 24, "absolute": 90 * 24}


def test_a_login_link_works_as_long_as_the_policy_says(a_tenant: MakeTenant) -> None:
    tenant = a_tenant(login_link_minutes=3)
    tenant.account(EMAIL)
    tenant.visitor().open("/login").submit("/login", email=EMAIL).submit("/login/code")
    mail = newest_mail(tenant, EMAIL)
    age = "update authn.verifications set expires_at = expires_at - $1::text::interval where email = $2 returning 1"
    tenant.rows(age, "170 seconds", EMAIL)
    assert tenant.visitor().open(mail.link).response.status_code == 200
    tenant.rows(age, "11 seconds", EMAIL)
    assert tenant.visitor().open(mail.link).response.status_code == 410


def test_the_pages_link_to_the_policys_texts(a_tenant: MakeTenant) -> None:
    tenant = a_tenant(terms_url="https://acme.example/terms", privacy_url="https://acme.example/privacy")
    links = {href for _words, href in tenant.visitor().open("/login").page.links}
    assert {"https://acme.example/terms", "https://acme.example/privacy"} <= links


@pytest.mark.parametrize("policy", ['{"signup": "ajar"}', '{"lock_the_doors": true}', '{"methods": "password"}'])
def test_a_policy_that_cannot_be_read_closes_its_namespace_alone(a_tenant: MakeTenant, policy: str) -> None:
    tenant, other = a_tenant(), a_tenant()
    query = (
        "update authn.namespaces set settings = jsonb_set(settings, '{policy}', $1::jsonb) "
        "where namespace = $2 returning 1"
    )
    tenant.rows(query, policy, tenant.name)
    time.sleep(CACHED_FOR + 0.1)
    answer = httpx.get(f"{tenant.address}/login", headers={"host": tenant.host})
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert other.visitor().open("/login").response.status_code == 200
    tenant.rows(query, "{}", tenant.name)
    time.sleep(CACHED_FOR + 0.1)
    assert tenant.visitor().open("/login").response.status_code == 200
