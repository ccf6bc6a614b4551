"""The Method record: everything the engine knows of a login method. One folder each, listed in portal/installed.py.

`tests/architecture` proves that no other module names a method.
"""

from dataclasses import dataclass, field

from litestar import Router


@dataclass(frozen=True, slots=True)
class Method:
    """One way to prove who one is.

    `id` names the folders portal/methods/<id> and templates/methods/<id>, whose `_option.html` is shown on the login
    page and whose `_card.html` on the security page. `amr` are the values that tokens carry (RFC 8176).
    """

    id: str
    amr: tuple[str, ...]
    router: Router
    may_be_first: bool = False
    may_be_second: bool = False
    settings: tuple[str, ...] = field(default=())

    @property
    def option_template(self) -> str:
        """The template of its row or form on the login page."""
        return f"methods/{self.id}/_option.html"
