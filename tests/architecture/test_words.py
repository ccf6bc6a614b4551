"""The words of pages, mails and messages: plain, kind, the same everywhere (docs/look.md, CONTRIBUTING)."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# _("…"), _('…'), ngettext("…", "…"), mark("…"), and {% trans %}…{% endtrans %}
CALL = re.compile(r"""(?:\b_|\bgettext|\bmark)\(\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')""")
PLURAL = re.compile(r'ngettext\("((?:[^"\\]|\\.)*)",\s*"((?:[^"\\]|\\.)*)"')
BLOCK = re.compile(r"\{% trans [^%]*%\}(.*?)\{% endtrans %\}", re.DOTALL)
# What to write instead. Developers' words stay in documents, logs and the sentences for developers.
NOT_OURS = {
    r"!": "no exclamation marks",
    r"\bsign(?:ed|ing|s)? (?:in|out)\b": "log in, log out",
    r"\blogin now\b": "log in",
    r"\b(?:2FA|MFA|TOTP|OTP|WebAuthn|FIDO2?|OAuth|OpenID|OIDC)\b": "second step, authenticator app, passkey",
    r"\b(?:two|multi)-factor\b": "second step",
    r"\b(?:invalid|illegal|forbidden|failed|failure)\b": "say what happened and what to do next",
    r"\bemails?\b": "mail, e-mail address",
    r"\bsmartphone\b|\bmobile\b": "phone",
    r"\b[Cc]lick\b": "press, choose",
    r"\busername\b(?!, picture)": "address",
    r"\b(?:verify|verification|authenticate|authentication|credentials?)\b": "confirm, code, log in",
    r"\bplease enter a valid\b": "say what is asked for",
    r"\boops|\bsorry\b|\bunfortunately\b": "say what to do next",
}


def texts() -> dict[str, str]:
    """Every text that a person reads, with the file that has it. The gallery shows parts, not texts."""
    found: dict[str, str] = {}
    for folder, endings in (("templates", (".html", ".txt")), ("portal", (".py",))):
        for file in sorted((ROOT / folder).rglob("*")):
            place = str(file.relative_to(ROOT))
            if file.suffix not in endings or place.startswith("templates/dev/"):
                continue
            source = file.read_text(encoding="utf-8")
            for call in (*CALL.findall(source), *PLURAL.findall(source)):
                found |= {text: place for text in call if text}
            found |= dict.fromkeys(BLOCK.findall(source), place)
    return found


@pytest.fixture(scope="module")
def sentences() -> dict[str, str]:
    found = texts()
    assert len(found) > 400
    return found


@pytest.mark.parametrize("pattern", NOT_OURS)
def test_the_same_plain_word_is_used_everywhere(sentences: dict[str, str], pattern: str) -> None:
    wrong = [f"{place}: {text}" for text, place in sentences.items() if re.search(pattern, text)]
    assert not wrong, (NOT_OURS[pattern], wrong)


def test_a_sentence_begins_with_one_capital_and_no_word_shouts(sentences: dict[str, str]) -> None:
    for text, place in sentences.items():
        words = re.findall(r"\b[A-Z]{4,}\b", text)
        assert not words, f"{place}: {text}"
        assert not re.search(r"[a-z] {2,}[a-z]", text), f"{place}: two spaces in {text}"


def test_the_rules_would_find_a_bad_sentence() -> None:
    """The positive control."""
    bad = "Login failed! Please enter a valid username and click to sign in with 2FA by email."
    assert sum(bool(re.search(pattern, bad)) for pattern in NOT_OURS) >= 6
    assert "Log in" in texts()
