"""One text message: composed from a template, sealed for the outbox, where it travels as a mail without HTML does."""

import secrets
from typing import Any

from portal.crypto.sealing import Sealer
from portal.mail.message import NAME_MAX_LENGTH, Mail, Renderer, one_line, seal_mail


def compose_text_message(
    templates: Renderer, name: str, phone: str, language: str, *, display_name: str, **values: Any
) -> Mail:
    """Render templates/sms/<name>.txt for a number in E.164."""
    shown = {**values, "display_name": one_line(display_name, NAME_MAX_LENGTH)}
    text = templates.render(f"sms/{name}.txt", language, shown).strip()
    return Mail(
        to=phone,
        subject=one_line(text.partition("\n")[0], 150),
        text=text,
        html="",
        sender_name="",
        language=language,
        reference=secrets.token_hex(16),
    )


def seal_text_message(sealer: Sealer, message: Mail) -> str:
    """Return the message as the outbox keeps it: it carries a code."""
    return seal_mail(sealer, message)
