"""Seeded faults: each breaks the portal in one place, and names the tests that must then fail."""
