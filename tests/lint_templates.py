"""Check the templates without rendering them: `python -m tests.lint_templates`, part of `make check`.

The strict Content-Security-Policy makes inline code dead code, and `|safe` is how a name becomes a script.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

FORBIDDEN = {
    r"<script(?![^>]*\ssrc=)": "a script without src: put it into static/js",
    r"<style\b": "a style element: put it into static/css",
    r"\sstyle\s*=": "a style attribute: use a class",
    r"<[^>]*\son[a-z]+\s*=": "an event attribute: listen in a module of static/js",
    r"(?:href|src|action)\s*=\s*[\"']?\s*javascript:": "a javascript: address",
    r"\|\s*safe\b": "the filter safe: it switches escaping off",
    r"autoescape\s+false": "escaping switched off",
    r"(?:\ssrc|<link\b[^>]*\shref)\s*=\s*[\"']?(?:https?:)?//": "something loaded from another site",
    r"<!--": "an HTML comment, which everyone gets to read: use {# #}",
}


def problems(text: str, *, mail: bool) -> list[tuple[int, str]]:
    """Return line number and complaint for everything forbidden. Mail clients know only style attributes."""
    found: list[tuple[int, str]] = []
    code = re.sub(r"\{#.*?#\}", lambda comment: "\n" * comment[0].count("\n"), text, flags=re.DOTALL)
    for pattern, complaint in FORBIDDEN.items():
        if mail and "style" in complaint:
            continue
        found += [
            (code.count("\n", 0, hit.start()) + 1, complaint) for hit in re.finditer(pattern, code, re.IGNORECASE)
        ]
    return sorted(found)


def main() -> int:
    """Print every problem; return how the process ends."""
    templates = sorted((ROOT / "templates").rglob("*.html"))
    complaints = [
        f"{template.relative_to(ROOT)}:{line}: {complaint}"
        for template in templates
        for line, complaint in problems(
            template.read_text(encoding="utf-8"), mail="email" in template.relative_to(ROOT).parts
        )
    ]
    print("\n".join(complaints) or f"{len(templates)} templates are fine")
    return 1 if complaints or not templates else 0


if __name__ == "__main__":
    sys.exit(main())
