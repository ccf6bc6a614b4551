"""The authorization endpoint: an app asks, a person logs in and decides, the app gets a code."""
