"""Password login."""
