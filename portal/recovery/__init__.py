"""A forgotten password: proof by mail, then a new password."""
