"""What a page answers when it cannot do what was asked.

Expected failures of a step are returned values; these exceptions are for a request that has no page of its own to
fall back on. `portal.web.error_pages` turns each into a page (or into JSON for a program) with a way back.
"""


class Problem(Exception):
    """A request that ends on an error page.

    `heading` and `text` replace the default words of the status where the page can say more.
    `way_back` is an own path that the page's button leads to.
    """

    status = 500

    def __init__(self, text: str | None = None, *, heading: str | None = None, way_back: str | None = None) -> None:
        super().__init__(text or heading or self.__class__.__name__)
        self.text = text
        self.heading = heading
        self.way_back = way_back
        self.retry_after: int | None = None


class BadRequest(Problem):
    """The request cannot be understood."""

    status = 400


class Forbidden(Problem):
    """The request is understood and refused."""

    status = 403


class NotFound(Problem):
    """There is nothing here, or nothing that this person may see."""

    status = 404


class Conflict(Problem):
    """The request came too late, or does not fit what is there."""

    status = 409


class TooLarge(Problem):
    """The request has more bytes or fields than any form of ours."""

    status = 413


class UnsupportedMediaType(Problem):
    """The body is not an ordinary form."""

    status = 415


class Unprocessable(Problem):
    """A field holds what no page of ours can show beside it (a NUL byte, the same field twice)."""

    status = 422


class TooManyRequests(Problem):
    """A budget is used up; `retry_after` seconds until it is worth another try."""

    status = 429

    def __init__(self, text: str | None = None, *, retry_after: int, way_back: str | None = None) -> None:
        super().__init__(text, way_back=way_back)
        self.retry_after = retry_after


class ServiceUnavailable(Problem):
    """The database or another part is away, or the queue is full."""

    status = 503

    def __init__(self, text: str | None = None, *, retry_after: int = 3, way_back: str | None = None) -> None:
        super().__init__(text, way_back=way_back)
        self.retry_after = retry_after
