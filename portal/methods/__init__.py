"""One folder per login method; none knows another."""
