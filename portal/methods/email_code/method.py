"""Login by mail as the engine sees it. Never a second factor: who reads the mailbox can reset the password too."""

from portal.login.method import Method
from portal.methods.email_code.links import LINKS
from portal.methods.email_code.routes import CODES, ROUTER
from portal.methods.email_code.service import FACTOR

METHOD = Method(
    id="email_code",
    amr=FACTOR.amr,
    router=ROUTER,
    may_be_first=True,
    quiet=True,
    identity="email",
    links=LINKS,
    codes=CODES,
)
