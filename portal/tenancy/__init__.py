"""Namespaces: which host belongs to whom, and how it looks."""
