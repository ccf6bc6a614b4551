"""A text message as the second step, as the engine sees it. Off where no gateway is configured.

Weaker than an app or a passkey: numbers are taken over, and messages are read on the way. Whoever wants none of it
leaves it out of the methods that the policy names.
"""

from litestar import Router

from portal.login.method import Method
from portal.methods.sms_second_step.account_routes import ROUTER as ACCOUNT
from portal.methods.sms_second_step.account_routes import card
from portal.methods.sms_second_step.login_set_up import PAGE as SET_UP_PAGE
from portal.methods.sms_second_step.login_set_up import ROUTER as SET_UP
from portal.methods.sms_second_step.routes import ROUTER as LOGIN
from portal.methods.sms_second_step.routes import challenge
from portal.methods.sms_second_step.service import FACTOR, TYPE
from portal.sms.senders import sms_is_possible

METHOD = Method(
    id=FACTOR.method,
    amr=FACTOR.amr,
    router=Router(path="/", route_handlers=[LOGIN, SET_UP, ACCOUNT]),
    may_be_second=True,
    authenticator=TYPE,
    challenge=challenge,
    set_up_page=SET_UP_PAGE,
    card=card,
    available=sms_is_possible,
)
