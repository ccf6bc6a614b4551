"""`portal namespaces`, `portal users invite` and `portal invitations` from outside."""

import pytest

from tests.cli.conftest import Portal
from tests.support.database import TestDatabase, fetch


def test_a_tenant_is_made_with_hosts_and_listed(portal: Portal) -> None:
    made = portal.run("namespaces", "create", "acme", "--name", "Acme", "--host", "login.acme.example", "--json")
    assert made.json == {"namespace": "acme", "hosts": ["login.acme.example"]}
    added = portal.run("namespaces", "add-host", "acme", "ID.acme.example:8443")
    assert added.out == "ID.acme.example:8443 leads to acme now.\n"
    listed = portal.run("namespaces", "list", "--json").json["namespaces"]
    assert [row["namespace"] for row in listed] == ["acme", "default"]
    assert listed[0]["hosts"] == ["id.acme.example:8443", "login.acme.example"]
    assert "login.acme.example" in portal.run("namespaces", "list").out


def test_a_name_or_host_is_not_given_twice(portal: Portal) -> None:
    portal.run("namespaces", "create", "acme", "--host", "login.acme.example")
    assert portal.run("namespaces", "create", "acme").err == "There is a namespace acme already.\n"
    taken = portal.run("namespaces", "add-host", "default", "login.acme.example")
    assert taken.status == 1


def test_a_policy_is_changed_shown_and_put_back(portal: Portal) -> None:
    changed = portal.run(
        "namespaces", "set-policy", "default", "signup=invite", "methods=password,email_code", "password_min_length=15",
        "proof_of_work=on", "--json",
    )  # fmt: skip
    assert changed.json["policy"] == {
        "signup": "invite", "methods": ["password", "email_code"], "password_min_length": 15, "proof_of_work": True,
    }  # fmt: skip
    shown = portal.run("namespaces", "set-policy", "default", "signup=default").out.splitlines()
    assert "signup=open  (default)" in shown
    assert "methods=password,email_code" in shown
    assert "proof_of_work=true" in shown


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("sign_up=closed", "sign_up is no part of a policy. There are: methods,"),
        ("signup", "signup is not of the form key=value."),
        ("signup=shut", "Signup has a value that it cannot have."),
        ("methods=pasword", "There is no login method pasword."),
        ("methods=recovery_codes,totp", "at least one method must be able to begin a login"),
        ("password_min_length=4", "Password_min_length must be a whole number between 8 and 64."),
        ("proof_of_work=maybe", "Proof_of_work must be true or false."),
    ],
)
def test_a_typing_mistake_is_told_and_changes_nothing(portal: Portal, change: str, says: str) -> None:
    refused = portal.run("namespaces", "set-policy", "default", "terms_version=7", change)
    assert refused.status == 1
    assert says in refused.err
    assert portal.run("namespaces", "set-policy", "default", "--json").json["policy"] == {}


@pytest.mark.adversarial("R6")
def test_a_tenant_is_switched_off_and_on_again(portal: Portal, database: TestDatabase) -> None:
    portal.run("namespaces", "create", "acme", "--host", "login.acme.example")
    assert portal.run("namespaces", "suspend", "acme").out == "acme is switched off.\n"
    assert portal.run("namespaces", "suspend", "acme").err == "acme is switched off already.\n"
    suspended = {
        row["namespace"]: row["suspended"] for row in portal.run("namespaces", "list", "--json").json["namespaces"]
    }
    assert suspended == {"acme": True, "default": False}
    assert portal.run("namespaces", "resume", "acme", "--json").json == {"namespace": "acme", "suspended": False}
    assert portal.run("namespaces", "resume", "acme").err == "acme is switched on already.\n"
    assert portal.run("namespaces", "suspend", "nobody").err == "There is no such namespace.\n"
    events = fetch(
        database.superuser_url,
        "select * from authn.audit_events where event_type ~ '_(suspended|resumed)$' order by id",
    )
    assert [(event["event_type"], event["resource_id"], event["actor_id"]) for event in events] == [
        ("namespace_suspended", "acme", "command line"), ("namespace_resumed", "acme", "command line"),
    ]  # fmt: skip


def test_an_unknown_tenant_is_told(portal: Portal) -> None:
    assert portal.run("namespaces", "set-policy", "nobody", "signup=open").err == "There is no such namespace.\n"


def test_somebody_is_invited_and_told_why_not(portal: Portal) -> None:
    portal.run("namespaces", "set-policy", "default", "signup=invite")
    assert portal.run("users", "invite", "Zoe@Example.org", "--json").json == {"email": "zoe@example.org", "days": 7}
    portal.run("users", "create", "kim@example.org")
    assert "an account with the address kim@example.org already" in portal.run("users", "invite", "kim@example.org").err
    assert "is no mail address" in portal.run("users", "invite", "kim").err
    assert portal.run("invitations", "withdraw", "ZOE@example.org", "--json").json == {"email": "zoe@example.org"}
    assert "There is no invitation of zoe@example.org" in portal.run("invitations", "withdraw", "zoe@example.org").err
    portal.run("namespaces", "set-policy", "default", "signup=closed")
    assert "Sign-up is closed" in portal.run("users", "invite", "ann@example.org").err
    assert "no namespace acme with a host" in portal.run("users", "invite", "a@b.example", "--namespace", "acme").err


def test_the_doctor_looks_at_the_address_of_the_sms_gateway(portal: Portal) -> None:
    def sms(**environment: str) -> dict[str, object]:
        checks = portal.run("doctor", "--json", **environment).json["checks"]
        return next(check for check in checks if check["name"] == "sms")

    assert sms()["ok"] is True
    assert sms(PORTAL_SMS_URL="https://:" + "s" * 40 + "@sms.example.com/send")["ok"] is True
    assert sms(PORTAL_SMS_URL="https://sms.example.com/send")["ok"] is False
