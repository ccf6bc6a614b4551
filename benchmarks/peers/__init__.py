"""The programs that are measured beside the portal."""
