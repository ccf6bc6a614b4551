"""The OpenID provider: apps send people here to log in and get back a code, then tokens.

OpenID Connect Core 1.0, https://openid.net/specs/openid-connect-core-1_0.html, on OAuth 2.0 as RFC 9700 wants it used.
"""
