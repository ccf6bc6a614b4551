"""A code in a text message as the second step."""
