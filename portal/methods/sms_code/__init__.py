"""Login by a code in a text message."""
