"""Rendering: Jinja with autoescape and StrictUndefined, one environment a language."""

from collections.abc import Callable, Mapping, MutableMapping
from functools import lru_cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from portal.resources import TEMPLATES
from portal.web.locale import direction, translations
from portal.web.places import Places
from portal.web.static import FILES


class _Environment(Environment):
    """Jinja's environment without the chained dictionary that each macro import would compare name by name."""

    def make_globals(self, d: Mapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Return the globals of a template: those of the environment, unless it is given others."""
        return self.globals if d is None else super().make_globals(dict(d))


class Templates:
    """The templates of this process."""

    def __init__(self, places: Places | None = None) -> None:
        """Prepare nothing yet: an environment is made when its language is first asked for."""
        self._places = places or Places(None)
        self._environment = lru_cache(maxsize=64)(self._make_environment)

    def render(self, template: str, language: str, values: Mapping[str, Any]) -> str:
        """Return a template's text in a language.

        Raises:
            jinja2.UndefinedError: when the template asks for a value that it was not given.
        """
        return self._environment(language).get_template(template).render(values)

    def gettext(self, language: str) -> Callable[[str], str]:
        """Return the translating function of a language."""
        return translations(language).gettext

    def _make_environment(self, language: str) -> Environment:
        environment = _Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=select_autoescape(["html"], default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,  # `make dev` starts the process again when a template changes
            extensions=["jinja2.ext.i18n"],
        )
        catalogue = translations(language)
        environment.install_gettext_callables(  # type: ignore[attr-defined]
            catalogue.gettext, catalogue.ngettext, newstyle=True, pgettext=catalogue.pgettext
        )
        environment.filters["with_place"] = lambda ip_address: self._places.with_place(ip_address, language)
        environment.globals |= {"language": language, "direction": direction(language), "static": FILES.url}
        return environment
