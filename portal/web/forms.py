"""Reading a posted form: ordinary URL-encoded forms only, every field once, nothing that text cannot hold."""

from urllib.parse import parse_qsl

from litestar.exceptions import ClientException

from portal.errors import BadRequest, TooLarge, Unprocessable, UnsupportedMediaType
from portal.web.request import PortalRequest

MAX_BODY_BYTES = 64 * 1024  # the longest form of ours is far below
MAX_FIELDS = 64
MAX_TEXT_LENGTH = 4096  # characters in one field


class Form:
    """The fields of a posted form."""

    def __init__(self, fields: dict[str, str]) -> None:
        self._fields = fields

    def text(self, name: str) -> str:
        """Return a field with outer white space removed, '' when it was not sent."""
        return self.secret(name).strip()

    def secret(self, name: str) -> str:
        """Return a field exactly as sent, '' when it was not sent."""
        return self._fields.get(name, "")

    def checked(self, name: str) -> bool:
        """Return whether a checkbox was ticked."""
        return name in self._fields

    def has(self, name: str) -> bool:
        """Return whether a field was sent, be it empty."""
        return name in self._fields

    def values(self) -> dict[str, str]:
        """Return every field exactly as sent."""
        return dict(self._fields)


async def read_form(request: PortalRequest) -> Form:
    """Read the request's body as a form.

    Raises:
        UnsupportedMediaType: for any other content type; a cross-site `text/plain` form is not a form to us.
        TooLarge: for a body, field count or field length beyond the limits.
        Unprocessable: for a field sent twice, a NUL byte or bytes that are no UTF-8.
    """
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    if media_type.strip().lower() != "application/x-www-form-urlencoded":
        raise UnsupportedMediaType("Please use the form on the page.")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if charset not in ("", "utf-8", "utf8"):
        raise UnsupportedMediaType("Please send the form as UTF-8.")
    try:
        body = await request.body()
    except ClientException as error:
        if error.status_code == 413:
            raise TooLarge("That was more than this form can take.") from error
        raise BadRequest("The form could not be read.") from error
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge("That was more than this form can take.")
    if body.count(b"&") >= MAX_FIELDS:
        raise TooLarge("That was more than this form can take.")
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise Unprocessable("A field holds bytes that are no text. Please type it again.") from error
    return Form(_collect(pairs))


def _collect(pairs: list[tuple[str, str]]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name in fields:
            # Two parsers that pick different ones is how a check is passed with one value and acted on another.
            raise Unprocessable("A field was sent twice. Please use the form on the page.")
        if "\0" in value or "\0" in name:
            raise Unprocessable("A field holds a character that is no text. Please type it again.")
        if len(value) > MAX_TEXT_LENGTH:
            raise TooLarge("That was more than this field can take.")
        fields[name] = value
    return fields
