"""How long sessions last in the portal (the SQL default for outside callers is 7 days)."""

from datetime import timedelta

SESSION_IDLE_LIMIT = timedelta(days=14)  # without any request
SESSION_ABSOLUTE_LIMIT = timedelta(days=90)  # whatever happens
RECENT_LOGIN = timedelta(minutes=10)  # what sensitive changes ask for
