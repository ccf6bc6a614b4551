"""The token endpoint: an app proves who it is and gets tokens for what it holds."""
