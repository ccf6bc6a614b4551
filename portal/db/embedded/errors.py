"""What can go wrong with the embedded PostgreSQL, in sentences that say what to do."""


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot be started; the text says why and what helps."""
