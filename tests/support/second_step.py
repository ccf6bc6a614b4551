"""An authenticator app, and the steps that people take with one and with recovery codes."""

import base64
import re
import time

from portal.methods.totp.codes import STEP, code_at
from tests.support.person import Person

SET_UP = "/account/authenticator-app"
CODES = "/account/recovery-codes"


class App:
    """An authenticator app: it was given the key as text."""

    def __init__(self, key: str) -> None:
        bare = key.replace(" ", "")
        self.secret = base64.b32decode(bare + "=" * (-len(bare) % 8))

    def code(self, steps: int = 1) -> str:
        """What it shows on a phone whose clock is half a minute ahead: newer than the code that set it up, and still
        good when the half minute ends on the way to the server."""
        return code_at(self.secret, int(time.time()) // STEP + steps)

    def wrong_code(self) -> str:
        """Six digits that it shows at no time near."""
        near = {self.code(steps) for steps in range(-3, 4)}
        return next(f"{number:06d}" for number in range(100) if f"{number:06d}" not in near)


def key_on(person: Person) -> str:
    """Return the key that the set-up page shows as text."""
    [key] = re.findall(r'class="text-key"[^>]*><bdi>([A-Z2-7 ]+)</bdi>', person.response.text)
    return str(key)


def set_up_app(person: Person) -> App:
    """Set an app up, with the code of this half minute."""
    app = App(key_on(person.open(SET_UP)))
    person.submit(SET_UP, code=app.code(0), name="Old phone")
    assert person.path == "/account/security", person.page.text
    return app


def get_codes(person: Person) -> list[str]:
    """Make recovery codes and return them."""
    person.open(CODES).submit(CODES)
    codes = re.findall(r"<bdi>([0-9]-[0-9a-z]{5}-[0-9a-z]{5}-[0-9a-z]{5})</bdi>", person.response.text)
    assert len(codes) == 10
    return codes


def choose_way(person: Person, way: str) -> Person:
    """Press the row of another method on the page of the second step."""
    return person.open(next(href for _words, href in person.page.links if f"way={way}" in href))
