"""Login by a mailed code or link."""
