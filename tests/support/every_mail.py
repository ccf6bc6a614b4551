"""Every mail that the portal sends, in every form that it takes, with short names and with the longest."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from portal.mail.message import Mail, compose
from portal.web.templates import Templates

FOLDER = Path(__file__).parents[2] / "templates" / "email"
TEMPLATES = Templates()
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
TOKEN = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE"

SHORT = {
    "recipient": "alice@example.com",
    "app": "Acme",
    "name": "Portal",
    "origin": "https://login.example.com",
    "passkey": "iCloud Keychain",
    "ip_address": "203.0.113.7",
}
LONG = {
    "recipient": "maximiliane.von-der-weidenkirchen-schattenhofer@verwaltung.stadtbibliothek-silbersee.example.org",
    "app": "The Cooperative Housing Association of Greater Northern Lakeside Administrations",  # 80 characters
    "name": "Friends of the Municipal Library and Archive of Sankt Margarethen upon Silbersee",
    "origin": "https://login.stadtbibliothek-silbersee.example.org",
    "passkey": "The fingerprint reader of my very old laptop in the office on the second floor",
    "ip_address": "2001:db8:85a3:8d3:1319:8a2e:370:7348",
}


def every_mail(words: dict[str, str] = SHORT) -> dict[str, Mail]:
    """Compose them all; a name is the folder of its templates and, after an @, the form."""
    return {
        name: compose(TEMPLATES, name.partition("@")[0], words["recipient"], "en", display_name=words["name"], **values)
        for name, values in _values(words).items()
    }


def folders() -> set[str]:
    """The mails that there are templates for."""
    return {folder.name for folder in FOLDER.iterdir() if folder.is_dir()}


def _values(words: dict[str, str]) -> dict[str, dict[str, Any]]:
    origin, link = words["origin"], f"{words['origin']}/link/{TOKEN}"
    proof = {
        "app_name": words["app"],
        "link": link,
        "minutes": 10,
        "link_minutes": 15,
        "hours": 24,
        "signup_open": True,
        "code": "482913",
        "support": "help@example.com",
    }
    device = {"browser": "Firefox", "system": "Linux", "ip_address": words["ip_address"]}
    change = {**device, "changed_at": NOW, "recover_url": f"{origin}/recover"}
    nowhere = {"browser": None, "system": None, "ip_address": None}
    lost = {
        **device,
        "requested_at": NOW,
        "opens_at": NOW,
        "account": words["recipient"],
        "stop_url": f"{origin}/login/lost/link/S{TOKEN}",
    }
    return {
        "signup_code": proof,
        "signup_code@link": {**proof, "code": None},
        "already_registered": proof,
        "signup_refused": {**proof, "support": None},
        "signup_refused@support": proof,
        "invite": {"link": f"{origin}/invite/{TOKEN}", "days": 7},
        "login_code": proof,
        "login_code@link": {**proof, "code": None},
        "login_not_possible": proof,
        "login_not_possible@closed": {**proof, "signup_open": False},
        "login_disabled": {**proof, "support": None},
        "login_disabled@support": proof,
        "login_denied": {**proof, **device, "requested_at": NOW},
        "login_unlock": {**proof, **device, "link_minutes": 60},
        "recovery_code": {**proof, "hours": 1},
        "recovery_code@link": {**proof, "hours": 1, "code": None},
        "password_changed": {**change, "first": False},
        "password_changed@first": {**change, "first": True},
        "security_changed": {
            **change,
            "what": "An authenticator app was added to your account. A login asks for its code now.",
            "ended": False,
        },
        "security_changed@operator": {**change, **nowhere, "what": "The second step was taken off.", "ended": True},
        "passkey_saved": {
            **change,
            "passkey": words["passkey"],
            "days": 7,
            "link": f"{origin}/account/passkeys/undo/{TOKEN}",
        },
        "refresh_reuse": {"app_name": words["app"], "link": f"{origin}/account/devices"},
        "second_step_recovery": {**lost, "reminder": False, "finish_url": f"{origin}/login/lost/link/F{TOKEN}"},
        "second_step_recovery@reminder": {**lost, "reminder": True, "finish_url": None},
    }
