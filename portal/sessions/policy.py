"""How old a login may be. How long sessions last is the namespace's policy (the SQL default is 7 days)."""

from datetime import timedelta

RECENT_LOGIN = timedelta(minutes=10)  # what sensitive changes ask for
