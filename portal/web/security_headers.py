"""Security headers on every answer, errors and static files included (ASVS 5.0 3.4)."""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "manifest-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)
# Browsers apply form-action to the whole redirect chain, even to where the app goes next. Pages whose form may end in
# a redirect to an app leave it out.
CSP = f"{_POLICY}; form-action 'self'".encode()
CSP_FORM_MAY_LEAVE = _POLICY.encode()

HSTS = b"max-age=63072000; includeSubDomains"  # two years

FIXED: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    # same-origin and not no-referrer: under no-referrer browsers send `Origin: null` with a form.
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"origin-agent-cluster", b"?1"),
    (
        b"permissions-policy",
        (
            b"camera=(), microphone=(), geolocation=(), payment=(), usb=(), publickey-credentials-get=(self), "
            b"publickey-credentials-create=(self)"
        ),
    ),
    (b"content-security-policy", CSP),
    (b"cache-control", b"no-store"),
)


def with_security_headers(headers: list[tuple[bytes, bytes]], *, secure: bool) -> list[tuple[bytes, bytes]]:
    """Return the headers with every fixed one that the answer did not set itself."""
    present = {name.lower() for name, _ in headers}
    added = [pair for pair in FIXED if pair[0] not in present]
    if secure:
        added.append((b"strict-transport-security", HSTS))
    return [*headers, *added]
