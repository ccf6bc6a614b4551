"""What the SDK raises when the database refuses a call."""


class AuthnError(Exception):
    """The database refused: a duplicate, an unknown or disabled user, a row of another tenant.

    `sqlstate` is PostgreSQL's five-character code, such as "23505" for a duplicate. The text never holds a secret.
    """

    def __init__(self, message: str, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class AuthnValidationError(AuthnError):
    """An argument cannot be what it is meant to be: missing, empty, too long, malformed."""
