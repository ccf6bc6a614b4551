"""How long what the provider gives is good for."""

from datetime import timedelta

AUTHORIZATION_CODE_VALID_FOR = timedelta(seconds=60)  # an app redeems it at once; RFC 6749 section 4.1.2 allows minutes
ACCESS_TOKEN_VALID_FOR = timedelta(minutes=10)  # the answer to a stolen one that nobody noticed
REFRESH_TOKEN_VALID_FOR = timedelta(days=30)  # from its last use: an app that nobody opens for a month starts anew
REFRESH_FAMILY_VALID_FOR = timedelta(days=180)  # however busy: twice a year a person proves who they are
# A retry after a lost answer, or ten tabs at once, come within this; a thief seldom does (RFC 9700 section 4.14.2).
REFRESH_REUSE_WINDOW = timedelta(seconds=10)
AUTHORIZATION_REQUEST_VALID_FOR = timedelta(hours=24)  # as long as a sign-up link: the way back to the app outlives it
