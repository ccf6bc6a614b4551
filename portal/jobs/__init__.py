"""Work beside the requests: the worker that each process runs, and what it runs."""
