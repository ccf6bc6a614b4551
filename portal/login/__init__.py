"""The login engine: one row, one pure function, one place that issues a session."""
