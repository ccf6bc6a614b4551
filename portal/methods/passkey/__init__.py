"""Passkeys. Web Authentication Level 3: https://www.w3.org/TR/webauthn-3/."""
