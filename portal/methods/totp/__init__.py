"""Codes of an authenticator app (TOTP, RFC 6238) as the second step."""
