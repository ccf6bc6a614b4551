"""The bot check that a namespace can turn on: some work before a form counts (hashcash over SHA-256), no third party.

A form that comes without work is answered by a page that keeps what was typed, sealed, and sends it again once a script
has found a number whose hash begins with enough zero bits. Without scripts one waits a while and presses a button.
The challenge is the sealed form itself: bound to what was typed, to where it goes, to the browser and to the time.
"""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from litestar import Response

from portal.clock import now
from portal.crypto.sealing import CannotOpen
from portal.crypto.tokens import token_digest
from portal.errors import TooLarge
from portal.login.queries import spend_challenge
from portal.web.forms import MAX_TEXT_LENGTH, Form
from portal.web.pages import page
from portal.web.refusals import mark_refusal
from portal.web.request import PortalRequest

BITS = 17  # zero bits: 130,000 hashes on average, well below a second at a desk and a few on an old phone
VALID_FOR = timedelta(minutes=10)  # to look away from the page; work done ahead is worth little
WAIT_FOR = timedelta(seconds=15)  # without scripts; authn.spend_challenge lets one of a network through in that time
PURPOSE = "proof of work"
ANSWER = re.compile(r"[0-9]{1,12}")


async def after_work(request: PortalRequest, form: Form) -> Form | Response[Any]:
    """Return the form when its work was done (or none is asked for), else the page that does it.

    The form returned is the one that was first sent; its fields are what the person typed.
    """
    kept, flow_id = form.text("kept"), form.text("flow")
    if not kept:
        if not request.namespace.policy.proof_of_work:
            return form
        return _ask(request, _seal(request, form), WAIT_FOR, flow_id)
    opened = _open(request, kept)
    if opened is None:
        # Expired, forged, or another browser's: what was typed is lost, and the person types it again.
        mark_refusal(request.facts, "proof_of_work")
        return _ask(request, None, timedelta(), flow_id)
    first, waited_for = opened
    answer = form.text("answer")
    works = ANSWER.fullmatch(answer) is not None and _zero_bits(f"{_seed(kept)}.{answer}") >= BITS
    if not works and (answer or waited_for < WAIT_FOR):
        mark_refusal(request.facts, "proof_of_work")
        return _ask(request, kept, WAIT_FOR - waited_for, flow_id)
    outcome = await spend_challenge(
        request.portal.database,
        token_digest(kept),
        VALID_FOR,
        request.context.as_actor(),
        request.namespace.name,
        waited=not works,
    )
    if outcome == "spent":
        return first
    mark_refusal(request.facts, "proof_of_work")
    # Used: the same form once more wants work of its own. In line: the same challenge, a little later.
    return _ask(request, _seal(request, first) if outcome == "again" else kept, WAIT_FOR, flow_id)


def _seal(request: PortalRequest, form: Form) -> str:
    facts = {
        "fields": form.values(),
        "path": request.scope["path"],
        "namespace": request.namespace.name,
        "browser": request.ensure_browser(),
        "asked_at": now().timestamp(),
    }
    sealed = request.portal.sealer.seal(json.dumps(facts).encode(), PURPOSE)
    if len(sealed) > MAX_TEXT_LENGTH:
        raise TooLarge("That was more than this form can take.")
    return sealed


def _open(request: PortalRequest, kept: str) -> tuple[Form, timedelta] | None:
    """Return what was typed and how long ago; None unless it was kept here, for this form and browser, just now."""
    try:
        facts = json.loads(request.portal.sealer.open(kept, PURPOSE))
    except CannotOpen:
        return None
    age = now() - datetime.fromtimestamp(facts["asked_at"], UTC)
    expected = (request.scope["path"], request.namespace.name, request.browser_digest)
    if (facts["path"], facts["namespace"], facts["browser"]) != expected or not timedelta() <= age <= VALID_FOR:
        return None
    return Form(facts["fields"]), age


def _ask(request: PortalRequest, kept: str | None, wait: timedelta, flow_id: str) -> Response[Any]:
    return page(
        request,
        "login/proof_of_work.html",
        status=428,  # RFC 6585 section 3: something has to be done first
        form_may_leave=True,
        path=request.scope["path"],
        flow_id=flow_id,  # beside what is sealed, so that the way to the app outlives it
        kept=kept,
        seed=_seed(kept) if kept else None,
        bits=BITS,
        wait=max(1, round(wait.total_seconds())),
    )


def _seed(kept: str) -> str:
    # Short enough that seed and number are one block of SHA-256.
    return hashlib.sha256(kept.encode()).hexdigest()[:40]


def _zero_bits(text: str) -> int:
    return 256 - int.from_bytes(hashlib.sha256(text.encode()).digest()).bit_length()
