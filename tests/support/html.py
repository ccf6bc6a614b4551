"""Reading a page as a person without scripts does: its heading, its words, its links and its forms."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})
UNSEEN = frozenset({"script", "style", "template", "title"})


@dataclass
class HtmlButton:
    """A button with everything it says, also what is only read aloud."""

    attributes: dict[str, str]
    text: str = ""


@dataclass
class HtmlForm:
    """A form with what it would send if nothing were typed."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[HtmlButton] = field(default_factory=list)


@dataclass
class Element:
    """One start tag with its attributes."""

    tag: str
    attributes: dict[str, str]


class HtmlPage(HTMLParser):
    """A parsed page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self.forms: list[HtmlForm] = []
        self.links: list[tuple[str, str]] = []  # text, address
        self.texts: list[str] = []  # every visible piece of text
        self.other_language: list[str] = []  # marked as being in another language than the page, or in none
        self.scripts: list[str] = []  # text between script tags
        self.heading = ""
        self._open: list[str] = []
        self._hidden_at: int | None = None
        self._other_language_at: int | None = None
        self.feed(html)
        self.close()

    @property
    def text(self) -> str:
        """All visible words, in one line."""
        return " ".join(" ".join(self.texts).split())

    def form(self, action: str) -> HtmlForm:
        """The form that posts to an address."""
        found = [form for form in self.forms if form.action == action]
        assert found, f"no form for {action}, only {[form.action for form in self.forms]} on: {self.text[:400]}"
        return found[0]

    def link(self, text: str) -> str:
        """The address behind the link with these words."""
        found = [href for words, href in self.links if text in words]
        assert found, f"no link {text!r}, only {self.links} on: {self.text[:400]}"
        return found[0]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.elements.append(Element(tag, attributes))
        if tag not in VOID:
            self._open.append(tag)
            if self._hidden_at is None and ("hidden" in attributes or tag in UNSEEN):
                self._hidden_at = len(self._open)
            if (
                self._other_language_at is None
                and ("lang" in attributes or attributes.get("translate") == "no")
                and tag != "html"
            ):
                self._other_language_at = len(self._open)
        if tag == "form":
            self.forms.append(HtmlForm(attributes.get("action", ""), attributes.get("method", "get")))
        elif tag == "a":
            self.links.append(("", attributes.get("href", "")))
        elif tag == "input" and self.forms and "name" in attributes:
            self._add_input(attributes)
        elif tag == "button" and self.forms:
            self.forms[-1].buttons.append(HtmlButton(attributes))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self._open:
            return
        while self._open:
            closed = self._open.pop()
            if self._hidden_at is not None and len(self._open) < self._hidden_at:
                self._hidden_at = None
            if self._other_language_at is not None and len(self._open) < self._other_language_at:
                self._other_language_at = None
            if closed == tag:
                return

    def handle_data(self, data: str) -> None:
        if "script" in self._open:
            self.scripts.append(data)
        if self._hidden_at is not None or not data.strip():
            return
        self.texts.append(data.strip())
        if self._other_language_at is not None:
            self.other_language.append(data.strip())
        if "h1" in self._open:
            self.heading = f"{self.heading} {data.strip()}".strip()
        if "button" in self._open and self.forms and self.forms[-1].buttons:
            button = self.forms[-1].buttons[-1]
            button.text = f"{button.text} {data.strip()}".strip()
        if "a" in self._open:
            words, href = self.links[-1]
            self.links[-1] = (f"{words} {data.strip()}".strip(), href)

    def _add_input(self, attributes: dict[str, str]) -> None:
        kind = attributes.get("type", "text")
        if kind in ("submit", "button"):
            self.forms[-1].buttons.append(HtmlButton(attributes))
        elif kind not in ("checkbox", "radio") or "checked" in attributes:
            self.forms[-1].fields[attributes["name"]] = attributes.get("value", "on" if kind == "checkbox" else "")
