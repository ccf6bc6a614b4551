"""Login by text message as the engine sees it. Off where no gateway is configured.

The weakest of the methods: numbers are taken over and messages read on the way, so it stands first only, and its card
on the security page says so.
"""

from portal.login.method import Method
from portal.methods.sms_code.routes import CODES, ROUTER, card
from portal.methods.sms_code.service import FACTOR
from portal.sms.senders import sms_is_possible

METHOD = Method(
    id="sms_code",
    amr=FACTOR.amr,
    router=ROUTER,
    may_be_first=True,
    quiet=True,
    identity="phone",
    identifier_option=True,
    card=card,
    codes=CODES,
    available=sms_is_possible,
)
