"""How long what the provider gives is good for."""

from datetime import timedelta

AUTHORIZATION_CODE_VALID_FOR = timedelta(seconds=60)  # an app redeems it at once; RFC 6749 section 4.1.2 allows minutes
ACCESS_TOKEN_VALID_FOR = timedelta(minutes=10)  # the answer to a stolen one that nobody noticed
AUTHORIZATION_REQUEST_VALID_FOR = timedelta(hours=24)  # as long as a sign-up link: the way back to the app outlives it
