"""Languages: which one an answer is in, and its translations (GNU gettext catalogues in portal/locales/)."""

import gettext
from functools import lru_cache
from pathlib import Path

LOCALES = Path(__file__).resolve().parent.parent / "locales"
DOMAIN = "portal"
DEFAULT_LANGUAGE = "en"
RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})
MAX_HEADER_LENGTH = 500  # characters of Accept-Language that are looked at


def mark(text: str) -> str:
    """Mark a text for extraction; it is translated where it is shown."""
    return text


@lru_cache(maxsize=1)
def available_languages() -> tuple[str, ...]:
    """Return the languages that have a catalogue, English first."""
    found = sorted(path.parent.parent.name for path in LOCALES.glob(f"*/LC_MESSAGES/{DOMAIN}.mo"))
    return (DEFAULT_LANGUAGE, *(language for language in found if language != DEFAULT_LANGUAGE))


@lru_cache(maxsize=64)
def translations(language: str) -> gettext.NullTranslations:
    """Return a language's catalogue; English is the source."""
    return gettext.translation(DOMAIN, LOCALES, [language], fallback=True)


def choose_language(accept_language: str) -> str:
    """Return the best available language for an Accept-Language header (RFC 9110 12.5.4)."""
    available = available_languages()
    if len(available) == 1:
        return DEFAULT_LANGUAGE
    wanted: list[tuple[float, str]] = []
    for item in accept_language[:MAX_HEADER_LENGTH].split(","):
        tag, _, quality = item.strip().partition(";q=")
        try:
            wanted.append((-float(quality or 1), tag.lower()))
        except ValueError:
            continue
    by_lower = {language.lower(): language for language in available}
    for _, tag in sorted(wanted, key=lambda pair: pair[0]):
        for candidate in (tag, tag.partition("-")[0]):
            if candidate in by_lower:
                return by_lower[candidate]
    return DEFAULT_LANGUAGE


def direction(language: str) -> str:
    """Return "rtl" or "ltr"."""
    return "rtl" if language.partition("-")[0] in RIGHT_TO_LEFT else "ltr"
