"""Cookies: `__Host-` with Secure over TLS, plain names on http loopback (RFC 6265bis 4.1.3).

Every cookie is HttpOnly, SameSite=Lax and Path=/, without Domain, so that no sibling host can plant or read it.
"""

from typing import Any

from litestar.connection import ASGIConnection


def cookie_name(name: str, *, secure: bool) -> str:
    """Return the name on the wire."""
    return f"__Host-{name}" if secure else name


def read_cookie(connection: ASGIConnection[Any, Any, Any, Any], name: str) -> str | None:
    """Return a cookie's value, or None when it is missing, empty or sent twice.

    Two cookies of one name mean that somebody planted one; taking either would let them choose.
    """
    wire_name = cookie_name(name, secure=connection.scope["state"]["namespace"].secure)
    values = [
        value.strip()
        for header in connection.headers.getall("cookie", [])
        for pair in header.split(";")
        for key, separator, value in [pair.partition("=")]
        if separator and key.strip() == wire_name
    ]
    return values[0] or None if len(values) == 1 else None


def cookie_header(wire_name: str, value: str, *, secure: bool, max_age: int | None) -> bytes:
    """Return the value of a Set-Cookie header."""
    parts = [f"{wire_name}={value}", "Path=/", "HttpOnly", "SameSite=Lax"]
    if secure:
        parts.append("Secure")
    if max_age is not None:
        parts.append(f"Max-Age={max_age}")
    return "; ".join(parts).encode("ascii")
